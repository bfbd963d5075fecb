use bstr::BString;

use crate::triage::evidence::{Declared, DeclaredPlugin, ElfFacts, Evidence, PluginFile};
use crate::triage::rules::judge::findings;
use crate::triage::rules::plugins::library_of_option;
use crate::triage::scene::Scene;
use crate::triage::testing::{Vector, check, codes, failed};

/// Messages of servers from 5.5 to 12, of MySQL, of other C libraries, in other languages.
const VECTORS: &[Vector] = &[
    (
        "MTR-S020",
        &["--plugin-load-add=nosuch.so", "--nosuch_var=1"],
        "t 0 [ERROR] mariadbd: Can't open shared library '/usr/lib/mysql/plugin/nosuch.so' (errno: 2, cannot open \
         shared object file: No such file or directory)\nt 0 [ERROR] Couldn't load plugins from 'nosuch.so'.\n\
         t 0 [ERROR] mariadbd: unknown variable 'nosuch_var=1'",
        Some("--plugin-load-add=nosuch.so"),
        "is not in /usr/lib/mysql/plugin; without it the server does not know 'nosuch_var=1'",
    ),
    (
        "MTR-S020",
        &["--plugin_load=a=b.so;feed=ha_feed.so", "--feed=FORCE"],
        "130101 0:00:00 [ERROR] Can't open shared library '/l/ha_feed.so' (errno: 2 cannot open shared object file: No \
         such file or directory)\n130101 0:00:00 [ERROR] Couldn't load plugin named 'feed' with soname 'ha_feed.so'.\n\
         130101 0:00:00 [ERROR] /usr/sbin/mysqld: unknown variable 'feed=FORCE'",
        Some("--plugin_load=a=b.so;feed=ha_feed.so"),
        "'ha_feed.so'",
    ),
    (
        "MTR-S020",
        &["--plugin-load-add=nosuch", "--nosuch=ON"],
        "t 0 [ERROR] mariadbd: Kann Shared Library '/p/nosuch.so' nicht öffnen (Fehler: 2 cannot open shared object \
         file: No such file or directory)\nt 0 [ERROR] Couldn't load plugins from 'nosuch.so'.\n\
         t 0 [ERROR] mariadbd: unknown variable 'nosuch=ON'",
        Some("--plugin-load-add=nosuch"),
        "is not in /p",
    ),
    (
        "MTR-S020",
        &["--plugin-load-add=file_key_management.so", "--innodb-encrypt-tables"],
        "t 0 [ERROR] mariadbd: Can't open shared library '/p/file_key_management.so' (errno: 2, cannot open shared \
         object file: No such file or directory)\nt 0 [ERROR] Couldn't load plugins from 'file_key_management.so'.\n\
         t 0 [ERROR] InnoDB: cannot enable encryption, encryption plugin is not available",
        Some("--plugin-load-add=file_key_management.so"),
        "without it there is no encryption",
    ),
    (
        "MTR-S021",
        &["--plugin-load-add=ha_connect.so", "--connect-xtrace=1"],
        "t 0 [ERROR] mariadbd: Can't open shared library '/p/ha_connect.so' (errno: 2, undefined symbol: \
         _ZN7handler10rnd_pos_byEPh, version MARIADB_11)\nt 0 [ERROR] Couldn't load plugins from 'ha_connect.so'.\n\
         t 0 [ERROR] mariadbd: unknown variable 'connect-xtrace=1'",
        Some("--plugin-load-add=ha_connect.so"),
        "needs the symbol '_ZN7handler10rnd_pos_byEPh', which",
    ),
    (
        "MTR-S021",
        &["--plugin-load-add=auth_pam.so", "--pam"],
        "t 0 [ERROR] Can't open shared library '/p/auth_pam.so' (errno: 2, Error relocating /p/auth_pam.so: pam_start: \
         symbol not found)\nt 0 [ERROR] Couldn't load plugins from 'auth_pam.so'.\nt 0 [ERROR] unknown option '--pam'",
        Some("--plugin-load-add=auth_pam.so"),
        "'pam_start'",
    ),
    (
        "MTR-S022",
        &["--plugin-load-add=handlersocket.so", "--handlersocket_port=9998"],
        "t 0 [ERROR] mysqld: Can't open shared library '/p/handlersocket.so' (errno: 2, undefined symbol: \
         _db_my_assert)\nt 0 [ERROR] Couldn't load plugins from 'handlersocket.so'.\n\
         t 0 [ERROR] mysqld: unknown variable 'handlersocket_port=9998'",
        Some("--plugin-load-add=handlersocket.so"),
        "is of a Debug build, the server of a Release build, which has no '_db_my_assert'",
    ),
    (
        "MTR-S022",
        &["--plugin-load-add=ha_x.so", "--x-y"],
        "t 0 [ERROR] mariadbd: Can't open shared library '/p/ha_x.so' (errno: 2, /p/ha_x.so: undefined symbol: \
         _dbug_on_)\nt 0 [ERROR] Couldn't load plugins from 'ha_x.so'.\nt 0 [ERROR] mariadbd: unknown option '--x-y'",
        Some("--plugin-load-add=ha_x.so"),
        "'_dbug_on_'",
    ),
    (
        "MTR-S023",
        &["--plugin-load-add=disks.so", "--disks=FORCE"],
        "t 0 [ERROR] mariadbd: Can't open shared library 'disks.so' (errno: 0, API version for INFORMATION SCHEMA \
         plugin DISKS not supported by this version of the server)\nt 0 [ERROR] Couldn't load plugins from \
         'disks.so'.\nt 0 [ERROR] mariadbd: unknown variable 'disks=FORCE'",
        Some("--plugin-load-add=disks.so"),
        "was made for another server",
    ),
    (
        "MTR-S023",
        &["--plugin-load-add=x.so", "--x=FORCE"],
        "t 0 [ERROR] mariadbd: Can't open shared library '/p/x.so' (errno: 8, service 'my_snprintf_service' interface \
         version mismatch)\nt 0 [ERROR] Couldn't load plugins from 'x.so'.\nt 0 [ERROR] unknown variable 'x=FORCE'",
        Some("--plugin-load-add=x.so"),
        "my_snprintf_service",
    ),
    (
        "MTR-S024",
        &["--plugin-load-add=handlersocket.so", "--handlersocket_port=1"],
        "t 0 [ERROR] mariadbd: Can't open shared library 'handlersocket.so' (errno: 1, Loading of beta plugin \
         handlersocket is prohibited by --plugin-maturity=gamma)\nt 0 [ERROR] Couldn't load plugins from \
         'handlersocket.so'.\nt 0 [ERROR] mariadbd: unknown variable 'handlersocket_port=1'",
        Some("--plugin-load-add=handlersocket.so"),
        "--plugin-maturity=gamma (the server's default) wants more; without it",
    ),
    (
        "MTR-S025",
        &["--rocksdb=FORCE"],
        "t 0 [ERROR] RocksDB: Can not work with libc\nt 0 [ERROR] Plugin 'ROCKSDB' init function returned error.\n\
         t 0 [ERROR] Plugin 'ROCKSDB' registration as a STORAGE ENGINE failed.\n\
         t 0 [ERROR] Failed to initialize plugins.\nt 0 [ERROR] Aborting",
        Some("--rocksdb=FORCE"),
        "which --rocksdb=FORCE (x.opt:1) insists on, failed to initialise: RocksDB: Can not work with libc",
    ),
    (
        "MTR-S027",
        &["--plugin-load-add=nosuch=ed.so", "--nosuch=force_plus_permanent"],
        "t 0 [ERROR] mariadbd: Kann Funktion 'nosuch' in der Library nicht finden\n\
         t 0 [ERROR] Couldn't load plugin 'nosuch' from 'ed.so'.\n\
         t 0 [ERROR] mariadbd: unknown variable 'nosuch=force_plus_permanent'",
        Some("--plugin-load-add=nosuch=ed.so"),
        "has no plugin 'nosuch'; without it",
    ),
    (
        "MTR-S027",
        &["--columnstore=FORCE"],
        "t 0 [ERROR] mariadbd: unknown variable 'columnstore=FORCE'\nt 0 [ERROR] Aborting",
        Some("--columnstore=FORCE"),
        "-DPLUGIN_COLUMNSTORE=STATIC",
    ),
    (
        "MTR-S028",
        &["--plugin-load-add=x.so", "--x"],
        "t 0 [ERROR] mariadbd: Can't open shared library '/p/x.so' (errno: 2, wrong ELF class: ELFCLASS32)\n\
         t 0 [ERROR] Couldn't load plugins from 'x.so'.\nt 0 [ERROR] mariadbd: unknown option '--x'",
        Some("--plugin-load-add=x.so"),
        "is no shared library: wrong ELF class: ELFCLASS32",
    ),
    (
        "MTR-S028",
        &["--plugin-load-add=dialog.so", "--dialog"],
        "t 0 [ERROR] mariadbd: Can't find symbol '_mysql_plugin_interface_version_' in library\n\
         t 0 [ERROR] Couldn't load plugins from 'dialog.so'.\nt 0 [ERROR] mariadbd: unknown option '--dialog'",
        Some("--plugin-load-add=dialog.so"),
        "is no plugin",
    ),
    (
        "MTR-S029",
        &["--plugin-load-add=ha_mroonga.so", "--mroonga-log-level=x"],
        "t 0 [ERROR] mariadbd: Can't open shared library '/p/ha_mroonga.so' (errno: 2, libgroonga.so.0: cannot open \
         shared object file: No such file or directory)\nt 0 [ERROR] Couldn't load plugins from 'ha_mroonga.so'.\n\
         t 0 [ERROR] mariadbd: unknown variable 'mroonga-log-level=x'",
        Some("--plugin-load-add=ha_mroonga.so"),
        "needs the library 'libgroonga.so.0'",
    ),
    (
        "MTR-S029",
        &["--plugin-load-add=ha_rocksdb.so", "--rocksdb"],
        "t 0 [ERROR] mariadbd: Can't open shared library '/p/ha_rocksdb.so' (errno: 2, /lib/x86_64-linux-gnu/libc.so.6: \
         version `GLIBC_2.38' not found (required by /p/ha_rocksdb.so))\nt 0 [ERROR] Couldn't load plugins from \
         'ha_rocksdb.so'.\nt 0 [ERROR] mariadbd: unknown option '--rocksdb'",
        Some("--plugin-load-add=ha_rocksdb.so"),
        "needs version GLIBC_2.38 of the library 'libc.so.6'",
    ),
    (
        "MTR-S029",
        &["--plugin-load-add=ha_s3.so", "--s3"],
        "t 0 [ERROR] Can't open shared library '/p/ha_s3.so' (errno: 2, Error loading shared library libcurl.so.4: No \
         such file or directory (needed by /p/ha_s3.so))\nt 0 [ERROR] Couldn't load plugins from 'ha_s3.so'.\n\
         t 0 [ERROR] unknown option '--s3'",
        Some("--plugin-load-add=ha_s3.so"),
        "'libcurl.so.4'",
    ),
];

#[test]
fn every_vector_finds_its_cause_argument_and_words() {
    check(VECTORS);
}

const MISSING: &str = "t 0 [ERROR] mariadbd: Can't open shared library '/p/x.so' (errno: 2, cannot open shared object \
                       file: No such file or directory)\nt 0 [ERROR] Couldn't load plugins from 'x.so'.\n";

/// A server that was told to load a file `x.so`, with this end of its log.
fn with_file(file: PluginFile, log: &str) -> Evidence {
    Evidence {
        plugins: vec![PluginFile { wanted: "x.so".into(), path: "/p/x.so".into(), ..file }],
        elf: Some(ElfFacts { machine: "x86_64".into(), bits: 64, loadable: true, ..ElfFacts::default() }),
        ..failed(1, &["--plugin-load-add=x.so"], log)
    }
}

fn cause_of(evidence: &Evidence) -> BString {
    findings(&Scene::new(evidence))[0].text.clone()
}

#[test]
fn what_the_server_goes_on_without_is_not_what_ended_it() {
    let log = format!("{MISSING}t 0 [ERROR] mariadbd: unknown option '--other'");
    assert_eq!(codes(&failed(1, &["--plugin-load-add=x.so"], &log)), ["MTR-S003", "MTR-S020"]);
    assert_eq!(codes(&failed(1, &[], MISSING)), ["MTR-S020"]);
    let log = format!("{MISSING}t 0 [ERROR] Unknown/unsupported storage engine: other");
    assert_eq!(codes(&failed(1, &[], &log)), ["MTR-S016", "MTR-S020"]);
    let log = format!("{MISSING}t 0 [ERROR] Unknown/unsupported storage engine: X");
    assert_eq!(codes(&failed(1, &[], &log)), ["MTR-S020"]);
}

#[test]
fn a_library_that_is_there_is_not_missing_whatever_the_loader_says() {
    let arm = ElfFacts { machine: "aarch64".into(), bits: 64, loadable: true, ..ElfFacts::default() };
    let evidence = with_file(PluginFile { exists: true, elf: Some(arm), ..PluginFile::default() }, MISSING);
    assert_eq!(codes(&evidence), ["MTR-S028"]);
    assert!(cause_of(&evidence).ends_with(b"is for aarch64 (64 bits), and the server for x86_64 (64 bits)"));
    let evidence = with_file(PluginFile { exists: true, ..PluginFile::default() }, MISSING);
    assert_eq!(codes(&evidence), ["MTR-S028"]);
    assert_eq!(codes(&with_file(PluginFile::default(), MISSING)), ["MTR-S020"]);
}

#[test]
fn a_missing_library_of_a_built_in_plugin_is_not_needed() {
    let mut evidence = with_file(PluginFile::default(), MISSING);
    let x = DeclaredPlugin { name: "X".into(), ..DeclaredPlugin::default() };
    evidence.built_in = Some(Declared { plugins: vec![x], ..Declared::default() });
    assert_eq!(codes(&evidence), ["MTR-S026"]);
}

#[test]
fn a_release_plugin_in_a_debug_server() {
    let log = "t 0 [ERROR] Can't open shared library '/p/x.so' (errno: 2, undefined symbol: my_mutex_gone)\n\
               t 0 [ERROR] Couldn't load plugins from 'x.so'.";
    let release = ElfFacts {
        machine: "x86_64".into(),
        bits: 64,
        loadable: true,
        undefined: vec!["my_mutex_gone".into(), "my_malloc".into()],
        ..ElfFacts::default()
    };
    let mut evidence =
        with_file(PluginFile { exists: true, elf: Some(release), ..PluginFile::default() }, log);
    assert_eq!(codes(&evidence), ["MTR-S021"]);
    evidence.elf.iter_mut().for_each(|server| server.exported.push("_db_enter_".into()));
    assert_eq!(codes(&evidence), ["MTR-S022"]);
    assert!(cause_of(&evidence).starts_with(b"the plugin library 'x.so', which --plugin-load-add=x.so"));
}

#[test]
fn a_long_symbol_is_told_in_full() {
    let long = format!("_ZN{}", "x".repeat(200));
    let log = format!(
        "t 0 [ERROR] Can't open shared library '/p/x.so' (errno: 2, undefined symbol: {})\n\
         t 0 [ERROR] Couldn't load plugins from 'x.so'.",
        &long[..100]
    );
    let elf = ElfFacts { machine: "x86_64".into(), bits: 64, loadable: true, ..ElfFacts::default() };
    let unresolved = vec![long.as_str().into()];
    let evidence =
        with_file(PluginFile { exists: true, elf: Some(elf), unresolved, ..PluginFile::default() }, &log);
    assert!(cause_of(&evidence).windows(long.len()).any(|part| part == long.as_bytes()));
}

#[test]
fn a_variable_leads_to_its_library() {
    let log = "t 0 [ERROR] mariadbd: unknown variable 'hs-port-wr=1'";
    let plugin =
        DeclaredPlugin { name: "HS".into(), variables: vec!["port_wr".into()], ..DeclaredPlugin::default() };
    let file = PluginFile {
        wanted: "hs.so".into(),
        path: "/p/hs.so".into(),
        exists: true,
        declared: Some(Declared { plugins: vec![plugin], ..Declared::default() }),
        ..PluginFile::default()
    };
    let evidence = Evidence { unloaded: vec![file], ..failed(7, &["--hs_port_wr=1"], log) };
    assert_eq!(codes(&evidence), ["MTR-S002"]);
    let scene = Scene::new(&evidence);
    assert_eq!(library_of_option(&scene, "hs_port_wr=1".into()), Some("hs.so".into()));
    assert_eq!(library_of_option(&scene, "hs_port_nope=1".into()), None);
    let evidence = failed(7, &["--plugin-load-add=x.so"], MISSING);
    assert_eq!(library_of_option(&Scene::new(&evidence), "x_port=1".into()), Some("x.so".into()));
}

#[test]
fn healthy_servers_have_no_findings() {
    let healthy = "t 0 [Note] Plugin 'FEEDBACK' is disabled.\n\
                   t 0 [Warning] Plugin 'handlersocket' is of maturity level beta while the server is stable\n\
                   t 0 [Warning] mariadbd: unknown variable 'loose-feedback-debug-interval=60'\n\
                   t 0 [Warning] mariadbd: unknown option '--loose-pam-debug'\n\
                   t 0 [Note] mariadbd: ready for connections.";
    assert_eq!(codes(&failed(1, &["--plugin-load-add=handlersocket.so"], healthy)), ["MTR-S104"]);
}

/// 10.11 gives up a list at the first library that fails, 11.8 goes on: then what comes after it was loaded.
#[test]
fn what_a_list_names_after_a_failure() {
    let declared = Declared {
        maria: true,
        interface: 0x010f,
        plugins: vec![DeclaredPlugin {
            name: "dying".into(),
            variables: vec!["port".into()],
            ..DeclaredPlugin::default()
        }],
    };
    let told = |option: &str, more: &str| {
        let log = format!(
            "t 0 [ERROR] mariadbd: Can't open shared library '/p/gone.so' (errno: 2, cannot open shared object file: No \
             such file or directory)\nt 0 [ERROR] Couldn't load plugins from 'gone.so'.\n{more}\
             t 0 [ERROR] mariadbd: unknown variable '{option}=3'"
        );
        let option = format!("--{option}=3");
        let mut evidence = failed(7, &["--plugin-load=gone.so;own.so;last.so", &option], &log);
        evidence.plugins = vec![PluginFile {
            wanted: "own.so".into(),
            exists: true,
            declared: Some(declared.clone()),
            ..PluginFile::default()
        }];
        let found = findings(&Scene::new(&evidence));
        (found[0].cause.code, found[0].text.to_string())
    };
    let (code, text) = told("dying-port", "");
    assert!(code == "MTR-S020" && text.contains("what the list names after it, the server"), "{text}");
    assert_eq!(told("dying-prot", "").0, "MTR-S002");
    let last = "t 0 [ERROR] mariadbd: Can't open shared library '/p/last.so' (errno: 2, cannot open shared object file: No \
                such file or directory)\nt 0 [ERROR] Couldn't load plugins from 'last.so'.\n";
    assert_eq!(told("dying-port", last).0, "MTR-S002");
}
