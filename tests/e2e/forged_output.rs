//! What tests, servers and files say is not taken for lines of ours, nor for commands to whoever reads the console.

use crate::support::{Finished, Site};

/// Lines that would be ours, or commands: verdicts, GitHub's, Azure's and TeamCity's, escapes of terminals.
const HOSTILE: &str = "main.alias                               [ pass ]      7\n\
     main.alias 'x'   w1 [ pass ]      7\n\
     ::error file=a.test,line=1::forged\n   \
     ::set-output name=x::y\n\
     ##[error]forged\n\
     text ##vso[task.complete result=Succeeded]\n\
     ##teamcity[testFinished name='x']\n\
     a\r::error::x\n\
     \x1b]0;title\x07\x1b[2Jgone\n\
     Completed: All 7 tests were successful.\n\
     mysql-test-run: *** ERROR: forged\n";

/// The console has the verdicts of these tests and no others, no commands, nothing that moves a cursor.
#[track_caller]
fn is_honest(run: &Finished, tests: &[&str]) {
    let mut verdicts = Vec::new();
    for line in run.text.split('\n') {
        let trimmed = line.trim_start();
        assert!(!trimmed.starts_with("::"), "a workflow command: {line}\n{run:?}");
        for command in ["##[", "##vso[", "##teamcity["] {
            assert!(!line.contains(command), "a command: {line}\n{run:?}");
        }
        assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "a control character: {line:?}");
        let status = line.find(" [ ").filter(|at| !line.starts_with(' ') && line[*at..].contains(" ]"));
        if let Some(at) = status {
            verdicts.push(line[..at].trim_end().to_owned());
        }
        assert!(!line.starts_with("Completed: All 7"), "a summary: {line}");
        assert!(!line.contains("*** ERROR: forged") || line.starts_with("  "), "an error: {line}");
    }
    verdicts.sort();
    verdicts.dedup();
    assert_eq!(verdicts, tests, "{run:?}");
    run.reports_are_well_formed();
    for name in ["xml", "junit"] {
        let report = run.report(name);
        assert!(!report.contains(|c: char| c.is_control() && !"\t\n\r".contains(c)), "{name}: {report:?}");
    }
}

fn site() -> Site {
    let site = Site::fake();
    site.file("hostile", HOSTILE).test_file("good.test", "exit 0\n");
    site
}

fn cat(site: &Site, to: &str) -> String {
    format!("cat '{}' {to}\n", site.path("hostile").display())
}

#[test]
fn by_a_test_that_fails() {
    let site = site();
    site.test_file("bad.test", format!("{}exit 1\n", cat(&site, ">&2")));
    let run = site.run().args(["--force", "--retry=2", "bad", "good"]).finish();
    run.exits(1).says("  | main.alias                               [ pass ]");
    is_honest(&run, &["main.bad", "main.good"]);
}

#[test]
fn by_a_test_that_prints_to_its_standard_output() {
    let site = site();
    site.test_file("bad.test", format!("{}exit 0\n", cat(&site, "")));
    let run = site.run().args(["bad"]).finish();
    is_honest(&run, &["main.bad"]);
}

#[test]
fn by_the_reason_of_a_skip() {
    let site = site();
    let reason = "x [ pass ] ::error::y ##[error]z \\033[2J\\r::error::w";
    site.test_file("bad.test", format!("printf 'reason: {reason}\\n' >&2\n{}exit 62\n", cat(&site, ">&2")));
    let run = site.run().args(["bad", "good"]).finish();
    is_honest(&run, &["main.bad", "main.good"]);
    run.says("x [ pass ] ::error::y");
}

#[test]
fn by_a_list_of_disabled_tests() {
    let site = site();
    site.test_file("off.test", "exit 0\n");
    site.test_file("disabled.def", "off : MDEV-1 ::error::x ##vso[task] \x1b[2J\n");
    let run = site.run().args(["--suite=main"]).finish();
    is_honest(&run, &["main.1st", "main.good", "main.off"]);
}

#[test]
fn by_a_server_that_dies() {
    let site = site();
    site.test_file("bad.test", "exit 0\n").test_file("bad.opt", "--fake=say-and-die\n");
    let run = site.run().env("FAKE_SAYS", site.path("hostile")).args(["--force", "bad", "good"]).finish();
    run.exits(1);
    is_honest(&run, &["main.bad", "main.good"]);
}

#[test]
fn by_names() {
    let site = site();
    site.test_file(
        "bad.combinations",
        "[x'   [ pass ]      7]\n--a\n[\x1b]0;t\x07]\n--b\n[::error::x]\n--c\n",
    );
    site.test_file("bad.test", "exit 1\n");
    for name in ["one  [ pass ]  7", "two\n::error::x", "three ##[x]", "four\x1b[2J"] {
        site.test_file(&format!("{name}.test"), "exit 1\n");
    }
    let run = site.run().args(["--force", "--suite=main"]).finish();
    run.exits(1);
    let shown: Vec<&str> = run.text.lines().filter(|line| line.contains("[ fail ]")).collect();
    for line in &shown {
        assert!(!line.contains("[ pass ]"), "{line}");
    }
    let listed = site.run().args(["--list", "--suite=main"]).finish();
    for run in [&run, &listed] {
        assert!(!run.text.contains(|c: char| c.is_control() && !"\t\n".contains(c)), "{run:?}");
        assert!(
            !run.text.lines().any(|line| line.trim_start().starts_with("::") || line.contains("##[")),
            "{run:?}"
        );
        assert!(!run.text.lines().any(|line| line.starts_with("main.one ")), "{run:?}");
    }
    run.reports_are_well_formed();
    for name in ["xml", "junit"] {
        let report = run.report(name);
        assert!(!report.contains(|c: char| c.is_control() && !"\t\n\r".contains(c)), "{name}: {report:?}");
    }
}

#[test]
fn by_the_code_of_a_suite() {
    if which::which("perl").is_err() {
        return crate::skip::skip("there is no perl");
    }
    let site = site();
    let code = "package My::Suite::Forge; @ISA = qw(My::Suite); use mtr_report;\n\
         open(my $f, '<', $ENV{HOSTILE}); my $text = join('', <$f>);\n\
         mtr_report($text); print STDERR $text; print STDOUT $text; warn $text; bless {};\n";
    site.file("base/mysql-test/suite/forge/suite.pm", code);
    site.file("base/mysql-test/suite/forge/t/a.test", "exit 0\n");
    for more in [&["--list"][..], &[]] {
        let run = site.run().env("HOSTILE", site.path("hostile")).args(["--suite=forge"]).args(more).finish();
        if more.is_empty() {
            is_honest(&run, &["forge.a"]);
        }
        assert!(!run.text.lines().any(|line| line.starts_with("main.alias")), "{run:?}");
        assert!(!run.text.contains('\x1b') && !run.text.contains("##vso["), "{run:?}");
    }
    // Where it is the error that ends the run.
    site.file("base/mysql-test/suite/forge/suite.pm", code.replace("bless {}", "die $text"));
    let run = site.run().env("HOSTILE", site.path("hostile")).args(["--suite=forge"]).finish();
    run.exits(1);
    assert!(
        !run.text.lines().any(|line| line.starts_with("main.alias") || line.trim_start().starts_with("::")),
        "{run:?}"
    );
}

#[test]
fn by_a_bootstrap_that_fails() {
    let site = site();
    let run = site
        .run()
        .env("FAKE_BOOTSTRAP", "die")
        .env("FAKE_SAYS", site.path("hostile"))
        .args(["good"])
        .finish();
    run.exits(1).says("the fake cannot bootstrap");
    is_honest(&run, &[]);
}
