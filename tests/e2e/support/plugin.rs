//! Plugin libraries, made by the C compiler.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::server_version;

/// Compiles `deaths/plugin.c` into `dir/library` with these arguments, for the installed server where they do not say
/// otherwise: a daemon plugin has to be for exactly the server that loads it.
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
