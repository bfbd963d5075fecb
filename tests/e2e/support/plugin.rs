//! Plugin libraries, made by the C compiler.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Compiles `deaths/plugin.c` into `dir/library` with these arguments, for the installed server where they do not say
/// otherwise.
pub fn compile_plugin(dir: &Path, library: &str, arguments: &[&str]) {
    fs::create_dir_all(dir).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/deaths/plugin.c");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(dir.join(library))
        .arg(source)
        .arg(format!("-DSERVER={}", server_version()))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `101119` for a server 10.11.19: a daemon plugin has to be for exactly the server that loads it.
fn server_version() -> u32 {
    let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new("mariadbd").env("PATH", path).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.split_once(" Ver ").unwrap().1.split(['-', ' ']).next().unwrap();
    version.split('.').fold(0, |id, part| id * 100 + part.parse::<u32>().unwrap())
}
