//! What is wrong with a command line, a tree, a vardir or a file: one clear message with place and
//! remedy, the right exit code, and no harm to other tests.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::skip::skip;
use crate::support::{Site, wait_for};

/// A fake site with two tests that pass.
fn site() -> Site {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n").test_file("bad.test", "exit 0\n");
    site
}

#[test]
fn an_option_that_does_not_exist() {
    let run = site().run().args(["--suitte=main"]).finish();
    run.exits(1).says("Invalid option \"--suitte=main\"").says("did you mean --suite");
}

#[test]
fn a_test_that_does_not_exist() {
    let site = site();
    let run = site.run().args(["nosuch", "good"]).finish();
    run.exits(1).says("could not find 'nosuch'");
    assert!(run.verdicts("main.good").is_empty(), "a mistyped name is told before anything runs");
    let run = site.run().args(["--skip-not-found", "main.nosuch", "good"]).finish();
    run.exits(0).verdict("main.good", "pass").verdict("main.nosuch", "skipped").says("not found");
    site.run().args(["--skip-not-found", "main.nosuch"]).finish().exits(0);
}

#[test]
fn a_suite_that_does_not_exist() {
    let site = site();
    site.run().args(["--suite=nosuch"]).finish().exits(1).says("could not find suite 'nosuch'");
    site.run().args(["--suite=nosuch", "--skip-not-found"]).finish().exits(0);
}

#[test]
fn a_pattern_that_nothing_matches_is_no_success() {
    site().run().args(["--suite=main", "--do-test=nosuch"]).finish().exits(1).says("No tests to run");
}

#[test]
fn a_pattern_that_is_none() {
    let run = site().run().args(["--suite=main", "--do-test=((("]).finish();
    run.exits(1).says("--do-test").says("(((");
}

#[test]
fn a_malformed_configuration_fails_its_test_only() {
    let site = site();
    site.test_file("bad.cnf", "!include include/default_my.cnf\n[mysqld.1]\n!include nosuch.cnf\n");
    let run = site.run().args(["--force", "good", "bad"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("bad.cnf:3: ").says("nosuch.cnf");
}

#[test]
fn a_configuration_with_an_unknown_reference_fails_its_test_only() {
    let site = site();
    site.test_file("bad.cnf", "!include include/default_my.cnf\n[mysqld.1]\nloose-x=@mysqld.7.port\n");
    let run = site.run().args(["--force", "good", "bad"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass").says("mysqld.7");
}

#[test]
fn a_diff_that_is_none_fails_its_test_only() {
    let site = site();
    site.test_file("bad.combinations", "[one]\n--loose-a\n").test_file("bad.result", "a\nb\n");
    site.test_file("bad,one.rdiff", "@@ this is no diff @@\n");
    let run = site.run().args(["--force", "good", "bad"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass").says("bad,one.rdiff");
}

#[test]
fn a_script_before_the_start_that_fails_fails_its_test_only() {
    let site = site();
    site.test_file("bad-master.sh", "echo 'cannot prepare'\nexit 4\n");
    let run = site.run().args(["--force", "good", "bad"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("Failed to execute '").says("bad-master.sh").says("exit status 4");
}

#[test]
fn malformed_combinations_are_told_with_file_and_line() {
    let site = site();
    site.test_file("bad.combinations", "# nothing yet\n--loose-a\n");
    site.run()
        .args(["--force", "good", "bad"])
        .finish()
        .exits(1)
        .says("bad.combinations:2: ")
        .verdict("main.good", "pass")
        .verdict("main.bad", "fail");
}

#[test]
fn an_option_file_that_cannot_be_read_is_told() {
    let site = site();
    // Readable by its mode, for root as well, and still not readable.
    symlink("/proc/self/mem", site.suite().join("bad.opt")).unwrap();
    site.run()
        .args(["--force", "good", "bad"])
        .finish()
        .exits(1)
        .says("bad.opt")
        .verdict("main.good", "pass")
        .verdict("main.bad", "fail");
}

#[test]
fn a_malformed_list_of_disabled_tests_is_told_with_file_and_line() {
    let site = site();
    site.test_file("disabled.def", "# comment\nbad the colon is missing\n");
    let run = site.run().args(["--force", "good", "bad"]).finish();
    run.exits(1).says("disabled.def:2: ").says("hint: ");
}

#[test]
fn a_malformed_suite_pm_is_told_with_file_and_line() {
    let site = site();
    site.file("base/mysql-test/suite.pm", "package My::Suite::Main;\n\nmy $x = ;\nbless { };\n");
    site.run().args(["--force", "good"]).finish().exits(1).says("mysql-test/suite.pm:3: ");
}

#[test]
fn no_server_is_told_with_the_places_searched() {
    let site = site();
    fs::remove_file(site.path("base/bin/mariadbd")).unwrap();
    let run = site.run().args(["good"]).finish();
    run.exits(1).says("no MariaDB server found; searched ").says("base/bin").says("hint: ");
}

#[test]
fn no_script_interpreter_is_told_with_what_to_install() {
    let site = site();
    fs::remove_file(site.path("base/bin/mariadb-test")).unwrap();
    let run = site.run().args(["good"]).finish();
    run.exits(1).says("could not find mariadb-test").says("hint: install ");
}

#[test]
fn no_system_tables_are_told_with_the_places_searched() {
    let site = site();
    fs::remove_dir_all(site.path("base/share")).unwrap();
    let run = site.run().args(["good"]).finish();
    run.exits(1)
        .says("could not find mariadb_system_tables.sql or mysql_system_tables.sql")
        .says("base/share")
        .says("hint: ");
}

#[test]
fn no_perl_is_no_obstacle_for_a_suite_without_suite_pm() {
    let site = site();
    // Everything the fake needs, and no perl.
    for tool in ["bash", "sh", "sed", "tail", "sleep", "mv", "cat", "rm"] {
        let program = which(tool);
        fs::create_dir_all(site.path("tools")).unwrap();
        symlink(program, site.path("tools").join(tool)).unwrap();
    }
    let run = site.run().env("PATH", site.path("tools")).args(["good"]).finish();
    run.exits(0).verdict("main.good", "pass");
}

fn which(tool: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|path| path.is_file()).unwrap()
}

#[test]
fn a_vardir_that_cannot_be_made() {
    let site = site();
    site.file("file", "");
    let run = site.run_in("file/var", "files").args(["good"]).finish();
    run.exits(1).says("file/var").says("hint: give one of its own: --vardir=");
}

#[test]
fn a_vardir_that_cannot_be_written() {
    if rustix::process::geteuid().is_root() {
        return skip("root can write everywhere");
    }
    let site = site();
    fs::create_dir(site.path("closed")).unwrap();
    fs::set_permissions(site.path("closed"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let run = site.run_in("closed", "files").args(["good"]).finish();
    run.exits(1).says("closed").says("hint: ");
}

/// Only root can mount.
#[test]
fn a_vardir_that_fills_up_fails_the_test_and_not_the_reports() {
    let site = site();
    fs::create_dir(site.path("small")).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "none"])
        .arg(site.path("small"))
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        return skip("root is needed to mount a small file system, and a machine that lets it");
    }
    site.test_file(
        "bad.test",
        "head -c 2M /dev/zero > \"$MYSQLTEST_VARDIR/full\"\necho 'disk full' >&2\nexit 1\n",
    );
    let run = site.run_in("small/var", "files").args(["--force", "--noreorder", "good", "bad"]).finish();
    let unmounted = Command::new("umount").arg(site.path("small")).status().unwrap();
    assert!(unmounted.success());
    run.exits(1).verdict("main.good", "pass").verdict("main.bad", "fail").reports_are_well_formed();
    assert!(run.report("junit").contains("name=\"bad\""), "{}", run.report("junit"));
}

#[test]
fn a_vardir_with_a_long_path_gets_short_sockets() {
    let site = site();
    let long = "long-".repeat(25);
    site.test_file("good.test", "test ${#MYSQL_TMP_DIR} -lt 80\n");
    let run = site.run_in(&long, "files").args(["good"]).finish();
    run.exits(0).verdict("main.good", "pass").says("creating a shorter one").says(" - using tmpdir: '");
    let tmpdir = run.text.split_once("using tmpdir: '").unwrap().1.split_once('\'').unwrap().0;
    assert!(!std::path::Path::new(tmpdir).exists(), "{tmpdir} is left");
}

#[test]
fn a_vardir_in_use_is_refused() {
    let site = site();
    site.test_file("bad.test", "reached\nsleep 600\n");
    let first = site.run_in("var", "first").args(["bad"]).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    let second = site.run_in("var", "second").args(["good"]).start().finish_leaving_processes();
    second.exits(1).says("in use by another run").says("hint: ").says("--vardir=");
    first.signal(rustix::process::Signal::TERM);
    let first = first.finish();
    first.says("Got signal SIGTERM");
    assert_eq!(first.events.last().unwrap()["event"], "run_finished");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_runs() {
    let run = site().run().args(["--junit=/proc/no/such/dir/x.xml", "good"]).finish();
    run.exits(1).says("/proc/no/such/dir/x.xml");
}

/// Root could write everywhere: a device that is replaced by a report is lost for everybody.
#[test]
fn a_report_does_not_take_the_place_of_what_is_no_file() {
    let site = site();
    let made = Command::new("mkfifo").arg(site.path("pipe")).status().unwrap();
    assert!(made.success());
    let mut option = std::ffi::OsString::from("--junit=");
    option.push(site.path("pipe"));
    // Somebody has to read, or the writer waits.
    let reader = Command::new("cat").arg(site.path("pipe")).stdout(Stdio::null()).spawn();
    let run = site.run().args([option]).args(["good"]).start();
    let run = run.finish_leaving_processes();
    let mut reader = reader.unwrap();
    reader.kill().unwrap();
    reader.wait().unwrap();
    let kind = fs::symlink_metadata(site.path("pipe")).unwrap().file_type();
    assert!(!kind.is_file(), "the pipe was replaced\n{run:?}");
}

#[test]
fn a_reader_of_the_console_may_go_away() {
    let site = site();
    let run = site.run().args(["good", "bad"]).unheard();
    run.exits(0);
    assert_eq!(run.outcomes("main.bad")[0]["verdict"], "pass");
    run.reports_are_well_formed();
}

#[test]
fn a_combination_that_does_not_exist() {
    let site = site();
    site.test_file("bad.combinations", "[one]\n--loose-a\n[two]\n--loose-b\n");
    let run = site.run().args(["bad,three"]).finish();
    run.exits(1).says("three").says("one").says("two");
}
