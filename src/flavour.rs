//! What a server's product and release mean for the runner, as one value with names.
//!
//! Releases differ in what their own test tool writes, in what their client library does and in how system tables
//! are made. Which release brought what stands here and nowhere else: other rooms ask for a capability by its name
//! (a test below reads the sources for comparisons with releases). `docs/compatibility.md` tells users the same.

/// Who makes the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// MariaDB.
    MariaDb,
    /// MySQL.
    MySql,
}

/// From which release on a name of an error counts; ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorNames {
    /// Those of MariaDB 10.5 and before.
    Of10_5,
    /// Those of MariaDB 10.6 to 11.6.
    Of10_6,
    /// Those of MariaDB 11.7 and later.
    Of11_7,
}

/// What belongs to a server of one product and release: its own test tool, client library and bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flavour {
    /// Who makes the server.
    pub product: Product,
    /// Which names errors have.
    pub error_names: ErrorNames,
    /// Messages of the tool give the names of errors besides their numbers.
    pub error_names_in_messages: bool,
    /// `sorted_result` leaves the warnings and facts behind the rows alone.
    pub sorts_rows_only: bool,
    /// A variable that a session tracks is written on one line with its value, and the lines are sorted.
    pub session_track_on_one_line: bool,
    /// A `connect` without a database selects that of the command line after the login, not as part of it.
    pub connect_selects_later: bool,
    /// `$0` to `$9` are there from the start, empty.
    pub registers_from_the_start: bool,
    /// The variables of a session are told with the login, and the tool prints them (MDEV-31609).
    pub login_tells_session: bool,
    /// `cat_file` takes a number of lines.
    pub cat_file_takes_lines: bool,
    /// The client library refuses the authentication of MySQL 3.23 unless it is listed (Connector/C 3.4).
    pub refuses_old_password: bool,
    /// The client library forgets a change of the session with the next statement (Connector/C 3.4); older ones keep
    /// telling it with the results of statements that change nothing.
    pub forgets_session_changes: bool,
    /// System tables are made by `--initialize`, not by scripts that are fed to a bootstrap.
    pub bootstrap_by_initialize: bool,
}

impl Flavour {
    /// That of `release` of `product`: major * 10000 + minor * 100 + patch; 0, where none is known, is the oldest.
    pub fn new(product: Product, release: u32) -> Flavour {
        let since = |first: u32| release >= first;
        let connector_c_3_4 = since(110_400);
        Flavour {
            product,
            error_names: match () {
                () if since(110_700) => ErrorNames::Of11_7,
                () if since(100_600) => ErrorNames::Of10_6,
                () => ErrorNames::Of10_5,
            },
            error_names_in_messages: since(100_600),
            sorts_rows_only: since(100_600),
            session_track_on_one_line: since(100_600),
            connect_selects_later: since(100_600),
            registers_from_the_start: !since(100_600),
            login_tells_session: since(110_500),
            cat_file_takes_lines: since(110_700),
            refuses_old_password: connector_c_3_4,
            forgets_session_changes: connector_c_3_4,
            bootstrap_by_initialize: product == Product::MySql && since(50_706),
        }
    }

    /// That of the newest MariaDB: what counts before a server has told what it is.
    pub fn newest() -> Flavour {
        Flavour::new(Product::MariaDb, u32::MAX)
    }

    /// That of a server with this version text, such as `10.11.19-MariaDB-log` or `8.0.36`. MariaDB names itself in it;
    /// what does not and has a release below 10 is MySQL.
    pub fn of_version(version: &[u8]) -> Flavour {
        let release = release(version);
        let named = version.windows(7).any(|word| word.eq_ignore_ascii_case(b"mariadb"));
        let product =
            if named || release == 0 || release >= 100_000 { Product::MariaDb } else { Product::MySql };
        Flavour::new(product, release)
    }
}

/// The release in a version text as a number, such as 101119 for `10.11.19-MariaDB`; 0 where the text has none.
pub fn release(version: &[u8]) -> u32 {
    let mut numbers = version.split(|byte| !byte.is_ascii_digit()).map(|digits| {
        digits
            .iter()
            .fold(0u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
    });
    let mut next = || numbers.next().unwrap_or(0);
    let (major, minor, patch) = (next(), next(), next());
    major.saturating_mul(10_000).saturating_add(minor.saturating_mul(100)).saturating_add(patch)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn releases_are_numbers() {
        assert_eq!(release(b"10.11.19-MariaDB-0+deb12u1"), 101_119);
        assert_eq!(release(b"11.4"), 110_400);
        assert_eq!(release(b""), 0);
        assert_eq!(release(b"99999999999.1.1"), u32::MAX);
    }

    #[test]
    fn a_version_names_its_product() {
        let product = |version: &str| Flavour::of_version(version.as_bytes()).product;
        for version in ["10.11.19-MariaDB", "5.5.68-mariadb-log", "12.1.2", ""] {
            assert_eq!(product(version), Product::MariaDb, "{version}");
        }
        for version in ["8.0.36", "5.7.44-log", "9.1.0"] {
            assert_eq!(product(version), Product::MySql, "{version}");
        }
    }

    #[test]
    fn each_capability_begins_and_ends_with_its_release() {
        let mariadb = |release| Flavour::new(Product::MariaDb, release);
        let (old, ten) = (mariadb(100_599), mariadb(100_600));
        assert_eq!((old.error_names, ten.error_names), (ErrorNames::Of10_5, ErrorNames::Of10_6));
        for (flavour, since_10_6) in [(old, false), (ten, true)] {
            assert_eq!(flavour.error_names_in_messages, since_10_6);
            assert_eq!(flavour.sorts_rows_only, since_10_6);
            assert_eq!(flavour.session_track_on_one_line, since_10_6);
            assert_eq!(flavour.connect_selects_later, since_10_6);
            assert_eq!(flavour.registers_from_the_start, !since_10_6);
        }
        let connector = |release| {
            let flavour = mariadb(release);
            (flavour.refuses_old_password, flavour.forgets_session_changes)
        };
        assert_eq!((connector(110_399), connector(110_400)), ((false, false), (true, true)));
        assert!(!mariadb(110_499).login_tells_session && mariadb(110_500).login_tells_session);
        assert!(!mariadb(110_699).cat_file_takes_lines && mariadb(110_700).cat_file_takes_lines);
        assert_eq!(mariadb(110_699).error_names, ErrorNames::Of10_6);
        assert_eq!(mariadb(110_700).error_names, ErrorNames::Of11_7);
        let initialize = |product, release| Flavour::new(product, release).bootstrap_by_initialize;
        assert!(!initialize(Product::MySql, 50_705) && initialize(Product::MySql, 50_706));
        assert!(!Flavour::newest().bootstrap_by_initialize && !initialize(Product::MariaDb, 100_523));
    }

    /// Whether the line of code `line` compares a release with something, or gives the number of one a name.
    fn decides_by_release(line: &str) -> bool {
        let code = line.split("//").next().unwrap_or_default().trim();
        if code.starts_with("assert") {
            return false;
        }
        let words: Vec<&str> = code.split_whitespace().collect();
        let is_release = |word: &str| {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
            let last = word.rsplit(['.', ':']).next().unwrap_or_default();
            matches!(last, "release" | "version_id") || is_release_number(word)
        };
        let compares = words.windows(3).any(|window| {
            matches!(window[1], "<" | "<=" | ">" | ">=" | "==" | "!=")
                && (is_release(window[0]) || is_release(window[2]))
        });
        let names =
            code.contains("const ") && words.iter().any(|word| is_release_number(word.trim_end_matches(';')));
        compares || names
    }

    /// Whether `word` is a number like 100_600: five or six digits, a minor release of MySQL 5 or MariaDB 10 and on.
    fn is_release_number(word: &str) -> bool {
        let digits = word.trim_end_matches("u32").replace('_', "");
        digits.len() == 6
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && ("100100".."140000").contains(&digits.as_str())
    }

    #[test]
    fn a_line_that_decides_by_release_is_known() {
        for line in [
            "if interp.release < ONE_LINE {",
            "None if release >= 110_400 => Allowed::AllButOld,",
            "const ONE_LINE: u32 = 100_600;",
            "pub const CONNECTOR_C_3_4: u32 = 110400;",
            "b\"\" if self.release() < SELECTS_LATER => 1,",
            "let old = 100_600 > facts.version_id;",
            "if facts.version_id == 101_119 {",
        ] {
            assert!(decides_by_release(line), "{line}");
        }
        for line in [
            "const ENTRIES: usize = 100_000;",
            "assert_eq!(facts.version_id, 101_119);",
            "pub fn release(&self) -> u32 {",
            "// from release >= 100_600 on",
            "if number < 100_000 {",
        ] {
            assert!(!decides_by_release(line), "{line}");
        }
    }

    #[test]
    fn nobody_else_compares_releases() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut files, mut found) = (0, Vec::new());
        for entry in walkdir::WalkDir::new(&src).sort_by_file_name() {
            let path = entry.unwrap().into_path();
            let is_code = path.extension().is_some_and(|extension| extension == "rs");
            if !is_code || path == src.join("flavour.rs") {
                continue;
            }
            files += 1;
            for (line, text) in (1..).zip(std::fs::read_to_string(&path).unwrap().lines()) {
                if decides_by_release(text) {
                    found.push(format!("{}:{line}: {}", path.display(), text.trim()));
                }
            }
        }
        assert!(files > 100, "{files}");
        assert!(found.is_empty(), "use a capability of crate::flavour:\n{}", found.join("\n"));
    }
}
