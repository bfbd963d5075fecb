//! A private server on which scripts run.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mtr::cli::settings::Settings;
use mtr::env::Env;
use mtr::server::bootstrap::{Bootstrap, Charset};
use mtr::sys::bounded;
use mtr::tree::layout::{Layout, locate};
use mtr::tree::programs::{Program, Programs};
use rustix::process::{Pid, Signal, kill_process};

use super::corpus;
use super::script::Interpreter;
use crate::support::PATIENCE;

/// The installed MariaDB, found like the runner finds it.
pub struct Installation {
    layout: Layout,
    /// The program whose behaviour is the rule.
    mariadb_test: PathBuf,
    /// `LD_LIBRARY_PATH` of everything installed.
    pub libraries: std::ffi::OsString,
}

impl Installation {
    /// Looks for it; without one the test fails.
    pub fn find() -> Installation {
        let (settings, env) = (Settings::default(), Env::of_process());
        let layout = locate(&settings, &env, None).unwrap();
        let mariadb_test =
            Programs::find(&layout, &settings, &env).require(Program::Test).unwrap().to_path_buf();
        let libraries = layout.library_path(&settings, env.get("LD_LIBRARY_PATH"));
        Installation { layout, mariadb_test, libraries }
    }

    /// MariaDB's interpreter.
    pub fn interpreter(&self) -> Interpreter {
        vec![self.mariadb_test.clone().into_os_string()]
    }
}

/// A server that runs, or ran until a script ended it.
pub struct Server<'a> {
    installation: &'a Installation,
    dir: PathBuf,
    /// Its TCP port on 127.0.0.1.
    pub port: u16,
    process: Option<Process>,
}

/// The process, waited for at once: to a script that watches a pid a zombie is alive.
struct Process {
    pid: Pid,
    ended: Arc<AtomicBool>,
}

impl<'a> Server<'a> {
    /// Makes a data directory below `dir` and boots.
    pub fn start(installation: &'a Installation, dir: &Path) -> Server<'a> {
        fs::create_dir_all(dir.join("tmp")).unwrap();
        let layout = &installation.layout;
        let bootstrap = Bootstrap {
            layout,
            basedir: layout.basedir.clone(),
            mariadbd: layout.mariadbd.clone(),
            system_tables: layout.system_tables.clone(),
            by_initialize: false,
            charset: Charset::default(),
            optional_plugins: &[],
            vardir: dir,
            mysqld_options: &[],
            debug: None,
            env: &Env::of_process(),
            cache: Some(concat!(env!("CARGO_TARGET_TMPDIR"), "/cache").into()),
            debugger: None,
            patience: crate::support::PATIENCE,
            runner: &bounded::watch,
        };
        bootstrap.install(&dir.join("data"), &[]).unwrap();
        // Free at this moment, and not given to anybody else soon.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Server { installation, dir: dir.into(), port, process: None };
        server.boot();
        server
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    /// Boots, and runs the script that prepares the server.
    pub fn boot(&mut self) {
        self.stop();
        let mut options = fs::read_to_string(corpus().join("server.opt")).unwrap();
        let std_data = self.installation.layout.test_dir.join("std_data");
        if std_data.is_dir() {
            options = options.replace("@STD_DATA@", std_data.to_str().unwrap());
        }
        let log = fs::File::create(self.dir.join("console")).unwrap();
        let mut child = Command::new(&self.installation.layout.mariadbd)
            .arg("--no-defaults")
            .args(options.lines().filter(|line| !line.starts_with('#') && !line.contains('@')))
            .arg(format!("--datadir={}", self.dir.join("data").display()))
            .arg(format!("--tmpdir={}", self.dir.join("tmp").display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", self.dir.join("pid").display()))
            .arg(format!("--log-error={}", self.dir.join("error.log").display()))
            .arg(format!("--port={}", self.port))
            .args(rustix::process::geteuid().is_root().then_some("--user=root"))
            .env("LD_LIBRARY_PATH", &self.installation.libraries)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        self.process = Some(Process { pid: Pid::from_child(&child), ended: ended.clone() });
        thread::spawn(move || {
            child.wait().unwrap();
            ended.store(true, Ordering::Relaxed);
        });
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            let log = || fs::read_to_string(self.dir.join("error.log")).unwrap_or_default();
            assert!(self.runs() && Instant::now() < deadline, "the server does not start:\n{}", log());
            thread::sleep(Duration::from_millis(5));
        }
        assert!(self.script("setup.test").status().unwrap().success());
    }

    /// One of the corpus's own scripts, ready to be run.
    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.installation.mariadb_test);
        command
            .args(["--no-defaults", "--silent", "--user=root", "--skip-ssl", "--max-connect-retries=1"])
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--test-file={}", corpus().join(name).display()))
            .env("LD_LIBRARY_PATH", &self.installation.libraries)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn runs(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.ended.load(Ordering::Relaxed))
    }

    fn stop(&mut self) {
        let Some(process) = self.process.take() else { return };
        while !process.ended.load(Ordering::Relaxed) {
            let _ = kill_process(process.pid, Signal::KILL);
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}
