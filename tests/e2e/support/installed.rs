//! The MariaDB that is installed: what it is and where its test suite lies.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use mtr::cli::settings::Settings;
use mtr::env::Env;
use mtr::sys::ownership;
use mtr::tree::layout::locate;

/// The installed server, to be called.
pub fn mariadbd() -> Command {
    let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("mariadbd");
    command.env("PATH", path);
    command
}

/// `101119` for a server 10.11.19.
pub fn server_version() -> u32 {
    let output = mariadbd().arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.split_once(" Ver ").unwrap().1.split(['-', ' ']).next().unwrap();
    version.split('.').fold(0, |id, part| id * 100 + part.parse::<u32>().unwrap())
}

/// The cache that runs of real servers share: that of the build, or where root builds in a checkout of another user, whose
/// caches root does not use, one of this process.
pub fn shared_cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&built).unwrap();
        match ownership::distrusted(&built) {
            None => built,
            Some(_) => tempfile::Builder::new().prefix("mtr-rs-tests-").tempdir().unwrap().keep(),
        }
    })
}

/// Keys and certificates of the installed test suite.
pub fn std_data() -> PathBuf {
    locate(&Settings::default(), &Env::of_process(), None).unwrap().test_dir.join("std_data")
}
