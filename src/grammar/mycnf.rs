//! The grammar of `my.cnf` templates and of combinations files (runner §7.1).
//!
//! It is close to the server's own option files, but not the same: `#name=value` is a private
//! option that servers take for a comment, `#!word` is a "magic" option for the runner, blanks at
//! the start of a line are an error, and an option that is set twice keeps its first place.

use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::error::{Error, Location, Result};

/// Groups that every server reads, beside those of its own number or series.
pub const SERVER_GROUPS: [&str; 5] = ["mysqld", "server", "mariadb", "mariadbd", "galera"];

/// Options that may be given many times: each one is kept instead of replacing the one before.
/// Compared with `_` read as `-`.
const REPEATABLE: [&[u8]; 2] = [b"plugin-load-add", b"optimizer-switch"];

/// The most groups that a file has with all that it includes. Single files of MariaDB's tree have up to ten.
pub const MOST_GROUPS: usize = 1000;

/// The most options that a file has with all that it includes.
pub const MOST_OPTIONS: usize = 10_000;

/// A parsed option file: groups in order of first appearance.
///
/// The groups `ENV` and `OPT` always exist and come first; they are the runner's, and never
/// written to a server's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    groups: Vec<Group>,
}

/// One `[name]` with its options in order of first insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What is between the brackets.
    pub name: BString,
    /// The options; a name occurs once, except for `plugin-load-add` and `optimizer-switch`.
    pub options: Vec<ConfigOption>,
}

/// One option of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigOption {
    /// The name as written: `a_b` and `a-b` are different, `#x` is private, `#!x` is magic.
    pub name: BString,
    /// The value as written, quotes included; `None` without `=`. Magic options have one always,
    /// empty where there is no text.
    pub value: Option<BString>,
    /// Where it was written; for a replaced value, where the last one was.
    pub location: Location,
}

impl Default for ConfigFile {
    fn default() -> Self {
        ConfigFile { groups: ["ENV", "OPT"].map(Group::new).into() }
    }
}

impl ConfigFile {
    /// All groups in order, `ENV` and `OPT` first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// All groups in order, for changing their options.
    pub fn groups_mut(&mut self) -> &mut [Group] {
        &mut self.groups
    }

    /// The groups that a file of their own kind would have: all but `ENV` and `OPT`. In a
    /// combinations file, each is one combination (runner §5.1).
    pub fn option_groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().skip(2)
    }

    /// The group of that name.
    pub fn group(&self, name: impl AsRef<[u8]>) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name.as_ref())
    }

    /// The group of that name, created at the end if there is none.
    pub fn group_or_insert(&mut self, name: impl AsRef<[u8]>) -> &mut Group {
        let name = name.as_ref();
        let at = self.groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            self.groups.push(Group::new(name));
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }
}

impl Group {
    fn new(name: impl AsRef<[u8]>) -> Self {
        Group { name: name.as_ref().into(), options: Vec::new() }
    }

    /// The option of that exact name; the last one of a repeatable option.
    pub fn option(&self, name: impl AsRef<[u8]>) -> Option<&ConfigOption> {
        self.options.iter().rev().find(|option| option.name == name.as_ref())
    }

    /// The value of that option; `None` if it is absent or has none.
    pub fn value(&self, name: impl AsRef<[u8]>) -> Option<&BStr> {
        self.option(name)?.value.as_ref().map(|value| value.as_bstr())
    }

    /// Sets an option: in its place if the name is there already, else at the end. Repeatable
    /// options are always added.
    pub fn set(&mut self, option: ConfigOption) {
        let existing = self.options.iter_mut().find(|o| o.name == option.name);
        match existing {
            Some(existing) if !is_repeatable(&option.name) => *existing = option,
            _ => self.options.push(option),
        }
    }
}

/// Parses the text of the option file `path`; `include` gives what `!include` of that name stands for.
///
/// # Errors
///
/// A line that fits no rule, an option before the first group, more than [`MOST_GROUPS`] groups or [`MOST_OPTIONS`]
/// options, and what `include` cannot give: with `path` and the line.
pub fn parse(
    text: &[u8],
    path: &Path,
    mut include: impl FnMut(&[u8]) -> Result<ConfigFile>,
) -> Result<ConfigFile> {
    let mut config = ConfigFile::default();
    let mut group: Option<BString> = None;
    let mut options = 0;
    for (number, line, parsed) in lines(text) {
        let fail = |error: Error| error.at(path, Some(number));
        // A group whose name is empty or `0` counts as none, as in the reference.
        let inside = |what: String| match &group {
            Some(name) if !name.is_empty() && name != "0" => Ok(name.clone()),
            _ => Err(fail(
                Error::new(format!("Found {what} outside of group"))
                    .hint("put a line such as [mysqld] above it"),
            )),
        };
        match parsed {
            Line::Group(name) => {
                config.group_or_insert(name);
                group = Some(name.into());
            }
            Line::Include(name) => {
                let included = include(name).map_err(|e| match e.location() {
                    Some(_) => e,
                    None => fail(e),
                })?;
                options += config.append(included);
            }
            Line::Magic(name, text) => {
                options += 1;
                let group = inside(format!("magic comment '{}'", name.as_bstr()))?;
                config.group_or_insert(group).set(ConfigOption {
                    name: name.into(),
                    value: Some(text.into()),
                    location: Location { file: path.to_owned(), line: Some(number) },
                });
            }
            Line::Option(name, value) => {
                options += 1;
                let group = inside(format!("option '{}'", line.as_bstr()))?;
                config.group_or_insert(group).set(ConfigOption {
                    name: name.into(),
                    value: value.map(Into::into),
                    location: Location { file: path.to_owned(), line: Some(number) },
                });
            }
            Line::Nothing => {}
            Line::Unknown => {
                let message = format!("Unexpected line '{}' found in '{}'", line.as_bstr(), path.display());
                return Err(fail(Error::new(message).hint(
                    "a line is [group], name, name=value, !include FILE, or a comment, and starts at its first column",
                )));
            }
        }
        if let Some(what) = config.too_many(options) {
            return Err(fail(Error::new(format!("more than {what} in option files")).hint(
                "a file that is included twice counts twice, and an option that is set again counts again",
            )));
        }
    }
    Ok(config)
}

/// The lines of an option file, with number and text, each as what it is by itself.
pub fn lines(text: &[u8]) -> impl Iterator<Item = (u32, &[u8], Line<'_>)> {
    text.lines_with_terminator().zip(1u32..).map(|(line, number)| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        (number, line, Line::of(line))
    })
}

/// Whether an option of that name adds to what was given before, instead of replacing it.
pub fn is_repeatable(name: &[u8]) -> bool {
    REPEATABLE.iter().any(|r| {
        r.len() == name.len() && r.iter().zip(name.iter()).all(|(a, b)| a == b || *a == b'-' && *b == b'_')
    })
}

impl ConfigFile {
    /// Sets every option of `other`; groups without options are not taken over, nor is `OPT`. Returns how many options
    /// there were.
    fn append(&mut self, other: ConfigFile) -> usize {
        let mut options = 0;
        for group in other.groups {
            if group.name == "OPT" {
                continue;
            }
            for option in group.options {
                options += 1;
                self.group_or_insert(&group.name).set(option);
            }
        }
        options
    }

    /// What there is too much of, where `options` were set. Groups and options are looked up one by one.
    fn too_many(&self, options: usize) -> Option<String> {
        if self.groups.len() > MOST_GROUPS {
            return Some(format!("{MOST_GROUPS} groups"));
        }
        (options > MOST_OPTIONS).then(|| format!("{MOST_OPTIONS} options"))
    }
}

/// What a line is; the variants' order is that of the rules, the first that fits wins.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// `[name]`
    Group(&'a [u8]),
    /// `#!name text`: for the runner.
    Magic(&'a [u8], &'a [u8]),
    /// `!include name`
    Include(&'a [u8]),
    /// `name` or `name=value`.
    Option(&'a [u8], Option<&'a [u8]>),
    /// Empty, or a comment.
    Nothing,
    /// None of these: an error.
    Unknown,
}

impl<'a> Line<'a> {
    /// `line` without its newline and CR.
    fn of(line: &'a [u8]) -> Self {
        if line.is_empty() {
            return Line::Nothing;
        }
        if let Some(rest) = line.strip_prefix(b"[")
            && let Some(end) = rest.rfind_byte(b']')
        {
            return Line::Group(&rest[..end]);
        }
        if line.starts_with(b"#!") && line.get(2).is_some_and(|b| !is_space(*b)) {
            let end = line.iter().position(|b| is_space(*b)).unwrap_or(line.len());
            return Line::Magic(&line[..end], trim(&line[end..]));
        }
        if let Some(name) = line.strip_prefix(b"!include") {
            return Line::Include(trim(name));
        }
        if let Some((name, rest)) = option_name(line) {
            match trim_start(rest) {
                [] => return Line::Option(name, None),
                [b'=', value @ ..] => return Line::Option(name, Some(trim(value))),
                _ => {}
            }
        }
        if let b'#' | b';' = line[0] {
            return Line::Nothing;
        }
        match dotted_option(line) {
            Some((name, value)) => Line::Option(name, Some(value)),
            None => Line::Unknown,
        }
    }
}

/// `#?[\w-]+` at the start, and the rest.
fn option_name(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let private = usize::from(line.starts_with(b"#"));
    let length = line[private..].iter().take_while(|b| is_word(**b) || **b == b'-').count();
    (length > 0).then(|| line.split_at(private + length))
}

/// Two words joined by any one character, then `=`: replication filters of a named connection
/// (`conn1.replicate_do_db=x`). The value keeps its trailing blanks.
fn dotted_option(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let word = |bytes: &[u8]| bytes.iter().take_while(|b| is_word(**b)).count();
    let first = word(line);
    let second = word(line.get(first + 1..)?);
    if first == 0 || second == 0 {
        return None;
    }
    let whole = first + 1 + second;
    let value = trim_start(&line[whole..]).strip_prefix(b"=")?;
    Some((&line[..whole], trim_start(value)))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What the reference takes for blank: also the vertical tab.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !is_space(*b)).unwrap_or(bytes.len());
    &bytes[start..]
}

fn trim(bytes: &[u8]) -> &[u8] {
    let bytes = trim_start(bytes);
    let end = bytes.iter().rposition(|b| !is_space(*b)).map_or(0, |last| last + 1);
    &bytes[..end]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses a file that includes nothing.
    fn parsed(text: &[u8], path: &str) -> Result<ConfigFile> {
        parse(text, Path::new(path), |name| Err(Error::new(format!("no file {}", name.as_bstr()))))
    }

    fn read(text: &str) -> ConfigFile {
        parsed(text.as_bytes(), "x/my.cnf").unwrap()
    }

    fn failure(text: &str) -> Error {
        parsed(text.as_bytes(), "my.cnf").unwrap_err()
    }

    /// `[group] name=value` of every option, without locations.
    pub(crate) fn shown(config: &ConfigFile) -> Vec<String> {
        let option = |o: &ConfigOption| match &o.value {
            Some(value) => format!("{}={value}", o.name),
            None => o.name.to_string(),
        };
        config
            .groups()
            .iter()
            .map(|g| format!("[{}] {}", g.name, g.options.iter().map(option).collect::<Vec<_>>().join(" | ")))
            .collect()
    }

    #[test]
    fn groups_and_options_keep_the_order_of_first_appearance() {
        let config = read("[b]\nx=1\ny\n[a]\n[b]\nx=2\nz=3\n");
        assert_eq!(shown(&config), ["[ENV] ", "[OPT] ", "[b] x=2 | y | z=3", "[a] "]);
        let x = config.group("b").unwrap().option("x").unwrap();
        assert_eq!(x.location, Location { file: "x/my.cnf".into(), line: Some(6) });
        assert_eq!(config.option_groups().count(), 2);
    }

    #[test]
    fn lines_are_told_apart_by_the_first_rule_that_fits() {
        let cases: &[(&str, Line)] = &[
            ("", Line::Nothing),
            ("[a] rest", Line::Group(b"a")),
            ("[a]b] rest", Line::Group(b"a]b")),
            ("#!run-master-sh", Line::Magic(b"#!run-master-sh", b"")),
            ("#!use  two words ", Line::Magic(b"#!use", b"two words")),
            ("#!a=b", Line::Magic(b"#!a=b", b"")),
            ("#! a", Line::Nothing),
            ("!include  a.cnf ", Line::Include(b"a.cnf")),
            ("name", Line::Option(b"name", None)),
            ("name \t", Line::Option(b"name", None)),
            ("#word", Line::Option(b"#word", None)),
            ("# word", Line::Nothing),
            ("#two words", Line::Nothing),
            ("#name = a # b ", Line::Option(b"#name", Some(b"a # b"))),
            ("a-b_c= \"q\" ", Line::Option(b"a-b_c", Some(b"\"q\""))),
            ("name==x", Line::Option(b"name", Some(b"=x"))),
            ("name=", Line::Option(b"name", Some(b""))),
            (";x=y", Line::Nothing),
            ("m1.replicate_do_db = a ", Line::Option(b"m1.replicate_do_db", Some(b"a "))),
            ("two words=x", Line::Option(b"two words", Some(b"x"))),
            ("m1.replicate-do-db=a", Line::Unknown),
            (" indented=1", Line::Unknown),
            (" ", Line::Unknown),
            ("a.=1", Line::Unknown),
            ("[unclosed", Line::Unknown),
        ];
        for (line, expected) in cases {
            assert_eq!(Line::of(line.as_bytes()), *expected, "{line:?}");
        }
    }

    #[test]
    fn repeatable_options_are_kept_all() {
        let config = read(
            "[m]\nplugin-load-add=a\nplugin_load_add=b\nplugin-load-add=c\nplugin-load=d\nplugin-load=e\noptimizer_switch=f\noptimizer_switch=g\n",
        );
        assert_eq!(
            shown(&config)[2],
            "[m] plugin-load-add=a | plugin_load_add=b | plugin-load-add=c | plugin-load=e | optimizer_switch=f | optimizer_switch=g"
        );
        assert_eq!(config.group("m").unwrap().value("plugin-load-add").unwrap(), "c");
    }

    #[test]
    fn carriage_returns_and_foreign_bytes_are_no_obstacle() {
        let config = parsed(b"[m]\r\n\r\nx=\xe9\xff\r\ny\r", "my.cnf").unwrap();
        assert_eq!(config.group("m").unwrap().value("x").unwrap(), b"\xe9\xff".as_bstr());
        assert!(config.group("m").unwrap().option("y").is_some());
    }

    #[test]
    fn a_file_has_no_more_than_anybody_can_mean() {
        let groups: String = (0..2000).map(|number| format!("[g{number}]\n")).collect();
        assert_eq!(failure(&groups).to_string(), "my.cnf:999: more than 1000 groups in option files");
        let options: String = (0..20_000).map(|number| format!("o{number}\n")).collect();
        let error = failure(&format!("[g]\n{options}"));
        assert_eq!(error.to_string(), "my.cnf:10002: more than 10000 options in option files");
        assert!(error.hint_text().is_some());
        // The same one again and again.
        assert!(
            failure(&format!("[g]\n{}", "plugin-load-add=x\n".repeat(20_000))).message().contains("options")
        );
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        let error = failure("[m]\nx\n  y=1\n");
        assert_eq!(error.to_string(), "my.cnf:3: Unexpected line '  y=1' found in 'my.cnf'");
        assert!(error.hint_text().is_some());
        assert_eq!(failure("x=1\n").to_string(), "my.cnf:1: Found option 'x=1' outside of group");
        assert_eq!(failure("#!x\n").to_string(), "my.cnf:1: Found magic comment '#!x' outside of group");
        assert_eq!(failure("\n!include no.cnf\n").to_string(), "my.cnf:2: no file no.cnf");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'['), Just(b']'), Just(b'='), Just(b'#'), Just(b'!'), Just(b' '), any::<u8>()], 0..200)
        ) {
            let _ = parsed(&text, "my.cnf");
        }
    }
}
