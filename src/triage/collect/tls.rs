//! Files of keys and certificates.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::sys::files;
use crate::sys::openssl::{self, Failure, Settings};
use crate::triage::collect::subject::Subject;
use crate::triage::evidence::{Evidence, PemFile, PemProblem};
use crate::triage::scene::Scene;

/// Options that name a file, and what the server looks for in it.
const OPTIONS: [(&str, &str); 4] = [
    ("ssl-cert", "-----BEGIN CERTIFICATE-----"),
    ("ssl-key", "PRIVATE KEY-----"),
    ("ssl-ca", "CERTIFICATE-----"),
    ("ssl-crl", "-----BEGIN "),
];

/// Larger files are no keys; they are not read.
const LARGEST: u64 = 1 << 20;

/// Looks at the files where the server complains of TLS.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let scene = Scene::new(evidence);
    if scene.line(&["SSL", "TLS"]).is_none() {
        return;
    }
    let mut files = Vec::new();
    for (option, wanted) in OPTIONS {
        let Some(given) = scene.given(option).filter(|given| !given.value.is_empty()) else { continue };
        let Ok(path) = given.value.to_path() else { continue };
        let path = subject.cwd.join(path);
        let problem = problem(&path, wanted);
        files.push(PemFile { option, path, problem });
    }
    evidence.tls.mismatch = mismatch(&files);
    evidence.tls.files = files;
}

fn problem(path: &Path, wanted: &str) -> Option<PemProblem> {
    let unreadable =
        |error: std::io::Error| PemProblem::Unreadable(error.raw_os_error().unwrap_or(libc::EIO));
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => return Some(unreadable(error)),
    };
    if !meta.is_file() || meta.len() > LARGEST {
        return Some(PemProblem::WrongKind);
    }
    match files::read(path, files::MOST_OF_SETTINGS) {
        Ok(text) if text.contains_str(wanted) => None,
        Ok(_) => Some(PemProblem::WrongKind),
        Err(error) => Some(unreadable(error)),
    }
}

/// What the TLS library says of the certificate and the key together, where each is one.
fn mismatch(files: &[PemFile]) -> Option<BString> {
    let sound = |option: &str| -> Option<BString> {
        let file = files.iter().find(|file| file.option == option)?;
        file.problem.is_none().then(|| file.path.as_os_str().as_bytes().into())
    };
    let settings =
        Settings { cert: Some(sound("ssl-cert")?), key: Some(sound("ssl-key")?), ..Settings::default() };
    match openssl::check(&settings) {
        Err(Failure::Reason(reason)) => Some(reason.into()),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::triage::evidence::TlsFacts;
    use crate::triage::testing::failed;

    fn facts(words: &[&str], cwd: &Path) -> TlsFacts {
        let mut evidence = failed(1, words, "t 0 [ERROR] SSL error: Unable to get private key");
        add(&mut evidence, &Subject { pid: None, env: None, cwd, vardir: cwd, oom_kills_before: None });
        evidence.tls
    }

    #[test]
    fn what_is_wrong_with_each_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("text"), "hello\n").unwrap();
        fs::write(dir.path().join("ca"), "-----BEGIN TRUSTED CERTIFICATE-----\n").unwrap();
        let found = facts(&["--ssl-key=text", "--ssl-cert=nosuch", "--ssl_ca=ca", "--ssl-crl=."], dir.path());
        let problems: Vec<_> = found.files.iter().map(|file| (file.option, file.problem)).collect();
        assert_eq!(
            problems,
            [
                ("ssl-cert", Some(PemProblem::Unreadable(libc::ENOENT))),
                ("ssl-key", Some(PemProblem::WrongKind)),
                ("ssl-ca", None),
                ("ssl-crl", Some(PemProblem::WrongKind)),
            ]
        );
        assert_eq!(found.mismatch, None);
    }

    #[test]
    fn nothing_is_read_without_a_complaint() {
        let mut evidence = failed(1, &["--ssl-key=/nosuch"], "t 0 [ERROR] Aborting");
        let here = Path::new("/");
        add(
            &mut evidence,
            &Subject { pid: None, env: None, cwd: here, vardir: here, oom_kills_before: None },
        );
        assert_eq!(evidence.tls, TlsFacts::default());
    }
}
