//! Files with options and statements that a server reads before it serves: option files and `--init-file`.

use std::path::Path;

use bstr::{BStr, ByteSlice};

use crate::triage::catalogue::{INIT_FILE, OPTION_FILE_SYNTAX, OPTION_FILE_UNREADABLE, OPTION_GROUP_MISSING};
use crate::triage::evidence::{ExitKind, OptionFile, Stage};
use crate::triage::files::{Access, absolute, denied_by};
use crate::triage::finding::Rule;
use crate::triage::finding::{Finding, Quote};
use crate::triage::log::{Entry, Level};
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[
    unreadable,
    ignored,
    missing_include,
    syntax,
    group_missing,
    init_file_missing,
    init_file_shuts_down,
    init_file_error,
];

/// Why a file cannot be read, in words, and what to do.
fn trouble(scene: &Scene<'_>, number: Option<i32>, path: &str) -> (String, String) {
    let told = |why: &str, fix: String| (why.to_owned(), fix);
    match number {
        Some(libc::ENOENT | libc::ENOTDIR) => {
            told("is not there", format!("make {path}, or correct its name"))
        }
        Some(libc::EACCES | libc::EPERM) => {
            match denied_by(scene, &absolute(scene, path.into()), Access::Read) {
                Some((why, fix)) => (format!("may not be read by the server: {why}"), fix),
                None => told(
                    "may not be read by the server",
                    format!("look at the modes of {path} and of the directories above: namei -l {path}"),
                ),
            }
        }
        Some(libc::EISDIR) => told("is a directory", "name a file".to_owned()),
        _ => told("cannot be read", format!("see that {path} is a file that the server's user may read")),
    }
}

fn known_file<'a>(scene: &Scene<'a>, path: &BStr) -> Option<&'a OptionFile> {
    let path = path.to_path_lossy();
    scene.evidence.option_files.iter().find(|file| file.path == *path)
}

/// `Could not open required defaults file: X`, `Can't read dir of 'X'`.
fn unreadable<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["Could not open required defaults file: ", "Can't read dir of '"])?;
    let path = entry
        .after("defaults file: ")
        .or_else(|| entry.between("Can't read dir of '", "'"))?
        .trim()
        .as_bstr();
    // A directory that something else wants is not ours.
    if entry.says("Can't read dir") && scene.line(&["Fatal error in defaults handling"]).is_none() {
        return None;
    }
    let known = known_file(scene, path).and_then(|file| file.error).or_else(|| entry.system_error());
    let (why, fix) = trouble(scene, known, &path.to_string());
    let at = scene.evidence.argv.iter().rposition(|option| {
        option.text.starts_with(b"--defaults-") && option.text.ends_with(path) && !path.is_empty()
    });
    let place = scene.blame_argument(at).place();
    let text = format!("the option file '{path}'{place} {why}");
    let fix = scene.or_remove(fix, at);
    Some(Finding::new(OPTION_FILE_UNREADABLE, text).quoting([entry]).blaming(at).fix(fix))
}

/// A server takes no options from a file that everybody may write to.
fn ignored<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["World-writable config file '"])?;
    let path = *entry.quoted().first()?;
    let text = format!("the server ignores the option file '{path}': everybody may write to it");
    Some(Finding::new(OPTION_FILE_UNREADABLE, text).quoting([entry]).fix(format!("chmod o-w {path}")))
}

/// A server passes over an `!include` of a file that is not there, and lacks its options.
fn missing_include<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let broken = |file: &&OptionFile| file.included.is_some() && file.error.is_some();
    let file = scene.evidence.option_files.iter().find(broken)?;
    let included = file.included.as_ref()?;
    let path = file.path.display().to_string();
    let (why, fix) = trouble(scene, file.error, &path);
    let text =
        format!("the option file '{path}', which {included} includes, {why}: the server goes on without it");
    let mut finding = Finding::new(OPTION_FILE_UNREADABLE, text).fix(fix).likely();
    finding.quotes.push(Quote {
        file: Some(included.file.clone()),
        line: included.line,
        text: format!("!include {path}").into(),
    });
    Some(finding)
}

/// `Found option without preceding group in config file: X at line: 1`, `Wrong group definition in config file: …`.
fn syntax<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let told = |entry: &Entry<'_>| entry.says("in config file") && entry.says(" at line");
    let entry = scene.log.iter().copied().find(told)?;
    let rest = entry.after("in config file")?.trim_start_with(|c| c == ':' || c == ' ').as_bstr();
    let (path, line) = rest.rsplit_once_str(" at line")?;
    let line = line.trim_with(|c| !c.is_ascii_digit()).as_bstr();
    let (what, fix) = if entry.says("without preceding group") {
        ("an option stands before the first group", "put a line such as [mysqld] above it")
    } else if entry.says("group definition") {
        ("a group has no closing bracket", "write [NAME]")
    } else if entry.says("directive") {
        ("a directive is malformed", "write !include FILE or !includedir DIRECTORY")
    } else {
        ("the line is malformed", "a line is [group], name, name=value, !include FILE or a comment")
    };
    let text = format!("{}:{line}: {what}", path.as_bstr());
    let fix = fix.replace("above it", &format!("above {}:{line}", path.as_bstr()));
    Some(Finding::new(OPTION_FILE_SYNTAX, text).quoting([entry]).fix(fix))
}

/// The group of the server is not in the file that it was told to read.
fn group_missing<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let argv = &scene.evidence.argv;
    let suffix = argv.iter().find_map(|o| o.text.strip_prefix(b"--defaults-group-suffix="))?.as_bstr();
    let at = argv.iter().rposition(|option| option.text.starts_with(b"--defaults-file="))?;
    let files = &scene.evidence.option_files;
    if files.is_empty() || files.iter().any(|file| file.error.is_some()) {
        return None;
    }
    let mut groups = files.iter().flat_map(|file| &file.groups);
    if suffix.is_empty() || groups.any(|group| group.ends_with(suffix) && group.len() > suffix.len()) {
        return None;
    }
    let text = format!(
        "{} has no group [mysqld{suffix}]: the server has no port, socket, data directory of its own",
        scene.cite(at)
    );
    let names: Vec<String> =
        files.iter().flat_map(|file| &file.groups).map(|group| format!("[{group}]")).collect();
    let has = if names.is_empty() { "no group".to_owned() } else { names.join(" ") };
    let fix = match scene.own(Some(at)) {
        Some(own) => format!(
            "remove {own}, and write its options into the test's .cnf, of which the runner makes the file; or add \
             [mysqld{suffix}] to it"
        ),
        None => format!("add [mysqld{suffix}] to the file"),
    };
    Some(
        Finding::new(OPTION_GROUP_MISSING, text)
            .seen(format!("{} has {has}", files[0].path.display()))
            .blaming(Some(at))
            .fix(fix),
    )
}

fn init_file_missing<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let given = scene.given("init-file").filter(|given| !given.value.is_empty())?;
    let entry = scene.log.iter().copied().find(|entry| {
        entry.level != Level::Note && entry.system_error().is_some() && entry.quoted().contains(&given.value)
    })?;
    let path = given.value.to_string();
    let (why, fix) = trouble(scene, entry.system_error(), &path);
    let text = format!("the --init-file '{path}' ({}) {why}", scene.origin(&given));
    let fix = scene.or_remove(fix, given);
    Some(Finding::new(INIT_FILE, text).quoting([entry]).blaming(given).fix(fix))
}

/// Number and text of the first line of the init file that begins with this word.
fn statement<'a>(scene: &Scene<'a>, word: &str) -> Option<(&'a Path, u32, &'a BStr)> {
    let file = scene.evidence.init_file.as_ref()?;
    let mut lines = (1..).zip(file.text.lines());
    let begins =
        |line: &[u8]| line.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    lines
        .find(|(_, line)| begins(line.trim_start()))
        .map(|(number, line)| (file.path.as_path(), number, line.as_bstr()))
}

fn init_file_shuts_down<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if scene.evidence.exit != ExitKind::Status(0) || scene.evidence.stage == Stage::Bootstrap {
        return None;
    }
    let given = scene.given("init-file")?;
    let (path, line, text) = statement(scene, "shutdown")?;
    let cause = format!("the --init-file '{}' ({}) shuts the server down", given.value, scene.origin(&given));
    let mut finding =
        Finding::new(INIT_FILE, cause).blaming(given).fix("remove the statement SHUTDOWN from it");
    finding.quotes.push(Quote { file: Some(path.to_owned()), line: Some(line), text: text.to_owned() });
    finding.entries.extend(scene.line(&["Normal shutdown", "(initiated by: "]));
    Some(finding)
}

/// `ERROR: 1064  You have an error in your SQL syntax; …`: a server goes on after it, so it is the cause only where the
/// server names no other.
fn init_file_error<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let given = scene.given("init-file").filter(|_| scene.evidence.stage != Stage::Bootstrap)?;
    let entry = scene
        .log
        .iter()
        .copied()
        .find(|entry| entry.level == Level::None && entry.raw.starts_with(b"ERROR: "))?;
    if scene.errors().any(|entry| entry.message != "Aborting") {
        return None;
    }
    let text = format!("a statement of the --init-file '{}' ({}) fails", given.value, scene.origin(&given));
    Some(Finding::new(INIT_FILE, text).quoting([entry]).blaming(given).fix("correct the statement").likely())
}

#[cfg(test)]
mod tests {

    use crate::error::Location;
    use crate::triage::evidence::{Evidence, OptionFile, TextFile};
    use crate::triage::rules::judge::diagnose;
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S011",
            &["--defaults-group-suffix=.1", "--defaults-file=/nonexist.cnf"],
            "Could not open required defaults file: /nonexist.cnf\nFatal error in defaults handling. Program aborted",
            Some("--defaults-file=/nonexist.cnf"),
            "the option file '/nonexist.cnf' (x.opt:2) cannot be read",
        ),
        // MySQL 8.
        (
            "MTR-S011",
            &["--defaults-extra-file=/n.cnf"],
            "mysqld: [ERROR] Could not open required defaults file: /n.cnf\n\
             mysqld: [ERROR] Fatal error in defaults handling. Program aborted!",
            Some("--defaults-extra-file=/n.cnf"),
            "'/n.cnf' (x.opt:1)",
        ),
        (
            "MTR-S011",
            &[],
            "/usr/sbin/mariadbd: Can't read dir of '/nonexist' (Errcode: 2 \"No such file or directory\")\n\
             Fatal error in defaults handling. Program aborted",
            None,
            "'/nonexist' is not there",
        ),
        (
            "MTR-S011",
            &["--defaults-file=/x.cnf"],
            "Warning: World-writable config file '/x.cnf' is ignored\nt 0 [ERROR] Aborting",
            None,
            "chmod o-w /x.cnf",
        ),
        (
            "MTR-S012",
            &["--defaults-file=/x.cnf"],
            "error: Found option without preceding group in config file: /x.cnf at line: 1\n\
             Fatal error in defaults handling. Program aborted",
            None,
            "/x.cnf:1: an option stands before the first group / put a line such as [mysqld] above /x.cnf:1",
        ),
        (
            "MTR-S012",
            &["--defaults-file=/x.cnf"],
            "mysqld: [ERROR] Found option without preceding group in config file /x.cnf at line 7.",
            None,
            "/x.cnf:7: an option",
        ),
        (
            "MTR-S012",
            &["--defaults-file=/x.cnf"],
            "error: Wrong group definition in config file: /x.cnf at line 3",
            None,
            "/x.cnf:3: a group has no closing bracket",
        ),
        (
            "MTR-S012",
            &["--defaults-file=/x.cnf"],
            "error: Wrong '!include' directive in config file: /x.cnf at line 2",
            None,
            "/x.cnf:2: a directive is malformed",
        ),
        (
            "MTR-S014",
            &["--init-file=/nonexist.sql"],
            "t 0 [ERROR] mariadbd: Can't create/write to file '/nonexist.sql' (Errcode: 2 \"No such file or directory\")\n\
             t 0 [ERROR] Aborting",
            Some("--init-file=/nonexist.sql"),
            "'/nonexist.sql' (x.opt:1) is not there",
        ),
        (
            "MTR-S014",
            &["--init_file=/x.sql"],
            "t 0 [ERROR] mysqld: File '/x.sql' not found (Errcode: 13 \"Permission denied\")\nt 0 [ERROR] Aborting",
            Some("--init_file=/x.sql"),
            "may not be read by the server",
        ),
        (
            "MTR-S014",
            &["--init-file=/x.sql"],
            "ERROR: 1064  You have an error in your SQL syntax near 'selekt 2;' at line 1\nt 0 [ERROR] Aborting",
            Some("--init-file=/x.sql"),
            "a statement of the --init-file '/x.sql' (x.opt:1) fails",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    #[test]
    fn a_failed_statement_is_no_cause_where_the_server_names_one() {
        let log = "ERROR: 1064  You have an error\nt 0 [ERROR] Can't start server: nobody knows why\nt 0 [ERROR] Aborting";
        assert_eq!(codes(&failed(1, &["--init-file=/x.sql"], log)), ["MTR-S103"]);
    }

    #[test]
    fn a_shutdown_in_the_init_file_is_quoted() {
        let log = "t 0 [Note] /usr/sbin/mariadbd (initiated by: root[root] @  []): Normal shutdown";
        let text = "select 1;\n  Shutdown;\n".into();
        let init_file = Some(TextFile { path: "/x.sql".into(), text });
        let evidence = Evidence { init_file, ..failed(0, &["--init-file=/x.sql"], log) };
        let diagnosis = diagnose(&evidence);
        assert_eq!(diagnosis.code, "MTR-S014");
        assert_eq!(diagnosis.evidence.last().and_then(|quote| quote.line), Some(2));
        assert!(!codes(&Evidence { init_file: None, ..evidence }).contains(&"MTR-S014"));
    }

    fn file(name: &str, groups: &[&str]) -> OptionFile {
        let groups = groups.iter().map(|group| (*group).into()).collect();
        OptionFile { path: name.into(), groups, ..OptionFile::default() }
    }

    #[test]
    fn the_server_s_own_group_is_looked_for() {
        let words = ["--defaults-group-suffix=.1", "--defaults-file=/x.cnf"];
        let with = |groups: &[&str]| Evidence {
            option_files: vec![file("/x.cnf", groups)],
            ..failed(1, &words, "")
        };
        let diagnosis = diagnose(&with(&["mysql", "mysqld"]));
        assert_eq!(diagnosis.code, "MTR-S013");
        assert_eq!(diagnosis.evidence[0].text, "/x.cnf has [mysql] [mysqld]");
        assert_eq!(codes(&with(&["mysqld", "mysqld.1"])), ["MTR-S104"]);
        assert_eq!(codes(&with(&["mariadb.1"])), ["MTR-S104"]);
    }

    #[test]
    fn an_include_that_is_not_there_is_likely() {
        let location = Location { file: "/x.cnf".into(), line: Some(4) };
        let missing =
            OptionFile { included: Some(location), error: Some(libc::ENOENT), ..file("/inc.cnf", &[]) };
        let evidence = Evidence { option_files: vec![missing], ..failed(1, &[], "t 0 [ERROR] Aborting") };
        let diagnosis = diagnose(&evidence);
        assert_eq!(diagnosis.code, "MTR-S011");
        assert!(diagnosis.cause.to_string().contains("which /x.cnf:4 includes, is not there"));
    }
}
