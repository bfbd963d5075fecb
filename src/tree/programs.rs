//! The programs that belong to a server: clients, tools, the script interpreter (runner §9.1).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bstr::{BString, ByteSlice as _};

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::bounded;
use crate::sys::files::is_program;
use crate::tree::layout::{Layout, build_types};
use crate::tree::system_tables::{PREFIXES, SystemTables};

/// A program that tests or the runner call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the program named in PROGRAMS")]
pub enum Program {
    Admin,
    Binlog,
    Check,
    Client,
    Conv,
    Dump,
    Import,
    Plugin,
    Show,
    Slap,
    Upgrade,
    Test,
    ClientTest,
    EmbeddedClient,
    PrintDefaults,
    Perror,
    TzinfoToSql,
    Replace,
    Innochecksum,
    Backup,
    Mbstream,
    Hotcopy,
    MyisamLog,
    MyisamChk,
    MyisamPack,
    MyisamFtdump,
    AriaChk,
    AriaPack,
    Config,
    MigrateConfig,
    Bug25714,
    Perl,
}

/// Where a candidate's path starts.
#[derive(Debug, Clone, Copy)]
enum Root {
    /// Client bindir.
    Clients,
    /// Bindir.
    Bin,
    /// Basedir.
    Base,
    /// Sub-directory of bindir with build types below it, as in `storage/myisam/Release`.
    Built,
}

use Root::{Base, Bin, Built, Clients};

/// Candidates for one program: where, and path. `<mc>` stands for the multi-config directory, which
/// brings its own slash.
type Candidates = &'static [(Root, &'static str)];

/// Every program with its candidates; the first that can be executed wins. Where releases call a program
/// differently the newer name is first, as one is a link to the other where both are there.
const PROGRAMS: &[(Program, Candidates)] = &[
    (Program::Admin, &[(Clients, "mariadb-admin"), (Clients, "mysqladmin")]),
    (Program::Binlog, &[(Clients, "mariadb-binlog"), (Clients, "mysqlbinlog")]),
    (Program::Check, &[(Clients, "mariadb-check"), (Clients, "mysqlcheck")]),
    (Program::Client, &[(Clients, "mariadb"), (Clients, "mysql")]),
    (Program::Conv, &[(Clients, "mariadb-conv")]),
    (Program::Dump, &[(Clients, "mariadb-dump"), (Clients, "mysqldump")]),
    (Program::Import, &[(Clients, "mariadb-import"), (Clients, "mysqlimport")]),
    (Program::Plugin, &[(Clients, "mariadb-plugin"), (Clients, "mysql_plugin")]),
    (Program::Show, &[(Clients, "mariadb-show"), (Clients, "mysqlshow")]),
    (Program::Slap, &[(Clients, "mariadb-slap"), (Clients, "mysqlslap")]),
    (Program::Upgrade, &[(Clients, "mariadb-upgrade"), (Clients, "mysql_upgrade")]),
    (Program::Test, &[(Clients, "mariadb-test"), (Clients, "mysqltest")]),
    (
        Program::ClientTest,
        &[
            (Bin, "tests<mc>/mariadb-client-test"),
            (Bin, "bin/mariadb-client-test"),
            (Bin, "tests<mc>/mysql_client_test"),
            (Bin, "bin/mysql_client_test"),
        ],
    ),
    (
        Program::EmbeddedClient,
        &[(Bin, "libmysqld/examples/mariadb-embedded"), (Bin, "libmysqld/examples/mysql_embedded")],
    ),
    (Program::PrintDefaults, &[(Bin, "extra<mc>/my_print_defaults"), (Clients, "my_print_defaults")]),
    (Program::Perror, &[(Bin, "extra<mc>/perror"), (Clients, "perror")]),
    (
        Program::TzinfoToSql,
        &[
            (Base, "sql<mc>/mariadb-tzinfo-to-sql"),
            (Clients, "mariadb-tzinfo-to-sql"),
            (Bin, "sql<mc>/mariadb-tzinfo-to-sql"),
            (Clients, "mysql_tzinfo_to_sql"),
            (Bin, "sql<mc>/mysql_tzinfo_to_sql"),
        ],
    ),
    (Program::Replace, &[(Base, "extra/replace"), (Bin, "extra<mc>/replace"), (Clients, "replace")]),
    (Program::Innochecksum, &[(Bin, "extra<mc>/innochecksum"), (Clients, "innochecksum")]),
    (
        Program::Backup,
        &[
            (Bin, "extra/mariabackup<mc>/mariabackup"),
            (Bin, "extra/mariabackup/<mc>/mariabackup"),
            (Clients, "mariabackup"),
            (Clients, "mariadb-backup"),
        ],
    ),
    (
        Program::Mbstream,
        &[
            (Bin, "extra/mariabackup<mc>/mbstream"),
            (Bin, "extra/mariabackup/<mc>/mbstream"),
            (Clients, "mbstream"),
        ],
    ),
    (Program::Hotcopy, &[(Bin, "scripts/mysqlhotcopy"), (Clients, "mysqlhotcopy")]),
    (Program::MyisamLog, &[(Built, "storage/myisam/myisamlog"), (Built, "bin/myisamlog")]),
    (Program::MyisamChk, &[(Built, "storage/myisam/myisamchk"), (Built, "bin/myisamchk")]),
    (Program::MyisamPack, &[(Built, "storage/myisam/myisampack"), (Built, "bin/myisampack")]),
    (Program::MyisamFtdump, &[(Built, "storage/myisam/myisam_ftdump"), (Built, "bin/myisam_ftdump")]),
    (Program::AriaChk, &[(Built, "storage/maria/aria_chk"), (Built, "bin/aria_chk")]),
    (Program::AriaPack, &[(Built, "storage/maria/aria_pack"), (Built, "bin/aria_pack")]),
    (Program::Config, &[(Bin, "libmariadb/mariadb_config<mc>/mariadb_config"), (Bin, "bin/mariadb_config")]),
    (
        Program::MigrateConfig,
        &[(Bin, "extra<mc>/mariadb-migrate-config-file"), (Clients, "mariadb-migrate-config-file")],
    ),
    (Program::Bug25714, &[(Bin, "tests<mc>/bug25714")]),
];

/// Candidates that come before the others where the system tables' scripts have their newer name. A backup
/// notes what it was called in its history, so this is not a matter of taste (`mariabackup.xbstream`).
const RENAMED: &[(Program, Candidates)] =
    &[(Program::Backup, &[(Bin, "extra/mariabackup<mc>/mariadb-backup"), (Clients, "mariadb-backup")])];

/// What was found, once for a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Programs {
    found: BTreeMap<Program, PathBuf>,
    /// `mariadb_fix_privilege_tables.sql`, or `mysql_` until 11.2; empty where there is none.
    pub fix_privilege_tables: PathBuf,
    /// Whether `mariadb-conv` has to be told where character sets are: that of 10.5 does not know the option.
    pub conv_takes_charsets: bool,
    /// The client library's TLS implementation and its version, newline included, as
    /// `mariadb_config --tlsinfo` tells them.
    pub client_tls: Option<(BString, BString)>,
}

impl Programs {
    /// Looks for every program of the installation, for perl on `PATH` and, with
    /// `--embedded-server`, for the embedded variants.
    pub fn find(layout: &Layout, settings: &Settings, env: &Env) -> Programs {
        let mut found = BTreeMap::new();
        let renamed = layout.system_tables.as_ref().is_some_and(SystemTables::renamed);
        for &(program, candidates) in PROGRAMS {
            let first = RENAMED.iter().filter(|(other, _)| renamed && *other == program);
            let path = first
                .flat_map(|(_, candidates)| candidates.iter())
                .chain(candidates)
                .flat_map(|&(root, path)| expand(layout, root, path))
                .find(|path| is_program(path));
            found.extend(path.map(|path| (program, path)));
        }
        if settings.embedded_server {
            embedded(layout, &mut found);
        }
        if let Some(path) = env.get("PATH") {
            let perl = which::which_in_global("perl", Some(path)).ok().and_then(|mut all| all.next());
            found.extend(perl.map(|path| (Program::Perl, path)));
        }
        let client_tls = found.get(&Program::Config).and_then(|config| tls_info(config));
        let fix_privilege_tables = ["scripts", "share", "share/mariadb", "share/mysql"]
            .iter()
            .flat_map(|dir| PREFIXES.map(|prefix| (dir, prefix)))
            .map(|(dir, prefix)| layout.bindir.join(dir).join(format!("{prefix}fix_privilege_tables.sql")))
            .find(|path| path.is_file())
            .unwrap_or_default();
        let conv_takes_charsets =
            found.get(&Program::Conv).is_some_and(|conv| knows_option(conv, b"--character-sets-dir"));
        Programs { found, fix_privilege_tables, conv_takes_charsets, client_tls }
    }

    /// Where `program` is, if it was found.
    pub fn path(&self, program: Program) -> Option<&Path> {
        self.found.get(&program).map(PathBuf::as_path)
    }

    /// Where `program` is.
    ///
    /// # Errors
    /// It was not found; the error names what was looked for.
    pub fn require(&self, program: Program) -> Result<&Path> {
        self.path(program).ok_or_else(|| {
            Error::new(format!("could not find {}", name(program))).hint(match program {
                Program::Perl => "install perl",
                _ => "install the client and test programs of the server (Debian, Ubuntu: mariadb-client mariadb-test)",
            })
        })
    }
}

/// The name under which `program` is known.
fn name(program: Program) -> &'static str {
    let first = PROGRAMS.iter().find(|(candidate, _)| *candidate == program);
    let path = first.and_then(|(_, candidates)| candidates.first()).map_or("perl", |&(_, path)| path);
    path.rsplit('/').next().unwrap_or(path)
}

/// The paths a candidate stands for.
fn expand(layout: &Layout, root: Root, path: &str) -> Vec<PathBuf> {
    let multiconfig = &layout.multiconfig;
    // `a/<mc>/b` has one slash too many or none, which means the same to the system.
    let path = path.replace("<mc>", multiconfig);
    match root {
        Root::Clients => vec![layout.client_bindir.join(path)],
        Root::Bin => vec![layout.bindir.join(path)],
        Root::Base => vec![layout.basedir.join(path)],
        Root::Built => {
            let full = layout.bindir.join(path);
            let (dir, name) = (full.parent().unwrap_or(&full), full.file_name().unwrap_or_default());
            let types = build_types(multiconfig);
            std::iter::once(full.clone())
                .chain(types.iter().map(|build| dir.join(build).join(name)))
                .collect()
        }
    }
}

/// Replaces what has an embedded variant (`--embedded-server`).
fn embedded(layout: &Layout, found: &mut BTreeMap<Program, PathBuf>) {
    let examples = layout.bindir.join(format!("libmysqld/examples{}", layout.multiconfig));
    let variants = [
        (
            Program::Test,
            ["mariadb-test-embedded", "mysqltest_embedded"]
                .map(|name| [examples.join(name), layout.client_bindir.join(name)]),
        ),
        (
            Program::ClientTest,
            ["mariadb-client-test-embedded", "mysql_client_test_embedded"]
                .map(|name| [examples.join(name), layout.bindir.join("bin").join(name)]),
        ),
    ];
    for (program, candidates) in variants {
        match candidates.into_iter().flatten().find(|path| is_program(path)) {
            Some(path) => found.insert(program, path),
            None => found.remove(&program),
        };
    }
}

/// Whether a program names the option when it is asked how to use it; some do that as a complaint about `--help`.
fn knows_option(program: &Path, option: &[u8]) -> bool {
    let output = bounded::output(Command::new(program).arg("--help").stdin(Stdio::null()), bounded::PATIENCE);
    output.is_ok_and(|output| output.stdout.contains_str(option) || output.stderr.contains_str(option))
}

/// `mariadb_config --tlsinfo`: first word and the rest.
fn tls_info(config: &Path) -> Option<(BString, BString)> {
    let mut command = Command::new(config);
    let output = bounded::output(command.arg("--tlsinfo").stdin(Stdio::null()), bounded::PATIENCE).ok()?;
    let (library, version) = output.stdout.split_once_str(" ").unwrap_or((&output.stdout, b""));
    Some((library.into(), version.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Installs a script, by another process: a descriptor of ours that is open for writing could be
    /// inherited by what another test starts meanwhile, and the script be "busy".
    fn program(path: &Path) {
        let draft = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(draft.path(), "#!/bin/sh\necho 'OpenSSL 3.0.15'\n").unwrap();
        let status = Command::new("install").args(["-D", "-m", "755"]).args([draft.path(), path]).status();
        assert!(status.unwrap().success());
    }

    fn layout(base: &Path) -> Layout {
        Layout {
            basedir: base.into(),
            bindir: base.into(),
            client_bindir: base.join("bin"),
            test_dir: base.join("mysql-test"),
            ..Layout::default()
        }
    }

    #[test]
    fn the_table_names_each_program_once_and_has_candidates() {
        let names: BTreeSet<_> = PROGRAMS.iter().map(|(program, _)| *program).collect();
        assert_eq!(names.len(), PROGRAMS.len());
        assert!(PROGRAMS.iter().all(|(_, candidates)| !candidates.is_empty()));
    }

    #[test]
    fn the_first_candidate_wins_and_old_names_do() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path();
        for name in ["extra/perror", "bin/perror", "bin/mysqldump", "storage/myisam/Debug/myisamchk"] {
            program(&base.join(name));
        }
        let programs = Programs::find(&layout(base), &Settings::default(), &Env::default());
        assert_eq!(programs.path(Program::Perror), Some(base.join("extra/perror").as_path()));
        assert_eq!(programs.path(Program::Dump), Some(base.join("bin/mysqldump").as_path()));
        assert_eq!(
            programs.path(Program::MyisamChk),
            Some(base.join("storage/myisam/Debug/myisamchk").as_path())
        );
        assert_eq!(programs.path(Program::Admin), None);
        assert_eq!(programs.require(Program::Admin).unwrap_err().message(), "could not find mariadb-admin");
    }

    #[test]
    fn newer_names_win_over_older_ones() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path();
        let names = ["mariadb-client-test", "mysql_client_test", "mariadb-backup", "mariabackup"];
        for name in names {
            program(&base.join("bin").join(name));
        }
        for name in ["mysqltest_embedded", "mariadb-client-test-embedded"] {
            program(&base.join("libmysqld/examples").join(name));
        }
        std::fs::create_dir_all(base.join("share/mariadb")).unwrap();
        let script = base.join("share/mariadb/mariadb_fix_privilege_tables.sql");
        std::fs::write(&script, "").unwrap();
        let find = |settings: &Settings| Programs::find(&layout(base), settings, &Env::default());
        let old = find(&Settings::default());
        assert_eq!(old.path(Program::Backup), Some(base.join("bin/mariabackup").as_path()));
        std::fs::write(base.join("share/mariadb/mariadb_system_tables.sql"), "").unwrap();
        let system_tables = SystemTables::below(base);
        let find = |settings: &Settings| {
            let layout = Layout { system_tables: system_tables.clone(), ..layout(base) };
            Programs::find(&layout, settings, &Env::default())
        };
        let programs = find(&Settings::default());
        assert_eq!(programs.path(Program::ClientTest), Some(base.join("bin/mariadb-client-test").as_path()));
        assert_eq!(programs.path(Program::Backup), Some(base.join("bin/mariadb-backup").as_path()));
        assert_eq!(programs.path(Program::MigrateConfig), None);
        assert!(!programs.conv_takes_charsets);
        assert_eq!(programs.fix_privilege_tables, script);
        let programs = find(&Settings { embedded_server: true, ..Settings::default() });
        let examples = base.join("libmysqld/examples");
        assert_eq!(programs.path(Program::Test), Some(examples.join("mysqltest_embedded").as_path()));
        assert_eq!(
            programs.path(Program::ClientTest),
            Some(examples.join("mariadb-client-test-embedded").as_path())
        );
    }

    #[test]
    fn the_tls_library_keeps_its_newline() {
        let temp = tempfile::tempdir().unwrap();
        program(&temp.path().join("bin/mariadb_config"));
        let programs = Programs::find(&layout(temp.path()), &Settings::default(), &Env::default());
        assert_eq!(programs.client_tls, Some(("OpenSSL".into(), "3.0.15\n".into())));
    }
}
