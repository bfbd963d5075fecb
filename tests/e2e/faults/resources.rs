//! Disks, inodes, descriptors, memory and processes that run out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skip::{root_is_there, skip, skip_part};
use crate::support::{Finished, Run, Site, program};

/// A fake site with tests that pass.
fn site() -> Site {
    let site = Site::fake();
    for name in ["good", "fine", "well"] {
        site.test_file(&format!("{name}.test"), "exit 0\n");
    }
    site
}

/// The run, ended after this many seconds: what takes longer hangs.
fn within(run: Run, seconds: &str) -> Finished {
    run.through(&["timeout", "--signal=KILL", seconds]).finish()
}

/// A small file system in a site, which goes away with this.
struct Mount(PathBuf);

impl Mount {
    fn new(site: &Site, options: &str) -> Option<Mount> {
        let dir = site.path("small");
        fs::create_dir(&dir).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "none"]).arg(&dir);
        command.status().is_ok_and(|status| status.success()).then_some(Mount(dir))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_server_that_waits_for_room_on_a_full_disk_is_not_waited_for() {
    let site = site();
    let run = within(site.run().env("FAKE_BOOTSTRAP", "full").args(["good"]), "60");
    run.exits(1).says("Disk is full writing './mysql/db.MAI'").says("hint: make room there");
}

#[test]
fn a_bootstrap_that_hangs_is_ended() {
    let site = site();
    let run = site.run().env("FAKE_BOOTSTRAP", "hang").env("MTR_START_TIMEOUT", "1").args(["good"]);
    let run = within(run, "100");
    run.exits(1).says("it did not end within 10 s, and was killed").says("MTR_START_TIMEOUT");
}

#[test]
fn a_server_that_hangs_when_it_is_asked_what_it_is_is_ended() {
    let site = site();
    let run = site.run().env("FAKE_HELP", "hang").env("MTR_START_TIMEOUT", "1").args(["good"]);
    within(run, "100").exits(1).says("it did not end within 10 s, and was killed");
}

#[test]
fn a_server_that_says_without_end_what_it_is_is_ended() {
    let site = site();
    let run = site.run().env("FAKE_HELP", "endless").args(["good"]);
    let run =
        run.through(&["timeout", "--signal=KILL", "100", "sh", "-c", "ulimit -v 1500000; exec \"$@\"", "sh"]);
    run.finish().exits(1).says("it wrote more than 16 MiB, and was killed");
}

#[test]
fn a_suite_pm_that_hangs_or_talks_without_end_fails_its_suite_only() {
    for (code, says) in [
        ("sleep 600;", "perl did not come to an end within 10 s"),
        ("system('sleep 600');", "perl did not come to an end within 10 s"),
        ("return 'x' x 40_000_000;", "its answer has more than 16 MiB"),
    ] {
        let site = site();
        site.file("base/mysql-test/suite/other/t/fine.test", "exit 0\n");
        site.file(
            "base/mysql-test/suite/other/suite.pm",
            format!("package My::Suite::Other;\n{code}\nbless {{ }};\n"),
        );
        site.file("base/mysql-test/suite/third/t/sound.test", "test \"$SET_BY\" = third\n");
        let sets = "package My::Suite::Third;\n@ISA = qw(My::Suite);\n$ENV{SET_BY} = 'third';\nbless { };\n";
        site.file("base/mysql-test/suite/third/suite.pm", sets);
        let run = site.run().env("MTR_START_TIMEOUT", "1").args(["--force", "--suite=main,other,third"]);
        let run = within(run, "100");
        run.exits(1).says(says).verdict("other.fine", "fail").verdict("main.good", "pass");
        run.verdict("third.sound", "pass");
    }
}

#[test]
fn a_disk_that_is_full_is_told() {
    let site = site();
    let Some(mount) = Mount::new(&site, "size=64k") else {
        return skip("root is needed to mount a small file system, and a machine that lets it");
    };
    fs::write(mount.0.join("filler"), vec![0; 60 << 10]).unwrap();
    let run = within(site.run_in("small/var", "files").args(["--force", "good"]), "100");
    run.exits(1).says("No space left on device");
}

#[test]
fn a_disk_without_inodes_is_told() {
    let site = site();
    for inodes in [3, 6, 10] {
        let Some(_mount) = Mount::new(&site, &format!("nr_inodes={inodes}")) else {
            return skip("root is needed to mount a small file system, and a machine that lets it");
        };
        let run = within(site.run_in("small/var", "files").args(["--force", "good"]), "100");
        run.exits(1).says("No space left on device");
        drop(_mount);
        fs::remove_dir(site.path("small")).unwrap();
    }
}

#[test]
fn a_read_only_place_of_reports_is_refused_before_the_run() {
    let site = site();
    let (dir, _mount, why);
    if rustix::process::geteuid().is_root() {
        let Some(mount) = Mount::new(&site, "ro") else {
            return skip("a small file system cannot be mounted");
        };
        (dir, why) = (mount.0.clone(), "Read-only file system");
        _mount = Some(mount);
    } else {
        (dir, why) = (site.path("small"), "Permission denied");
        _mount = None;
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    }
    for name in ["junit", "xml-report", "events"] {
        let report = dir.join(name).display().to_string();
        let run = within(site.run().args([format!("--{name}={report}"), "good".into()]), "100");
        run.exits(1).says(&report).says(why);
        assert!(run.verdicts("main.good").is_empty(), "nothing is run");
    }
    let run = within(site.run_in("small/var", "files").args(["good"]), "100");
    run.exits(1).says("small/var");
}

/// As a file system becomes whose device fails.
#[test]
fn a_place_of_reports_that_becomes_read_only_fails_the_run_which_goes_on() {
    let site = site();
    let Some(mount) = Mount::new(&site, "size=1m") else {
        return skip("root is needed to mount a small file system, and a machine that lets it");
    };
    let dir = mount.0.display().to_string();
    site.test_file("fine.test", format!("mount -o remount,ro '{dir}' || exit 1\nexit 0\n"));
    let run = site.run().args([format!("--junit={dir}/junit"), "--noreorder".into()]);
    let run = within(run.args(["good", "fine", "well"]), "100");
    run.exits(1).verdict("main.fine", "pass").verdict("main.well", "pass");
    run.says(&format!("{dir}/junit")).says("Read-only file system").says("a report is not whole");
    let junit = fs::read_to_string(mount.0.join("junit")).unwrap();
    assert!(junit.contains("run not completed"), "{junit}");
}

#[test]
fn too_few_descriptors_are_told() {
    for descriptors in 5..33 {
        let site = site();
        // Those that the tests were started with would count.
        let limit = format!(
            "for fd in 3 4 5 6 7 8 9; do eval \"exec $fd>&-\"; done; ulimit -n {descriptors}; exec \"$@\""
        );
        let run = site.run().args(["--force", "--parallel=2", "good", "fine"]);
        let run = run.through(&["timeout", "--signal=KILL", "100", "bash", "-c", &limit, "sh"]);
        let run = run.start().finish_leaving_processes();
        assert!(matches!(run.code, Some(0 | 1)), "{descriptors}: {:?} {run:?}", run.code);
        if run.code == Some(1) {
            assert!(run.text.contains("oo many open files"), "{descriptors}: {run:?}");
            // Each message has the cause with it, and none a general one in its place.
            run.does_not_say("are very many runs going on?").does_not_say("was not free");
            run.does_not_say("not known: ");
            let mut reports =
                run.text.lines().filter(|line| line.contains("Could not open test tool report"));
            assert!(reports.all(|line| line.contains("(os error ")), "{descriptors}: {run:?}");
        }
    }
}

#[test]
fn too_little_address_space_ends_with_a_word() {
    for mebibytes in [64_u64, 100, 150, 200, 300, 400, 600, 1200] {
        let site = site();
        let limit = format!("ulimit -v {}; exec \"$@\"", mebibytes << 10);
        let run = site.run().args(["--force", "--parallel=3", "good", "fine", "well"]);
        let run = run.through(&["timeout", "--signal=KILL", "100", "bash", "-c", &limit, "sh"]);
        let run = run.start().finish_leaving_processes();
        // A fake server is small: what is not refused is run.
        match mebibytes < 128 {
            true => run.exits(1).says("the limit of address space, ").says("hint: raise or remove it"),
            false => run.exits(0).verdict("main.well", "pass"),
        };
        run.reports_are_well_formed();
    }
}

/// Servers have the limit as well, and tell.
#[test]
fn too_little_address_space_for_a_server_is_told() {
    let site = Site::real();
    site.test_file("good.test", "select 1;\n").test_file("good.result", "select 1;\n1\n1\n");
    let limit = format!("ulimit -v {}; exec \"$@\"", 140 << 10);
    let run = site.run().args(["--force", "--parallel=2", "--mysqld=--innodb-buffer-pool-size=256M", "good"]);
    let run = run.env("MTR_CACHE_DIR", site.path("cache"));
    let run = run.through(&["timeout", "--signal=KILL", "100", "bash", "-c", &limit, "sh"]);
    let run = run.start().finish_leaving_processes();
    run.exits(1).says("the limit of address space").reports_are_well_formed();
}

#[test]
fn too_few_processes_are_told() {
    if !root_is_there("to be another user, who has few processes") {
        return;
    }
    let site = site();
    fs::set_permissions(site.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    // One that the other user may run, whatever umask it was built with.
    let copy = site.path("program");
    fs::copy(program(), &copy).unwrap();
    fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let uid = 64_000 + std::process::id() % 1000;
    let group = format!("--regid={uid}");
    let user = format!("--reuid={uid}");
    for processes in ["3", "8", "15"] {
        let limit = format!("ulimit -u {processes}; exec \"$@\"");
        let run = site.run_in("var", &format!("files-{processes}"));
        fs::set_permissions(
            site.path(&format!("files-{processes}")),
            std::os::unix::fs::PermissionsExt::from_mode(0o777),
        )
        .unwrap();
        let run =
            run.env("HOME", site.path("")).env("MTR_CACHE_DIR", site.path(&format!("cache-{processes}")));
        let run = run.args(["--force", "--parallel=4", "good", "fine", "well"]).with_program(&copy);
        let through = ["timeout", "--signal=KILL", "100", "setpriv", &user, &group, "--clear-groups"];
        let run = run.through(&[&through[..], &["bash", "-c", &limit, "sh"]].concat());
        let run = run.start().finish_leaving_processes();
        assert!(matches!(run.code, Some(0 | 1)), "{processes}: {:?} {run:?}", run.code);
    }
}

/// A control group of a site with a limit of memory, which goes away with this.
struct Group(PathBuf);

impl Group {
    fn new(bytes: u64) -> Option<Group> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let name = format!("mtr-rs-e2e-{}-{bytes}", std::process::id());
        own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?.trim_start_matches('/'));
            let (base, limit) = match controllers {
                "" => (Path::new("/sys/fs/cgroup"), "memory.max"),
                "memory" => (Path::new("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
                _ => return None,
            };
            // In a container the path may be the host's.
            [base.join(path), base.to_path_buf()].into_iter().find_map(|parent| {
                let dir = parent.join(&name);
                fs::create_dir(&dir).ok()?;
                let group = Group(dir);
                fs::write(group.0.join(limit), bytes.to_string()).ok()?;
                Some(group)
            })
        })
    }

    /// The run in it.
    fn holds(&self, run: Run) -> Run {
        let enter = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        run.through(&["sh", "-c", enter, self.0.to_str().unwrap()])
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Four fake servers are small, but nobody knows before they ran.
#[test]
fn servers_are_started_where_there_is_memory_for_them() {
    let site = site();
    for name in ["good", "fine", "well", "1st"] {
        site.test_file(&format!("{name}.test"), "sleep 1\n")
            .test_file(&format!("{name}.opt"), format!("--x={name}\n"));
    }
    let Some(group) = Group::new(450 << 20) else {
        return skip("root is needed to make a control group for memory, and a machine that lets it");
    };
    let tests = ["good", "fine", "well", "1st"];
    let run = group.holds(site.run().args(["--force", "--parallel=4"]).args(tests)).finish();
    run.exits(0).says("there is not enough memory for a server: about 1").says(" on, without worker ");
    for test in tests {
        run.verdict(&format!("main.{test}"), "pass");
    }
    assert_eq!(run.text.matches("there is not enough memory").count(), 1, "{run:?}");
}

#[test]
fn a_server_for_which_there_is_no_memory_fails_its_test_and_says_so() {
    let site = site();
    // A buffer takes memory when it is filled, which this server does not.
    site.test_file("well.opt", "--innodb-buffer-pool-size=100G\n");
    let Some(group) = Group::new(450 << 20) else {
        return skip("root is needed to make a control group for memory, and a machine that lets it");
    };
    let run = group.holds(site.run().args(["--force", "well", "good"])).finish();
    run.exits(0).verdict("main.good", "pass").verdict("main.well", "pass");
    drop(group);
    let group = Group::new(230 << 20).unwrap();
    let run = group.holds(site.run().args(["--force", "good"])).finish();
    run.exits(1).verdict("main.good", "fail").says("there is not enough memory for a server");
    run.says("hint: give the machine");
}

#[test]
fn a_bootstrap_for_which_there_is_no_memory_is_not_begun() {
    let site = site();
    let Some(group) = Group::new(110 << 20) else {
        return skip("root is needed to make a control group for memory, and a machine that lets it");
    };
    let run = group.holds(site.run().args(["--force", "good"])).finish();
    run.exits(1).says("there is not enough memory to install the system database: about 128 MiB are needed");
    run.says("hint: give the machine").reports_are_well_formed();
    assert!(run.verdicts("main.good").is_empty(), "nothing is run");
}

#[test]
fn the_usual_number_of_workers_fits_into_the_memory_of_the_group() {
    let site = site();
    let tests = ["good", "fine", "well", "1st"];
    let Some(group) = Group::new(900 << 20) else {
        return skip("root is needed to make a control group for memory, and a machine that lets it");
    };
    let run = group.holds(site.run().args(["--parallel=auto"]).args(tests)).finish();
    run.exits(0).says("Using parallel: 1\n");
}

/// Real servers, whose files are in memory as well, in a group in which two of them have room.
#[test]
#[ignore = "takes long"]
fn real_servers_share_a_small_group() {
    let site = Site::real();
    let Some(group) = Group::new(700 << 20) else {
        return skip("root is needed to make a control group for memory, and a machine that lets it");
    };
    for number in 0..8 {
        site.test_file(&format!("t{number}.test"), "select 1;\nselect sleep(1);\n");
        site.test_file(&format!("t{number}.result"), "select 1;\n1\n1\nselect sleep(1);\nsleep(1)\n0\n");
        site.test_file(&format!("t{number}.opt"), format!("--max-connections={}\n", 100 + number));
    }
    let run = group.holds(site.run().args(["--force", "--parallel=8"])).finish();
    run.exits(0).says("not enough memory");
    for number in 0..8 {
        run.verdict(&format!("own.t{number}"), "pass");
    }
}

/// A real bootstrap on a file system that is too small for it.
#[test]
#[ignore = "takes long"]
fn a_real_bootstrap_on_a_full_disk_is_told() {
    let site = Site::real();
    site.test_file("good.test", "select 1;\n").test_file("good.result", "select 1;\n1\n1\n");
    for size in ["3m", "14m", "26m"] {
        let Some(mount) = Mount::new(&site, &format!("size={size}")) else {
            return skip("root is needed to mount a small file system, and a machine that lets it");
        };
        let run = site.run_in("small/var", "files").env("MTR_CACHE_DIR", site.path("cache"));
        let run = within(run.args(["--force", "good"]), "60");
        run.exits(1);
        assert!(
            ["Disk is full", "No space left", "Disk full", "Cannot set"]
                .iter()
                .any(|word| run.text.contains(word)),
            "{size}: {run:?}"
        );
        drop(mount);
        fs::remove_dir(site.path("small")).unwrap();
        if !site.path("cache").exists() {
            skip_part("there was no cache");
        }
    }
}

/// What a failure leaves must not bring down the tests behind it.
#[test]
fn nothing_of_a_failed_start_outlives_its_test() {
    let site = site();
    site.test_file("a1.opt", "--fake=die-at-start\n").test_file("a1.test", "exit 0\n");
    site.test_file("a2.test", "exit 0\n")
        .test_file("a2.cnf", "!include include/default_my.cnf\n[mysqld.1]\nport=@x.y\n");
    site.test_file("a3.test", "exit 0\n").test_file("a3-master.sh", "exit 1\n");
    site.test_file("a4.test", "exit 0\n")
        .test_file("a4.cnf", "!include include/default_my.cnf\n[ENV]\nMTR_POISON=1\n");
    site.test_file("a4.opt", "--fake=die-at-start\n");
    site.test_file("a5.test", "exit 0\n").test_file("a5.opt", "--innodb-page-size=4k --x=\0\n");
    site.test_file("b.test", "test -z \"$MTR_POISON\" && test -n \"$MYSQLTEST_VARDIR\"\n");
    for bad in ["a1", "a2", "a3", "a4", "a5"] {
        let run = site.run().args(["--force", "--noreorder", bad, "b"]).finish();
        run.exits(1).verdict(&format!("main.{bad}"), "fail").verdict("main.b", "pass");
    }
}
