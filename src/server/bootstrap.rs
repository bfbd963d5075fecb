//! The first data directory: `mariadbd --bootstrap` with the system tables' SQL (runner §8.2).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use super::bootstrap_cache::{self, Cache, Fetched};
use super::datadir;
use crate::case::{Origin, ServerOption};
use crate::config::generate::find_share;
use crate::env::{Env, is_one_word, shell_word};
use crate::error::{Error, Result};
use crate::sys::argument::argument;
use crate::sys::child;
use crate::sys::excerpt;
use crate::sys::files;
use crate::sys::memory::{self, Available};
use crate::sys::replacement::replace;
use crate::tree::layout::Layout;
use crate::tree::probe::ServerFacts;
use crate::tree::system_tables::{self, SystemTables};

/// What a bootstrap takes of memory, in bytes: that of MariaDB 10.11.19 has 93 MiB at most, and what it makes, which may
/// be in memory too, 28 MiB.
const MEMORY: u64 = 128 << 20;

/// Takes what a program writes, piece by piece, until it has heard enough.
pub type Hear<'h> = &'h mut dyn FnMut(&[u8]) -> ControlFlow<()>;

/// Runs a prepared command to its end, at most for that time, and hands on what it writes; the caller may wrap or
/// supervise it. [`crate::sys::bounded::watch`] where nothing else is wanted.
pub type Runner<'a> = dyn Fn(&mut Command, Duration, Hear<'_>) -> io::Result<ExitStatus> + Sync + 'a;

/// What servers say who wait for somebody to make room, for ever.
const DISK_IS_FULL: &[u8] = b"Disk is full writing";

/// Makes the command that runs a program with its arguments and standard input in a debugger.
pub type Wrapper<'a> =
    dyn Fn(&Path, &[BString], &Path) -> Result<(PathBuf, Vec<OsString>)> + Send + Sync + 'a;

/// The character set of a bootstrap (runner §8.2; MDEV-19123 changed the server's default).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Charset {
    /// Where the server's default is any but the other.
    #[default]
    Latin1,
    /// Where it is the server's default, from 11.6 on.
    Utf8mb4,
}

impl Charset {
    /// That of servers of this kind.
    pub fn of(facts: &ServerFacts) -> Charset {
        match facts.variable("character-set-server") {
            Some("utf8mb4") => Charset::Utf8mb4,
            _ => Charset::Latin1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Charset::Latin1 => "latin1",
            Charset::Utf8mb4 => "utf8mb4",
        }
    }

    fn collation(self) -> &'static str {
        match self {
            Charset::Latin1 => "latin1_swedish_ci",
            Charset::Utf8mb4 => "utf8mb4_uca1400_ai_ci",
        }
    }
}

/// Everything a bootstrap depends on.
#[derive(Clone)]
pub struct Bootstrap<'a> {
    /// The installation.
    pub layout: &'a Layout,
    /// Basedir of the server; that of the layout but for servers of another version.
    pub basedir: PathBuf,
    /// The program: `$MYSQLD_BOOTSTRAP` or the server.
    pub mariadbd: PathBuf,
    /// The scripts of the system tables; without them there is no bootstrap.
    pub system_tables: Option<SystemTables>,
    /// The server makes its system tables itself, by `--initialize`: it has no scripts, and cannot be bootstrapped here.
    pub by_initialize: bool,
    /// What the server and the databases of the tests are made with.
    pub charset: Charset,
    /// Plugins that are switched off by default.
    pub optional_plugins: &'a [String],
    /// The vardir: `log/bootstrap.sql`, `log/bootstrap.log`, and `tmp/` for temporary files.
    pub vardir: &'a Path,
    /// Values of `--mysqld`; those that contain `--innodb` matter.
    pub mysqld_options: &'a [BString],
    /// With `--debug`, the flags before `:t:i:A,FILE`; bootstraps with it are not cached.
    pub debug: Option<&'a str>,
    /// The whole environment of the program.
    pub env: &'a Env,
    /// The directory in which results are kept; `None`: always bootstrap.
    pub cache: Option<PathBuf>,
    /// The program runs in a debugger; results are not cached then.
    pub debugger: Option<Arc<Wrapper<'a>>>,
    /// How long the program may take.
    pub patience: Duration,
    /// Runs the program.
    pub runner: &'a Runner<'a>,
}

/// A data directory that was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// It is a copy of one that an earlier bootstrap made.
    pub cached: bool,
    /// Why the result could not be kept for the next time, or that one that was kept was damaged; the run goes on.
    pub warnings: Vec<String>,
}

/// A bootstrap that failed: what is needed to find out why.
#[derive(Debug, Clone)]
pub struct BootstrapFailed {
    /// The program.
    pub program: PathBuf,
    /// Its arguments and where each came from.
    pub arguments: Vec<ServerOption>,
    /// The data directory that was to be made.
    pub datadir: PathBuf,
    /// How it ended; `Err`: the system did not run it, with this error number where there is one.
    pub end: std::result::Result<ExitStatus, Option<i32>>,
    /// From its start to its end.
    pub lived: Duration,
    /// The log of bootstraps.
    pub log: PathBuf,
    /// Where the output of this one begins there, in bytes.
    pub log_offset: u64,
}

impl std::fmt::Display for BootstrapFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", shown(&self.program, &self.arguments))
    }
}

impl std::error::Error for BootstrapFailed {}

/// Program and arguments joined by blanks.
fn shown(program: &Path, arguments: &[ServerOption]) -> BString {
    let mut line = BString::from(program.as_os_str().as_bytes());
    for argument in arguments {
        line.push(b' ');
        line.extend_from_slice(&argument.text);
    }
    line
}

/// Installs the data directory that servers get copies of; its files are read-only then.
///
/// # Errors
///
/// Those of [`Bootstrap::install`].
pub fn install_db(bootstrap: &Bootstrap<'_>, install_db: &Path) -> Result<Installed> {
    let installed = bootstrap.install(install_db, &[])?;
    datadir::make_read_only(install_db)?;
    Ok(installed)
}

impl<'a> Bootstrap<'a> {
    /// The same for a server of another installation.
    ///
    /// # Errors
    ///
    /// `basedir` has no server or no system tables.
    pub fn for_basedir(&self, basedir: &Path) -> Result<Bootstrap<'a>> {
        let missing =
            || Error::new(format!("Could not find the system tables' SQL in {}", basedir.display()));
        Ok(Bootstrap {
            mariadbd: self.layout.server_of(basedir)?,
            system_tables: Some(SystemTables::below(basedir).ok_or_else(missing)?),
            basedir: basedir.to_owned(),
            by_initialize: false,
            ..self.clone()
        })
    }

    /// `MYSQL_BOOTSTRAP_SQL_FILE`.
    pub fn sql_file(&self) -> PathBuf {
        self.vardir.join("log/bootstrap.sql")
    }

    /// `MYSQLD_BOOTSTRAP_CMD`: the program and its arguments for `datadir`, for a shell.
    ///
    /// # Errors
    /// The server's messages or character sets are not found.
    pub fn command_line(&self, datadir: &Path) -> Result<BString> {
        let arguments = self.arguments(datadir, &self.vardir.join("tmp"))?;
        if is_one_word(datadir.as_os_str()) && is_one_word(self.vardir.as_os_str()) {
            return Ok(self.shown(&arguments));
        }
        let words = arguments.iter().map(|option| OsStr::from_bytes(&option.text));
        let words = std::iter::once(self.mariadbd.as_os_str()).chain(words).map(shell_word);
        let words: Vec<_> = words.map(|word| word.as_bytes().to_vec()).collect();
        Ok(bstr::join(" ", words).into())
    }

    fn shown(&self, arguments: &[ServerOption]) -> BString {
        shown(&self.mariadbd, arguments)
    }

    /// The arguments without those that a single test adds.
    fn arguments(&self, datadir: &Path, tmpdir: &Path) -> Result<Vec<ServerOption>> {
        let with = |option: &str, path: &Path| BString::from(argument(option, path).into_vec());
        let layout = self.layout;
        let mut arguments: Vec<BString> = vec![
            "--no-defaults".into(),
            "--disable-getopt-prefix-matching".into(),
            "--bootstrap".into(),
            with("--basedir=", &self.basedir),
            with("--datadir=", datadir),
            with("--plugin-dir=", &layout.plugin_dir),
            "--default-storage-engine=myisam".into(),
        ];
        arguments.extend(self.optional_plugins.iter().map(|p| format!("--loose-skip-plugin-{p}").into()));
        arguments.extend(["--loose-innodb".into(), "--loose-innodb-log-file-size=10M".into()]);
        // What later releases add: everything purged, and no waiting for the disk.
        let renamed = self.system_tables.as_ref().is_some_and(SystemTables::renamed);
        arguments.extend(renamed.then(|| "--loose-innodb-fast-shutdown=0".into()));
        arguments.push("--disable-sync-frm".into());
        arguments.extend(renamed.then(|| "--debug-no-sync".into()));
        arguments.extend([
            with("--tmpdir=", &tmpdir.join("")),
            "--core-file".into(),
            "--console".into(),
            format!("--character-set-server={}", self.charset.name()).into(),
            "--loose-disable-performance-schema".into(),
        ]);
        if let Some(flags) = self.debug {
            let trace = self.vardir.join("log/bootstrap.trace");
            arguments.push(with(&format!("--debug-dbug={flags}:t:i:A,"), &trace));
        }
        let (messages, charsets) = self.shares()?;
        arguments.push(with("--lc-messages-dir=", &messages));
        arguments.push(with("--character-sets-dir=", &charsets));
        let of = |origin: Origin| {
            let origin = Arc::new(origin);
            move |text: BString| ServerOption { text, origin: Arc::clone(&origin) }
        };
        let given = self.mysqld_options.iter().filter(|o| o.contains_str("--innodb")).cloned();
        let own = arguments.into_iter().map(of(Origin::Runner));
        Ok(own.chain(given.map(of(Origin::CommandLine))).collect())
    }

    /// The directories of the server's messages and of its character sets.
    fn shares(&self) -> Result<(PathBuf, PathBuf)> {
        let layout = self.layout;
        let bindir = if layout.bindir == layout.basedir { &self.basedir } else { &layout.bindir };
        let messages = find_share(bindir, None, &layout.multiconfig)?;
        Ok((messages, find_share(&self.basedir, Some("charsets"), &layout.multiconfig)?))
    }

    /// The SQL: system tables and their data, then the database `mtr`.
    ///
    /// # Errors
    ///
    /// One of the files is missing.
    pub fn sql(&self) -> Result<BString> {
        let layout = self.layout;
        let Some(tables) = &self.system_tables else {
            let places: Vec<String> =
                system_tables::DIRS.iter().map(|dir| self.basedir.join(dir).display().to_string()).collect();
            let searched = places.join(", ");
            return Err(Error::new(format!(
                "could not find mariadb_system_tables.sql or mysql_system_tables.sql; searched {searched}"
            ))
            .hint(match self.by_initialize {
                true => "this is MySQL, which makes its system tables by --initialize: name an installation of MariaDB with --basedir=DIR",
                false => "the server's package brings it: install that, or name another installation with --basedir=DIR",
            }));
        };
        let dir = &tables.dir;
        let scripts = if layout.source { layout.bindir.join("scripts") } else { dir.clone() };
        let mut sql = BString::from("use mysql;\n");
        for file in [
            tables.script(dir, "system_tables"),
            scripts.join("maria_add_gis_sp_bootstrap.sql"),
            tables.script(dir, "performance_tables"),
            tables.script(dir, "system_tables_data"),
            tables.script(dir, "test_data_timezone"),
            dir.join("fill_help_tables.sql"),
        ] {
            sql.extend_from_slice(&read(&file)?);
        }
        // Until 10.5 there was no sys schema, and a script made the database `test`.
        let (sys_schema, test_db) = (tables.script(&scripts, "sys_schema"), tables.script(dir, "test_db"));
        let charset = self.charset;
        if sys_schema.exists() || !test_db.exists() {
            sql.extend_from_slice(&read(&sys_schema)?);
            let (name, collation) = (charset.name(), charset.collation());
            let test =
                format!("CREATE DATABASE IF NOT EXISTS test CHARACTER SET {name} COLLATE {collation};\n");
            sql.extend_from_slice(test.as_bytes());
        } else {
            sql.extend_from_slice(&read(&test_db)?);
        }
        // Many tests run without InnoDB, so the one system table that is made in it is moved.
        sql.extend_from_slice(
            b"ALTER TABLE gtid_slave_pos ENGINE=Aria transactional=0;\n\
              DELETE FROM mysql.global_priv where user= '';\n",
        );
        sql.extend_from_slice(format!("CREATE DATABASE mtr CHARSET={};\n", charset.name()).as_bytes());
        for file in ["include/mtr_warnings.sql", "include/mtr_check.sql"] {
            sql.extend_from_slice(&to_bootstrap(&read(&layout.test_dir.join(file))?));
        }
        Ok(sql)
    }

    /// Makes `datadir`, from the cache if it has the same; `extra` are options of a single test.
    /// The modes of the files are those the server made.
    ///
    /// # Errors
    ///
    /// The SQL is incomplete, the program cannot be run or fails (with the command and the end of its
    /// log), or `datadir` cannot be written.
    pub fn install(&self, datadir: &Path, extra: &[ServerOption]) -> Result<Installed> {
        let sql_file = self.sql_file();
        let sql = if sql_file.exists() { read(&sql_file)?.into() } else { self.sql()? };
        for dir in [self.vardir.join("log"), self.vardir.join("tmp")] {
            fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
        }
        if !sql_file.exists() {
            // Whole or not at all: later bootstraps take it as it is.
            replace(&sql_file, &sql).map_err(|e| Error::io("write", &sql_file, e))?;
        }
        let mut arguments = self.arguments(datadir, &self.vardir.join("tmp"))?;
        arguments.extend_from_slice(extra);
        let cache = self.cache(&sql, extra)?;
        let mut warnings = Vec::new();
        match cache.as_ref().map(|cache| cache.fetch(datadir)).transpose()? {
            Some(Fetched::Whole(log)) => {
                self.log(&arguments, &log)?;
                return Ok(Installed { cached: true, warnings });
            }
            Some(Fetched::Damaged(entry)) => warnings.push(format!(
                "The cached system database in {} is not what was stored there: made anew",
                entry.display()
            )),
            Some(Fetched::Absent) | None => {}
        }
        let log = self.run(datadir, &arguments)?;
        let stored = cache.map_or(Ok(()), |cache| cache.store(datadir, &log));
        warnings.extend(stored.err().map(|e| format!("The system database is not cached: {}", e.chain())));
        Ok(Installed { cached: false, warnings })
    }

    /// The place in the cache for this bootstrap; `None` where it must not be cached: its result
    /// may depend on where it is made, or on more than we see.
    fn cache(&self, sql: &[u8], extra: &[ServerOption]) -> Result<Option<Cache>> {
        let anywhere = |option: &BString| !option.contains_str("/") && !option.contains_str("..");
        let given = self.mysqld_options.iter().filter(|o| o.contains_str("--innodb"));
        let options = given.chain(extra.iter().map(|option| &option.text));
        let watched = self.debug.is_some() || self.debugger.is_some();
        let Some(dir) = self.cache.as_ref().filter(|_| !watched) else { return Ok(None) };
        if !{ options }.all(anywhere) {
            return Ok(None);
        }
        let Some(mut key) = bootstrap_cache::key(&self.mariadbd, self.env) else { return Ok(None) };
        key.add(sql);
        let (messages, charsets) = self.shares()?;
        key.add_files_in(&messages.join("english"));
        key.add_files_in(&charsets);
        // Nothing in a data directory names the directory itself, or servers could not use copies.
        for argument in self.arguments(Path::new("DATADIR"), Path::new("TMPDIR"))?.iter().chain(extra) {
            key.add(&argument.text);
        }
        Ok(Some(Cache::new(dir, &key)))
    }

    /// Appends the command and `output` to the log of bootstraps.
    fn log(&self, arguments: &[ServerOption], output: &[u8]) -> Result<File> {
        let path = self.vardir.join("log/bootstrap.log");
        let write = || {
            let mut log = files::append_to(&path)?;
            let mut text = self.shown(arguments);
            text.push(b'\n');
            text.extend_from_slice(output);
            log.write_all(&text)?;
            Ok(log)
        };
        write().map_err(|e| Error::io("write", &path, e))
    }

    /// Runs the program; returns what it wrote.
    fn run(&self, datadir: &Path, arguments: &[ServerOption]) -> Result<Vec<u8>> {
        has_memory()?;
        let log_path = self.vardir.join("log/bootstrap.log");
        let sql_file = self.sql_file();
        let mut log = self.log(arguments, b"")?;
        let output_starts = log.metadata().map_err(|e| Error::io("look at", &log_path, e))?.len();
        let system = datadir.join("mysql");
        fs::create_dir_all(&system).map_err(|e| Error::io("create", &system, e))?;
        let input = files::open(&sql_file).map_err(|e| Error::io("read", &sql_file, e))?;
        let (program, args) = match &self.debugger {
            Some(wrap) => {
                let texts: Vec<BString> = arguments.iter().map(|option| option.text.clone()).collect();
                wrap(&self.mariadbd, &texts, &sql_file)?
            }
            None => {
                let args = arguments.iter().map(|option| OsStr::from_bytes(&option.text).to_os_string());
                (self.mariadbd.clone(), args.collect())
            }
        };
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.layout.test_dir).env_clear().envs(self.env.iter()).stdin(input);
        let begun = Instant::now();
        let mut said = Vec::new();
        let mut full = false;
        let ended = (self.runner)(&mut command, self.patience, &mut |text| {
            // Where the disk is full there is no room for what it says either.
            let _ = log.write_all(text);
            let room = (excerpt::MOST as usize).saturating_sub(said.len()).min(text.len());
            let from = said.len().saturating_sub(DISK_IS_FULL.len());
            said.extend_from_slice(&text[..room]);
            full = said[from..].contains_str(DISK_IS_FULL);
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let failed = |how: String, end| {
            let failure = BootstrapFailed {
                program: self.mariadbd.clone(),
                arguments: arguments.to_vec(),
                datadir: datadir.to_owned(),
                end,
                lived: begun.elapsed(),
                log: log_path.clone(),
                log_offset: output_starts,
            };
            Error::new(format!(
                "Error executing mariadbd --bootstrap: {how}\nCould not install system database from {}",
                sql_file.display()
            ))
            .caused_by(failure)
        };
        match ended {
            Ok(status) if full => {
                let line = said.lines().rfind(|line| line.contains_str(DISK_IS_FULL)).unwrap_or_default();
                let how = format!("it waited for room on a full disk, and was killed\n{}", line.as_bstr());
                Err(failed(how, Ok(status))
                    .hint("make room there, or name another place with --vardir, --tmpdir or --mem"))
            }
            Ok(status) if status.success() => Ok(said),
            Ok(status) => Err(failed(status.to_string(), Ok(status))),
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                Err(failed(e.to_string(), Err(None)).hint("give it more time with MTR_START_TIMEOUT=SECONDS"))
            }
            Err(e) => Err(failed(format!("it could not be run: {e}"), Err(child::number_of(&e)))),
        }
    }
}

/// A bootstrap for which there is no memory would be killed, or something else in its place.
fn has_memory() -> Result<()> {
    match memory::available() {
        Some(Available { bytes, limited_by }) if bytes < MEMORY => Err(Error::new(format!(
            "there is not enough memory to install the system database: about {} MiB are needed, and {} MiB are left ({})",
            MEMORY >> 20,
            bytes >> 20,
            limited_by.display()
        ))
        .hint("give the machine, the container or the control group more memory")),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    files::read(path, files::MOST_OF_TEXT).map_err(|e| Error::io("read", path, e))
}

/// SQL for a client as SQL for `--bootstrap`, which knows no delimiters and wants every statement
/// on a line of its own (runner §8.2).
fn to_bootstrap(sql: &[u8]) -> BString {
    let mut result = BString::from("\n");
    let mut delimiter: &[u8] = b";";
    for line in lines(sql) {
        if let Some(new) = line.strip_prefix(b"delimiter ") {
            delimiter = new.strip_suffix(delimiter).unwrap_or(new);
        } else if let Some(statement) = line.strip_suffix(delimiter) {
            result.extend_from_slice(statement);
            result.extend_from_slice(b";\n");
        } else if !line.trim_ascii_start().starts_with(b"--") {
            result.extend_from_slice(&line.replacen("'@HOSTNAME@'", "localhost", 1));
            result.push(b' ');
        }
    }
    result
}

/// The lines of a text without their ends; empty ones at the end are left out.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.lines().collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests;
