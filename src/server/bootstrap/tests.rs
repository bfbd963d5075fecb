//! Bootstraps by a function that stands for the server.

use super::*;
use crate::sys::bounded::watch;
use crate::triage::testing::argv;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn statements_become_lines() {
    let sql = b"-- comment\ndelimiter ||;\n\nuse mtr||\nCREATE x\r\n  -- inside\n  '@HOSTNAME@';\nEND||\n-- last||\n\n\n";
    assert_eq!(to_bootstrap(sql), "\n use mtr;\nCREATE x   localhost; END;\n-- last;\n");
    assert_eq!(to_bootstrap(b"a;\nb\ndelimiter //\n;c//\n"), "\na;\nb ;c;\n");
}

/// A little installation: share directory, SQL files, test directory.
pub(in crate::server) fn installation(root: &Path) -> Layout {
    let share = root.join("share/mariadb");
    fs::create_dir_all(share.join("charsets")).unwrap();
    fs::create_dir_all(root.join("mysql-test/include")).unwrap();
    for file in
        ["system_tables", "performance_tables", "system_tables_data", "test_data_timezone", "sys_schema"]
    {
        fs::write(share.join(format!("mysql_{file}.sql")), format!("{file};\n")).unwrap();
    }
    fs::write(share.join("maria_add_gis_sp_bootstrap.sql"), "gis;\n").unwrap();
    fs::write(share.join("fill_help_tables.sql"), "help;\n").unwrap();
    for file in ["warnings", "check"] {
        fs::write(root.join(format!("mysql-test/include/mtr_{file}.sql")), format!("{file};\n")).unwrap();
    }
    Layout {
        test_dir: root.join("mysql-test"),
        basedir: root.into(),
        bindir: root.into(),
        plugin_dir: "/plugins".into(),
        system_tables: SystemTables::below(root),
        ..Layout::default()
    }
}

/// A server that writes what it was called with, and the number of calls so far.
pub(in crate::server) fn fake(
    calls: &AtomicUsize,
) -> impl Fn(&mut Command, Duration, Hear<'_>) -> io::Result<ExitStatus> + Sync {
    |command, _, _| {
        let arguments: Vec<_> = command.get_args().map(|a| a.to_str().unwrap().to_owned()).collect();
        let datadir = arguments.iter().find_map(|a| a.strip_prefix("--datadir=")).unwrap();
        let count = calls.fetch_add(1, Ordering::Relaxed);
        fs::write(Path::new(datadir).join("mysql/t.frm"), count.to_string())?;
        let fail = arguments.iter().any(|a| a == "--innodb-fail");
        Command::new("sh").arg("-c").arg(if fail { "exit 7" } else { "exit 0" }).status()
    }
}

pub(in crate::server) fn bootstrap<'a>(
    layout: &'a Layout,
    vardir: &'a Path,
    env: &'a Env,
    runner: &'a Runner<'a>,
) -> Bootstrap<'a> {
    Bootstrap {
        layout,
        basedir: layout.basedir.clone(),
        mariadbd: std::env::current_exe().unwrap(),
        system_tables: layout.system_tables.clone(),
        by_initialize: false,
        charset: Charset::Latin1,
        optional_plugins: &[],
        vardir,
        mysqld_options: &[],
        debug: None,
        env,
        cache: Some(vardir.join("cache")),
        debugger: None,
        patience: Duration::from_secs(60),
        runner,
    }
}

#[test]
fn arguments_are_in_the_order_of_the_reference() {
    let root = tempfile::tempdir().unwrap();
    let layout = installation(root.path());
    let env = Env::default();
    let plugins = ["innodb".to_owned()];
    let options = ["--innodb".into(), "--x=1".into(), "--loose--innodb-y".into()];
    let bootstrap = Bootstrap {
        optional_plugins: &plugins,
        mysqld_options: &options,
        debug: Some("d,*"),
        mariadbd: "/sbin/mariadbd".into(),
        ..bootstrap(&layout, Path::new("/var0"), &env, &watch)
    };
    let line = bootstrap.command_line(Path::new("/d")).unwrap().to_string();
    assert_eq!(
        line.replace(root.path().to_str().unwrap(), "BASE"),
        "/sbin/mariadbd --no-defaults --disable-getopt-prefix-matching --bootstrap --basedir=BASE --datadir=/d \
         --plugin-dir=/plugins --default-storage-engine=myisam --loose-skip-plugin-innodb --loose-innodb \
         --loose-innodb-log-file-size=10M --disable-sync-frm --tmpdir=/var0/tmp/ --core-file --console \
         --character-set-server=latin1 --loose-disable-performance-schema \
         --debug-dbug=d,*:t:i:A,/var0/log/bootstrap.trace --lc-messages-dir=BASE/share/mariadb/ \
         --character-sets-dir=BASE/share/mariadb/charsets --innodb --loose--innodb-y"
    );
    fs::write(root.path().join("share/mariadb/mariadb_system_tables.sql"), "").unwrap();
    let later = Bootstrap { system_tables: SystemTables::below(root.path()), ..bootstrap };
    let line = later.command_line(Path::new("/d")).unwrap().to_string();
    assert!(line.contains(
        " --loose-innodb-log-file-size=10M --loose-innodb-fast-shutdown=0 --disable-sync-frm --debug-no-sync --tmpdir="
    ));
}

#[test]
fn another_installations_server_is_the_one_that_is_started() {
    let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    installation(other.path());
    let program = |name: &str, mode: u32| {
        let path = other.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        path
    };
    // Nobody can run the first one.
    program("sbin/mariadbd", 0o644);
    let (plain, debug) = (program("bin/mysqld", 0o755), program("bin/mysqld-debug", 0o755));
    for (debug_server, expected) in [(false, plain), (true, debug)] {
        let layout = Layout { debug_server, ..installation(root.path()) };
        let env = Env::default();
        let bootstrap = bootstrap(&layout, Path::new("/var0"), &env, &watch);
        assert_eq!(bootstrap.for_basedir(other.path()).unwrap().mariadbd, expected);
        assert_eq!(layout.server_of(other.path()).unwrap(), expected);
        assert!(bootstrap.for_basedir(Path::new("/nonexistent")).err().unwrap().hint_text().is_some());
    }
}

#[test]
fn a_server_without_scripts_says_what_would_help() {
    let root = tempfile::tempdir().unwrap();
    let (layout, env) = (installation(root.path()), Env::default());
    let bare = Bootstrap { system_tables: None, ..bootstrap(&layout, root.path(), &env, &watch) };
    let hint = |by_initialize| {
        let error = Bootstrap { by_initialize, ..bare.clone() }.sql().unwrap_err();
        error.hint_text().unwrap().to_owned()
    };
    assert!(hint(false).contains("the server's package"), "{}", hint(false));
    assert!(hint(true).contains("MySQL") && hint(true).contains("--basedir=DIR"), "{}", hint(true));
}

#[test]
fn the_sql_is_complete_or_an_error() {
    let root = tempfile::tempdir().unwrap();
    let layout = installation(root.path());
    let env = Env::default();
    let bootstrap = bootstrap(&layout, root.path(), &env, &watch);
    assert_eq!(
        bootstrap.sql().unwrap(),
        "use mysql;\nsystem_tables;\ngis;\nperformance_tables;\nsystem_tables_data;\ntest_data_timezone;\n\
         help;\nsys_schema;\nCREATE DATABASE IF NOT EXISTS test CHARACTER SET latin1 COLLATE latin1_swedish_ci;\n\
         ALTER TABLE gtid_slave_pos ENGINE=Aria transactional=0;\nDELETE FROM mysql.global_priv where user= '';\n\
         CREATE DATABASE mtr CHARSET=latin1;\n\nwarnings;\n\ncheck;\n"
    );
    fs::remove_file(root.path().join("share/mariadb/fill_help_tables.sql")).unwrap();
    assert!(bootstrap.sql().unwrap_err().message().ends_with("fill_help_tables.sql"));
}

#[test]
fn the_same_bootstrap_is_made_once() {
    let root = tempfile::tempdir().unwrap();
    let layout = installation(root.path());
    let (env, calls) = (Env::default(), AtomicUsize::new(0));
    let runner = fake(&calls);
    let first = bootstrap(&layout, root.path(), &env, &runner);
    let install = |b: &Bootstrap, name: &str, extra: &[&str]| {
        let installed = b.install(&root.path().join(name), &argv(extra)).unwrap();
        assert!(installed.warnings.is_empty(), "{:?}", installed.warnings);
        let made = fs::read_to_string(root.path().join(name).join("mysql/t.frm")).unwrap();
        (installed.cached, made.parse::<usize>().unwrap())
    };
    assert_eq!(install(&first, "a", &[]), (false, 0));
    assert_eq!(install(&first, "b", &[]), (true, 0));
    // Each of these is something else.
    assert_eq!(install(&first, "c", &["--innodb-page-size=4k"]), (false, 1));
    assert_eq!(install(&first, "d", &["--innodb-page-size=4k"]), (true, 1));
    let mut other_env = Env::default();
    other_env.set("TZ", "UTC");
    assert_eq!(install(&Bootstrap { env: &other_env, ..first.clone() }, "e", &[]), (false, 2));
    let options = ["--innodb-x".into()];
    assert_eq!(install(&Bootstrap { mysqld_options: &options, ..first.clone() }, "f", &[]), (false, 3));
    fs::write(first.sql_file(), "other").unwrap();
    assert_eq!(install(&first, "g", &[]), (false, 4));
    // A path may lead out of the data directory, and a trace must be written.
    assert_eq!(install(&first, "h", &["--innodb-data-home-dir=/x"]), (false, 5));
    assert_eq!(install(&first, "i", &["--innodb-data-home-dir=/x"]), (false, 6));
    assert_eq!(install(&Bootstrap { debug: Some("d"), ..first.clone() }, "j", &[]), (false, 7));
    // The log has the command of each, cached or not.
    let log = fs::read_to_string(root.path().join("log/bootstrap.log")).unwrap();
    assert_eq!(log.lines().count(), 10);
}

#[test]
fn a_script_is_never_trusted_to_do_the_same_again() {
    let root = tempfile::tempdir().unwrap();
    let layout = installation(root.path());
    let (env, calls) = (Env::default(), AtomicUsize::new(0));
    let runner = fake(&calls);
    let script = root.path().join("server.sh");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let bootstrap = Bootstrap { mariadbd: script, ..bootstrap(&layout, root.path(), &env, &runner) };
    for name in ["a", "b"] {
        assert!(!bootstrap.install(&root.path().join(name), &[]).unwrap().cached);
    }
}

#[test]
fn only_the_entries_used_last_are_kept_and_whole() {
    let root = tempfile::tempdir().unwrap();
    let layout = installation(root.path());
    let (env, calls) = (Env::default(), AtomicUsize::new(0));
    let runner = fake(&calls);
    let bootstrap = bootstrap(&layout, root.path(), &env, &runner);
    for n in 0..14 {
        let extra = format!("--innodb-{n}");
        bootstrap.install(&root.path().join(n.to_string()), &argv(&[&extra])).unwrap();
    }
    let cache = root.path().join("cache/bootstrap");
    let names = || fs::read_dir(&cache).unwrap().map(|e| e.unwrap().file_name()).filter(|n| n != "lock");
    assert_eq!(names().count(), 12);
    // A failed bootstrap leaves nothing.
    let error = bootstrap.install(&root.path().join("x"), &argv(&["--innodb-fail"])).unwrap_err();
    assert!(error.explained().ends_with("--innodb-fail"), "{error}");
    assert_eq!(names().count(), 12);
    // An entry that lost its data is made anew, and the run goes on without a usable cache.
    for name in names() {
        fs::remove_dir_all(cache.join(name).join("data")).unwrap();
    }
    let extra = argv(&["--innodb-13"]);
    assert!(!bootstrap.install(&root.path().join("y"), &extra).unwrap().cached);
    fs::write(root.path().join("file"), "").unwrap();
    let nowhere = Bootstrap { cache: Some(root.path().join("file")), ..bootstrap.clone() };
    let installed = nowhere.install(&root.path().join("z"), &extra).unwrap();
    assert!(installed.warnings.iter().any(|w| w.contains("not cached")));
}

#[test]
fn an_entry_that_is_not_what_was_stored_is_made_anew() {
    type Damage = fn(&Path) -> io::Result<()>;
    let damages: [(&str, Damage); 6] = [
        ("cut", |entry| File::options().write(true).open(entry.join("data/mysql/t.frm"))?.set_len(0)),
        ("changed", |entry| fs::write(entry.join("data/mysql/t.frm"), "9")),
        ("more", |entry| fs::write(entry.join("data/mysql/u.frm"), "")),
        ("less", |entry| fs::remove_file(entry.join("data/mysql/t.frm"))),
        ("no manifest", |entry| fs::remove_file(entry.join("manifest"))),
        ("cut log", |entry| File::options().write(true).open(entry.join("log"))?.set_len(3)),
    ];
    for (what, damage) in damages {
        let root = tempfile::tempdir().unwrap();
        let layout = installation(root.path());
        let (env, calls) = (Env::default(), AtomicUsize::new(0));
        let runner = fake(&calls);
        let bootstrap = bootstrap(&layout, root.path(), &env, &runner);
        let install = |name: &str| bootstrap.install(&root.path().join(name), &[]).unwrap();
        install("a");
        assert!(install("b").cached);
        let entries = fs::read_dir(root.path().join("cache/bootstrap")).unwrap();
        let entry = entries.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
        damage(&entry).unwrap();
        let anew = install("c");
        assert!(!anew.cached, "{what}");
        assert!(anew.warnings.iter().any(|text| text.contains("not what was stored")), "{what}");
        let made = fs::read_dir(root.path().join("c/mysql")).unwrap().count();
        assert_eq!(made, 1, "{what}: nothing of the entry is left in the data directory");
        assert!(install("d").cached, "{what}");
    }
}

#[test]
fn a_run_that_is_stopped_with_the_cache_in_hand_is_not_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let layout = installation(root.path());
    let (env, calls) = (Env::default(), AtomicUsize::new(0));
    let runner = fake(&calls);
    let bootstrap = bootstrap(&layout, root.path(), &env, &runner);
    let install = |name: &str| bootstrap.install(&root.path().join(name), &[]).unwrap();
    install("a");
    let lock = File::open(root.path().join("cache/bootstrap/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(install("b"), Installed { cached: false, warnings: Vec::new() });
    drop(lock);
    assert!(install("c").cached);
}

#[test]
fn the_installed_database_is_read_only() {
    let root = tempfile::tempdir().unwrap();
    let layout = installation(root.path());
    let (env, calls) = (Env::default(), AtomicUsize::new(0));
    let runner = fake(&calls);
    let target = root.path().join("install.db");
    install_db(&bootstrap(&layout, root.path(), &env, &runner), &target).unwrap();
    assert!(fs::metadata(target.join("mysql/t.frm")).unwrap().permissions().readonly());
}

#[test]
fn our_own_sql_has_one_statement_on_each_line() {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/include");
    for (file, statements) in [("mtr_warnings.sql", 8), ("mtr_check.sql", 2)] {
        let sql = to_bootstrap(&read(&include.join(file)).unwrap());
        let lines: Vec<_> = sql.lines().filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(lines.len(), statements, "{file}");
        for line in lines {
            assert!(line.ends_with(b";") && !line.contains_str("-- "), "{}", line.as_bstr());
        }
    }
}
