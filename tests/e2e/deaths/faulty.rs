//! A plugin of our own with faults of choice, which the installed server loads.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Death;
use crate::support::{Site, server_version};

/// The plugin, and how it was built.
pub struct Faulty {
    sanitizer: Option<&'static str>,
    preload: bool,
}

impl Faulty {
    /// Without sanitizer.
    pub fn plain() -> Faulty {
        Faulty { sanitizer: None, preload: false }
    }

    /// With `-fsanitize=KIND`; its runtime is loaded with the plugin, which most runtimes refuse.
    pub fn with(kind: &'static str) -> Faulty {
        Faulty { sanitizer: Some(kind), preload: false }
    }

    /// With the runtime loaded before anything else, as if the server itself had it.
    pub fn preloaded(self) -> Faulty {
        Faulty { preload: true, ..self }
    }

    /// A server that loads it and to which `$FAULT` is given.
    pub fn does(self, fault: &str) -> Death {
        self.loaded(&format!("FAULT={fault}"), "")
    }

    /// A server that loads it, with more options in `dead.opt`.
    pub fn loaded(self, fault: &str, more: &str) -> Death {
        let death = Death::by_options("");
        let opt = format!("{}--plugin-load-add=faulty.so\n{more}", self.install(death.site()));
        death.site().test_file("dead.opt", opt);
        let death = death.arg(format!("--mysqld-env={fault}"));
        self.arguments().into_iter().fold(death, Death::arg)
    }

    /// Puts it where it is found with the options that are returned.
    pub fn install(&self, site: &Site) -> String {
        let dir = site.path("plugins");
        std::fs::create_dir_all(&dir).unwrap();
        build(&dir.join("faulty.so"), self.sanitizer);
        format!("--plugin-dir={}\n--plugin-maturity=unknown\n", dir.display())
    }

    /// What the runner is told for it.
    pub fn arguments(&self) -> Option<String> {
        let kind = self.sanitizer.filter(|_| self.preload)?;
        Some(format!("--mysqld-env=LD_PRELOAD={}", runtime(kind).display()))
    }
}

/// The library with the runtime of `-fsanitize=KIND`.
pub fn runtime(kind: &str) -> PathBuf {
    let library = match kind {
        "address" => "libasan.so",
        "leak" => "liblsan.so",
        "thread" => "libtsan.so",
        _ => "libubsan.so",
    };
    let out = Command::new("gcc").arg(format!("-print-file-name={library}")).output().unwrap();
    PathBuf::from(String::from_utf8(out.stdout).unwrap().trim())
}

fn build(to: &Path, sanitizer: Option<&str>) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/deaths/faulty_plugin.c");
    let mut gcc = Command::new("gcc");
    gcc.args(["-g", "-shared", "-fPIC", "-pthread"]).arg(format!("-DSERVER_VERSION={}", server_version()));
    gcc.args(sanitizer.map(|kind| format!("-fsanitize={kind}")));
    assert!(gcc.arg("-o").arg(to).arg(source).status().unwrap().success(), "gcc");
}
