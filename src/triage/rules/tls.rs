//! TLS: keys, certificates, ciphers. Newer servers say which file it is; all of them say what went wrong.

use bstr::{BString, ByteSlice};

use crate::triage::catalogue::{TLS_FILE, TLS_MISMATCH, TLS_SETTING};
use crate::triage::evidence::{PemFile, PemProblem};
use crate::triage::files::{Access, denied_by};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[tls];

/// What a message of the server is about: words of it, and the options that name it.
struct Complaint {
    words: &'static [&'static str],
    options: &'static [&'static str],
    what: &'static str,
}

const COMPLAINTS: [Complaint; 6] = [
    Complaint {
        words: &["private key does not match", "key values mismatch"],
        options: &["ssl-key"],
        what: "private key",
    },
    Complaint { words: &["get private key"], options: &["ssl-key", "ssl-cert"], what: "private key" },
    Complaint { words: &["get certificate"], options: &["ssl-cert", "ssl-key"], what: "certificate" },
    Complaint {
        words: &["verify_paths failed", "verify_locations failed", "ca certificate", "crl"],
        options: &["ssl-ca", "ssl-capath", "ssl-crl", "ssl-crlpath"],
        what: "certificate of the authority",
    },
    Complaint {
        words: &["set ciphers", "cipher"],
        options: &["ssl-cipher", "tls-ciphersuites"],
        what: "cipher list",
    },
    Complaint {
        words: &["tls_version", "protocol version", "no protocols", "unsupported protocol"],
        options: &["tls-version"],
        what: "protocol version",
    },
];

/// The lines in which a server that gives up over TLS says so.
fn lines<'a>(scene: &Scene<'a>) -> Vec<Entry<'a>> {
    let about = |entry: &Entry<'a>| {
        entry.message.starts_with(b"SSL error")
            || entry.says("Failed to setup SSL")
            || entry.says("Failed to set up SSL")
            || entry.says("Failed to initialize TLS")
    };
    let loud = |entry: &Entry<'a>| matches!(entry.level, Level::Error | Level::None);
    scene.dying().filter(|entry| loud(entry) && about(entry)).collect()
}

fn tls<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let lines = lines(scene);
    // The server goes on after what is no error.
    lines.iter().find(|entry| entry.level == Level::Error)?;
    let said = |complaint: &&Complaint| {
        lines.iter().any(|entry| {
            let lower = entry.words();
            complaint.words.iter().any(|word| lower.contains_str(word))
        })
    };
    let complaint = COMPLAINTS.iter().find(said);
    let named = lines.iter().find_map(|entry| entry.between(" from '", "'"));
    let finding = match complaint {
        Some(complaint) if complaint.what == "cipher list" || complaint.what == "protocol version" => {
            setting(scene, complaint)
        }
        _ => file(scene, complaint, named),
    };
    Some(finding.quoting(lines.into_iter().take(3)))
}

/// The first option of these that the server was given.
fn first_given<'a>(scene: &Scene<'a>, options: &[&str]) -> Option<Given<'a>> {
    options.iter().find_map(|option| scene.given(option))
}

fn setting<'a>(scene: &Scene<'a>, complaint: &Complaint) -> Finding<'a> {
    let given = first_given(scene, complaint.options);
    let written = given.as_ref().map(|given| format!(": {}", scene.written(given))).unwrap_or_default();
    let fix = match complaint.what {
        "cipher list" => "name ciphers that the TLS library knows: openssl ciphers shows them",
        _ => "name versions that the TLS library allows: TLSv1.2,TLSv1.3",
    };
    Finding::new(TLS_SETTING, format!("the TLS library does not take the {}{written}", complaint.what))
        .blaming(given)
        .fix(scene.or_remove(fix, given))
}

/// A server takes neither of the two without the other.
fn mismatch_fix(scene: &Scene<'_>) -> String {
    let fix = scene.or_remove("give the key that the certificate was made for", scene.given("ssl-key"));
    let cert = scene.given("ssl-cert");
    match cert.and_then(|cert| Some((scene.own(cert)?, scene.origin(&cert)))) {
        Some((own, origin)) => format!("{fix} and {own} ({origin})"),
        None => fix,
    }
}

fn file<'a>(scene: &Scene<'a>, complaint: Option<&Complaint>, named: Option<&bstr::BStr>) -> Finding<'a> {
    let facts = &scene.evidence.tls;
    let concerned = |file: &&PemFile| match complaint {
        Some(complaint) => complaint.options.contains(&file.option),
        None => true,
    };
    let broken = facts.files.iter().filter(concerned).find_map(|file| Some((file, file.problem?)));
    // The runner may be able to read what the server's user is not.
    let closed = facts.files.iter().filter(concerned).find_map(|file| {
        let readable = !matches!(file.problem, Some(PemProblem::Unreadable(libc::ENOENT)));
        Some((file, denied_by(scene, &file.path, Access::Read).filter(|_| readable)?))
    });
    if let Some((file, (why, fix))) = closed {
        let (path, written) = (file.path.display(), written(scene, file.option));
        return Finding::new(TLS_FILE, format!("the file {path} cannot be read: {why}: {written}"))
            .blaming(scene.given(file.option))
            .fix(fix);
    }
    let told = complaint.is_some_and(|complaint| complaint.words[0].contains("does not match"));
    let mismatch =
        facts.mismatch.as_ref().filter(|reason| reason.to_ascii_lowercase().contains_str("mismatch"));
    if broken.is_none() && (told || mismatch.is_some()) {
        let (key, cert) = (written(scene, "ssl-key"), written(scene, "ssl-cert"));
        let text = format!("key and certificate do not belong together: {key}, {cert}");
        let mut finding =
            Finding::new(TLS_MISMATCH, text).blaming(scene.given("ssl-key")).fix(mismatch_fix(scene));
        if let Some(reason) = mismatch {
            finding = finding.seen(format!("the TLS library says of the two: {reason}"));
        }
        return finding;
    }
    if let Some((file, problem)) = broken {
        let path = file.path.display();
        let (why, fix) = match problem {
            PemProblem::Unreadable(libc::ENOENT) => {
                ("does not exist", "correct the path, or make the file before the server starts")
            }
            PemProblem::Unreadable(_) => ("cannot be read", "let the server's user (--user) read it"),
            PemProblem::WrongKind => match file.option {
                "ssl-key" => ("has no private key in it", "name a file of type PEM with a private key"),
                "ssl-crl" => {
                    ("has no revocation list in it", "name a file of type PEM with a revocation list")
                }
                _ => ("has no certificate in it", "name a file of type PEM with a certificate"),
            },
        };
        let written = written(scene, file.option);
        return Finding::new(TLS_FILE, format!("the file {path} {why}: {written}"))
            .blaming(scene.given(file.option))
            .fix(scene.or_remove(fix, scene.given(file.option)));
    }
    let what = complaint.map_or("a key or certificate", |complaint| complaint.what);
    let given = complaint.and_then(|complaint| first_given(scene, complaint.options));
    let given = given.or_else(|| first_given(scene, &["ssl-cert", "ssl-key", "ssl-ca", "ssl-crl"]));
    let mut text = match named {
        Some(path) => format!("the server cannot use the {what} from '{path}'"),
        None if what.starts_with("a ") => format!("the server cannot use {what}"),
        None => format!("the server cannot use the {what}"),
    };
    if let Some(given) = &given {
        text += &format!(": {}", scene.written(given));
    }
    let finding = Finding::new(TLS_FILE, text)
        .blaming(given)
        .fix("see whether the files of --ssl-ca, --ssl-cert and --ssl-key exist, can be read by the server's user, \
              and are of type PEM");
    // That the library cannot use the file, the server says; that the file is to blame, nobody does.
    if named.is_some() { finding } else { finding.likely() }
}

/// The option as it was written, or its name.
fn written(scene: &Scene<'_>, option: &str) -> BString {
    scene.given(option).map_or_else(|| format!("--{option}").into(), |given| scene.written(&given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::rules::judge::findings;
    use crate::triage::testing::{Vector, check, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S080",
            &["--ssl-cert=/nosuch.pem"],
            "SSL error: Unable to get certificate from '/nosuch.pem'\nt 0 [ERROR] Failed to setup SSL\n\
             t 0 [ERROR] SSL error: Unable to get certificate\nt 0 [ERROR] Aborting",
            Some("--ssl-cert=/nosuch.pem"),
            "the certificate from '/nosuch.pem': --ssl-cert=/nosuch.pem (x.opt:1)",
        ),
        (
            "MTR-S080",
            &["--ssl-cert=c.pem", "--ssl-ca=/nosuch.pem"],
            "2019-01-01 0:00:00 0 [ERROR] Failed to setup SSL\n\
             2019-01-01 0:00:00 0 [ERROR] SSL error: SSL_CTX_set_default_verify_paths failed",
            Some("--ssl-ca=/nosuch.pem"),
            "cannot use the certificate of the authority",
        ),
        (
            "MTR-S081",
            &["--ssl-cert=c.pem", "--ssl-key=k.pem"],
            "t 0 [ERROR] Failed to setup SSL\n\
             t 0 [ERROR] SSL error: Private key does not match the certificate public key",
            Some("--ssl-key=k.pem"),
            "do not belong together: --ssl-key=k.pem (x.opt:2), --ssl-cert=c.pem (x.opt:1)",
        ),
        (
            "MTR-S084",
            &["--ssl-cipher=NOSUCH"],
            "t 0 [ERROR] Failed to setup SSL\nt 0 [ERROR] SSL error: Failed to set ciphers to use",
            Some("--ssl-cipher=NOSUCH"),
            "does not take the cipher list: --ssl-cipher=NOSUCH (x.opt:1)",
        ),
    ];

    #[test]
    fn every_vector() {
        check(VECTORS);
    }

    #[test]
    fn what_the_files_are_is_told() {
        let words = ["--ssl-cert=c.pem", "--ssl-key=k.pem"];
        let log = "SSL error: Unable to get private key from 'k.pem'\nt 0 [ERROR] Failed to setup SSL\n\
                   t 0 [ERROR] SSL error: Unable to get private key";
        let mut evidence = failed(1, &words, log);
        let file = |option, problem| PemFile { option, path: "/t/k.pem".into(), problem };
        for (problem, code, said) in [
            (Some(PemProblem::Unreadable(libc::ENOENT)), "MTR-S080", "does not exist"),
            (Some(PemProblem::Unreadable(libc::EACCES)), "MTR-S080", "cannot be read"),
            (Some(PemProblem::WrongKind), "MTR-S080", "has no private key in it"),
            (None, "MTR-S081", "do not belong together"),
        ] {
            evidence.tls.files = vec![file("ssl-cert", None), file("ssl-key", problem)];
            evidence.tls.mismatch = problem.is_none().then(|| "key values mismatch".into());
            let found = findings(&Scene::new(&evidence));
            assert_eq!(found[0].cause.code, code);
            assert!(found[0].text.contains_str(said), "{}", found[0].text);
        }
    }

    #[test]
    fn warnings_of_tls_are_no_cause() {
        for log in [
            "t 0 [Warning] Failed to setup SSL\nt 0 [Warning] SSL error: Failed to set ciphers to use",
            "t 0 [Warning] TLSv1.0 and TLSv1.1 are insecure and should not be used for tls_version",
            "2024 0 [Note] SSL error: x",
        ] {
            let evidence = failed(1, &["--ssl-cert=c.pem"], log);
            let found = findings(&Scene::new(&evidence));
            assert!(!found[0].cause.code.starts_with("MTR-S08"), "{log}");
        }
    }
}
