//! What an unprivileged user of the machine can do to a run of root that goes on beside him.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::skip::{root_is_there, skip, skip_part};
use crate::support::{Finished, Run, Site, wait_for};

/// Somebody without rights and without a group of anybody.
const NOBODY: u32 = 65534;

/// Whether a shell command succeeds for that user.
fn can(command: &str) -> bool {
    let mut shell = Command::new("bash");
    shell.args(["-c", command]).uid(NOBODY).gid(NOBODY).current_dir("/").env_clear();
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
