//! The servers' own say on suspicious lines: suppressions that tests have added (runner §10.5).

use std::path::Path;

use bstr::BString;

use super::errorlog::warnings_path;
use super::print;
use super::session::{Session, SessionError, utf8};
use crate::sys::files;

const ER_UNKNOWN_SYSTEM_VARIABLE: u16 = 1193;
const ER_OPTION_PREVENTS_STATEMENT: u16 = 1290;

/// What the session must not do to the server: write to the binary log, replicate, or trip over a debug
/// point. The last two are unknown to some servers. A default of read-only transactions is overruled.
const QUIETLY: [&str; 4] =
    ["set SQL_LOG_BIN=0", "set WSREP_ON=0", "set debug_dbug=''", "set session transaction read write"];

/// Judges the suspicious `lines` of the error log `log`: `None` where suppressions cover all of them, else the text
/// that the reference prints. Afterwards the suppressions of the test are gone from the server; `suppressions` has
/// them, for lines that come late.
///
/// Without lines only those suppressions are seen to: a single statement where there are none.
///
/// # Errors
/// Whatever the server refuses, as a test that breaks the database `mtr` is told.
pub fn check(
    session: &mut Session,
    log: &Path,
    lines: &[BString],
    suppressions: &mut Vec<BString>,
) -> Result<Option<BString>, SessionError> {
    let found = session.query("select pattern from mtr.test_suppressions")?;
    let patterns = found.into_iter().flat_map(|result| result.rows).flatten().flatten();
    *suppressions = patterns.collect();
    if lines.is_empty() {
        if !suppressions.is_empty() {
            be_quiet(session)?;
            session.query("truncate mtr.test_suppressions")?;
        }
        return Ok(None);
    }
    suspicious_lines(session, log, lines)
}

/// As [`check`], for lines that came after it: `suppressions` are those that it has taken from the server.
///
/// # Errors
/// As [`check`].
pub fn check_late(
    session: &mut Session,
    log: &Path,
    lines: &[BString],
    suppressions: &[BString],
) -> Result<Option<BString>, SessionError> {
    if lines.is_empty() {
        return Ok(None);
    }
    if !suppressions.is_empty() {
        be_quiet(session)?;
        let values: Vec<String> =
            suppressions.iter().map(|pattern| format!("(x'{}')", hex(pattern))).collect();
        session.query(format!("insert into mtr.test_suppressions values {}", values.join(",")))?;
    }
    suspicious_lines(session, log, lines)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn suspicious_lines(
    session: &mut Session,
    log: &Path,
    lines: &[BString],
) -> Result<Option<BString>, SessionError> {
    write(log, lines)?;
    be_quiet(session)?;
    session.query("use mtr")?;
    session.query(
        "create temporary table error_log (row int auto_increment primary key, suspicious int default 1, \
         file_name varchar(255), line varchar(1024) default null) engine=myisam charset=latin1",
    )?;

    let mut text = BString::default();
    let loaded = match session.query(load(log, "")?) {
        // --secure-file-priv: the file goes over the connection instead.
        Err(e) if e.code() == Some(ER_OPTION_PREVENTS_STATEMENT) => session.query(load(log, " local")?),
        loaded => loaded,
    };
    print::warnings(&mut text, session, &loaded?)?;
    let results = session.query("call mtr.check_warnings(@result)")?;
    for result in &results {
        print::table(&mut text, result);
    }
    print::warnings(&mut text, session, &results)?;

    let clean = session.query("select @result = 0")?;
    if clean.first().and_then(|result| result.rows.first()).is_some_and(|row| row[..] == [Some("1".into())]) {
        return Ok(None);
    }
    text.extend_from_slice(format!("^ Found warnings in {}\nok\n", log.display()).as_bytes());
    Ok(Some(text))
}

/// Applies [`QUIETLY`]; an unknown system variable is no error.
fn be_quiet(session: &mut Session) -> Result<(), SessionError> {
    for statement in QUIETLY {
        match session.query(statement) {
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
    files::write(&path, text).map_err(|cause| SessionError::File { verb: "write", path, cause })
}

fn load(log: &Path, local: &str) -> Result<String, SessionError> {
    let (file, name) = (quoted(&warnings_path(log))?, quoted(log)?);
    Ok(format!(
        "load data{local} infile {file} into table error_log character set latin1 fields terminated by 'xykls37' escaped by '' \
         ignore 1 lines (line) set file_name={name}"
    ))
}

fn quoted(path: &Path) -> Result<String, SessionError> {
    Ok(format!("'{}'", utf8(path)?.replace('\'', "''")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn the_file_is_named_in_quotes() {
        let statement = load(Path::new("/o'x/mysqld.1.err"), " local").unwrap();
        assert!(statement.starts_with("load data local infile '/o''x/mysqld.1.err.warnings' into table"));
        assert!(statement.ends_with("set file_name='/o''x/mysqld.1.err'"));
    }

    #[test]
    fn a_pattern_is_sent_as_its_bytes() {
        assert_eq!(hex(b"a'\xe4\n"), "6127e40a");
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
    fn a_file_that_cannot_be_named_is_told() {
        let log = Path::new(std::ffi::OsStr::from_bytes(b"/\xff/mysqld.1.err"));
        let error = load(log, "").unwrap_err().to_string();
        assert!(error.contains("mysqld.1.err.warnings is not UTF-8"), "{error}");
    }
}
