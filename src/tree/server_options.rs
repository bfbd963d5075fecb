//! The options that a server's `--verbose --help` lists, and what the server makes of a name that is not written out:
//! prefixes such as `loose-`, and abbreviations.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BStr, BString, ByteSlice};

use super::probe::{is_ruler, unfolded};

/// Whether an option takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// No: `--ansi`. Many of these take one all the same, as every boolean variable does.
    None,
    /// It may: `--log-bin[=name]`. The next argument is never its value.
    Optional,
    /// It must: `--port=#`. Without `=`, the next argument is its value.
    Required,
}

/// One option of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Whether it takes a value.
    pub value: Value,
    /// The value is a number.
    pub number: bool,
}

/// All options of a server, by name; names have `-` and are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerOptions {
    options: BTreeMap<String, Described>,
    /// Names from the list of variables that have no description.
    others: BTreeSet<String>,
}

/// What a server makes of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// It means this option.
    Known(&'a str),
    /// It is the beginning of all these.
    Ambiguous(Vec<&'a str>),
    /// It means nothing.
    Unknown,
}

/// An option's name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning<'a> {
    /// The option.
    pub resolved: Resolved<'a>,
    /// Without prefixes, as far as they had to be taken off to find it.
    pub stem: BString,
    /// `loose-`: unknown and ambiguous names are no error.
    pub loose: bool,
    /// `skip-` or `disable-`: switched off.
    pub off: bool,
    /// `maximum-`: the value is an upper bound, not the value.
    pub maximum: bool,
}

/// Prefixes that change how an option is taken, not which it is; looked for where the name means nothing with them.
const PREFIXES: [&str; 6] = ["skip-", "disable-", "enable-", "maximum-", "loose-", "autoset-"];

impl ServerOptions {
    /// Reads the help text.
    pub fn parse(help: &[u8]) -> ServerOptions {
        let mut options = BTreeMap::new();
        let mut others = BTreeSet::new();
        let mut lines = unfolded(help).into_iter();
        for line in lines.by_ref() {
            if is_ruler(&line) {
                break;
            }
            options.extend(described(&line));
        }
        for line in lines.take_while(|line| !line.is_empty()) {
            let name = line.fields().next().unwrap_or_default().to_str_lossy().into_owned();
            if !options.contains_key(&name) {
                others.insert(name);
            }
        }
        ServerOptions { options, others }
    }

    /// Whether there are none: nothing was told.
    pub fn is_empty(&self) -> bool {
        self.options.is_empty()
    }

    /// The option of exactly that name, if it is described.
    pub fn get(&self, name: &str) -> Option<&Described> {
        self.options.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.options.keys().chain(&self.others).map(String::as_str)
    }

    /// What the server makes of a name as it is written, without dashes in front and without value.
    pub fn meaning(&self, name: &[u8]) -> Meaning<'_> {
        let mut rest: BString = name.replace("_", "-").to_ascii_lowercase().into();
        let (mut loose, mut off, mut maximum) = (false, false, false);
        loop {
            let resolved = self.find(rest.as_bstr());
            let prefix = PREFIXES.iter().find(|prefix| rest.starts_with(prefix.as_bytes()));
            let (Resolved::Unknown, Some(prefix)) = (&resolved, prefix) else {
                return Meaning { resolved, stem: rest, loose, off, maximum };
            };
            match *prefix {
                "loose-" => loose = true,
                "skip-" | "disable-" => off = true,
                "maximum-" => maximum = true,
                _ => {}
            }
            rest = rest[prefix.len()..].into();
        }
    }

    /// The option of that name, or those that it begins.
    fn find(&self, name: &BStr) -> Resolved<'_> {
        let Ok(name) = name.to_str() else { return Resolved::Unknown };
        if let Some((name, _)) = self.options.get_key_value(name) {
            return Resolved::Known(name);
        }
        if let Some(name) = self.others.get(name) {
            return Resolved::Known(name);
        }
        if name.is_empty() {
            return Resolved::Unknown;
        }
        let from = (std::ops::Bound::Included(name), std::ops::Bound::Unbounded);
        let options = self.options.range::<str, _>(from).map(|(name, _)| name);
        let begun = options.take_while(|full| full.starts_with(name));
        let others = self.others.range::<str, _>(from).take_while(|full| full.starts_with(name));
        let mut all: Vec<&str> = begun.chain(others).map(String::as_str).collect();
        match all.as_slice() {
            [] => Resolved::Unknown,
            [one] => Resolved::Known(one),
            _ => {
                all.sort_unstable();
                Resolved::Ambiguous(all)
            }
        }
    }
}

/// The option that a line describes: `  -b, --basedir=name  Path …`.
fn described(line: &[u8]) -> Option<(String, Described)> {
    let rest = line.strip_prefix(b"  ")?;
    let rest = match rest {
        [b'-', letter, b',', b' ', rest @ ..] if *letter != b'-' => rest,
        rest => rest,
    };
    let rest = rest.strip_prefix(b"--")?;
    let end = rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')))?;
    let (name, rest) = rest.split_at(end);
    let value = match rest {
        [b'[', b'=', ..] => Value::Optional,
        [b'=', ..] => Value::Required,
        _ => Value::None,
    };
    let number = rest.starts_with(b"[=#") || rest.starts_with(b"=#");
    let name = name.to_str().ok().filter(|name| !name.is_empty())?.to_owned();
    Some((name, Described { value, number }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "\
mariadbd  Ver 10.11.19-MariaDB for debian-linux-gnu
  -a, --ansi          Use ANSI SQL syntax
  --archive[=name]    Enable or disable ARCHIVE plugin. One of: ON, OFF, FORCE
                      (don't start if the plugin fails to load),
                      FORCE_PLUS_PERMANENT
  -b, --basedir=name  Path
  --binlog-format=name 
                      What form of binary logging. One of: MIXED, STATEMENT,
                      ROW. Other words, too
  --max-connections=# The number
  --port-open-timeout=# 
                      Seconds
  -P, --port=#        Port
  --safe-mode         No value
  --skip-name-resolve Don't resolve
  --skip-networking   Don't listen

Variables (--variable-name=value)
------------------------------------------------------------ -------------
ansi FALSE
only-a-variable x

To see
";

    fn resolved(name: &str) -> String {
        let options = ServerOptions::parse(HELP.as_bytes());
        let meaning = options.meaning(name.as_bytes());
        let flags = [(meaning.loose, "loose "), (meaning.off, "off "), (meaning.maximum, "maximum ")];
        let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, text)| *text).collect();
        match meaning.resolved {
            Resolved::Known(name) => format!("{flags}{name}"),
            Resolved::Ambiguous(names) => format!("{flags}{}", names.join("|")),
            Resolved::Unknown => format!("{flags}?{}", meaning.stem),
        }
    }

    #[test]
    fn names_are_found_as_the_server_finds_them() {
        for (name, expected) in [
            ("port", "port"),
            ("Max_Connections", "max-connections"),
            ("max-c", "max-connections"),
            ("po", "port|port-open-timeout"),
            ("skip-n", "skip-name-resolve|skip-networking"),
            ("skip-networking", "skip-networking"),
            ("skip-archive", "off archive"),
            ("loose-skip-archive", "loose off archive"),
            ("loose_no_such_thing", "loose ?no-such-thing"),
            ("disable-ansi", "off ansi"),
            ("maximum-max-connections", "maximum max-connections"),
            ("only-a-variable", "only-a-variable"),
            ("nothing", "?nothing"),
            ("skip-nothing", "off ?nothing"),
            ("", "?"),
        ] {
            assert_eq!(resolved(name), expected, "{name}");
        }
    }

    #[test]
    fn descriptions_tell_the_kind_of_value() {
        let options = ServerOptions::parse(HELP.as_bytes());
        let of = |name: &str| options.get(name).map(|option| (option.value, option.number));
        assert_eq!(of("ansi"), Some((Value::None, false)));
        assert_eq!(of("archive"), Some((Value::Optional, false)));
        assert_eq!(of("basedir"), Some((Value::Required, false)));
        assert_eq!(of("port"), Some((Value::Required, true)));
        assert_eq!(of("only-a-variable"), None);
    }
}
