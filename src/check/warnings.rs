//! The servers' own say on suspicious lines: suppressions that tests have added (spec §10.5).

use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use super::errorlog::warnings_path;
use super::session::{ResultSet, Session, SessionError};

const ER_UNKNOWN_SYSTEM_VARIABLE: u16 = 1193;
const ER_OPTION_PREVENTS_STATEMENT: u16 = 1290;

/// What the session must not do to the server: write to the binary log, replicate, or trip over a debug
/// point. The last two are unknown to some servers. A default of read-only transactions is overruled.
const QUIETLY: [&[u8]; 4] =
    [b"set SQL_LOG_BIN=0", b"set WSREP_ON=0", b"set debug_dbug=''", b"set session transaction read write"];

/// Judges the suspicious `lines` of the error log `log`: `None` where suppressions cover all of them, else the text
/// that the reference prints. Afterwards the suppressions of the test are gone.
///
/// Without lines only those suppressions are seen to: one round trip, two where there are any.
///
/// # Errors
/// Whatever the server refuses, as a test that breaks the database `mtr` is told.
pub fn check(session: &mut Session, log: &Path, lines: &[BString]) -> Result<Option<BString>, SessionError> {
    if lines.is_empty() {
        forget_suppressions(session)?;
        return Ok(None);
    }
    write(log, lines)?;
    let statements = [
        QUIETLY[0],
        QUIETLY[1],
        QUIETLY[2],
        QUIETLY[3],
        b"use mtr",
        b"create temporary table error_log (row int auto_increment primary key, suspicious int default 1, \
          file_name varchar(255), line varchar(1024) default null) engine=myisam",
    ];
    run(session, &statements)?;

    let mut text = BString::default();
    let loaded = match session.query(load(log, "")) {
        // --secure-file-priv: the file goes over the connection instead.
        Err(e) if e.code() == Some(ER_OPTION_PREVENTS_STATEMENT) => session.query(load(log, " local")),
        loaded => loaded,
    };
    print_warnings(&mut text, session, &loaded?)?;
    let results = session.query("call mtr.check_warnings(@result)")?;
    for result in results.iter().filter(|result| !result.columns.is_empty()) {
        print_rows(&mut text, std::iter::once(result.columns.iter().map(|name| name.as_bstr()).collect()));
        print_rows(&mut text, result.rows.iter().map(|row| cells(row)));
    }
    print_warnings(&mut text, session, &results)?;

    let clean = session.query("select @result = 0")?;
    if clean.first().and_then(|result| result.rows.first()).is_some_and(|row| row[..] == [Some("1".into())]) {
        return Ok(None);
    }
    text.extend_from_slice(format!("^ Found warnings in {}\nok\n", log.display()).as_bytes());
    Ok(Some(text))
}

/// What the test's comment says when the check could not be made (spec §10.5); `seconds` is the time-out of the test.
pub fn failure_comment(test: &str, group: &str, seconds: u64, error: &SessionError) -> BString {
    match error {
        SessionError::Timeout => format!("Timeout for 'check warnings' expired after {seconds} seconds"),
        error => format!(
            "Could not execute 'check-warnings' for testcase '{test}' (res: 1) server: '{group}':\n{error}\n"
        ),
    }
    .into()
}

/// Empties `mtr.test_suppressions` where a test has put something there: else it would help later tests too.
fn forget_suppressions(session: &mut Session) -> Result<(), SessionError> {
    let found = session.query("select 1 from mtr.test_suppressions limit 1")?;
    if found.iter().all(|result| result.rows.is_empty()) {
        return Ok(());
    }
    let statements = [QUIETLY[0], QUIETLY[1], QUIETLY[2], QUIETLY[3], b"truncate mtr.test_suppressions"];
    run(session, &statements)
}

/// Runs statements without results in one round trip; an unknown system variable is no error.
fn run(session: &mut Session, statements: &[&[u8]]) -> Result<(), SessionError> {
    for answer in session.batch(statements)? {
        match answer {
            Err(e) if e.code() != Some(ER_UNKNOWN_SYSTEM_VARIABLE) => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Writes `<log>.warnings`: a heading, which the server skips, and the lines.
fn write(log: &Path, lines: &[BString]) -> Result<(), SessionError> {
    let path = warnings_path(log);
    let mut text = format!("Suspicious lines from {}\n", log.display()).into_bytes();
    text.extend(lines.concat());
    std::fs::write(&path, text).map_err(|cause| SessionError::File { verb: "write", path, cause })
}

fn load(log: &Path, local: &str) -> Vec<u8> {
    let mut statement = format!("load data{local} infile ").into_bytes();
    quote(&mut statement, warnings_path(log).as_os_str().as_encoded_bytes());
    statement.extend(
        b" into table error_log fields terminated by 'xykls37' escaped by '' ignore 1 lines (line) set file_name=",
    );
    quote(&mut statement, log.as_os_str().as_encoded_bytes());
    statement
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'\'');
    out.extend(text.replace("'", "''"));
    out.push(b'\'');
}

fn cells(row: &[Option<BString>]) -> Vec<&BStr> {
    row.iter().map(|cell| cell.as_ref().map_or(b"NULL".as_bstr(), |cell| cell.as_bstr())).collect()
}

fn print_rows<'a>(out: &mut BString, rows: impl Iterator<Item = Vec<&'a BStr>>) {
    for row in rows {
        out.extend_from_slice(&bstr::join("\t", row));
        out.push(b'\n');
    }
}

/// Shows what the server warned of, as the script engine does after each statement.
fn print_warnings(
    out: &mut BString,
    session: &mut Session,
    results: &[ResultSet],
) -> Result<(), SessionError> {
    if results.last().is_some_and(|end| end.warnings > 0) {
        out.extend_from_slice(b"Warnings:\n");
        for result in session.query("SHOW WARNINGS")? {
            print_rows(out, result.rows.iter().map(|row| cells(row)));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_in_quotes() {
        let statement = load(Path::new("/o'x/mysqld.1.err"), " local");
        assert!(statement.starts_with(b"load data local infile '/o''x/mysqld.1.err.warnings' into table"));
        assert!(statement.ends_with(b"set file_name='/o''x/mysqld.1.err'"));
    }

    #[test]
    fn the_file_begins_with_a_heading() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("e");
        write(&log, &["a\n".into(), "b\n".into()]).unwrap();
        let written = std::fs::read_to_string(warnings_path(&log)).unwrap();
        assert_eq!(written, format!("Suspicious lines from {}\na\nb\n", log.display()));
    }

    #[test]
    fn comments_name_test_and_server() {
        let lost = SessionError::Unreachable {
            place: "/s".into(),
            cause: std::io::Error::from(std::io::ErrorKind::NotFound),
        };
        let comment = failure_comment("main.a", "mysqld.1", 900, &lost);
        assert!(comment.starts_with(
            b"Could not execute 'check-warnings' for testcase 'main.a' (res: 1) server: 'mysqld.1':\ncould not open"
        ));
        assert_eq!(
            failure_comment("main.a", "mysqld.1", 900, &SessionError::Timeout),
            "Timeout for 'check warnings' expired after 900 seconds"
        );
    }
}
