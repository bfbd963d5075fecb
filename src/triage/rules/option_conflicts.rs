//! Options that contradict or need each other, and what they ask for that the server does not have: engines,
//! character sets, collations, locales, time zones.

use bstr::{BStr, ByteSlice};

use crate::triage::argument::name;
use crate::triage::catalogue::{OPTION_CONFLICT, UNKNOWN_CHARSET, UNKNOWN_ENGINE};
use crate::triage::files::{Access, denied_by};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::rules::option_values::named;
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[
    collation_of_another_charset,
    encryption_without_plugin,
    same_files,
    needs_another,
    unknown_charset,
    unknown_engine,
];

/// `COLLATION 'latin1_swedish_ci' is not valid for CHARACTER SET 'utf8mb4'`.
fn collation_of_another_charset<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line_with_all(&["COLLATION '", "' is not valid for CHARACTER SET '"])?;
    let [collation, charset, ..] = entry.quoted()[..] else { return None };
    let own = scene.blame_value(&["collation-server"], collation);
    let other = scene.blame_value(&["character-set-server"], charset);
    let text = format!(
        "the collation '{collation}'{} does not belong to the character set '{charset}'{}",
        own.place(),
        other.place()
    );
    // Its own character set is what a collation begins with.
    let fitting = collation.split_once_str("_").map_or(collation, |(charset, _)| charset.as_bstr());
    let fix = format!(
        "write {} to go with it, or a collation of {charset}",
        own.spelt(&format!("character-set-server={fitting}"))
    );
    Some(Finding::new(OPTION_CONFLICT, text).quoting([entry]).blaming(own).fix(fix))
}

/// Options that encrypt need a plugin that has the keys.
fn encryption_without_plugin<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.error(&[
        "Failed to enable encryption of ",
        "cannot enable encryption, encryption plugin is not available",
        "encryption plugin is not available",
    ])?;
    let asked = ["plugin-load-add", "plugin-load", "file-key-management"];
    let mentions = |text: &BStr| text.contains_str("key_management") || text.contains_str("key-management");
    let loads = scene
        .evidence
        .argv
        .iter()
        .any(|o| mentions(o.text.as_bstr()) && asked.iter().any(|a| name(&o.text).contains_str(a)));
    if loads {
        // The plugin was asked for: why it is not there is another cause.
        return None;
    }
    let options = [
        "encrypt-binlog",
        "encrypt-tmp-files",
        "innodb-encrypt-tables",
        "innodb-encrypt-log",
        "innodb-encrypt-temporary-tables",
        "aria-encrypt-tables",
    ];
    let said = |option: &str| match option {
        "encrypt-binlog" => entry.says("binary log"),
        "encrypt-tmp-files" => entry.says("temporary files"),
        _ => entry.subsystem == "InnoDB" && option.starts_with("innodb"),
    };
    let (option, blame) = options
        .iter()
        .filter(|option| said(option))
        .map(|option| (option, scene.blame(option.as_bytes(), None)))
        .find(|(_, blame)| blame.is_known())?;
    let text = format!("'{option}'{} needs a plugin for encryption keys, and none is loaded", blame.place());
    let fix =
        "load one, such as --plugin-load-add=file_key_management with --file-key-management-filename=FILE";
    Some(Finding::new(OPTION_CONFLICT, text).quoting([entry]).blaming(blame).fix(fix))
}

/// InnoDB's system and temporary tablespace in one file.
fn same_files<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line_with_all(&["innodb_temporary and innodb_system", "same"])?;
    let [temporary, system] =
        ["innodb-temp-data-file-path", "innodb-data-file-path"].map(|o| scene.blame(o.as_bytes(), None));
    let text = format!(
        "innodb_temp_data_file_path{} and innodb_data_file_path{} name the same file",
        temporary.place(),
        system.place()
    );
    let blame = if temporary.argument.is_some() { temporary } else { system };
    let fix = format!(
        "write another name: {}",
        temporary.spelt("innodb-temp-data-file-path=ibtmp1:12M:autoextend")
    );
    Some(Finding::new(OPTION_CONFLICT, text).quoting([entry]).blaming(blame).fix(fix))
}

/// Words of a server to which options do not fit together.
const TOGETHER: [&str; 13] = [
    "You need to use --",
    "annot be used with",
    "an't be used with",
    "an not be used with",
    "annot be used together",
    "annot be combined with",
    "mutually exclusive",
    "incompatible with",
    "conflicts with",
    " requires --",
    " needs --",
    "annot be specified with",
    "annot use both",
];

/// An error that names an option which somebody gave and says that it does not go with another.
fn needs_another<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let complains = |entry: &Entry<'a>| {
        matches!(entry.level, Level::Error | Level::None) && TOGETHER.iter().any(|words| entry.says(words))
    };
    let told = scene.log.iter().copied().filter(complains);
    let (entry, (word, blame)) = told.filter_map(|entry| Some((entry, named(scene, &entry)?))).next()?;
    let text = format!("'{word}'{} does not fit the other options: {}", blame.place(), entry.message);
    let fix = "add the option that is missing, or remove one of the two";
    Some(Finding::new(OPTION_CONFLICT, text).quoting([entry]).blaming(blame).fix(fix).likely())
}

fn unknown_charset<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&[
        "Unknown locale: '",
        "is not a compiled character set",
        "is not a compiled collation",
        "Unknown character set",
        "Unknown collation",
        "unknown default time zone",
    ])?;
    let value = *entry.quoted().first()?;
    let (what, options): (_, &[&str]) = if entry.says("locale") {
        ("locale", &["lc-messages", "lc-time-names"])
    } else if entry.says("time zone") {
        ("time zone", &["default-time-zone"])
    } else if entry.says("ollation") {
        ("collation", &["collation-server", "collation-connection", "default-collation"])
    } else {
        (
            "character set",
            &[
                "character-set-server",
                "character-set-filesystem",
                "character-set-client",
                "default-character-set",
            ],
        )
    };
    let blame = scene.blame_value(options, value);
    let fix = match what {
        "time zone" if value.find_byteset(b"+-").is_some_and(|at| at == 0) => "write an offset from -12:59 to +14:00".to_owned(),
        "time zone" => {
            "load the time zones into the tables of mysql, write an offset such as +02:00, or correct the name".to_owned()
        }
        "locale" => "write a name such as en_US or de_DE".to_owned(),
        "collation" => {
            let charset = value.split_once_str("_").map_or(value, |(charset, _)| charset.as_bstr());
            format!("correct the name: SHOW COLLATION LIKE '{charset}%' of a running server lists those there are")
        }
        _ => "correct the name: SHOW CHARACTER SET of a running server lists those there are".to_owned(),
    };
    let text = format!("the server has no {what} '{value}'{}", blame.place());
    let fix = scene.or_remove(fix, blame);
    let finding = Finding::new(UNKNOWN_CHARSET, text).quoting([entry]).blaming(blame).fix(fix);
    // Without its directory a server knows only the character sets that are built in.
    let directory = scene.path("character-sets-dir").filter(|_| what == "character set");
    let useless = directory.is_some_and(|fact| {
        !fact.directory || denied_by(scene, &fact.path.join("Index.xml"), Access::Read).is_some()
    });
    Some(if useless { finding.following() } else { finding })
}

fn unknown_engine<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.error(&["Unknown/unsupported storage engine: ", "Unknown/unsupported table type: "])?;
    let engine = entry.message.rsplit_once_str(": ").map(|(_, engine)| engine.trim().as_bstr())?;
    let options = ["default-storage-engine", "default-tmp-storage-engine", "enforce-storage-engine"];
    let blame = scene.blame_value(&options, engine);
    let lower = engine.to_str_lossy().to_ascii_lowercase();
    let disabled = scene.log.iter().copied().find(|entry| {
        entry.says("' is disabled")
            && entry.quoted().first().is_some_and(|plugin| plugin.eq_ignore_ascii_case(engine))
    });
    let (why, fix) = match disabled {
        Some(_) => (
            ": it is switched off",
            format!(
                "write --{lower} into the test's .opt as well, or source include/have_{lower}.inc in the test"
            ),
        ),
        None => (
            "",
            scene.or_remove(
                "see why the engine is not built in, not loaded (--plugin-load-add), or failed to start",
                blame,
            ),
        ),
    };
    let text = format!("the default storage engine '{engine}'{} is not there{why}", blame.place());
    let entries = disabled.into_iter().chain([entry]);
    let finding = Finding::new(UNKNOWN_ENGINE, text).quoting(entries).blaming(blame).fix(fix);
    // Nothing made it so but the options: how the server went down then is no cause.
    let first = scene.errors().next().is_some_and(|first| first.line == entry.line);
    Some(if disabled.is_some() && first { finding.fatal() } else { finding })
}

#[cfg(test)]
mod tests {
    use crate::triage::testing::{Vector, check};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S015",
            &["--log-bin", "--encrypt-binlog=1"],
            "t 0 [ERROR] Failed to enable encryption of binary logs\n\
             t 0 [ERROR] Could not use mysqld-bin for logging (error 2). Turning logging off for the whole duration",
            Some("--encrypt-binlog=1"),
            "needs a plugin for encryption keys, and none is loaded",
        ),
        (
            "MTR-S015",
            &["--character-set-server=utf8mb4", "--collation-server=latin1_swedish_ci"],
            "t 0 [ERROR] COLLATION 'latin1_swedish_ci' is not valid for CHARACTER SET 'utf8mb4'\nt 0 [ERROR] Aborting",
            Some("--collation-server=latin1_swedish_ci"),
            "'latin1_swedish_ci' (x.opt:2) does not belong to the character set 'utf8mb4' (x.opt:1) / write \
             --character-set-server=latin1 to go with it",
        ),
        (
            "MTR-S015",
            &["--innodb-temp-data-file-path=ibdata1:12M"],
            "t 0 [ERROR] innodb_temporary and innodb_system file names seem to be the same.",
            Some("--innodb-temp-data-file-path=ibdata1:12M"),
            "name the same file",
        ),
        // A server of 5.5 or 10.0.
        (
            "MTR-S015",
            &["--log-slave-updates"],
            "181123 18:00:00 [ERROR] You need to use --log-bin to make --log-slave-updates work.\n\
             181123 18:00:00 [ERROR] Aborting",
            Some("--log-slave-updates"),
            "'log-slave-updates' (x.opt:1) does not fit the other options",
        ),
        (
            "MTR-S017",
            &["--character-set-server=klingon"],
            "mariadbd: Character set 'klingon' is not a compiled character set and is not specified in the '/x' file",
            Some("--character-set-server=klingon"),
            "no character set 'klingon' (x.opt:1)",
        ),
        (
            "MTR-S017",
            &["--collation-server=utf8mb4_klingon"],
            "t 0 [ERROR] Unknown collation: 'utf8mb4_klingon'",
            Some("--collation-server=utf8mb4_klingon"),
            "SHOW COLLATION LIKE 'utf8mb4%'",
        ),
        (
            "MTR-S017",
            &["--lc-messages=xx_XX", "--lc-time-names=de_DE"],
            "t 0 [ERROR] Unknown locale: 'xx_XX'",
            Some("--lc-messages=xx_XX"),
            "no locale 'xx_XX'",
        ),
        (
            "MTR-S017",
            &["--default-time-zone=+25:00"],
            "t 0 [ERROR] Fatal error: Illegal or unknown default time zone '+25:00'",
            Some("--default-time-zone=+25:00"),
            "no time zone '+25:00' (x.opt:1) / write an offset from -12:59 to +14:00",
        ),
        (
            "MTR-S017",
            &["--default_time_zone=Mars/Olympus"],
            "181123 18:00:00 [ERROR] Fatal error: Illegal or unknown default time zone 'Mars/Olympus'",
            Some("--default_time_zone=Mars/Olympus"),
            "load the time zones",
        ),
        (
            "MTR-S016",
            &["--default-storage-engine=nosuch"],
            "t 0 [ERROR] Unknown/unsupported storage engine: nosuch\nt 0 [ERROR] Aborting",
            Some("--default-storage-engine=nosuch"),
            "'nosuch' (x.opt:1) is not there",
        ),
        (
            "MTR-S016",
            &["--default-storage-engine=innodb"],
            "t 0 [Note] Plugin 'InnoDB' is disabled.\nt 0 [ERROR] Unknown/unsupported storage engine: innodb\nt 0 [ERROR] Aborting",
            Some("--default-storage-engine=innodb"),
            "it is switched off / write --innodb into the test's .opt",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }
}
