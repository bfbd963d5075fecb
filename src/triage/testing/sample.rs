//! Evidence for unit tests of rules.

use std::sync::Arc;
use std::time::Duration;

use bstr::ByteSlice;

use crate::case::{Origin, ServerOption};
use crate::error::Location;
use crate::triage::evidence::{Evidence, ExitKind, LogPart};
use crate::triage::rules::judge::findings;
use crate::triage::scene::Scene;

/// A start that exited with `status`, with words of an option file `x.opt` (one a line) and this log.
pub fn failed(status: i32, words: &[&str], log: &str) -> Evidence {
    Evidence {
        server: "mysqld.1".into(),
        lived: Some(Duration::from_millis(140)),
        exit: ExitKind::Status(status),
        program: "/usr/sbin/mariadbd".into(),
        argv: argv(words),
        log: LogPart { path: "/v/log/mysqld.1.err".into(), first_line: 1, text: log.into() },
        ..Evidence::default()
    }
}

/// The codes found, the cause first.
pub fn codes(evidence: &Evidence) -> Vec<&'static str> {
    findings(&Scene::new(evidence)).iter().map(|finding| finding.cause.code).collect()
}

/// A start that failed: the code, the words, the log, the argument to blame, words of cause or fix.
pub type Vector = (&'static str, &'static [&'static str], &'static str, Option<&'static str>, &'static str);

/// Every vector gives its code as the cause, its argument and its words.
#[track_caller]
pub fn check(vectors: &[Vector]) {
    for (code, words, log, blamed, said) in vectors {
        let evidence = failed(1, words, log);
        let scene = Scene::new(&evidence);
        let found = findings(&scene);
        assert_eq!(found[0].cause.code, *code, "{log}\n{found:#?}");
        let argument = found[0].argument.map(|at| evidence.argv[at].text.as_bstr());
        assert_eq!(argument, blamed.map(Into::into), "{log}");
        let told = format!("{} / {}", found[0].text, found[0].fix.clone().unwrap_or_default());
        assert!(told.contains(said), "{told}");
    }
}

/// Words of an option file `x.opt`, one line each.
pub fn argv(words: &[&str]) -> Vec<ServerOption> {
    let option = |(i, word): (usize, &&str)| ServerOption {
        text: (*word).into(),
        origin: Arc::new(Origin::OptionFile(Location { file: "x.opt".into(), line: Some(i as u32 + 1) })),
    };
    words.iter().enumerate().map(option).collect()
}
