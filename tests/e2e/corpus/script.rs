//! One script of the corpus, and what an interpreter makes of it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mtr::sys::poll::readable;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::corpus;
use super::server::{Installation, Server};

/// No script takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// An interpreter: a program with its first arguments.
pub type Interpreter = Vec<OsString>;

/// What can be seen of a run from outside.
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// The files below the script's folder, and the state of the server.
    pub left: Vec<u8>,
}

impl Outcome {
    /// All of it as one text.
    pub fn text(&self) -> Vec<u8> {
        let mut text = format!("{}\n== stdout\n", self.status).into_bytes();
        text.extend(&self.stdout);
        text.extend(b"== stderr\n");
        text.extend(&self.stderr);
        text.extend(&self.left);
        text
    }
}

/// A script with its options, as tests/corpus/README.md describes them.
pub struct Script {
    /// `area/name`.
    pub name: String,
    /// Without the ending.
    path: PathBuf,
    /// Lines of the `.args` file.
    lines: Vec<String>,
}

impl Script {
    /// All scripts, sorted by name.
    pub fn all() -> Vec<Script> {
        let entries = |dir: &Path| {
            let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            paths
        };
        let areas = entries(&corpus()).into_iter().filter(|path| path.is_dir());
        let files = areas.flat_map(|area| entries(&area));
        let scripts = files.filter(|path| path.extension().is_some_and(|ending| ending == "test"));
        scripts.map(|path| Script::read(&corpus(), &path)).collect()
    }

    /// The script of a `.test` file below `root`.
    pub fn read(root: &Path, path: &Path) -> Script {
        let name = path.strip_prefix(root).unwrap().with_extension("");
        let lines = fs::read_to_string(path.with_extension("args")).unwrap_or_default();
        Script {
            name: name.to_str().unwrap().into(),
            path: path.with_extension(""),
            lines: lines.lines().map(str::to_owned).collect(),
        }
    }

    /// The text of the script and of all its extra files.
    pub fn texts(&self) -> Vec<Vec<u8>> {
        let mut found = vec![fs::read(self.path.with_extension("test")).unwrap()];
        let extra = self.path.with_extension("files");
        let files = if extra.is_dir() { listing(&extra) } else { Vec::new() };
        let files = files.iter().map(|name| extra.join(name)).filter(|path| path.is_file());
        found.extend(files.map(|path| fs::read(path).unwrap()));
        found
    }

    /// Runs the script in an emptied `place/run` and tells what can be seen of it from outside.
    pub fn run(
        &self,
        interpreter: &Interpreter,
        installation: &Installation,
        server: &mut Server<'_>,
        place: &Path,
    ) -> Outcome {
        let run = place.join("run");
        let file_name = Path::new(&self.name).file_name().unwrap().to_str().unwrap();
        self.lay_out(&run, file_name);
        let mut command = self.command(interpreter, installation, server, place, file_name);
        let mut child = command.spawn().unwrap();
        let fd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        let ended = readable(&[fd.as_fd()], Some(Instant::now() + PATIENCE)).unwrap();
        if ended.is_empty() {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        let stream = |name: &str| fs::read(place.join(name)).unwrap();
        let mut left = Vec::new();
        files(&run, &format!("{file_name}.test"), &mut left);
        left.extend(b"== server\n");
        left.extend(state(server));
        Outcome { status, stdout: stream("stdout"), stderr: stream("stderr"), left }
    }

    /// The files that the script finds.
    fn lay_out(&self, run: &Path, file_name: &str) {
        if run.exists() {
            // Directories that a script made unreadable have to be opened first.
            for name in listing(run) {
                let path = run.join(name);
                if path.is_dir() && !path.is_symlink() {
                    fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
                }
            }
            fs::remove_dir_all(run).unwrap();
        }
        fs::create_dir_all(run.join("tmp")).unwrap();
        for ending in ["test", "result"] {
            let from = self.path.with_extension(ending);
            if from.exists() {
                fs::copy(from, run.join(format!("{file_name}.{ending}"))).unwrap();
            }
        }
        let extra = self.path.with_extension("files");
        let names = if extra.is_dir() { listing(&extra) } else { Vec::new() };
        for name in names {
            let from = extra.join(&name);
            if from.is_dir() {
                fs::create_dir_all(run.join(name)).unwrap();
            } else {
                fs::copy(from, run.join(name)).unwrap();
            }
        }
    }

    fn command(
        &self,
        interpreter: &Interpreter,
        installation: &Installation,
        server: &Server<'_>,
        place: &Path,
        file_name: &str,
    ) -> Command {
        let (run, socket) = (place.join("run"), server.socket());
        let port = server.port.to_string();
        let usual = [
            "--no-defaults".to_owned(),
            "--user=root".to_owned(),
            format!("--socket={}", socket.display()),
            "--skip-ssl".to_owned(),
            "--database=test".to_owned(),
        ];
        let mut nested = OsString::from("exec ");
        for word in interpreter {
            nested.push("'");
            nested.push(word);
            nested.push("' ");
        }
        nested.push(usual.join(" "));
        nested.push(" --silent \"$@\"\n");
        fs::write(place.join("mysqltest"), nested.as_encoded_bytes()).unwrap();

        // Modes of new files are compared, and a caller's umask can make them differ where a program changes a file
        // in place and another one makes it anew.
        let mut command = Command::new("sh");
        command.args(["-c", "umask 022 && exec \"$@\"", "sh"]).args(interpreter);
        if !self.lines.iter().any(|line| line == "!bare") {
            command.args(&usual).arg(format!("--tmpdir={}", run.join("tmp").display()));
            // As runs have it.
            if interpreter.iter().any(|word| word == "mysqltest") {
                command.arg("--quick-waits");
            }
        }
        let from_stdin = self.lines.iter().any(|line| line == "!stdin");
        if !from_stdin && !self.lines.iter().any(|line| line == "!bare") {
            command.arg(format!("--test-file=./{file_name}.test"));
        }
        command
            .env_clear()
            .envs([("HOME", "/nonexistent"), ("USER", "root"), ("LC_ALL", "C"), ("TZ", "UTC")])
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LD_LIBRARY_PATH", &installation.libraries)
            .env("MYSQLTEST_VARDIR", &run)
            .env("MYSQL_TMP_DIR", run.join("tmp"))
            .env("MYSQL_TEST", format!("sh {}", place.join("mysqltest").display()))
            .env("CORPUS_EACH", corpus().join("each"))
            .env("CORPUS_SOCKET", &socket)
            .env("CORPUS_PORT", &port);
        for line in &self.lines {
            let line = line
                .replace("@DIR@", run.to_str().unwrap())
                .replace("@SOCKET@", socket.to_str().unwrap())
                .replace("@PORT@", &port);
            match line.strip_prefix('!') {
                None => _ = command.arg(line),
                Some(directive) => {
                    if let Some((name, value)) =
                        directive.strip_prefix("env ").and_then(|setting| setting.split_once('='))
                    {
                        command.env(name, value);
                    }
                }
            }
        }
        let input = if from_stdin {
            File::open(self.path.with_extension("test")).unwrap().into()
        } else {
            Stdio::null()
        };
        let output = |name: &str| File::create(place.join(name)).unwrap();
        command.current_dir(&run).stdin(input).stdout(output("stdout")).stderr(output("stderr"));
        command
    }
}

/// Everything below a directory, by relative path, sorted by bytes.
fn listing(dir: &Path) -> Vec<PathBuf> {
    fn visit(dir: &Path, below: &Path, found: &mut Vec<PathBuf>) {
        // One that cannot be read has nothing to show.
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let entry = entry.unwrap();
            let name = below.join(entry.file_name());
            let is_dir = entry.file_type().unwrap().is_dir();
            found.push(name.clone());
            if is_dir {
                visit(&entry.path(), &name, found);
            }
        }
    }
    let mut found = Vec::new();
    visit(dir, Path::new(""), &mut found);
    found.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    found
}

/// Describes the files below `run` but for the script itself.
fn files(run: &Path, script: &str, text: &mut Vec<u8>) {
    for name in listing(run) {
        if name == Path::new(script) {
            continue;
        }
        let path = run.join(&name);
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = match metadata.file_type() {
            kind if kind.is_file() => 'f',
            kind if kind.is_dir() => 'd',
            kind if kind.is_symlink() => 'l',
            kind if kind.is_socket() => 's',
            _ => '?',
        };
        let mode = metadata.permissions().mode() & 0o7777;
        writeln!(text, "== {kind}{mode:o} {}", name.display()).unwrap();
        if kind == 'f' {
            if mode & 0o400 == 0 {
                fs::set_permissions(&path, PermissionsExt::from_mode(mode | 0o400)).unwrap();
            }
            text.extend(fs::read(path).unwrap());
        }
    }
}

/// What is left in the server, which is then put in order, or booted again if the script ended it.
fn state(server: &mut Server<'_>) -> Vec<u8> {
    let output = server.script("reset.test").stdout(Stdio::piped()).output().unwrap();
    if output.status.success() {
        return output.stdout;
    }
    server.boot();
    let after = server.script("reset.test").stdout(Stdio::piped()).output().unwrap();
    assert!(after.status.success(), "{}", String::from_utf8_lossy(&after.stderr));
    [&b"the server is gone\n"[..], &after.stdout].concat()
}
