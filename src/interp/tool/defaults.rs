//! Arguments from option files (`my.cnf`), with the reference's rules for finding and reading them.
//!
//! `grammar::mycnf` reads the templates of test suites, which have a syntax of their own (`@group.option`,
//! environment variables); this is the syntax of the installed programs: quotes, escapes, `!include`.

use std::io::Write;
use std::os::unix::fs::MetadataExt;

use bstr::{BStr, BString, ByteSlice, ByteVec};

use crate::interp::tool::path;
use crate::sys::files;

/// The groups whose options are ours.
pub const GROUPS: [&str; 5] = ["mysqltest", "mariadb-test", "client", "client-server", "client-mariadb"];

/// How deep files may include each other.
const MAX_DEPTH: u32 = 10;

/// A longer line is read in pieces of this many bytes, each a line of its own.
const MAX_LINE: usize = 4094;

/// What of the process the search for files depends on.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `$HOME`.
    pub home: Option<BString>,
    /// `$MARIADB_HOME`, else `$MYSQL_HOME`.
    pub server_home: Option<BString>,
    /// `$MARIADB_GROUP_SUFFIX`, else `$MYSQL_GROUP_SUFFIX`.
    pub group_suffix: Option<BString>,
    /// The standard places, in order, before those of the homes.
    pub global: Vec<BString>,
}

/// The command line with what the option files say before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// All arguments, without the program's name.
    pub args: Vec<BString>,
    /// Whether only to print them (`--print-defaults`).
    pub print: bool,
}

/// The defaults cannot be read; the complaint is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted;

/// Takes the option-file options off the front of `args`, reads the files, and puts their options first.
///
/// # Errors
/// A required file that is missing, or a malformed one: complaints are printed, the program ends with status 1.
pub fn load(args: &[BString], places: &Places, complaints: &mut dyn Write) -> Result<Loaded, Aborted> {
    let mut rest = args;
    let mut file = None;
    let mut extra = None;
    let mut suffix = None;
    let mut read = true;
    if let [first, tail @ ..] = rest
        && first == "--no-defaults"
    {
        read = false;
        rest = tail;
    }
    while read && let [first, tail @ ..] = rest {
        let place = [
            (b"--defaults-file=".as_slice(), &mut file),
            (b"--defaults-extra-file=", &mut extra),
            (b"--defaults-group-suffix=", &mut suffix),
        ]
        .into_iter()
        .find_map(|(option, place)| Some((first.strip_prefix(option)?, place)));
        match place {
            Some((value, place)) if place.is_none() => *place = Some(BString::from(value)),
            _ => break,
        }
        rest = tail;
    }
    let mut print = false;
    if let [first, tail @ ..] = rest
        && first == "--print-defaults"
    {
        print = true;
        rest = tail;
    }
    let mut reader = Reader {
        suffix: suffix.or_else(|| places.group_suffix.clone()).filter(|suffix| !suffix.is_empty()),
        places,
        args: Vec::new(),
        complaints,
    };
    if read && reader.all(file.as_ref(), extra.as_ref()).is_err() {
        reader.say(&[b"Fatal error in defaults handling. Program aborted"]);
        return Err(Aborted);
    }
    let mut all = reader.args;
    all.extend_from_slice(rest);
    Ok(Loaded { args: all, print })
}

struct Reader<'a> {
    suffix: Option<BString>,
    places: &'a Places,
    args: Vec<BString>,
    complaints: &'a mut dyn Write,
}

impl Reader<'_> {
    fn all(&mut self, file: Option<&BString>, extra: Option<&BString>) -> Result<(), Aborted> {
        if let Some(file) = file {
            return self.required(file);
        }
        for name in &self.places.global {
            self.file(name, 0)?;
        }
        if let Some(home) = &self.places.server_home {
            self.file(&join(home, b"my.cnf"), 0)?;
        }
        if let Some(extra) = extra {
            self.required(extra)?;
        }
        if let Some(home) = &self.places.home {
            self.file(&join(home, b".my.cnf"), 0)?;
        }
        Ok(())
    }

    /// A file named on the command line, which must be there.
    fn required(&mut self, name: &BString) -> Result<(), Aborted> {
        if name.is_empty() {
            return Ok(());
        }
        let current = || std::env::current_dir().ok().and_then(|path| Vec::from_path_buf(path).ok());
        let full = if path::is_hard(name, self.home()) {
            name.clone()
        } else {
            join(&current().unwrap_or_default(), name.strip_prefix(b"./").unwrap_or(name))
        };
        if self.file(&full, 0)? {
            return Ok(());
        }
        self.say(&[b"Could not open required defaults file: ", &full]);
        Err(Aborted)
    }

    fn home(&self) -> Option<&[u8]> {
        self.places.home.as_ref().map(|home| home.as_slice())
    }

    /// Reads one file; says whether it was there.
    fn file(&mut self, name: &[u8], depth: u32) -> Result<bool, Aborted> {
        let name = path::tidy(name, self.home(), || None);
        let file = match files::open(&name.to_path_lossy()) {
            Ok(file) => file,
            // A directory reads as an empty file.
            Err(error) => return Ok(error.kind() == std::io::ErrorKind::IsADirectory),
        };
        let Ok(metadata) = file.metadata() else { return Ok(false) };
        if metadata.is_file() && metadata.mode() & 0o002 != 0 {
            self.say(&[b"Warning: World-writable config file '", &name, b"' is ignored"]);
            return Ok(true);
        }
        let text = match files::contents(&file, files::MOST_OF_SETTINGS) {
            Ok(text) => text,
            Err(error) => {
                self.say(&[b"Could not read defaults file '", &name, b"': ", error.to_string().as_bytes()]);
                return Err(Aborted);
            }
        };
        self.lines(&text, &name, depth)?;
        Ok(true)
    }

    fn lines(&mut self, text: &[u8], name: &[u8], depth: u32) -> Result<(), Aborted> {
        let mut seen_group = false;
        let mut ours = false;
        let pieces = text.lines_with_terminator().flat_map(|line| line.chunks(MAX_LINE));
        for (index, line) in pieces.enumerate() {
            let number = index + 1;
            // A zero byte ends a line of C.
            let line = trim_start(line.split(|byte| *byte == 0).next().unwrap_or_default());
            match line.first() {
                None | Some(b'#' | b';') => {}
                Some(b'!') => self.directive(trim_end(line), name, number, depth)?,
                Some(b'[') => {
                    let Some(end) = line.find_byte(b']') else {
                        let number = number.to_string();
                        self.say(&[
                            b"error: Wrong group definition in config file: ",
                            name,
                            b" at line ",
                            number.as_bytes(),
                        ]);
                        return Err(Aborted);
                    };
                    seen_group = true;
                    ours = self.is_ours(trim_end(&line[1..end]));
                }
                Some(_) if !seen_group => {
                    let number = number.to_string();
                    self.say(&[
                        b"error: Found option without preceding group in config file: ",
                        name,
                        b" at line: ",
                        number.as_bytes(),
                    ]);
                    return Err(Aborted);
                }
                Some(_) if ours => self.args.push(argument(line)),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// `!include file`, `!includedir directory`; any other directive means nothing.
    fn directive(&mut self, line: &[u8], name: &[u8], number: usize, depth: u32) -> Result<(), Aborted> {
        let word = trim_start(&line[1..]);
        let (word, operand) = match (word.strip_prefix(b"includedir"), word.strip_prefix(b"include")) {
            (Some(operand), _) => ("includedir", operand),
            (None, Some(operand)) => ("include", operand),
            (None, None) => return Ok(()),
        };
        if !operand.is_empty() && !starts_with_space(operand) {
            return Ok(());
        }
        let operand = trim_start(operand);
        if operand.is_empty() {
            let number = number.to_string();
            self.say(&[
                b"error: Wrong '!",
                word.as_bytes(),
                b"' directive in config file: ",
                name,
                b" at line ",
                number.as_bytes(),
            ]);
            return Err(Aborted);
        }
        if depth >= MAX_DEPTH {
            let number = number.to_string();
            self.say(&[
                b"Warning: skipping '",
                line,
                b"' directive as maximum includerecursion level was reached in file ",
                name,
                b" at line ",
                number.as_bytes(),
            ]);
            return Ok(());
        }
        if word == "includedir" {
            return self.directory(operand, depth + 1);
        }
        // What is wrong inside an included file ends only that file.
        let _ = self.file(operand, depth + 1);
        Ok(())
    }

    /// The `.cnf` files of a directory, by name.
    fn directory(&mut self, directory: &[u8], depth: u32) -> Result<(), Aborted> {
        let entries = match std::fs::read_dir(directory.to_path_lossy()) {
            Ok(entries) => entries,
            Err(error) => {
                let errno = rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO);
                let cause =
                    format!("(Errcode: {} \"{}\")", errno.raw_os_error(), super::apply::error_text(errno));
                self.say(&[b"\x07mariadb-test: Can't read dir of '", directory, b"' ", cause.as_bytes()]);
                return Err(Aborted);
            }
        };
        let mut names: Vec<BString> = entries
            .filter_map(|entry| Vec::from_os_string(entry.ok()?.file_name()).ok())
            .filter(|name| name.ends_with(b".cnf"))
            .map(BString::from)
            .collect();
        names.sort();
        for name in names {
            let _ = self.file(&join(directory, &name), depth);
        }
        Ok(())
    }

    fn is_ours(&self, group: &[u8]) -> bool {
        GROUPS.iter().any(|ours| {
            group.strip_prefix(ours.as_bytes()).is_some_and(|rest| {
                rest.is_empty() || self.suffix.as_ref().is_some_and(|suffix| rest == suffix.as_slice())
            })
        })
    }

    fn say(&mut self, parts: &[&[u8]]) {
        let mut line = parts.concat();
        line.push(b'\n');
        // Whoever closed standard error does not want to know.
        let _ = self.complaints.write_all(&line);
    }
}

/// The argument that the line `name` or `name = value` stands for.
fn argument(line: &[u8]) -> BString {
    let line = without_comment(line);
    let mut argument = BString::from("--");
    let Some(equals) = line.find_byte(b'=') else {
        argument.push_str(trim_end(line));
        return argument;
    };
    argument.push_str(trim_end(&line[..equals]));
    argument.push(b'=');
    let value = trim_start(trim_end(&line[equals + 1..]));
    let value = match value {
        [quote @ (b'"' | b'\''), inner @ .., last] if quote == last => inner,
        _ => value,
    };
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            argument.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => argument.push(b'\n'),
            Some(b't') => argument.push(b'\t'),
            Some(b'r') => argument.push(b'\r'),
            Some(b'b') => argument.push(8),
            Some(b's') => argument.push(b' '),
            Some(byte @ (b'"' | b'\'' | b'\\')) => argument.push(byte),
            Some(other) => argument.extend_from_slice(&[b'\\', other]),
            None => argument.push(b'\\'),
        }
    }
    argument
}

/// `line` up to a `#` outside quotes.
fn without_comment(line: &[u8]) -> &[u8] {
    let mut quote = None;
    let mut escaped = false;
    for (at, &byte) in line.iter().enumerate() {
        if matches!(byte, b'\'' | b'"') && !escaped {
            match quote {
                None => quote = Some(byte),
                Some(open) if open == byte => quote = None,
                Some(_) => {}
            }
        }
        if quote.is_none() && byte == b'#' {
            return &line[..at];
        }
        escaped = quote.is_some() && byte == b'\\' && !escaped;
    }
    line
}

fn join(directory: &[u8], name: &[u8]) -> BString {
    let mut path = BString::from(directory);
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path.push_str(name);
    path
}

/// Space of latin1, the character set of option files.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0xa0)
}

fn starts_with_space(text: &[u8]) -> bool {
    text.first().is_some_and(is_space)
}

fn trim_start(text: &[u8]) -> &[u8] {
    &text[text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len())..]
}

fn trim_end(text: &[u8]) -> &[u8] {
    &text[..text.iter().rposition(|byte| !is_space(byte)).map_or(0, |at| at + 1)]
}

/// What `--print-defaults` shows.
pub fn printed(program: &BStr, args: &[BString]) -> BString {
    let mut text = BString::from(program);
    text.push_str(" would have been started with the following arguments:\n");
    for arg in args {
        text.push_str(arg);
        text.push(b' ');
    }
    text.push(b'\n');
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn loaded(text: &str, more: &[&str]) -> (Result<Vec<String>, Aborted>, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.cnf");
        std::fs::write(&path, text.replace("DIR", directory.path().to_str().unwrap())).unwrap();
        std::fs::write(directory.path().join("b.cnf"), "[client]\nb=1\n[broken\n").unwrap();
        let mut args = vec![BString::from(format!("--defaults-file={}", path.display()))];
        args.extend(more.iter().map(|arg| BString::from(*arg)));
        let mut complaints = Vec::new();
        let loaded = load(&args, &Places::default(), &mut complaints);
        let args = loaded.map(|loaded| loaded.args.iter().map(ToString::to_string).collect());
        let complaints =
            String::from_utf8_lossy(&complaints).replace(directory.path().to_str().unwrap(), "DIR");
        (args, complaints)
    }

    fn arg(line: &str) -> String {
        argument(line.as_bytes()).to_string()
    }

    #[test]
    fn lines_become_arguments() {
        for (line, argument) in [
            ("silent", "--silent"),
            ("user  =  a  ", "--user=a"),
            ("x = \"p q\" # c", "--x=p q"),
            ("x='a # n' # c", "--x=a # n"),
            ("x=\"a\\\"b\"", "--x=a\"b"),
            ("x=\"a\"b", "--x=\"a\"b"),
            ("x=\"a", "--x=\"a"),
            ("x=a\\sb\\tc\\qd", "--x=a b\tc\\qd"),
            ("x=a#b", "--x=a"),
            ("x=a;b", "--x=a;b"),
            ("x=", "--x="),
            ("x8 a b", "--x8 a b"),
        ] {
            assert_eq!(arg(line), argument, "{line}");
        }
    }

    #[test]
    fn only_our_groups_count_in_the_order_of_the_file() {
        let text = "[client]\na=1\n[mysqld]\nx=1\n[mysqltest.5]\nc=1\n[mysqltest] junk\nb\n[ client]\ny=1\n";
        assert_eq!(loaded(text, &["-v"]).0.unwrap(), ["--a=1", "--b", "-v"]);
        assert_eq!(loaded(text, &["--defaults-group-suffix=.5"]).0.unwrap(), ["--a=1", "--c=1", "--b"]);
    }

    #[test]
    fn an_included_file_fails_alone() {
        let (args, complaints) = loaded("[client]\n!include DIR/b.cnf\na=1\n!include DIR/none\n", &[]);
        assert_eq!(args.unwrap(), ["--b=1", "--a=1"]);
        assert_eq!(complaints, "error: Wrong group definition in config file: DIR/b.cnf at line 3\n");
    }

    #[test]
    fn malformed_files_end_the_program() {
        let fatal = "Fatal error in defaults handling. Program aborted\n";
        let (args, complaints) = loaded("a=1\n", &[]);
        assert_eq!(args, Err(Aborted));
        assert_eq!(
            complaints,
            format!(
                "error: Found option without preceding group in config file: DIR/a.cnf at line: 1\n{fatal}"
            )
        );
        let (args, complaints) = loaded("[client]\n!includedir\n", &[]);
        assert_eq!(args, Err(Aborted));
        assert_eq!(
            complaints,
            format!("error: Wrong '!includedir' directive in config file: DIR/a.cnf at line 2\n{fatal}")
        );
    }

    #[test]
    fn a_file_that_includes_itself_ends() {
        let (args, complaints) = loaded("[client]\n!include DIR/a.cnf\nx=1\n", &[]);
        assert_eq!(args.unwrap().len(), 11);
        assert!(complaints.contains("maximum includerecursion level was reached"), "{complaints}");
    }

    #[test]
    fn the_options_of_option_files_come_first_or_not_at_all() {
        let mut complaints = Vec::new();
        let args = ["--no-defaults".into(), "--print-defaults".into(), "a".into()];
        let loaded = load(&args, &Places::default(), &mut complaints).unwrap();
        assert_eq!(loaded, Loaded { args: vec!["a".into()], print: true });
        let args = ["-s".into(), "--no-defaults".into()];
        assert_eq!(load(&args, &Places::default(), &mut complaints).unwrap().args, args);
    }
}
