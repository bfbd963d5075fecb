//! What the server can do, read from its own `--verbose --help` (runner §0.2).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use bstr::{BStr, BString, ByteSlice as _};

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::flavour::Flavour;
use crate::sys::argument::argument;
use crate::sys::bounded;
use crate::sys::child;
use crate::sys::scratch::Scratch;
use crate::tree::cache;
use crate::tree::cache_entry::{self, CacheKey};
use crate::tree::layout::Layout;
use crate::tree::probe_failed::ProbeFailed;
use crate::tree::programs::{Program, Programs};

/// Facts about one server binary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// major*10000 + minor*100 + patch.
    pub version_id: u32,
    /// `10.11.19`.
    pub version: String,
    /// What follows the version: `-MariaDB-0+deb12u1`.
    pub suffix: String,
    /// Names of plugins that `--loose-skip-plugin-X` switches off, in the server's order.
    pub optional_plugins: Vec<String>,
    /// Variables and their defaults, names with `-`.
    pub variables: BTreeMap<String, String>,
    /// The option files that a plain start reads, in order; `~` stands for the home directory.
    pub option_files: Vec<String>,
    /// The groups of them that it reads.
    pub option_groups: Vec<String>,
}

impl ServerFacts {
    /// The default of variable `name` (written with `-`), if the server has it.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// What the server's product and release mean.
    pub fn flavour(&self) -> Flavour {
        Flavour::of_version(format!("{}{}", self.version, self.suffix).as_bytes())
    }

    /// The server was built with `DBUG`: it has the variable `debug-dbug`.
    pub fn is_debug_build(&self) -> bool {
        self.variables.contains_key("debug-dbug")
    }
}

/// How names of cached answers begin.
const PREFIX: &str = "probe-";

/// How many of them are kept, of about 200 KB each: some servers, with and without all plugins.
const ENTRIES: usize = 32;

/// Plugins that `--help` lists as switchable and that stay on all the same (runner §0.2).
const ALWAYS_ON: [&str; 6] =
    ["innodb-metrics", "innodb-buffer-page", "innodb-lock-waits", "innodb-locks", "innodb-trx", "gssapi"];

/// Asks the server about itself, or the cache where the same server in the same place answered before.
/// `datadir` is the server's `--datadir`; nothing is written there.
///
/// # Errors
/// The server cannot be run, or its answer has no version or no variables.
pub fn probe(layout: &Layout, settings: &Settings, env: &Env, datadir: &Path) -> Result<ServerFacts> {
    let facts = help(layout, settings, env, datadir, &[])?.1;
    Ok(moved(facts, datadir))
}

/// What the server prints for `--verbose --help` with the further arguments `more`, and the facts in it; from the cache
/// where the same server was asked the same before. Plugins that `more` loads are not initialised, but their options
/// are part of the answer.
///
/// # Errors
/// As [`probe`].
pub fn help(
    layout: &Layout,
    settings: &Settings,
    env: &Env,
    datadir: &Path,
    more: &[OsString],
) -> Result<(Vec<u8>, ServerFacts)> {
    let dir = cache::cache_dir(env)?;
    let cached = key(layout, settings, env, more).map(|key| dir.join(format!("{PREFIX}{key}")));
    if let Some(help) = cached.as_deref().and_then(cache_entry::read)
        && let Ok(facts) = parse(&help, &layout.mariadbd)
    {
        return Ok((help, facts));
    }
    let answer = ask(layout, settings, env, datadir, more)?;
    let facts = parse(&answer.output.stdout, &layout.mariadbd).map_err(|error| {
        let status = answer.output.status;
        let error = match status.success() {
            true => error,
            false => Error::new(format!("cannot ask {} what it is: {status}", layout.mariadbd.display())),
        };
        error.caused_by(ProbeFailed {
            program: layout.mariadbd.clone(),
            arguments: answer.arguments,
            end: Ok(status),
            lived: answer.lived,
            said: answer.output.stderr.trim().into(),
        })
    })?;
    if let Some(cached) = cached {
        // Without a cache every run asks again, which is slower and no error.
        let _ = cache_entry::write(&cached, &answer.output.stdout);
        cache_entry::prune(&dir, PREFIX, ENTRIES, Duration::ZERO);
    }
    Ok((answer.output.stdout, facts))
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// How it ended, and what it wrote.
    pub output: Output,
    /// What it was asked with.
    arguments: Vec<OsString>,
    /// From its start to its end.
    lived: Duration,
}

/// Runs the server with the arguments `more` and `--verbose --help`: it judges all arguments, and starts nothing.
///
/// # Errors
/// It cannot be run.
pub fn ask(
    layout: &Layout,
    settings: &Settings,
    env: &Env,
    datadir: &Path,
    more: &[OsString],
) -> Result<Answer> {
    let scratch;
    let existing = if datadir.is_dir() {
        datadir
    } else {
        scratch = Scratch::new().map_err(|error| Error::io("use", &std::env::temp_dir(), error))?;
        scratch.path()
    };
    let mut arguments: Vec<OsString> = vec!["--no-defaults".into()];
    arguments.extend([argument("--datadir=", existing), argument("--basedir=", &layout.basedir)]);
    arguments.push(argument("--lc-messages-dir=", &layout.share_dir));
    let quiet = ["--skip-grant-tables", "--log-warnings=0", "--log-slow-admin-statements=0"];
    let logs = ["--log-queries-not-using-indexes=0", "--log-slow-slave-statements=0"];
    arguments.extend(quiet.into_iter().chain(logs).map(OsString::from));
    arguments.extend_from_slice(more);
    arguments.extend(["--verbose".into(), "--help".into()]);
    let begun = Instant::now();
    let mut command = Command::new(&layout.mariadbd);
    command
        .args(&arguments)
        .env_clear()
        .envs(env.iter())
        .env("LD_LIBRARY_PATH", layout.library_path(settings, env.get("LD_LIBRARY_PATH")))
        .stdin(Stdio::null());
    match bounded::output(&mut command, settings.patience()) {
        Ok(output) => Ok(Answer { output, arguments, lived: begun.elapsed() }),
        Err(error) => {
            let text = match error.kind() {
                io::ErrorKind::TimedOut => {
                    format!("cannot ask {} what it is: {error}", layout.mariadbd.display())
                }
                _ => format!("cannot run {}: {error}", layout.mariadbd.display()),
            };
            Err(Error::new(text).caused_by(ProbeFailed {
                program: layout.mariadbd.clone(),
                arguments,
                end: Err(child::number_of(&error)),
                lived: begun.elapsed(),
                said: BString::default(),
            }))
        }
    }
}

/// The facts as if the server had been asked with `datadir`: vardirs come and go, the cached answer
/// of one stands for all.
fn moved(mut facts: ServerFacts, datadir: &Path) -> ServerFacts {
    let Some(old) = facts.variable("datadir").map(|dir| dir.trim_end_matches('/').to_owned()) else {
        return facts;
    };
    let new = datadir.to_string_lossy();
    for value in facts.variables.values_mut().filter(|_| !old.is_empty()) {
        match value.strip_prefix(&old) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => *value = format!("{new}{rest}"),
            _ => {}
        }
    }
    facts
}

/// Everything that the answer depends on: the program, its libraries and plugins, its places, the host and the limits.
/// `None` where the program is a script: what that runs is not known, so it is asked each time.
fn key(layout: &Layout, settings: &Settings, env: &Env, more: &[OsString]) -> Option<String> {
    let mut key = CacheKey::new(b"mtr-rs probe 2");
    let mut env = env.clone();
    env.set("LD_LIBRARY_PATH", layout.library_path(settings, env.get("LD_LIBRARY_PATH")));
    for path in [&layout.mariadbd, &layout.basedir, &layout.share_dir] {
        key.add(path.as_os_str().as_encoded_bytes());
    }
    // That of a source tree is made for each run, of the plugins below.
    let plugin_dir = argument("--plugin-dir=", &layout.plugin_dir);
    if !layout.source {
        key.add(plugin_dir.as_encoded_bytes());
    }
    if !key.add_program(&layout.mariadbd, &env) {
        return None;
    }
    // A plugin that was built anew may have other options.
    for (name, file) in &layout.plugins {
        key.add(name.as_bytes());
        key.add_file(file);
    }
    for argument in more.iter().filter(|argument| !layout.source || **argument != plugin_dir) {
        key.add(argument.as_encoded_bytes());
    }
    key.add_variables(&env, &["LD_LIBRARY_PATH", "LD_PRELOAD", "TZ"]);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    key.add(format!("{:?} {:?}", limit.current, limit.maximum).as_bytes());
    key.add(&std::thread::available_parallelism().map_or(0, usize::from).to_le_bytes());
    Some(key.hex())
}

/// Reads the output of `--verbose --help`; `program` is what was run, whose name the version line has.
///
/// # Errors
/// There is no version line, or no variable.
pub fn parse(help: &[u8], program: &Path) -> Result<ServerFacts> {
    let name = program.file_name().unwrap_or_default().as_encoded_bytes();
    let (version_id, version, suffix) = help
        .lines()
        .find_map(|line| version_of(line, name))
        .or_else(|| help.lines().find_map(|line| version_of(line, b"")))
        .ok_or_else(|| Error::new("could not find the version of MariaDB in the server's help"))?;

    let mut optional_plugins = Vec::new();
    let mut variables = BTreeMap::new();
    let (mut option_files, mut option_groups) = (Vec::new(), Vec::new());
    let words = |line: &[u8]| line.fields().map(text).collect::<Vec<String>>();
    let mut files_follow = false;
    let mut part = Part::Version;
    for line in unfolded(help) {
        let line = line.as_slice();
        match part {
            Part::Version if line.contains_str("Copyright") => part = Part::Options,
            Part::Version => {}
            Part::Options if is_ruler(line) => part = Part::Variables,
            Part::Options if files_follow => {
                option_files = words(line);
                files_follow = false;
            }
            Part::Options if line.starts_with(b"Default options are read from") => files_follow = true,
            Part::Options => match line.strip_prefix(b"The following groups are read:") {
                Some(groups) => option_groups = words(groups),
                None => optional_plugins.extend(optional_plugin(line)),
            },
            Part::Variables if line.is_empty() => break,
            Part::Variables => {
                let end = line.find_byteset(b" \t").unwrap_or(line.len());
                let (name, value) = line.split_at(end);
                variables.insert(text(name), text(value.trim_start_with(|c| c == ' ' || c == '\t')));
            }
        }
    }
    if variables.is_empty() {
        return Err(Error::new("could not find the list of variables in the server's help"));
    }
    Ok(ServerFacts { version_id, version, suffix, optional_plugins, variables, option_files, option_groups })
}

/// The parts of the help text.
enum Part {
    Version,
    Options,
    Variables,
}

/// The lines, continuation lines joined: exactly 22 blanks and a non-blank continue a line.
pub(super) fn unfolded(help: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in help.split_str("\n") {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let blanks = line.iter().take_while(|&&byte| byte == b' ').count();
        match lines.last_mut() {
            Some(last) if blanks == 22 && line.len() > 22 => {
                last.push(b' ');
                last.extend_from_slice(&line[22..]);
            }
            _ => lines.push(line.to_vec()),
        }
    }
    lines
}

/// The line under the heading of the variables.
pub(super) fn is_ruler(line: &[u8]) -> bool {
    line.iter().take_while(|&&byte| byte == b'-').count() >= 30
}

/// Version of a line like `/usr/sbin/mariadbd  Ver 10.11.19-MariaDB for Linux`, where the program is `name`.
fn version_of(line: &[u8], name: &[u8]) -> Option<(u32, String, String)> {
    let at = line.find(b" Ver ").or_else(|| line.find(b"\tVer "))?;
    let before = line[..at].trim_end();
    let start = before.strip_suffix(name)?;
    if start.last().is_some_and(|&byte| byte == b'_' || byte.is_ascii_alphanumeric()) && !name.is_empty() {
        return None;
    }
    let word = line[at + 5..].trim_start().fields().next()?;
    split_version(&text(word))
}

/// `10.11.19-MariaDB` as a number, the version and the rest.
fn split_version(word: &str) -> Option<(u32, String, String)> {
    let end = word.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(word.len());
    let mut numbers = word[..end].splitn(3, '.');
    let major: u32 = numbers.next()?.parse().ok()?;
    let minor: u32 = numbers.next()?.parse().ok()?;
    let rest = numbers.next()?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let patch: u32 = rest[..digits].parse().ok()?;
    let version = format!("{major}.{minor}.{patch}");
    let suffix = word.get(version.len()..).unwrap_or_default().to_owned();
    Some((major * 10_000 + minor * 100 + patch, version, suffix))
}

/// The plugin an option line switches on and off:
/// `  --archive[=name]    Enable or disable ARCHIVE plugin. One of: ON, OFF, FORCE …`.
fn optional_plugin(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(b"  --")?;
    let end = rest.iter().position(|&c| !(c == b'-' || c.is_ascii_lowercase() || c.is_ascii_digit()))?;
    let (name, rest) = rest.split_at(end);
    let rest = rest.strip_prefix(b"[=name]")?;
    let rest = rest.strip_prefix(b" ")?.trim_start_with(|c| c == ' ').strip_prefix(b"Enable or disable ")?;
    let end = rest.iter().position(|&c| c != b'_' && !c.is_ascii_alphanumeric())?;
    let known = end > 0 && rest[end..].starts_with(b" plugin. One of: ON, OFF, FORCE");
    let name = text(name);
    (known && !name.is_empty() && !ALWAYS_ON.contains(&name.as_str())).then_some(name)
}

/// Help is ASCII but for paths, which only people read.
fn text(bytes: &[u8]) -> String {
    BStr::new(bytes).to_string()
}

/// The facts of a running server (`--extern`), asked with the client program; it has no list of plugins.
///
/// # Errors
/// There is no client program, or it cannot connect.
pub fn probe_extern(settings: &Settings, programs: &Programs, env: &Env) -> Result<ServerFacts> {
    let mut command = Command::new(programs.require(Program::Client)?);
    command.arg("--no-defaults").arg(format!("--user={}", settings.user));
    for (name, value) in &settings.extern_server {
        let mut word = b"--".to_vec();
        word.extend_from_slice(name);
        word.push(b'=');
        word.extend_from_slice(value);
        command.arg(word.to_os_str_lossy());
    }
    command.args(["--silent", "-e", "use mysql; SHOW VARIABLES"]);
    command.env_clear().envs(env.iter()).stdin(Stdio::null());
    let output = bounded::output(&mut command, settings.patience())
        .map_err(|error| Error::new(format!("cannot run {command:?}")).caused_by(error))?;
    if !output.status.success() {
        return Err(Error::new(format!("Could not connect to extern server using command: '{command:?}'"))
            .caused_by(text(output.stderr.trim())));
    }
    let mut facts = ServerFacts::default();
    for line in output.stdout.lines() {
        let (name, value) = line.split_once_str("\t").unwrap_or((line, b""));
        facts.variables.insert(text(name).replace('_', "-"), text(value));
    }
    let (id, version, suffix) = facts
        .variable("version")
        .and_then(split_version)
        .ok_or_else(|| Error::new("the extern server does not tell its version"))?;
    Ok(ServerFacts { version_id: id, version, suffix, ..facts })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    const HELP: &str = "\
/usr/sbin/mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)
Copyright (c) 2000, 2018, Oracle, MariaDB Corporation Ab and others.

Usage: /usr/sbin/mariadbd [OPTIONS]

Default options are read from the following files in the given order:
/etc/my.cnf ~/.my.cnf 
The following groups are read: mysqld mariadb-10.11
The following options may be given as the first argument:
  --archive[=name]    Enable or disable ARCHIVE plugin. One of: ON, OFF, FORCE
                      (don't start if the plugin fails to load),
                      FORCE_PLUS_PERMANENT
  --innodb-metrics[=name] 
                      Enable or disable INNODB_METRICS plugin. One of: ON, OFF,
                      FORCE (don't start if the plugin fails to load)
  --innodb-cmp[=name] Enable or disable INNODB_CMP plugin. One of: ON, OFF,
                      FORCE (don't start if the plugin fails to load)
  --unix-socket[=name] 
                      Enable or disable UNIX_SOCKET plugin. One of: ON, OFF,
                      FORCE
  --alter-algorithm[=name] 
                      Specify the alter table algorithm. One of: DEFAULT, COPY

Variables (--variable-name=value)
and boolean options {FALSE|TRUE}                             Value (after reading options)
------------------------------------------------------------ -------------
archive                                                      ON
init-connect                                                 
version-ssl-library                                          OpenSSL 3.0.15 3 Sep 2024
pid-file\tx.pid

To see what variables a running server is using, type
not-a-variable                                               1
";

    fn parsed(help: &str) -> ServerFacts {
        parse(help.as_bytes(), Path::new("/usr/sbin/mariadbd")).unwrap()
    }

    #[test]
    fn help_yields_version_plugins_and_variables() {
        let facts = parsed(HELP);
        assert_eq!(facts.version_id, 101_119);
        assert_eq!((facts.version.as_str(), facts.suffix.as_str()), ("10.11.19", "-MariaDB-0+deb12u1"));
        assert_eq!(facts.optional_plugins, ["archive", "innodb-cmp", "unix-socket"]);
        assert_eq!(facts.option_files, ["/etc/my.cnf", "~/.my.cnf"]);
        assert_eq!(facts.option_groups, ["mysqld", "mariadb-10.11"]);
        assert_eq!(facts.variables.len(), 4);
        assert_eq!(facts.variable("archive"), Some("ON"));
        assert_eq!(facts.variable("init-connect"), Some(""));
        assert_eq!(facts.variable("version-ssl-library"), Some("OpenSSL 3.0.15 3 Sep 2024"));
        assert_eq!(facts.variable("pid-file"), Some("x.pid"));
        assert!(!facts.is_debug_build());
    }

    #[test]
    fn carriage_returns_and_other_names_do_not_disturb() {
        let dos = HELP.replace('\n', "\r\n");
        assert_eq!(parsed(&dos), parsed(HELP));
        let renamed =
            HELP.replace("/usr/sbin/mariadbd  Ver 10.11.19-MariaDB-0+deb12u1", "./mysqld Ver 12.1.2");
        let facts = parsed(&renamed);
        assert_eq!((facts.version_id, facts.suffix.as_str()), (120_102, ""));
    }

    #[test]
    fn the_line_of_the_program_itself_has_the_version() {
        let wrapped = format!("valgrind  Ver 3.19.0 here\n{HELP}");
        assert_eq!(parsed(&wrapped).version, "10.11.19");
        assert_eq!(version_of(b"/x/notmariadbd  Ver 1.2.3", b"mariadbd"), None);
    }

    #[test]
    fn a_cached_answer_moves_to_another_datadir() {
        let pairs = [("datadir", "/old/var/"), ("a-dir", "/old/var"), ("b-dir", "/old/variant"), ("c", "10")];
        let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let facts = moved(ServerFacts { variables, ..ServerFacts::default() }, Path::new("/new"));
        let values: Vec<&str> = facts.variables.values().map(String::as_str).collect();
        assert_eq!(values, ["/new", "/old/variant", "10", "/new/"]);
    }

    /// A script that is a server: it counts how often it is asked.
    fn scripted(dir: &Path) -> (Layout, Env) {
        let server = dir.join("mariadbd");
        let script = format!("#!/bin/sh\necho >> {}/count\ncat <<'END'\n{HELP}\nEND\n", dir.display());
        // Another process writes the program: a descriptor of ours that is open for writing could be
        // inherited by what another test starts meanwhile, and the program be "busy".
        let draft = dir.join("draft");
        fs::write(&draft, script).unwrap();
        let status = Command::new("install").args(["-m", "755"]).args([&draft, &server]).status();
        assert!(status.unwrap().success());
        let layout = Layout { mariadbd: server, plugin_dir: dir.into(), ..Layout::default() };
        let mut env = Env::of_process();
        env.set("MTR_CACHE_DIR", dir);
        (layout, env)
    }

    #[test]
    fn a_script_is_asked_each_time() {
        let temp = tempfile::tempdir().unwrap();
        let (layout, env) = scripted(temp.path());
        let ask = || probe(&layout, &Settings::default(), &env, Path::new("/no/such")).unwrap();
        assert_eq!(ask(), ask());
        assert_eq!(fs::read(temp.path().join("count")).unwrap().len(), 2);
    }

    #[test]
    fn the_key_follows_the_server_and_its_plugins() {
        let temp = tempfile::tempdir().unwrap();
        let (plugin, server) = (temp.path().join("ha_x.so"), temp.path().join("mariadbd"));
        fs::write(&plugin, "one option").unwrap();
        fs::copy("/bin/true", &server).unwrap();
        let layout = Layout {
            mariadbd: server.clone(),
            plugins: vec![("ha_x".into(), plugin.clone())],
            ..Layout::default()
        };
        let now = || key(&layout, &Settings::default(), &Env::default(), &[]).unwrap();
        let first = now();
        assert_eq!(now(), first);
        fs::write(&plugin, "one option, and another").unwrap();
        let plugin_changed = now();
        assert_ne!(plugin_changed, first);
        fs::rename(&server, temp.path().join("old")).unwrap();
        fs::copy("/bin/true", &server).unwrap();
        assert_ne!(now(), plugin_changed);
    }

    #[test]
    fn the_key_does_not_follow_the_plugin_directory_of_a_run() {
        let temp = tempfile::tempdir().unwrap();
        let server = temp.path().join("mariadbd");
        fs::copy("/bin/true", &server).unwrap();
        let of = |source, dir: &str| {
            let layout =
                Layout { mariadbd: server.clone(), source, plugin_dir: dir.into(), ..Layout::default() };
            let more = [argument("--plugin-dir=", dir), "--plugin-load-add=ha_x.so".into()];
            key(&layout, &Settings::default(), &Env::default(), &more).unwrap()
        };
        assert_eq!(of(true, "/one"), of(true, "/two"));
        assert_ne!(of(false, "/one"), of(false, "/two"));
    }

    #[test]
    fn an_answer_without_variables_is_an_error() {
        let cut = HELP.split("----").next().unwrap();
        let error = parse(cut.as_bytes(), Path::new("mariadbd")).unwrap_err();
        assert!(error.message().contains("variables"), "{error}");
        let error = parse(b"error while loading shared libraries", Path::new("mariadbd")).unwrap_err();
        assert!(error.message().contains("version"), "{error}");
    }
}
