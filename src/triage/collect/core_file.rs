//! Core files, and what a debugger says of them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bstr::{BString, ByteSlice};

use crate::env::Env;
use crate::sys::child::{Child, Spawn};
use crate::sys::files;
use crate::sys::scratch::Scratch;
use crate::sys::{excerpt, poll};
use crate::triage::threads;

/// The largest core that is decompressed to be looked at, in bytes.
const MOST: u64 = 4 << 30;

/// Core files below `dir`, in order of their names: those that start with `core` or end in `.dmp`.
pub fn below(dir: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(dir)
        .sort_by_file_name()
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file() && is_core(&entry.file_name().to_string_lossy()))
        .map(walkdir::DirEntry::into_path)
        .collect()
}

fn is_core(name: &str) -> bool {
    name.starts_with("core") || name.ends_with(".dmp") || name.ends_with(".dmp.gz")
}

/// Whether the runner has compressed it.
pub fn is_compressed(core: &Path) -> bool {
    core.extension().is_some_and(|extension| extension == "gz")
}

/// A debugger that reads core files, and its arguments.
pub type Attempt = (&'static str, Vec<OsString>);

/// The debuggers that may read `core`, in the order of trying: gdb with these commands, lldb with that one.
pub fn attempts(core: &Path, program: &Path, gdb: &[&str], lldb: &str) -> [Attempt; 2] {
    let mut words: Vec<OsString> = vec!["--batch".into(), "--quiet".into(), "--nx".into()];
    // Nothing that lies beside a core file, or in a program that it names, is to be run.
    for kind in ["gdb-scripts", "python-scripts", "guile-scripts", "local-gdbinit"] {
        words.extend(["-iex".into(), format!("set auto-load {kind} off").into()]);
    }
    for command in gdb {
        words.extend(["-ex".into(), (*command).into()]);
    }
    words.extend([program.into(), core.into()]);
    let others = vec!["--batch".into(), "-o".into(), lldb.into(), "-c".into(), core.into(), program.into()];
    [("gdb", words), ("lldb", others)]
}

/// Whether there is a program that reads core files.
pub fn has_debugger() -> bool {
    ["gdb", "lldb"].iter().any(|name| which::which(name).is_ok())
}

/// The stacks in a core file of `program` by the first debugger that is there, until `deadline`; empty where none is, or
/// where it does not know the core or calls it another program's or, with a `pid`, another process's.
pub fn backtrace(core: &Path, program: &Path, pid: Option<i32>, deadline: Instant) -> BString {
    let plain = if is_compressed(core) { decompressed(core, deadline) } else { None };
    if is_compressed(core) && plain.is_none() {
        return BString::default();
    }
    let path = plain.as_ref().map_or(core, |(_, path)| path);
    for (name, args) in attempts(path, program, &["thread apply all bt"], "bt all") {
        let Ok(debugger) = which::which(name) else { continue };
        let Some(text) = output(&debugger, &args, deadline).filter(|text| !text.is_empty()) else { continue };
        let foreign = pid.is_some_and(|pid| threads::is_of_another(&text, pid));
        if text.contains_str("may not match specified executable") || foreign {
            return BString::default();
        }
        return text;
    }
    BString::default()
}

/// What a program prints, warnings included; `None` where it fails or is not done in time.
fn output(program: &Path, args: &[OsString], deadline: Instant) -> Option<BString> {
    let mut file = tempfile::tempfile().ok()?;
    let copy = file.try_clone().ok()?;
    let mut child = Child::spawn(Spawn {
        program: program.as_os_str(),
        args,
        env: &Env::of_process(),
        cwd: &std::env::temp_dir(),
        stdin: None,
        stdout: Some(copy.try_clone().ok()?),
        stderr: Some(copy),
        open_files: None,
        no_core: true,
        detached: false,
    })
    .ok()?;
    poll::readable(&[child.fd()], Some(deadline)).ok()?;
    let Some(exit) = child.try_wait().ok()? else {
        // Nothing is left to be done where it cannot be ended.
        let _ = child.kill();
        return None;
    };
    let mut text = Vec::new();
    std::io::Seek::rewind(&mut file).ok()?;
    file.take(excerpt::MOST).read_to_end(&mut text).ok()?;
    (exit.status() == 0).then(|| text.into())
}

fn decompressed(core: &Path, deadline: Instant) -> Option<(Scratch, PathBuf)> {
    let mut from = flate2::read::GzDecoder::new(files::open(core).ok()?);
    let dir = Scratch::new().ok()?;
    let path = dir.path().join("core");
    let mut to = File::create(&path).ok()?;
    let mut buffer = vec![0; 1 << 20];
    let mut written = 0;
    loop {
        let count = from.read(&mut buffer).ok()?;
        if count == 0 {
            return Some((dir, path));
        }
        written += count as u64;
        if written > MOST || Instant::now() >= deadline {
            return None;
        }
        to.write_all(&buffer[..count]).ok()?;
    }
}
