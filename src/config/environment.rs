//! The environment of servers and scripts (runner §9.3): everything in it that no test decides.

use std::ffi::{OsStr, OsString};
use std::net::ToSocketAddrs as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::sanitizers;
use crate::cli::settings::Settings;
use crate::env::{Env, shell_word};
use crate::sys::argument::argument;
use crate::sys::files;
use crate::tree::layout::Layout;
use crate::tree::probe::ServerFacts;
use crate::tree::programs::{Program, Programs};

/// The directories and numbers of one worker, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VarDirs {
    /// `VAR0`: the vardir of the run.
    pub root: PathBuf,
    /// `VAR`: the vardir of this worker; `root` where there is one worker.
    pub var: PathBuf,
    /// `TMP`: the tmpdir of this worker.
    pub tmp: PathBuf,
    /// `MTR_BUILD_THREAD`, once ports are leased.
    pub build_thread: Option<u32>,
    /// `MTR_PARALLEL`: the number of workers, once it is decided.
    pub parallel: Option<usize>,
}

impl VarDirs {
    /// The config file of the worker's servers and clients.
    pub fn config_file(&self) -> PathBuf {
        self.var.join("my.cnf")
    }
}

/// Variables that dynamic linkers of the supported systems read.
const LIBRARY_PATHS: [&str; 4] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SHLIB_PATH", "LIBPATH"];

/// Client commands that take the config file and nothing else: variable, program, name of the trace file.
const CLIENTS: [(&str, Program, &str); 7] = [
    ("MYSQL", Program::Client, "mariadb"),
    ("MYSQL_CHECK", Program::Check, "mariadb-check"),
    ("MYSQL_IMPORT", Program::Import, "mariadb-import"),
    ("MYSQL_SHOW", Program::Show, "mariadb-show"),
    ("MYSQL_SLAP", Program::Slap, "mysqlslap"),
    ("MYSQL_UPGRADE", Program::Upgrade, "mariadb-upgrade"),
    ("MYSQLADMIN", Program::Admin, "mariadb-admin"),
];

/// Client commands for one server of several: variable, program, trace file, group suffix.
const GROUP_CLIENTS: [(&str, Program, &str, &str); 3] = [
    ("MYSQL_SLAVE", Program::Client, "mariadb", ".2"),
    ("MYSQL_DUMP", Program::Dump, "mysqldump", ".1"),
    ("MYSQL_DUMP_SLAVE", Program::Dump, "mysqldump", ".2"),
];

/// Bare paths that are set, empty where the program is missing.
const PATHS: [(&str, Program); 8] = [
    ("EXE_MYSQL", Program::Client),
    ("MYSQL_PLUGIN", Program::Plugin),
    ("MYSQL_EMBEDDED", Program::EmbeddedClient),
    ("MYSQL_BUG25714", Program::Bug25714),
    ("MYSQL_MY_PRINT_DEFAULTS", Program::PrintDefaults),
    ("MY_PERROR", Program::Perror),
    ("MYSQL_TZINFO_TO_SQL", Program::TzinfoToSql),
    ("REPLACE", Program::Replace),
];

/// Bare paths that are set only where the program is there: tests ask whether they are.
const OPTIONAL_PATHS: [(&str, Program); 5] = [
    ("MYSQLHOTCOPY", Program::Hotcopy),
    ("INNOCHECKSUM", Program::Innochecksum),
    ("MARIADB_MIGRATE_CONFIG_FILE", Program::MigrateConfig),
    ("XTRABACKUP", Program::Backup),
    ("XBSTREAM", Program::Mbstream),
];

/// Tools that take a debug option and nothing else; the last two need a server with Aria.
const TOOLS: [(&str, Program, &str); 6] = [
    ("MYISAMLOG", Program::MyisamLog, "myisamlog"),
    ("MYISAMCHK", Program::MyisamChk, "myisamchk"),
    ("MYISAMPACK", Program::MyisamPack, "myisampack"),
    ("MYISAM_FTDUMP", Program::MyisamFtdump, "myisam_ftdump"),
    ("MARIA_CHK", Program::AriaChk, "aria_chk"),
    ("MARIA_PACK", Program::AriaPack, "aria_pack"),
];

/// The environment for one worker, before `suite.pm` files, config templates and tests add to it.
///
/// Programs that are missing leave their variable empty, so that a test that needs one can skip.
/// `process_env` is what the runner itself was started with.
pub fn base(
    settings: &Settings,
    layout: &Layout,
    facts: &ServerFacts,
    programs: &Programs,
    process_env: &Env,
    vardirs: &VarDirs,
) -> Env {
    let mut env = process_env.clone();
    let trace_option = match &layout.system_tables {
        Some(tables) if tables.renamed() => "--loose-debug-dbug=",
        _ => "--loose-debug=",
    };
    let commands = Commands { settings, programs, vardirs, config: vardirs.config_file(), trace_option };

    system(&mut env, settings, layout, programs);
    sanitizers::set(&mut env, settings, &layout.test_dir);
    places(&mut env, layout, facts, vardirs);
    commands.set_all(&mut env, layout, facts);
    for (name, path) in &layout.plugins {
        env.set(name, path.file_name().unwrap_or_default());
    }

    env.set("USE_RUNNING_SERVER", if settings.using_extern() { "1" } else { "" });
    env.set("HAVE_BROKEN_DNS", if has_broken_dns() { "1" } else { "" });
    if settings.big_test > 0 {
        env.set("BIG_TEST", settings.big_test.to_string());
    }
    let valgrind = settings.debugger.as_ref().is_some_and(|choice| choice.name.contains("valgrind"));
    env.set("VALGRIND_TEST", if valgrind { "1" } else { "0" });
    env.set("STAGING_RUN", if settings.staging_run { "1" } else { "0" });
    if let Some(number) = vardirs.parallel {
        env.set("MTR_PARALLEL", number.to_string());
    }
    if let Some(number) = vardirs.build_thread {
        env.set("MTR_BUILD_THREAD", number.to_string());
    }
    if ignores_permissions(&vardirs.var) {
        env.set("MYSQL_TEST_ROOT", "1");
    }
    env
}

/// Locale, file modes, library and program paths, TLS settings.
fn system(env: &mut Env, settings: &Settings, layout: &Layout, programs: &Programs) {
    for (name, value) in [("UMASK", "0660"), ("UMASK_DIR", "0770")] {
        env.set(name, value);
    }
    for name in ["LC_ALL", "LC_CTYPE", "LC_COLLATE"] {
        env.set(name, "C");
    }
    env.set("GNUTLS_SYSTEM_PRIORITY_FILE", "/dev/null");
    for name in LIBRARY_PATHS {
        let value = layout.library_path(settings, env.get(name));
        env.set(name, value);
    }
    if let Some(perl) = programs.path(Program::Perl) {
        env.set("MTR_PERL", perl);
        // A suite may replace PATH's head; perl blocks of tests find perl at its end all the same.
        if let Some(dir) = perl.parent() {
            let mut path = env.get("PATH").unwrap_or_default().to_owned();
            path.push(":");
            path.push(dir);
            env.set("PATH", path);
        }
    }
    if let Some((library, version)) = &programs.client_tls {
        env.set("CLIENT_TLS_LIBRARY", OsStr::from_bytes(library));
        env.set("CLIENT_TLS_LIBRARY_VERSION", OsStr::from_bytes(version));
    }
    if let Some(build) = &layout.build_dir {
        env.set("MTR_BINDIR", build);
    }
}

/// Directories and facts of the server.
fn places(env: &mut Env, layout: &Layout, facts: &ServerFacts, vardirs: &VarDirs) {
    let conf = layout.test_dir.join("lib/openssl.cnf");
    let modern = facts.variable("version-ssl-library").is_some_and(|library| library > "OpenSSL 1.1.1");
    env.set("OPENSSL_CONF", if modern && conf.is_file() { conf } else { "/dev/null".into() });
    env.set("MYSQL_TEST_DIR", &layout.test_dir);
    // The current directory of servers and scripts.
    env.set("PWD", &layout.test_dir);
    env.set("DEFAULT_MASTER_PORT", facts.variable("port").unwrap_or_default());
    env.set("MYSQL_TMP_DIR", &vardirs.tmp);
    env.set("MYSQLTEST_VARDIR", &vardirs.var);
    env.set("MYSQLTEST_REAL_VARDIR", vardirs.var.canonicalize().unwrap_or_else(|_| vardirs.var.clone()));
    env.set("MYSQL_BINDIR", &layout.bindir);
    env.set("MYSQL_SHAREDIR", &layout.share_dir);
    env.set("MYSQL_CHARSETSDIR", &layout.charsets_dir);
    env.set("SECURE_LOAD_PATH", layout.test_dir.join("std_data"));
}

/// Builds the variables that hold a command for a shell: words joined by one blank, as test scripts and result files
/// expect them; a word that a shell would take apart, as a vardir with a blank, is quoted.
struct Commands<'a> {
    settings: &'a Settings,
    programs: &'a Programs,
    vardirs: &'a VarDirs,
    config: PathBuf,
    /// The option with which programs of this release write a trace.
    trace_option: &'static str,
}

impl Commands<'_> {
    fn set_all(&self, env: &mut Env, layout: &Layout, facts: &ServerFacts) {
        let defaults = || argument("--defaults-file=", &self.config);
        for (name, program, trace) in CLIENTS {
            env.set(name, self.command(program, [defaults()], trace));
        }
        for (name, program, trace, suffix) in GROUP_CLIENTS {
            let group = argument("--defaults-group-suffix=", suffix);
            env.set(name, self.command(program, [defaults(), group], &format!("{trace}-{suffix}")));
        }
        let load = argument("--local-load=", &self.vardirs.tmp);
        env.set("MYSQL_BINLOG", self.command(Program::Binlog, [defaults(), load], "mysqlbinlog"));
        let vardir = argument("--vardir=", &self.vardirs.var);
        let client_test = [defaults(), "--testcase".into(), vardir];
        env.set("MYSQL_CLIENT_TEST", self.command(Program::ClientTest, client_test, "mysql_client_test"));
        for (name, program, trace) in TOOLS {
            let aria = matches!(program, Program::AriaChk | Program::AriaPack);
            if !aria || facts.variable("aria-recover-options").is_some() {
                env.set(name, self.command(program, [], trace));
            }
        }
        for (name, program) in PATHS {
            env.set(name, self.programs.path(program).unwrap_or(Path::new("")));
        }
        for (name, program) in OPTIONAL_PATHS {
            if let Some(path) = self.programs.path(program) {
                env.set(name, path);
            }
        }
        if let Some(backup) = self.programs.path(Program::Backup) {
            env.set(
                "INNOBACKUPEX",
                join([backup.as_os_str(), OsStr::new("--innobackupex")].into_iter(), " "),
            );
        }
        let charsets = argument("--character-sets-dir=", &layout.charsets_dir);
        let conv: &[OsString] = if self.programs.conv_takes_charsets { &[charsets] } else { &[] };
        env.set("MARIADB_CONV", self.plain(Program::Conv, conv));
        env.set("MYSQL_FIX_PRIVILEGE_TABLES", &self.programs.fix_privilege_tables);
        env.set("MYSQLD", &layout.mariadbd);
        env.set("MYSQLD_CMD", self.server(&layout.mariadbd));
    }

    /// The command of `program` with `args` and, with `--debug`, a trace file; empty without the program.
    fn command<const N: usize>(&self, program: Program, args: [OsString; N], trace: &str) -> OsString {
        let mut args = args.to_vec();
        if self.settings.debug {
            let file = self.vardirs.var.join("log").join(format!("{trace}.trace"));
            let option = format!("{}d,info,warning,warnings:t:A,", self.trace_option);
            args.push(argument(&option, &file));
        }
        self.plain(program, &args)
    }

    fn plain(&self, program: Program, args: &[OsString]) -> OsString {
        match self.programs.path(program) {
            Some(path) => {
                let words = std::iter::once(path.as_os_str()).chain(args.iter().map(OsString::as_os_str));
                let words: Vec<_> = words.map(shell_word).collect();
                join(words.iter().map(AsRef::as_ref), " ")
            }
            None => OsString::new(),
        }
    }

    /// How tests start a server by hand: a trailing blank stays where no `--mysqld` was given.
    fn server(&self, mariadbd: &Path) -> OsString {
        let mut text = mariadbd.as_os_str().to_owned();
        text.push(" --defaults-group-suffix=.1 ");
        text.push(shell_word(&argument("--defaults-file=", &self.config)));
        text.push(" ");
        let extra: Vec<&OsStr> =
            self.settings.mysqld.iter().map(|option| OsStr::from_bytes(option)).collect();
        text.push(join(extra.into_iter(), " "));
        text
    }
}

/// `words` with `separator` between them.
fn join<'a>(words: impl Iterator<Item = &'a OsStr>, separator: &str) -> OsString {
    let words: Vec<&[u8]> = words.map(OsStr::as_bytes).collect();
    OsString::from_vec(words.join(separator.as_bytes()))
}

/// Whether the resolver claims to know a host that cannot exist, as some providers' do; asked once,
/// the answer can take seconds.
fn has_broken_dns() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER
        .get_or_init(|| ("invalid_hostname", 0).to_socket_addrs().is_ok_and(|mut all| all.next().is_some()))
}

/// Whether this process reads files that nobody may read: it is root, or as good as. Asked with a
/// file in `dir`, since neither user namespaces nor capabilities can be told from the user id.
fn ignores_permissions(dir: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(file) = tempfile::NamedTempFile::new_in(dir) else { return false };
    let nothing = std::fs::Permissions::from_mode(0o0);
    if file.as_file().set_permissions(nothing).is_err() {
        return false;
    }
    let kept = file.as_file().metadata().is_ok_and(|meta| meta.permissions().mode() & 0o777 == 0);
    kept && files::open(file.path()).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// An installation below a temporary directory, with some programs.
    struct Installation {
        temp: tempfile::TempDir,
        settings: Settings,
        facts: ServerFacts,
        process: Env,
    }

    impl Installation {
        fn new(programs: &[&str]) -> Installation {
            let temp = tempfile::tempdir().unwrap();
            for dir in ["bin", "mysql-test/lib", "var"] {
                std::fs::create_dir_all(temp.path().join(dir)).unwrap();
            }
            for name in programs {
                let path = temp.path().join("bin").join(name);
                std::fs::write(&path, "").unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            let (settings, facts, process) = (Settings::default(), ServerFacts::default(), Env::default());
            Installation { temp, settings, facts, process }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.temp.path().join(name)
        }

        fn env(&self) -> Env {
            let base = self.temp.path().to_owned();
            let layout = Layout {
                test_dir: base.join("mysql-test"),
                client_bindir: base.join("bin"),
                mariadbd: "/s/mariadbd".into(),
                charsets_dir: "/s/charsets".into(),
                plugins: vec![("HA_CONNECT_SO".into(), "/p/ha_connect.so".into())],
                bindir: base.clone(),
                basedir: base.clone(),
                ..Layout::default()
            };
            let programs = Programs::find(&layout, &self.settings, &self.process);
            let vardirs = VarDirs {
                root: "/v".into(),
                var: "/v/2".into(),
                tmp: "/v/tmp/2".into(),
                build_thread: Some(301),
                parallel: Some(2),
            };
            super::base(&self.settings, &layout, &self.facts, &programs, &self.process, &vardirs)
        }
    }

    fn text(env: &Env, name: &str) -> Option<String> {
        env.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn commands_name_the_config_of_the_worker() {
        let mut place = Installation::new(&["mariadb", "mariadb-dump", "mariadb-binlog", "mariabackup"]);
        place.settings.mysqld = vec!["--a".into(), "--b=1".into()];
        let env = place.env();
        let bin = place.path("bin").display().to_string();
        let value = |name| text(&env, name).unwrap();
        assert_eq!(value("MYSQL"), format!("{bin}/mariadb --defaults-file=/v/2/my.cnf"));
        assert_eq!(
            value("MYSQL_DUMP_SLAVE"),
            format!("{bin}/mariadb-dump --defaults-file=/v/2/my.cnf --defaults-group-suffix=.2")
        );
        assert_eq!(
            value("MYSQL_BINLOG"),
            format!("{bin}/mariadb-binlog --defaults-file=/v/2/my.cnf --local-load=/v/tmp/2")
        );
        assert_eq!(value("INNOBACKUPEX"), format!("{bin}/mariabackup --innobackupex"));
        assert_eq!(
            value("MYSQLD_CMD"),
            "/s/mariadbd --defaults-group-suffix=.1 --defaults-file=/v/2/my.cnf --a --b=1"
        );
        assert_eq!(value("HA_CONNECT_SO"), "ha_connect.so");
        assert_eq!((value("MTR_PARALLEL"), value("MTR_BUILD_THREAD")), ("2".into(), "301".into()));
    }

    #[test]
    fn missing_programs_leave_empty_or_unset_variables() {
        let env = Installation::new(&[]).env();
        for name in ["MYSQL", "MYSQL_CLIENT_TEST", "EXE_MYSQL", "MYSQL_BUG25714", "MYISAMCHK"] {
            assert_eq!(text(&env, name).as_deref(), Some(""), "{name}");
        }
        for name in ["XTRABACKUP", "INNOBACKUPEX", "INNOCHECKSUM", "MARIA_CHK", "BIG_TEST", "MTR_BINDIR"] {
            assert_eq!(text(&env, name), None, "{name}");
        }
        assert!(text(&env, "MYSQLD_CMD").unwrap().ends_with("my.cnf "), "the trailing blank stays");
    }

    #[test]
    fn debug_adds_a_trace_to_every_client() {
        let mut place = Installation::new(&["mariadb", "mariadb-dump", "aria_chk"]);
        place.settings.debug = true;
        place.facts.variables.insert("aria-recover-options".into(), "BACKUP".into());
        let env = place.env();
        for (name, trace) in [
            ("MYSQL", "mariadb.trace"),
            ("MYSQL_SLAVE", "mariadb-.2.trace"),
            ("MYSQL_DUMP", "mysqldump-.1.trace"),
            ("MARIA_CHK", "aria_chk.trace"),
        ] {
            let end = format!(" --loose-debug=d,info,warning,warnings:t:A,/v/2/log/{trace}");
            assert!(text(&env, name).unwrap().ends_with(&end), "{name}");
        }
    }

    #[test]
    fn old_values_are_kept_behind_ours() {
        let mut place = Installation::new(&[]);
        for (name, value) in
            [("ASAN_OPTIONS", "x=1"), ("LSAN_OPTIONS", "y=2"), ("LIBPATH", "/old"), ("KEPT", "k")]
        {
            place.process.set(name, value);
        }
        for name in ["asan.supp", "lsan.supp", "lib/openssl.cnf"] {
            std::fs::write(place.path("mysql-test").join(name), "").unwrap();
        }
        let env = place.env();
        let (base, tests) =
            (place.temp.path().display().to_string(), place.path("mysql-test").display().to_string());
        let value = |name| text(&env, name).unwrap();
        assert_eq!(value("ASAN_OPTIONS"), format!("suppressions={tests}/asan.supp:abort_on_error=1:x=1"));
        assert_eq!(value("LSAN_OPTIONS"), format!("suppressions={tests}/lsan.supp:print_suppressions=0:y=2"));
        assert_eq!(value("LIBPATH"), format!("{base}/lib:{base}/lib/mysql:/old"));
        assert_eq!(value("SHLIB_PATH"), format!("{base}/lib:{base}/lib/mysql"));
        assert_eq!(value("KEPT"), "k");
        assert_eq!(value("OPENSSL_CONF"), "/dev/null", "the server has no OpenSSL");
        place.facts.variables.insert("version-ssl-library".into(), "OpenSSL 3.0.15 3 Sep 2024".into());
        assert_eq!(text(&place.env(), "OPENSSL_CONF").unwrap(), format!("{tests}/lib/openssl.cnf"));
        place.facts.variables.insert("version-ssl-library".into(), "OpenSSL 1.0.2u".into());
        assert_eq!(text(&place.env(), "OPENSSL_CONF").unwrap(), "/dev/null");
    }

    #[test]
    fn no_variable_is_set_twice() {
        let names = CLIENTS
            .map(|row| row.0)
            .into_iter()
            .chain(GROUP_CLIENTS.map(|row| row.0))
            .chain(PATHS.map(|row| row.0))
            .chain(OPTIONAL_PATHS.map(|row| row.0))
            .chain(TOOLS.map(|row| row.0));
        let names: Vec<&str> = names.collect();
        let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), distinct.len());
    }
}
