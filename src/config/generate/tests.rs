//! Configurations of templates, in an installation that is a directory.

use super::*;
use crate::tree::config_file::{read, read_text};

/// An installation with nothing in it but the share directory, and inputs around it.
fn try_made(template: &str, basedir: &Path, plugins: &[&str]) -> Result<Config> {
    std::fs::create_dir_all(basedir.join("share/mariadb/charsets")).unwrap();
    let template = read_text(template.as_bytes(), Path::new("my.cnf"), basedir)?;
    let layout = Layout {
        basedir: basedir.into(),
        bindir: basedir.into(),
        plugin_dir: "/plugins".into(),
        client_plugin_dir: "/client".into(),
        ..Layout::default()
    };
    let mut env = Env::default();
    env.set("HOST_NAME", "h");
    let plugins: Vec<String> = plugins.iter().map(ToString::to_string).collect();
    generate(&ConfigInputs {
        template: &template,
        template_path: Path::new("my.cnf"),
        layout: &layout,
        vardir: Path::new("/var0"),
        tmpdir: Path::new("/tmp0"),
        first_port: 22000,
        user: "root",
        optional_plugins: &plugins,
        env: &env,
    })
}

fn made(template: &str) -> Config {
    let base = tempfile::tempdir().unwrap();
    try_made(template, base.path(), &[]).unwrap()
}

fn resolved(value: &str) -> BString {
    let config = made(&format!("[ENV]\nSET=v\nUNSET\n[b]\nc=d\n[x]\ny={value}\n"));
    config.file().group("x").unwrap().value("y").unwrap().into()
}

#[test]
fn a_server_gets_what_it_lacks_in_a_fixed_order() {
    let base = tempfile::tempdir().unwrap();
    let config = try_made(
        "[mysqld]\na\n[mysqld.1]\n#!run-master-sh\nport=7\n[ENV]\nP=@mysqld.1.port\n",
        base.path(),
        &["innodb", "csv"],
    )
    .unwrap();
    let text = config.to_bytes().to_string().replace(base.path().to_str().unwrap(), "BASE");
    assert_eq!(
        text,
        "[mysqld]\na\nloose-skip-plugin-innodb\nloose-skip-plugin-csv\n\n\
         [mysqld.1]\n#!run-master-sh=\nport=7\nbasedir=BASE\ntmpdir=/tmp0/mysqld.1\n\
         character-sets-dir=BASE/share/mariadb/charsets\nlc-messages-dir=BASE/share/mariadb/\n\
         datadir=/var0/mysqld.1/data\npid-file=/var0/run/mysqld.1.pid\n#host=localhost\n\
         socket=/tmp0/mysqld.1.sock\nlog-error=/var0/log/mysqld.1.err\ngeneral-log=1\n\
         plugin-dir=/plugins\ngeneral-log-file=/var0/mysqld.1/mysqld.log\nslow-query-log=1\n\
         slow-query-log-file=/var0/mysqld.1/mysqld-slow.log\n#user=root\n#password=\nserver-id=1\n\
         bind-address=127.0.0.1\n\n[mysqlbinlog]\n\n[mysql_upgrade]\ntmpdir=/tmp0\n\n\
         [client]\ncharacter-sets-dir=BASE/share/mariadb/charsets\nplugin-dir=/client\nport=7\n\
         socket=/tmp0/mysqld.1.sock\nhost=localhost\nuser=root\npassword=\n\n[mysqltest]\n\n\
         [client.1]\nport=7\nsocket=/tmp0/mysqld.1.sock\nhost=localhost\nuser=root\npassword=\n\n"
    );
    assert_eq!(config.environment(), [("P".into(), Some("7".into()))]);
}

#[test]
fn ports_go_to_servers_first_then_to_references_env_before_all() {
    let config = made("[mysqld.1]\n#extra=@OPT.port\n[mysqld.2]\n[ENV]\nA=@OPT.port\nB=@mysqld.1.#extra\n");
    assert_eq!(config.servers().iter().map(ServerGroup::port).collect::<Vec<_>>(), [22000, 22001]);
    // `[ENV]` is resolved first: B gets the text of an option that is not resolved yet.
    assert_eq!(
        config.environment(),
        [("A".into(), Some("22002".into())), ("B".into(), Some("@OPT.port".into()))]
    );
    assert_eq!(config.servers()[0].value("#extra").unwrap(), "22003");
    assert_eq!(config.next_port(), 22004);
}

/// Thirty values of two references each: the last one would have a thousand million bytes.
#[test]
fn values_do_not_double_without_limit() {
    let base = tempfile::tempdir().unwrap();
    let chain: String = (1..30).map(|n| format!("v{n}=@a.v{0}@a.v{0}\n", n - 1)).collect();
    let error = try_made(&format!("[a]\nv0=x\n{chain}"), base.path(), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "my.cnf:19: the value becomes longer than 65536 bytes when '@a.v16' is replaced"
    );
    assert!(error.hint_text().is_some());
    let wide = "x".repeat(60_000);
    let many: String = (0..100).map(|n| format!("w{n}=@a.v\n")).collect();
    let error = try_made(&format!("[a]\nv={wide}\n{many}"), base.path(), &[]).unwrap_err();
    assert!(error.message().contains("longer than 54304 bytes"), "{error}");
    assert_eq!(error.location().unwrap().line, Some(72));
}

#[test]
fn references_are_replaced_with_the_quirks_of_the_reference() {
    for (value, expected) in [
        ("@ENV.SET", "v"),
        ("pre@ENV.SET/post", "prev/post"),
        ("@b.c@b.c/x", "dd/x"),
        ("a@ENV.HOST_NAME.", "ah."),
        ("pre@ENV.NONE/post", "/post"),
        ("pre@ENV.UNSET/post", "/post"),
        ("x@ENV.SET,pre@ENV.NONE/post", "xv/post"),
        ("set @a=1", ""),
        ("foo@bar", ""),
        ("set @a=1,@b.c", "set @a=1,d"),
    ] {
        assert_eq!(resolved(value), expected, "{value}");
    }
}

#[test]
fn references_end_where_the_option_name_ends() {
    let shown = |text: &'static str| {
        Reference::find(text.as_bytes()).map(|r| (r.start, r.end, r.group.to_string(), r.option.to_string()))
    };
    let at = |start, end, group: &str, option: &str| Some((start, end, group.into(), option.into()));
    assert_eq!(shown("@mysqld.1.#galera_port/x"), at(0, 22, "mysqld.1", "#galera_port"));
    assert_eq!(shown("a@b.c.d-e.f"), at(1, 9, "b.c", "d-e"));
    assert_eq!(shown("@a.b."), at(0, 4, "a", "b"));
    assert_eq!(shown("@@x@a.b"), at(3, 7, "a", "b"));
    assert_eq!(shown("@a."), None);
    assert_eq!(shown("@a"), None);
}

#[test]
fn a_reference_to_nothing_is_an_error_with_the_line() {
    let base = tempfile::tempdir().unwrap();
    for (template, message) in [
        ("[a]\nx=a@b.c\n", "my.cnf:2: There is no group named 'b' that can be used to resolve 'c'"),
        ("[a]\nx=@a.z\n", "my.cnf:2: No option named 'z' in group 'a'"),
        ("[a]\nx=@OPT.socket\n", "my.cnf:2: No option named 'socket' in group 'OPT'"),
        ("[mysqld.1]\nport=many\n", "my.cnf:2: the port of [mysqld.1] is no number from 0 to 65535"),
    ] {
        assert_eq!(try_made(template, base.path(), &[]).unwrap_err().to_string(), message);
    }
}

#[test]
fn server_ids_avoid_those_given_anywhere() {
    let config = made("[mysqld.1]\n[mysqld.2]\nserver-id=1\n[mysqld.3]\n[other]\nserver-id=3\n");
    let ids: Vec<_> = config.servers().iter().map(|s| s.value("server-id").unwrap().to_string()).collect();
    assert_eq!(ids, ["2", "1", "4"]);
}

#[test]
fn servers_know_their_kind() {
    let config = made(
        "[mysqld.1.2]\n#!use-slave-opt\nlog-slave-updates\nwsrep-on=ON\nwsrep_cluster_address='gcomm://'\n\
         [mysqld.2]\nwsrep-on=1\nwsrep-cluster-address=gcomm://127.0.0.1\nbasedir=BASE\nlc-messages-dir=x\ncharacter-sets-dir=y\n",
    );
    let [first, second] = config.servers() else { panic!("two servers") };
    assert_eq!((first.name(), first.suffix()), ("mysqld.1.2".into(), ".1.2".into()));
    assert!(first.uses_slave_options() && first.logs_slave_updates() && first.wsrep_bootstraps());
    assert!(second.wsrep_on() && !second.wsrep_bootstraps() && !second.runs_master_sh());
    assert_eq!(second.basedir(), Path::new("BASE"));
}

#[test]
fn our_own_template_needs_nothing_of_the_tree_of_mariadb() {
    let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites");
    let path = suites.join("include/default_my.cnf");
    let base = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(base.path().join("share/charsets")).unwrap();
    let mut env = Env::default();
    env.set("MYSQLTEST_VARDIR", "/var0");
    let layout = Layout { basedir: base.path().into(), bindir: base.path().into(), ..Layout::default() };
    let config = generate(&ConfigInputs {
        template: &read(&path, &suites).unwrap(),
        template_path: &path,
        layout: &layout,
        vardir: Path::new("/var0"),
        tmpdir: Path::new("/tmp0"),
        first_port: 22000,
        user: "root",
        optional_plugins: &[],
        env: &env,
    })
    .unwrap();
    let names: Vec<_> = config.file().option_groups().map(|g| g.name.to_string()).collect();
    assert_eq!(names[..3], ["mysqld", "mariadb", "server"]);
    assert_eq!(config.file().group("mysqld").unwrap().value("secure-file-priv").unwrap(), "/var0");
    assert!(!config.to_bytes().contains_str("std_data"));
    assert_eq!(config.environment()[0], ("MASTER_MYPORT".into(), Some("22000".into())));
    assert_eq!(config.servers().len(), 1);
}
