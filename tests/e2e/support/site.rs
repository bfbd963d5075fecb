//! A place of its own for one test: an installation or suites, a vardir, report files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::Herd;
use super::run::{Run, write};

/// Where one test has its files.
pub struct Site {
    dir: TempDir,
    fake: bool,
}

const MARIADBD: &str = include_str!("../fake/mariadbd.sh");
const MARIADB_TEST: &str = include_str!("../fake/mariadb-test.sh");

impl Site {
    fn new(fake: bool) -> Site {
        let base =
            [PathBuf::from("/dev/shm"), std::env::temp_dir()].into_iter().find(|dir| dir.is_dir()).unwrap();
        let dir = tempfile::Builder::new().prefix("mtr-rs-e2e-").tempdir_in(base).unwrap();
        // An unprivileged server has to get through, whoever runs the tests.
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Site { dir, fake }
    }

    /// An installation with a fake server and a fake script interpreter, and a test tree with an
    /// suite `main` of one test.
    pub fn fake() -> Site {
        let site = Site::new(true);
        site.program("base/bin/mariadbd", MARIADBD).program("base/bin/mariadb-test", MARIADB_TEST);
        for name in ["english/errmsg.sys", "charsets/Index.xml"] {
            site.file(&format!("base/share/{name}"), "");
        }
        for name in [
            "mysql_system_tables",
            "maria_add_gis_sp_bootstrap",
            "mysql_performance_tables",
            "mysql_system_tables_data",
            "mysql_test_data_timezone",
            "fill_help_tables",
            "mysql_sys_schema",
        ] {
            site.file(&format!("base/share/{name}.sql"), "");
        }
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/include");
        for entry in fs::read_dir(own).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            site.file(&format!("base/mysql-test/include/{name}"), fs::read(&path).unwrap());
        }
        // By which a test tree is recognized.
        site.test_file("1st.test", "exit 0\n");
        site
    }

    /// Tests of our own, in suite `own`, on the installed server.
    pub fn real() -> Site {
        let site = Site::new(false);
        fs::create_dir_all(site.path("own")).unwrap();
        site
    }

    /// A path below the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Every process of runs of this site.
    pub fn herd(&self) -> Herd {
        Herd::of(self.dir.path())
    }

    /// The suite's directory.
    pub fn suite(&self) -> PathBuf {
        self.path(if self.fake { "base/mysql-test/main" } else { "own" })
    }

    /// Writes a file below the site.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Site {
        write(&self.path(name), text);
        self
    }

    /// Writes an executable file. By another process: a descriptor of ours that is open for writing
    /// could be inherited by what another test starts meanwhile, and the script be "busy".
    pub fn program(&self, name: &str, text: &str) -> &Site {
        let draft = tempfile::NamedTempFile::new().unwrap();
        fs::write(draft.path(), text).unwrap();
        let status =
            Command::new("install").args(["-D", "-m", "755"]).arg(draft.path()).arg(self.path(name)).status();
        assert!(status.unwrap().success());
        self
    }

    /// Writes a file of the suite: `t.test`, `t.opt`.
    pub fn test_file(&self, name: &str, text: impl AsRef<[u8]>) -> &Site {
        write(&self.suite().join(name), text);
        self
    }

    /// A run of this site's tests; the caller names them.
    pub fn run(&self) -> Run {
        self.run_in("var", "files")
    }

    /// A run with a vardir and report files of these names.
    pub fn run_in(&self, vardir: &str, files: &str) -> Run {
        let run = Run::new(&self.path(vardir), &self.path(files));
        if self.fake {
            // Whose probe would be of no use to anybody else.
            let mut basedir = std::ffi::OsString::from("--basedir=");
            basedir.push(self.path("base"));
            return run
                .args([basedir])
                .args(["--nocheck-testcases", "--nowarnings", "--mysqltest=mariadb-test"])
                .env("MTR_CACHE_DIR", self.path("cache"))
                .env("FAKE_REACHED", self.path("reached"));
        }
        let mut suites = std::ffi::OsString::from("--suite-dir=");
        suites.push(self.path("own"));
        run.args([suites])
            .env("FAKE_REACHED", self.path("reached"))
            .env("MTR_CACHE_DIR", super::shared_cache())
    }
}
