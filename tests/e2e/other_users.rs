//! What an unprivileged user of the machine can do to a run of root that goes on beside him.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::skip::{root_is_there, skip, skip_part};
use crate::support::{Finished, Run, Site, program, wait_for};

/// Somebody without rights and without a group of anybody.
const NOBODY: u32 = 65534;

/// A further one.
const SOMEBODY: u32 = 65533;

/// Whether a shell command succeeds for that user.
fn can(command: &str) -> bool {
    user_can(NOBODY, command)
}

fn user_can(user: u32, command: &str) -> bool {
    let mut shell = Command::new("bash");
    shell.args(["-c", command]).uid(user).gid(user).current_dir("/").env_clear();
    shell.env("PATH", "/usr/bin:/bin").output().unwrap().status.success()
}

/// The ports of 127.0.0.1 among these that take a connection of that user.
fn open_ports(ports: impl Iterator<Item = u64>) -> Vec<u64> {
    ports.filter(|port| can(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}"))).collect()
}

/// The ports of the first worker.
fn ports(events: &Path) -> std::ops::RangeInclusive<u64> {
    let text = std::fs::read_to_string(events).unwrap();
    let ready = text.lines().find(|line| line.contains("\"event\":\"worker_ready\"")).unwrap();
    let ready: serde_json::Value = serde_json::from_str(ready).unwrap();
    ready["first_port"].as_u64().unwrap()..=ready["last_port"].as_u64().unwrap()
}

/// A test that waits with its server until the file `go` is there.
fn holding() -> Site {
    let site = Site::real();
    let script = "--exec echo 1 > $FAKE_REACHED\n\
                  --exec while ! test -e $FAKE_REACHED.go; do sleep 0.1; done\n--echo done\n";
    site.test_file("hold.test", script).test_file("hold.result", "done\n");
    site
}

/// What `look` finds while the test of the run holds, and the run after it. It asserts nothing: the run would go on.
fn while_it_holds<T>(site: &Site, run: Run, look: impl FnOnce(&Path) -> T) -> (T, Finished) {
    let run = run.args(["hold"]).start();
    wait_for(&site.path("reached"), |text| text.starts_with('1'));
    let found = look(&run.file("events"));
    site.file("reached.go", "");
    (found, run.finish())
}

/// A run of this machine's root is in a network of its own unless that is forbidden to it.
fn is_private(run: &Finished) -> bool {
    !run.text.contains("as no private one can be made")
}

#[test]
fn reach_no_server_of_root() {
    if !root_is_there("to have servers that are worth it") {
        return;
    }
    let site = holding();
    let plugin = mtr::tree::layout::locate(&Default::default(), &mtr::env::Env::of_process(), None)
        .is_ok_and(|layout| layout.plugin_dir.join("handlersocket.so").exists());
    if plugin {
        site.test_file(
            "hold.opt",
            "--plugin-load-add=handlersocket.so --loose_handlersocket_port=9998 --loose_handlersocket_port_wr=9999\n",
        );
        let said = "call mtr.add_suppression(\"handlersocket: open_files_limit is too small\");\n";
        let script = std::fs::read_to_string(site.path("own/hold.test")).unwrap();
        site.test_file("hold.test", format!("{said}{script}"));
        site.test_file("hold.result", format!("{said}done\n"));
    } else {
        skip_part("there is no HandlerSocket");
    }
    let var = site.path("var");
    let inside =
        ["", "tmp/mysqld.1.sock", "mysqld.1/data", "mysqld.1/data/ibdata1", "my.cnf", "log/mysqld.1.err"];
    let (found, run) = while_it_holds(&site, site.run(), |events| {
        let mut reached: Vec<String> =
            open_ports(ports(events).chain([9998, 9999])).iter().map(|port| format!("port {port}")).collect();
        for path in inside.map(|path| var.join(path)) {
            if !path.exists() {
                reached.push(format!("there is no {}", path.display()));
            }
            let commands = ["test -r", "test -w", "ls"].map(|what| format!("{what} '{}'", path.display()));
            reached.extend(commands.into_iter().filter(|command| can(command)));
        }
        let socket = var.join("tmp/mysqld.1.sock");
        let client = format!("mariadb --no-defaults -uroot -S '{}' -e 'select 1'", socket.display());
        reached.extend(Some(client).filter(|client| can(client)));
        reached
    });
    if !is_private(&run) {
        return skip("this root must not make a network of its own");
    }
    assert_eq!(found, [""; 0], "{run:?}");
    run.exits(0).verdict("own.hold", "pass").says("servers listen in a private network");
}

/// Where the path of the vardir is too long for sockets they are elsewhere.
#[test]
fn reach_no_socket_in_a_short_directory() {
    if !root_is_there("to have servers that are worth it") {
        return;
    }
    let site = holding();
    let temp = site.path("t");
    std::fs::create_dir(&temp).unwrap();
    let run = site.run_in(&"v".repeat(100), "files").env("TMPDIR", &temp);
    let (found, run) = while_it_holds(&site, run, |_| {
        let short = std::fs::read_dir(&temp).unwrap().map(|entry| entry.unwrap().path());
        let sockets: Vec<_> =
            short.map(|dir| dir.join("mysqld.1.sock")).filter(|path| path.exists()).collect();
        (sockets.len(), sockets.iter().any(|socket| can(&format!("ls '{}'", socket.display()))))
    });
    assert_eq!(found, (1, false), "{run:?}");
    run.exits(0).verdict("own.hold", "pass");
}

/// That the first test can fail: the same user reaches the same server in the network of the machine.
#[test]
fn reach_a_server_in_the_network_of_the_host() {
    if !root_is_there("to have servers that are worth it") {
        return;
    }
    let site = holding();
    let ((found, first), run) = while_it_holds(&site, site.run().args(["--network=host"]), |events| {
        let range = ports(events);
        (open_ports(range.clone()), *range.start())
    });
    assert_eq!(found, [first], "{run:?}");
    run.exits(0).verdict("own.hold", "pass").does_not_say("listen in the network of this machine");
}

/// What a run of a user without rights leaves open to another one, as the page says, while root runs tests beside it.
#[test]
fn reach_of_a_user_without_rights_what_its_umask_leaves_open() {
    if !root_is_there("to be two other users") {
        return;
    }
    for (umask, reads) in [("022", true), ("077", false)] {
        let site = holding();
        site.test_file("beside.test", "--echo done\n").test_file("beside.result", "done\n");
        let theirs = site.path("theirs");
        std::fs::create_dir_all(theirs.join("files")).unwrap();
        // What is tried is the umask of the run, not that of whoever runs this.
        let open = Command::new("chmod").args(["-R", "a+rX"]).args([&site.path("own"), &theirs]).status();
        assert!(open.unwrap().success());
        for dir in [&theirs, &theirs.join("files")] {
            chown(dir, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let copy = site.path("program");
        std::fs::copy(program(), &copy).unwrap();
        std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let [user, group] = ["--reuid", "--regid"].map(|option| format!("{option}={NOBODY}"));
        let set = format!("umask {umask}; exec \"$@\"");
        let run = site.run_in("theirs/var", "theirs/files").with_program(&copy);
        let run = run.env("MTR_CACHE_DIR", theirs.join("cache")).env("HOME", &theirs);
        let run = run.env("FAKE_REACHED", theirs.join("reached")).args(["hold"]);
        let run = run.through(&["setpriv", &user, &group, "--clear-groups", "sh", "-c", &set, "sh"]).start();
        wait_for(&theirs.join("reached"), |text| text.starts_with('1'));
        let var = theirs.join("var");
        let range = ports(&run.file("events"));
        let port = *range.start();
        let connects = user_can(SOMEBODY, &format!("exec 3<>/dev/tcp/127.0.0.1/{port}"));
        let client = format!(
            "mariadb --no-defaults -uroot -S '{}' -e 'select 1'",
            var.join("tmp/mysqld.1.sock").display()
        );
        let has_client = which::which("mariadb").is_ok();
        let socket = user_can(SOMEBODY, &client);
        let tried =
            |what: &str, path: &str| user_can(SOMEBODY, &format!("{what} '{}'", var.join(path).display()));
        let listed = tried("ls", "");
        let written: Vec<&str> =
            ["", "log", "mysqld.1/data", "my.cnf", "log/mysqld.1.err", "mysqld.1/data/ibdata1"]
                .into_iter()
                .filter(|path| tried("test -w", path))
                .collect();
        let system = tried("test -r", "mysqld.1/data/ibdata1");
        // Root's run has other ports and goes on as if nobody were there.
        let beside = site.run().args(["beside"]).finish();
        site.file("theirs/reached.go", "");
        let run = run.finish();
        run.exits(0).verdict("own.hold", "pass");
        beside.exits(0).verdict("own.beside", "pass");
        assert!(connects, "{umask}: the port is open, as the page says");
        assert!(!has_client || socket == reads, "{umask}: the socket");
        assert_eq!(listed, reads, "{umask}: the vardir");
        assert_eq!(written, [""; 0], "{umask}");
        assert_eq!(system, reads, "{umask}: a data file");
    }
}

/// Somebody has put what he likes under all the names that can be known before the run.
#[test]
fn wait_in_vain_in_directories_of_all() {
    if !root_is_there("to be another user") {
        return;
    }
    let site = Site::fake();
    site.test_file("t.test", "exit 0\n");
    let all = site.path("all");
    std::fs::create_dir(&all).unwrap();
    std::fs::set_permissions(&all, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    let victim = site.path("victim");
    let ours = victim.join("file");
    let mut wrong = Vec::new();
    for (what, trap) in [
        ("link", "ln -s VICTIM PLACE"),
        ("link to a file", "ln -s VICTIM/file PLACE"),
        ("dangling link", "ln -s VICTIM/new PLACE"),
        ("FIFO", "mkfifo PLACE"),
        ("directory", "mkdir -m 777 PLACE"),
        ("file", "touch PLACE; chmod 666 PLACE"),
    ] {
        for (place, option) in [
            ("mtr-rs-cache-0", ""),
            ("var", "--vardir=PLACE"),
            ("tmp", "--tmpdir=PLACE"),
            ("junit.xml", "--junit=PLACE"),
            ("events", "--events=PLACE"),
        ] {
            std::fs::create_dir(&victim).unwrap();
            std::fs::write(&ours, "ours\n").unwrap();
            let path = all.join(place).display().to_string();
            let words =
                |text: &str| text.replace("VICTIM", &victim.display().to_string()).replace("PLACE", &path);
            assert!(can(&words(trap)), "{what}");
            let run = site.run().args(Some(words(option)).filter(|option| !option.is_empty())).args(["t"]);
            let run = run.env("MTR_CACHE_DIR", "").env("XDG_CACHE_HOME", "").env("HOME", "/proc");
            let run = run.env("TMPDIR", &all).through(&["timeout", "--signal=KILL", "100"]).finish();
            let left: Vec<_> =
                std::fs::read_dir(&victim).unwrap().map(|entry| entry.unwrap().path()).collect();
            let same = std::fs::read_to_string(&ours).is_ok_and(|text| text == "ours\n");
            if left != [ours.clone()] || !same || !matches!(run.code, Some(0 | 1)) {
                wrong.push(format!("{what} as {place}: {left:?} {run:?}"));
            }
            // What is not another's place is left alone, or refused by name.
            if run.code == Some(1) {
                let named = [&path, victim.to_str().unwrap()].iter().any(|place| run.text.contains(*place));
                assert!(named, "{what} as {place}: {run:?}");
            }
            std::fs::remove_dir_all(&victim).unwrap();
            // The run has made its cache there, where nothing was in the way.
            let all = format!("rm -rf '{}'/*", all.display());
            assert!(Command::new("sh").args(["-c", &all]).status().unwrap().success());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The locks of build threads, which are for all users.
#[test]
fn wait_in_vain_among_the_locks() {
    if !root_is_there("to be another user") {
        return;
    }
    let site = Site::fake();
    site.test_file("t.test", "exit 0\n");
    // Makes the directory of locks.
    site.run().args(["t"]).finish().exits(0);
    let victim = site.path("victim");
    std::fs::write(&victim, "ours\n").unwrap();
    let facts = || {
        let meta = victim.metadata().unwrap();
        use std::os::unix::fs::MetadataExt as _;
        (meta.mode(), meta.len())
    };
    let before = facts();
    for (thread, trap) in
        [(751, "ln -s VICTIM PLACE"), (752, "ln -s VICTIM.new PLACE"), (753, "mkfifo PLACE")]
    {
        let place = format!("{}/{thread}", mtr::config::ports::UNIQUE_IDS);
        let trap = trap.replace("VICTIM", &victim.display().to_string()).replace("PLACE", &place);
        // One of before may be there.
        let _ = std::fs::remove_file(&place);
        assert!(can(&trap), "{trap}");
        let run = site.run().args([&format!("--build-thread={thread}"), "t"]);
        let run = run.through(&["timeout", "--signal=KILL", "100"]).finish();
        std::fs::remove_file(&place).unwrap();
        run.exits(1).says(&place);
        assert_eq!(facts(), before, "{trap}");
        assert!(!site.path("victim.new").exists(), "{trap}");
    }
    // One who keeps a number for himself has it; the run goes on, and says so.
    let place = format!("{}/754", mtr::config::ports::UNIQUE_IDS);
    let mut holder = Command::new("flock");
    holder.args(["-x", &place, "sh", "-c", "echo; exec sleep 600"]).stdout(std::process::Stdio::piped());
    let mut holder = holder.uid(NOBODY).gid(NOBODY).process_group(0).spawn().unwrap();
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let run = site.run().args(["--build-thread=754", "t"]).finish();
    rustix::process::kill_process_group(
        rustix::process::Pid::from_child(&holder),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    holder.wait().unwrap();
    run.exits(0).verdict("main.t", "pass").says("may be in use by another run");
}

#[test]
fn are_named_in_a_warning_where_servers_of_root_are_for_all() {
    if !root_is_there("to have servers that are worth a warning") {
        return;
    }
    let site = Site::fake();
    site.test_file("t.test", "exit 0\n");
    let run = site.run().args(["--start-and-exit", "t"]).start().finish_leaving_processes();
    // The next run with this vardir ends it.
    let next = site.run().args(["t"]).finish();
    run.exits(0)
        .says("servers of root listen in the network of this machine, for --start-and-exit: every user");
    next.exits(0).says(" - found old pid ");
    let run = site.run().args(["--start-and-exit", "--network=private", "t"]).finish();
    run.exits(1).says("Can't use --start-and-exit and --network=private at the same time");
}

#[test]
fn are_named_in_a_warning_where_the_system_forbids_a_private_network() {
    if !root_is_there("to give up a capability") {
        return;
    }
    if which::which("setpriv").is_err() {
        return skip("there is no setpriv");
    }
    let site = Site::fake();
    site.test_file("t.test", "exit 0\n");
    let without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];
    let run = site.run().args(["t"]).through(&without).finish();
    run.exits(0).verdict("main.t", "pass");
    run.says("as no private one can be made (Operation not permitted").says("capability SYS_ADMIN");
    let run = site.run().args(["--network=private", "t"]).through(&without).finish();
    run.exits(1).says("cannot make a private network").reports_are_well_formed();
}

#[test]
fn cannot_have_a_private_network_themselves() {
    if rustix::process::geteuid().is_root() {
        return skip("a user without rights is needed");
    }
    let site = Site::fake();
    site.test_file("t.test", "exit 0\n");
    let run = site.run().args(["--network=private", "t"]).finish();
    run.exits(1).says("cannot make a private network").says("it takes root");
    site.run().args(["t"]).finish().exits(0).does_not_say("network");
}

/// IPv6, the addresses of the machine and its name lead to the run's own servers.
#[test]
fn are_not_missed_by_tests_of_the_network() {
    if !root_is_there("to have a private network") {
        return;
    }
    let site = Site::real();
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    hosts.extend(["::1", name.as_str()].into_iter().filter(|host| serves(host)).map(str::to_owned));
    let mut script = String::from("--disable_query_log\n--disable_result_log\n");
    for (number, host) in hosts.iter().enumerate() {
        script.push_str(&format!(
            "connect (c{number},{host},root,,test,$MASTER_MYPORT,,TCP);\nselect 1;\nconnection default;\n"
        ));
    }
    script.push_str("--enable_result_log\n--echo done\n");
    // From an address of the machine a user needs a name of his own in the server.
    let grant = "create user root@'%';\ngrant all on *.* to root@'%' with grant option;\n";
    let drop = "drop user root@'%';\n";
    site.test_file("net.test", format!("--disable_query_log\n{grant}{script}{drop}"));
    site.test_file("net.result", "done\n").test_file("net.opt", "--bind-address=*\n");
    let run = site.run().args(["net"]).finish();
    run.exits(0).verdict("own.net", "pass");
}

/// Whether a server of this machine could be reached by `host`.
fn serves(host: &str) -> bool {
    use std::net::{TcpListener, TcpStream};
    TcpListener::bind((host, 0)).is_ok_and(|server| {
        let port = server.local_addr().unwrap().port();
        TcpStream::connect((host, port)).is_ok()
    })
}

#[test]
fn have_no_say_in_what_root_runs_from_a_cache() {
    if !root_is_there("to give directories away") {
        return;
    }
    let site = Site::fake();
    site.test_file("t.test", "exit 0\n");
    let home = site.path("home");
    std::fs::create_dir_all(home.join(".cache/mtr-rs")).unwrap();
    for dir in [home.join(".cache/mtr-rs"), home.join(".cache"), home.clone()] {
        chown(dir, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let temp = site.path("temp");
    std::fs::create_dir(&temp).unwrap();
    let run = site.run().args(["t"]).env("MTR_CACHE_DIR", "").env("XDG_CACHE_HOME", "");
    let run = run.env("HOME", &home).env("TMPDIR", &temp).finish();
    run.exits(0).says("is not used: it belongs to user 65534, not to user 0");
    assert_eq!(std::fs::read_dir(home.join(".cache/mtr-rs")).unwrap().count(), 0, "{run:?}");
    let run = site.run().args(["t"]).env("MTR_CACHE_DIR", home.join(".cache/mtr-rs")).finish();
    run.exits(1).says("MTR_CACHE_DIR cannot be trusted: it belongs to user 65534, not to user 0");
}

#[test]
fn do_not_change_the_bundled_tests() {
    let site = Site::fake();
    site.test_file("t.test", "exit 0\n");
    site.run().args(["t"]).finish().exits(0).does_not_say("unpacked anew");
    let cache = site.path("cache");
    let bundled = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
    let bundled = bundled.into_iter().find(|path| path.join("handlersocket").is_dir()).unwrap();
    let test = bundled.join("handlersocket/mdev_32484.test");
    std::fs::write(&test, "--echo theirs\n").unwrap();
    std::fs::write(bundled.join("handlersocket/suite.pm"), "die 'run by root'").unwrap();
    site.run().args(["t"]).finish().exits(0).says("the bundled tests were unpacked anew: ");
    assert!(!bundled.join("handlersocket/suite.pm").exists());
    assert!(std::fs::read_to_string(&test).unwrap().contains("MDEV-32484"));
}
