//! Encryption at rest: files of keys, and data that was written with other keys.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::argument::{name, value};
use crate::triage::catalogue::{KEY_FILE, WRONG_KEY};
use crate::triage::files::{Access, absolute, denied_by, mentioned as mentioned_path};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[key_file, wrong_key];

/// What the server complains of as an error.
fn errors<'a>(scene: &Scene<'a>) -> impl Iterator<Item = Entry<'a>> {
    scene.dying().filter(|entry| entry.level == Level::Error)
}

/// The plugin that was to give keys and did not, and the line that says so.
fn failed_plugin<'a>(scene: &Scene<'a>) -> Option<(Entry<'a>, &'a BStr)> {
    errors(scene).find_map(|entry| {
        let about = entry.says("as a ENCRYPTION failed") || entry.says("as an ENCRYPTION failed");
        Some((entry, *entry.quoted().first()?)).filter(|_| about)
    })
}

/// Lines in which the server gives up because it has no keys.
fn without_keys<'a>(scene: &Scene<'a>) -> Option<Entry<'a>> {
    errors(scene).find(|entry| {
        let lower = entry.words();
        (lower.contains_str("failed to enable encryption"))
            || (lower.contains_str("cannot enable encryption"))
            || (lower.contains_str("encryption plugin") && lower.contains_str("not available"))
    })
}

/// Lines in which the server gives up because its keys do not open the data.
fn not_decrypted<'a>(scene: &Scene<'a>) -> Option<Entry<'a>> {
    errors(scene).find(|entry| {
        let lower = entry.words();
        let says = |words: &str| lower.contains_str(words);
        (says("encryption key")
            && (says("failed") || says("not found") || says("unknown") || says("missing")))
            || says("reading log encryption info failed")
            || says("obtaining redo log encryption key")
            || (says("decrypt") && (says("cannot") || says("failed") || says("could not")))
            || says("cannot be decrypted")
            || (says("encrypted") && (says("not found") || says("not available") || says("wrong key")))
    })
}

/// Options of `plugin`: those that begin with its name.
fn options_of<'a>(scene: &Scene<'a>, plugin: &BStr, endings: &[&str]) -> Option<Given<'a>> {
    let plugin = plugin.to_str_lossy().replace('_', "-");
    endings.iter().find_map(|ending| scene.given(&format!("{plugin}-{ending}")))
}

/// The plugin itself is asked for with `--PLUGIN=FORCE`, so that the server ends without it.
fn forced(scene: &Scene<'_>, plugin: &BStr) -> bool {
    let given = scene.given(&plugin.to_str_lossy());
    given.is_some_and(|given| given.value.to_ascii_uppercase().starts_with(b"FORCE"))
}

/// The complaint about the keys stands before the line that the plugin failed.
fn complaint<'a>(scene: &Scene<'a>, failed: Entry<'a>) -> Option<Entry<'a>> {
    let before = scene.dying().filter(|entry| entry.line < failed.line);
    before
        .filter(|entry| matches!(entry.level, Level::Error | Level::None))
        .filter(|entry| !entry.says("init function returned error"))
        .last()
        // Anything else that went wrong earlier is not about keys.
        .filter(|entry| failed.line - entry.line <= 3)
}

fn key_file<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (failed, plugin) = failed_plugin(scene)?;
    let why = complaint(scene, failed);
    let given = options_of(scene, plugin, &["filename", "filekey", "vault-url", "master-key-id", "token"]);
    let message = why.map(|entry| entry.message);
    let mentioned = why.and_then(|entry| {
        let file = scene.given("file-key-management-filekey")?;
        let path = file.value.strip_prefix(b"FILE:").unwrap_or(file.value);
        entry.message.contains_str(path).then_some(file)
    });
    let given = mentioned.or(given);
    let written = given.as_ref().map(|given| format!(": {}", scene.written(given))).unwrap_or_default();
    let refused = why.filter(|entry| entry.system_error() == Some(libc::EACCES)).and_then(|entry| {
        let path = given.map(|given| given.value.strip_prefix(b"FILE:").unwrap_or(given.value).as_bstr());
        denied_by(scene, &absolute(scene, mentioned_path(&entry).or(path)?), Access::Read)
    });
    let text = match message {
        Some(message) if message.contains_str("is not set") => {
            format!("the plugin '{plugin}' has no file of encryption keys: {message}")
        }
        Some(message) => {
            let why = refused.as_ref().map(|(why, _)| format!(", as {why}")).unwrap_or_default();
            format!("the plugin '{plugin}' cannot use its keys: {message}{why}{written}")
        }
        None => format!("the plugin '{plugin}' has no encryption keys to give{written}"),
    };
    let text = BString::from(text);
    let finding = Finding::new(KEY_FILE, text)
        .quoting(why)
        .quoting([failed])
        .quoting(without_keys(scene))
        .blaming(given)
        .fix(refused.map_or_else(|| fix(why, plugin), |(_, fix)| fix));
    // Without the keys the server goes on, until something needs them.
    let fatal = forced(scene, plugin) || without_keys(scene).is_some() || not_decrypted(scene).is_some();
    Some(if fatal { finding } else { finding.following() })
}

fn fix(why: Option<Entry<'_>>, plugin: &BStr) -> String {
    let says = |words: &str| why.is_some_and(|entry| entry.says(words));
    let option = format!("--{}-filename", plugin.to_str_lossy().replace('_', "-"));
    match why.and_then(|entry| entry.system_error()) {
        Some(libc::ENOENT) => "correct the path, or make the file before the server starts".to_owned(),
        Some(libc::EACCES) => "let the server's user (--user) read the file".to_owned(),
        _ if says("not set") => format!("give {option}=FILE with lines ID;KEY in hexadecimal"),
        _ if says("key id 1") => "add a line for key 1: the server's own logs and files use it".to_owned(),
        _ if says("Cannot decrypt") => {
            format!(
                "{option} names an encrypted file: give its own password, or a file that is not encrypted"
            )
        }
        _ => "each line of the file is ID;KEY, where KEY is 32, 48 or 64 hexadecimal digits".to_owned(),
    }
}

/// Plugins that give keys.
const KEY_PLUGINS: [&str; 5] = [
    "file_key_management",
    "hashicorp_key_management",
    "aws_key_management",
    "example_key_management",
    "debug_key_management",
];

/// The option that loads a plugin that gives keys; a server may be told to load several.
fn loaded<'a>(scene: &Scene<'a>) -> Option<Given<'a>> {
    let keys = |value: &[u8]| KEY_PLUGINS.iter().any(|plugin| value.contains_str(plugin));
    let loads = |option: &[u8]| name(option).starts_with(b"plugin-load");
    let argv = &scene.evidence.argv;
    let argument = argv.iter().rposition(|option| loads(&option.text) && keys(&option.text));
    if let Some(at) = argument {
        return Some(Given { value: value(argv, at).unwrap_or_default(), argument, setting: None });
    }
    scene.evidence.settings.iter().rev().find_map(|setting| {
        let value = setting.value.as_ref().filter(|value| loads(&setting.name) && keys(value))?;
        Some(Given { value: value.as_bstr(), argument: None, setting: Some(setting) })
    })
}

/// Data that the given keys do not open. Where no plugin was asked for at all, the options contradict each other.
fn wrong_key<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if failed_plugin(scene).is_some() {
        return None;
    }
    let plugin = loaded(scene);
    if let Some(line) = not_decrypted(scene) {
        let (text, fix) = match &plugin {
            Some(given) => (
                format!("the keys do not open the encrypted data: {}", scene.written(given)),
                "give the file of keys that the data was written with",
            ),
            None => (
                "the data is encrypted and no plugin gives its keys".to_owned(),
                "load the plugin that has the keys: --plugin-load-add=file_key_management \
                 --file-key-management-filename=FILE",
            ),
        };
        let key = scene.given("file-key-management-filename").or(plugin);
        let finding = Finding::new(WRONG_KEY, text).quoting([line]).blaming(key).fix(fix);
        // With a page or a table that it cannot read, the server goes on.
        let part = ["page", "Table", ".ibd"].iter().any(|words| line.says(words));
        return Some(if part { finding.following() } else { finding });
    }
    unreadable_redo_log(scene, plugin?)
}

/// The redo log is encrypted, a plugin gives keys, and what comes out makes no sense.
fn unreadable_redo_log<'a>(scene: &Scene<'a>, plugin: Given<'a>) -> Option<Finding<'a>> {
    let senseless = ["Malformed log record", "Missing FILE_CHECKPOINT", "log header checksum"];
    let line = errors(scene).find(|entry| senseless.iter().any(|words| entry.says(words)));
    // Up to 10.7 the end of a scan is only warned of.
    let aborted = || scene.log.iter().find(|entry| entry.says("Log scan aborted")).copied();
    let line = line.or_else(aborted)?;
    if scene.evidence.system.redo_log_encrypted != Some(true) {
        return None;
    }
    let key = scene.given("file-key-management-filename").unwrap_or(plugin);
    let text = format!(
        "InnoDB cannot read its encrypted redo log with the key that it was given: {}",
        scene.written(&key)
    );
    Some(
        Finding::new(WRONG_KEY, text)
            .quoting([line])
            .seen("the redo log says of itself that it is encrypted")
            .blaming(key)
            .fix("give the keys that the data was written with; if these are they, the redo log is corrupt"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::catalogue::Rank;
    use crate::triage::rules::judge::findings;
    use crate::triage::testing::{Vector, check, failed};

    const LOAD: &str = "--plugin-load-add=file_key_management";
    const FAILED: &str = "t 0 [ERROR] Plugin 'file_key_management' init function returned error.\n\
                          t 0 [ERROR] Plugin 'file_key_management' registration as a ENCRYPTION failed.\n";

    #[test]
    fn complaints_about_the_file() {
        for (words, complaint, said) in [
            (
                &[LOAD, "--file-key-management=FORCE", "--file-key-management-filename=/nosuch"][..],
                "t 0 [ERROR] mariadbd: File '/nosuch' not found (Errcode: 2 \"No such file or directory\")\n",
                "--file-key-management-filename=/nosuch (x.opt:3) / correct the path",
            ),
            (
                &[LOAD, "--encrypt-tmp-files"],
                "t 0 [ERROR] mariadbd: file-key-management-filename is not set\n",
                "has no file of encryption keys",
            ),
            (
                &[LOAD, "--loose-file-key-management-filename=k"],
                "t 0 [ERROR] mysqld: Syntax error at k line 1, column 1\n",
                "Syntax error at k line 1, column 1: --loose-file-key-management-filename=k (x.opt:2)",
            ),
            (
                &[LOAD, "--loose-file-key-management-filename=k"],
                "t 0 [ERROR] mysqld: System key id 1 is missing at k line 1, column 1\n",
                "add a line for key 1",
            ),
            (
                &["--file_key_management_filename=k", "--file-key-management-filekey=FILE:/nosuch"],
                "t 0 [ERROR] mariadbd: File '/nosuch' not found (Errcode: 2 \"No such file or directory\")\n",
                "--file-key-management-filekey=FILE:/nosuch (x.opt:2)",
            ),
            (
                &[LOAD, "--file_key_management_filename=k"],
                "t 0 [ERROR] mariadbd: Cannot decrypt k. Wrong key?\n",
                "names an encrypted file",
            ),
        ] {
            let log = format!(
                "{complaint}{FAILED}t 0 [ERROR] Failed to enable encryption of temporary files\nt 0 [ERROR] Aborting"
            );
            let evidence = failed(1, words, &log);
            let found = findings(&Scene::new(&evidence));
            let told = format!("{} / {}", found[0].text, found[0].fix.clone().unwrap_or_default());
            assert_eq!(found[0].cause.code, "MTR-S082", "{log}");
            assert!(told.contains(said), "{told}");
        }
    }

    const VECTORS: &[Vector] = &[
        (
            "MTR-S083",
            &[],
            "t 0 [ERROR] InnoDB: Obtaining redo log encryption key version 1 failed (4294967295). Maybe the key or the \
             required encryption key management plugin was not found.\n\
             t 0 [ERROR] InnoDB: Reading log encryption info failed; the log was created with MariaDB 10.11.19.",
            None,
            "the data is encrypted and no plugin gives its keys",
        ),
        (
            "MTR-S083",
            &["--plugin-load-add=hashicorp_key_management.so"],
            "2019-01-01 0:00:00 0 [ERROR] InnoDB: Redo log crypto: failed to decrypt log block: cannot be decrypted.",
            Some("--plugin-load-add=hashicorp_key_management.so"),
            "the keys do not open the encrypted data",
        ),
    ];

    #[test]
    fn every_vector() {
        check(VECTORS);
    }

    #[test]
    fn a_plugin_without_keys_that_nobody_needs_ends_no_server() {
        let log = format!("t 0 [ERROR] mariadbd: file-key-management-filename is not set\n{FAILED}");
        let evidence = failed(1, &[LOAD], &log);
        let found = findings(&Scene::new(&evidence));
        let mine = found.iter().find(|finding| finding.cause.code == "MTR-S082");
        assert_eq!(mine.map(|finding| finding.rank), Some(Rank::Consequence));
    }

    #[test]
    fn an_unreadable_redo_log_is_blamed_on_keys_only_where_it_is_encrypted() {
        for log in [
            "t 0 [ERROR] InnoDB: Malformed log record at LSN 49005; set innodb_force_recovery=1 to ignore.",
            // 10.5
            "t 0 [Warning] InnoDB: Log scan aborted at LSN 47616\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
        ] {
            let codes = |encrypted, words: &[&str]| {
                let mut evidence = failed(1, words, log);
                evidence.system.redo_log_encrypted = Some(encrypted);
                crate::triage::testing::codes(&evidence)
            };
            assert_eq!(codes(true, &[LOAD, "--plugin-load-add=archive"])[0], "MTR-S083");
            assert!(!codes(false, &[LOAD]).contains(&"MTR-S083"));
            assert!(!codes(true, &["--plugin-load-add=archive"]).contains(&"MTR-S083"));
        }
    }
}
