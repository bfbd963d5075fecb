//! Whose files a run removes: its own, and nobody else's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Finished, Site, wait_for};

/// A site with a test that passes, one that fails, and files of the user.
fn site() -> Site {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n").test_file("bad.test", "exit 1\n");
    site.file("victim/thesis.tex", "years of work");
    own(&site.path("victim"));
    site
}

/// Nobody else may write to the directory, whatever the umask.
fn own(dir: &Path) {
    fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
}

#[track_caller]
fn untouched(site: &Site) {
    let names: Vec<_> = fs::read_dir(site.path("victim")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["thesis.tex"]);
    assert_eq!(fs::read_to_string(site.path("victim/thesis.tex")).unwrap(), "years of work");
}

/// The directory of the failure of `main.bad` in a vardir.
fn evidence(vardir: &Path) -> bool {
    vardir.join("log/main.bad/my.cnf").is_file()
}

#[test]
fn a_slip_costs_no_evidence() {
    let site = site();
    site.run().args(["bad"]).finish().exits(1).verdict("main.bad", "fail");
    let vardir = site.path("var");
    assert!(evidence(&vardir));
    let console = fs::read(vardir.join("log/stdout.log")).unwrap();
    for slip in [
        &["nosuch"][..],
        &["triag", "var"],
        &["--suite=nosuch"],
        &["--suite=main", "--do-test=nosuch"],
        &["--nosuch-option", "good"],
        &["--start-from=nosuch", "good"],
        &["--experimental=nosuch", "good"],
        &["--mysqltest=/nosuch/mariadb-test", "--keep-runs=x", "good"],
    ] {
        let run = site.run_in("var", "others").args(slip).finish();
        assert_eq!(run.code, Some(1), "{slip:?}: {run:?}");
        assert!(run.verdicts("main.good").is_empty(), "{slip:?}: {run:?}");
        assert!(evidence(&vardir), "{slip:?}: {run:?}");
        assert_eq!(fs::read(vardir.join("log/stdout.log")).unwrap(), console, "{slip:?}");
    }
    site.run().args(["good"]).finish().exits(0).verdict("main.good", "pass");
    assert!(!evidence(&vardir));
}

#[test]
fn a_slip_leaves_nothing() {
    let site = site();
    for slip in [&["nosuch"][..], &["triag"], &["--start-from=nosuch", "good"]] {
        site.run_in("new/var", "others").args(slip).finish().exits(1);
        assert!(!site.path("new").exists(), "{slip:?}");
    }
}

#[test]
fn a_directory_of_the_users_is_no_vardir() {
    let site = site();
    let run = site.run_in("victim", "files").args(["good"]).finish();
    run.exits(1).says("is no vardir of a run and not empty: it holds 'thesis.tex'");
    run.says(&format!("--vardir={}", site.path("victim/var").display()));
    untouched(&site);
    let run = site.run().cwd(&site.path("victim")).args(["--vardir=.", "good"]).finish();
    run.exits(1).says("it holds 'thesis.tex'");
    let run = site.run().env("HOME", site.path("victim")).args(["--vardir"]).args([site.path("victim")]);
    run.args(["good"]).finish().exits(1);
    let mut tmpdir = std::ffi::OsString::from("--tmpdir=");
    tmpdir.push(site.path("victim"));
    site.run().args([tmpdir]).args(["good"]).finish().exits(1).says("it holds 'thesis.tex'");
    untouched(&site);
    // As `/dev/shm` and `/tmp` are.
    fs::create_dir(site.path("shared")).unwrap();
    fs::set_permissions(site.path("shared"), PermissionsExt::from_mode(0o1777)).unwrap();
    let run = site.run_in("shared", "files").args(["good"]).finish();
    run.exits(1).says("is shared by all users");
    run.says(&format!("--vardir={}", site.path("shared/var").display()));
}

#[test]
fn a_combination_leads_nowhere() {
    let site = site();
    // From `VAR/log/main.bad-x`.
    site.test_file("bad.combinations", "[x/../../../victim]\n--a\n[x/../../../other]\n--b\n");
    for limit in ["--max-save-datadir=0", "--max-save-datadir=9"] {
        for workers in ["--parallel=1", "--parallel=2"] {
            let run = site.run().args(["--force", "--retry=2", limit, workers, "bad"]).finish();
            run.exits(1).reports_are_well_formed();
            untouched(&site);
            assert!(!site.path("other").exists());
        }
    }
    let kept = fs::read_dir(site.path("var/log")).unwrap().map(|e| e.unwrap().file_name());
    let kept = kept.filter(|name| name.to_string_lossy().starts_with("main.bad-x_")).count();
    assert_eq!(kept, 4, "two attempts of each are kept inside");
}

#[test]
fn a_server_and_its_data_stay_inside() {
    let site = site();
    let victim = site.path("victim").display().to_string();
    let common = "!include include/default_my.cnf\n";
    site.test_file("bad.cnf", format!("{common}[mysqld.1/../../victim]\n#x=1\n"));
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1)
        .verdict("main.bad", "fail")
        .verdict("main.good", "pass")
        .says("cannot be the name of a server");
    untouched(&site);
    site.test_file("bad.cnf", format!("{common}[mysqld.1]\ndatadir={victim}\n"));
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass").says("is not in the vardir");
    untouched(&site);
    site.test_file("bad.cnf", format!("{common}[mysqld.1]\nlog-bin={victim}/thesis.tex\n"));
    site.run().args(["--force", "bad"]).finish().exits(1);
    untouched(&site);
}

#[test]
fn a_file_that_is_called_core_is_no_core_file() {
    let site = site();
    for name in ["core-ideas.txt", "table.dmp"] {
        site.file(&format!("base/mysql-test/{name}"), "mine");
    }
    site.run().args(["--max-save-core=0", "bad"]).finish().exits(1).does_not_say("core-ideas");
    for name in ["core-ideas.txt", "table.dmp"] {
        assert_eq!(fs::read_to_string(site.path(&format!("base/mysql-test/{name}"))).unwrap(), "mine");
    }
}

#[test]
fn the_vardirs_of_the_last_runs_are_kept_on_demand() {
    let site = site();
    let run = |test: &str| site.run().args(["--keep-runs=2", test]).finish();
    run("bad");
    run("good");
    run("good");
    assert!(!evidence(&site.path("var")) && !evidence(&site.path("var.1")) && evidence(&site.path("var.2")));
    run("nosuch");
    assert!(evidence(&site.path("var.2")), "what did not come about moves nothing");
    run("good");
    assert!(!evidence(&site.path("var.2")) && !site.path("var.3").exists());
    site.file("other.1/thesis.tex", "mine");
    own(&site.path("other.1"));
    let refused = site.run_in("other", "files").args(["--keep-runs=1", "good"]).finish();
    refused.exits(1).says("--keep-runs needs this name");
    assert!(site.path("other.1/thesis.tex").exists() && !site.path("other").exists());
    std::os::unix::fs::symlink("var", site.path("link")).unwrap();
    let refused = site.run_in("link", "files").args(["--keep-runs=1", "good"]).finish();
    refused.exits(1).says("--keep-runs cannot move the vardir: it is a symbolic link");
}

#[test]
fn a_run_at_work_is_left_alone() {
    let site = site();
    site.test_file("long.test", "reached\nexec sleep 600\n");
    let tmpdir = format!("--tmpdir={}", site.path("tmp").display());
    let first = site.run_in("outer/var", "first").args([&tmpdir, "long"]).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    let run = site.run_in("outer/var", "second").args(["good"]).start().finish_leaving_processes();
    run.exits(1).says("this vardir is in use by another run");
    own(&site.path("outer"));
    let run = site.run_in("outer", "second").args(["good"]).start().finish_leaving_processes();
    run.exits(1).says("is no vardir of a run and not empty");
    let run = site.run_in("outer/var/tmp/x", "second").args(["good"]).start().finish_leaving_processes();
    run.exits(1).says("lies in that of a run at work");
    let run = site.run_in("other", "second").args([&tmpdir, "good"]).start().finish_leaving_processes();
    run.exits(1).says("this tmpdir is in use by another run");
    assert!(site.path("outer/var/run/mysqld.1.pid").exists() && site.path("tmp/mysqld.1").is_dir());
    first.signal(rustix::process::Signal::INT);
    first.finish().exits(1);
}

#[test]
fn the_vardir_has_the_callers_mode() {
    let site = site();
    let root = rustix::process::geteuid().is_root();
    let mode = |name: &str| fs::metadata(site.path(name)).unwrap().permissions().mode() & 0o7777;
    for (umask, wanted) in [("022", 0o755), ("077", 0o700), ("027", 0o750), ("000", 0o755)] {
        let name = format!("var{umask}");
        let command = format!("umask {umask}; exec \"$@\"");
        let run = site.run_in(&name, "files").args(["good"]).through(&["sh", "-c", &command, "sh"]).finish();
        run.exits(0).verdict("main.good", "pass");
        assert_eq!(mode(&name), if root { 0o700 } else { wanted }, "{umask}");
    }
    for shared in [0o777, 0o775, 0o1777] {
        fs::set_permissions(site.path("var022"), PermissionsExt::from_mode(shared)).unwrap();
        let run = site.run_in("var022", "files").args(["good"]).finish();
        run.exits(1).says("hint: ");
        assert!(site.path("var022/log/stdout.log").exists());
    }
}

#[test]
fn reports_in_the_vardir_are_of_this_run() {
    let site = site();
    let var = site.path("var");
    let reports = |run: crate::support::Run| -> Finished {
        let [junit, events] = ["log/j.xml", "e.json"].map(|name| var.join(name).display().to_string());
        run.args([format!("--junit={junit}"), format!("--events={events}")])
            .args(["--result-file"])
            .start()
            .finish()
    };
    for test in ["bad", "good"] {
        reports(site.run().args([test]));
        let junit = fs::read_to_string(var.join("log/j.xml")).unwrap();
        assert!(junit.contains(&format!("name=\"{test}\"")), "{junit}");
        let events = fs::read_to_string(var.join("e.json")).unwrap();
        assert!(events.starts_with("{\"seq\":1,") && events.contains("run_finished"), "{events}");
        assert!(fs::read_to_string(var.join("mtr-results.txt")).unwrap().contains(&format!("main.{test}")));
        assert!(fs::read_to_string(var.join("log/stdout.log")).unwrap().starts_with("Logging: "));
    }
    // A run that was refused leaves no report of an earlier one that was well.
    reports(site.run().args(["nosuch"]));
    let junit = fs::read_to_string(var.join("log/j.xml")).unwrap();
    assert!(!junit.contains("name=\"good\""), "{junit}");
}
