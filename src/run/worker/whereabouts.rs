//! Where a script is, as its interpreter tells in a small file while it runs: for time-outs, for a script that is killed, and for what
//! servers do meanwhile.

use std::path::PathBuf;

use bstr::{BString, ByteSlice};

use crate::event::Place;
use crate::run::setup::vardir::WorkerDirs;
use crate::sys::position;
use crate::triage::evidence::ScriptPlace;

/// The file in which the interpreter tells it.
pub fn file(dirs: &WorkerDirs) -> PathBuf {
    dirs.log().join("position")
}

/// Where the script is that runs now, or was when it ended; `None` where it has not begun, or its interpreter does not tell.
pub fn read(dirs: &WorkerDirs) -> Option<ScriptPlace> {
    let text = position::read(&file(dirs))?;
    parse(text.split_once_str("\0").map_or(&text, |(place, _)| place))
}

/// Where the script last told a server to end, with the number of that command among such commands, from 1 on.
pub fn last_stop(dirs: &WorkerDirs) -> Option<(u32, ScriptPlace)> {
    let text = position::read(&file(dirs))?;
    let (number, place) = text.split_once_str("\0")?.1.split_once_str("\n")?;
    Some((number.to_str().ok()?.parse().ok()?, parse(place)?))
}

fn parse(text: &[u8]) -> Option<ScriptPlace> {
    let (places, command) = text.split_once_str("\n\n")?;
    Some(ScriptPlace { places: places.lines().map(BString::from).collect(), command: command.trim().into() })
}

/// The first place as reports have it.
pub fn place(script: &ScriptPlace) -> Option<Place> {
    parse_place(script.places.first()?)
}

/// The place `FILE:LINE`.
pub fn parse_place(text: &[u8]) -> Option<Place> {
    let (file, line) = text.rsplit_once_str(":")?;
    let line = line.to_str().ok()?.parse().ok()?;
    Some(Place { file: PathBuf::from(file.to_os_str_lossy().into_owned()), line: Some(line) })
}
