//! Diagnoses arbitrary logs, and reads arbitrary programs.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bstr::ByteSlice;

use crate::case::{Origin, ServerOption};
use crate::error::Location;
use crate::triage::collect::parts::Parts;
use crate::triage::collect::{declarations, elf};
use crate::triage::evidence::{Evidence, ExitKind, LogPart, Stage, TextFile};
use crate::triage::posthumous::{console, fate, starts};
use crate::triage::rules::judge;
use crate::triage::threads;

/// Diagnoses a server of which the log is `bytes`, after two bytes with settings and one line of arguments.
///
/// # Panics
/// If that does, or if a quote is of no line of the log.
pub fn log(bytes: &[u8]) {
    let (settings, text) = bytes.split_at(bytes.len().min(2));
    let setting = |at: usize| settings.get(at).copied().unwrap_or_default();
    let (arguments, text) = text.split_once_str("\n").unwrap_or((b"", text));
    let origin = Arc::new(Origin::OptionFile(Location { file: "x.opt".into(), line: Some(1) }));
    let argument = |word: &[u8]| ServerOption { text: word.into(), origin: Arc::clone(&origin) };
    let evidence = Evidence {
        server: "mysqld.1".into(),
        stage: [Stage::Bootstrap, Stage::Start, Stage::Running, Stage::Stopped][usize::from(setting(0) % 4)],
        lived: Some(Duration::from_millis(140)),
        exit: match setting(0) >> 2 & 3 {
            0 => ExitKind::Status(i32::from(setting(1))),
            1 => ExitKind::Signal(i32::from(setting(1))),
            2 => ExitKind::Running,
            _ => ExitKind::Unknown,
        },
        timed_out: setting(0) & 16 != 0,
        program: "/usr/sbin/mariadbd".into(),
        argv: arguments.fields().map(argument).collect(),
        log: LogPart { path: "/v/log/mysqld.1.err".into(), first_line: 1, text: text.into() },
        sanitizer_files: (setting(0) & 32 != 0)
            .then(|| TextFile { path: "/v/asan.7".into(), text: text.into() })
            .into_iter()
            .collect(),
        threads: if setting(0) & 64 != 0 { text.into() } else { "".into() },
        ..Evidence::default()
    };
    let _ = judge::diagnose(&evidence).to_text();
    let _ = judge::diagnose_lines(&evidence).to_text();
    let _ = judge::diagnose_shutdown(&evidence).map(|diagnosis| diagnosis.to_text());
    let _ = judge::diagnose_script(&evidence).map(|diagnosis| diagnosis.to_text());
    let _ = (threads::summary(text), threads::ended_by(text), threads::failing(text));
    afterwards(text);
}

/// Reads a log or console of a run that is over.
fn afterwards(text: &[u8]) {
    let Ok(file) = tempfile::NamedTempFile::new() else { return };
    if std::fs::write(file.path(), text).is_err() {
        return;
    }
    let length = text.len() as u64;
    for starts in [starts::split(file.path()), starts::split_bootstraps(file.path())].into_iter().flatten() {
        let mut end = 0;
        for start in starts {
            assert!(end <= start.bytes.start && start.bytes.end <= length);
            end = start.bytes.end;
            let _ = fate::read(file.path(), start.bytes);
        }
    }
    let _ = console::read(file.path());
}

/// Reads the program `bytes`.
///
/// # Panics
/// If that does.
pub fn program(bytes: &[u8]) {
    let parts = || Parts::of(Cursor::new(bytes.to_vec()));
    let _ = elf::of(&parts(), Path::new("/x/mariadbd"));
    let _ = (declarations::library_of(&parts()), declarations::server_of(&parts()));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 26] = [
        "2026-01-01 10:00:00 0 [ERROR] ",
        "[Warning] ",
        "[Note] ",
        "mariadbd: ",
        "\n",
        "==7==ERROR: AddressSanitizer: ",
        "    #0 0x7f in f /x.cc:1\n",
        "ready for connections\n",
        " as process 7\n",
        "got signal 11 ;",
        "unknown variable '",
        "'",
        "Can't open ",
        "errno: ",
        "(Errcode: 2 ",
        "99999999999999999999",
        "CURRENT_TEST: main.a\n",
        "$ /x/mariadbd --a\n",
        " --bootstrap ",
        "InnoDB: ",
        "Thread 1 (LWP 5)",
        "#1  0x0 in ",
        "[ fail ]",
        "Process [mysqld.1 - pid: ",
        "] died after ",
        " waited 1e999 ",
    ];

    proptest! {
        #[test]
        fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            log(&bytes);
            program(&bytes);
        }

        #[test]
        fn pieces_of_logs(settings in any::<[u8; 2]>(), pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            log(&[&settings, text.as_bytes()].concat());
        }

        /// A program of which some bytes were changed.
        #[test]
        fn nearly_a_program(changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..20)) {
            let mut bytes = program_of_ours();
            for (place, byte) in changes {
                let length = bytes.len();
                bytes[place.index(length)] = byte;
            }
            program(&bytes);
        }
    }

    /// The headers and tables of a library of the system, or nothing.
    fn program_of_ours() -> Vec<u8> {
        include_bytes!("../../../fuzz/seeds/elf/library").to_vec()
    }
}
