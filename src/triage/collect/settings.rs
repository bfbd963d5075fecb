//! What the option files of a server say, read as the server reads them: by its own grammar (blanks and quotes are
//! dropped, `#` begins a comment anywhere) and only the groups that apply to it, with and without the group suffix.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use crate::case::ServerOption;
use crate::error::Location;
use crate::grammar::mycnf::{ConfigFile, SERVER_GROUPS};
use crate::sys::files;
use crate::triage::argument;
use crate::triage::evidence::{Evidence, OptionFile, Setting, TextFile};

/// Includes nested deeper than this are not followed; the server gives up at the same depth.
const MAX_DEPTH: usize = 10;

/// More of a file is not read: option files and init files are short.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the groups of `--defaults-file` that apply to the server, and its `--init-file`.
pub fn add(evidence: &mut Evidence) {
    let word = |name: &str| given(&evidence.argv, name);
    let suffix = word("--defaults-group-suffix=").unwrap_or_default().to_owned();
    let series = evidence.facts.as_ref().map(|facts| {
        let id = facts.version_id;
        format!("{}.{}", id / 10_000, id / 100 % 100)
    });
    let mut reader = Reader { suffix: suffix.as_bstr(), series: series.as_deref(), ..Reader::default() };
    // The server takes them only as its first arguments, wherever else they stand it does not know them.
    for name in ["--defaults-file=", "--defaults-extra-file="] {
        if let Some(path) = word(name).filter(|path| !path.is_empty()) {
            reader.file(&path.to_path_lossy(), None, 0);
        }
    }
    let Reader { settings, files, .. } = reader;
    evidence.settings = settings;
    evidence.option_files = files;
    evidence.init_file = init_file(evidence);
}

/// Names the places of settings in the templates that people write, and not in the file `made` that was made of them.
/// `config` has the options of the templates with their places.
pub fn trace(evidence: &mut Evidence, made: &Path, config: &ConfigFile) {
    for setting in evidence.settings.iter_mut().filter(|setting| setting.location.file == made) {
        let mut written = config.option_groups().flat_map(|group| &group.options);
        let same = |value: &Option<BString>| value.as_ref().map(|v| unquoted(v.trim())) == setting.value;
        let template = written.find(|option| option.name == setting.name && same(&option.value));
        if let Some(option) = template.filter(|option| option.location.line.is_some()) {
            setting.location = option.location.clone();
        }
    }
}

fn given<'a>(argv: &'a [ServerOption], name: &str) -> Option<&'a BStr> {
    argv.iter().rev().find_map(|option| option.text.strip_prefix(name.as_bytes())).map(ByteSlice::as_bstr)
}

fn init_file(evidence: &Evidence) -> Option<TextFile> {
    let by_argument = argument::find(&evidence.argv, b"init-file", None)
        .and_then(|at| argument::value(&evidence.argv, at))
        .map(BStr::to_owned);
    let path = by_argument.or_else(|| {
        let setting = evidence.settings.iter().rfind(|s| argument::name(&s.name) == "init-file")?;
        setting.value.clone()
    })?;
    let path = path.to_path_lossy().into_owned();
    let text = head_of(&path).ok()?;
    Some(TextFile { path, text })
}

fn head_of(path: &Path) -> std::io::Result<BString> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut text = Vec::new();
    files::open(path)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text.into())
}

#[derive(Default)]
struct Reader<'a> {
    suffix: &'a BStr,
    series: Option<&'a str>,
    settings: Vec<Setting>,
    files: Vec<OptionFile>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, included: Option<Location>, depth: usize) {
        let mut file = OptionFile { path: path.to_owned(), included, ..OptionFile::default() };
        file.mode = fs::metadata(path).map_or(0, |meta| meta.mode() & 0o7777);
        let text = match head_of(path) {
            Ok(text) => text,
            Err(error) => {
                file.error = error.raw_os_error();
                self.files.push(file);
                return;
            }
        };
        let at = self.files.len();
        self.files.push(file);
        let mut applies = false;
        for (number, line) in (1..).zip(text.lines()) {
            let location = Location { file: path.to_owned(), line: Some(number) };
            match Line::of(line) {
                Line::Group(name) => {
                    applies = self.applies(name);
                    self.files[at].groups.push(name.into());
                }
                Line::Option(name, value) if applies => {
                    self.settings.push(Setting { name: name.into(), value, location });
                }
                Line::Include(name) if depth < MAX_DEPTH => {
                    self.file(&name.to_path_lossy(), Some(location), depth + 1);
                }
                Line::IncludeDirectory(name) if depth < MAX_DEPTH => {
                    for path in option_files_in(&name.to_path_lossy()) {
                        self.file(&path, Some(location.clone()), depth + 1);
                    }
                }
                Line::Option(..) | Line::Include(_) | Line::IncludeDirectory(_) | Line::Nothing => {}
            }
        }
    }

    /// The server reads the group of this name.
    fn applies(&self, group: &[u8]) -> bool {
        let suffix = Some(self.suffix).filter(|suffix| !suffix.is_empty());
        let plain = suffix.and_then(|suffix| group.strip_suffix(suffix.as_bytes()));
        let is_servers = |name: &[u8]| SERVER_GROUPS.iter().any(|known| known.as_bytes() == name);
        // A group may also end in the series: `mariadb-10.11`.
        [Some(group), plain].into_iter().flatten().any(|name| {
            is_servers(name)
                || name.rsplit_once_str("-").is_some_and(|(base, series)| {
                    is_servers(base) && self.series.is_none_or(|own| series == own.as_bytes())
                })
        })
    }
}

/// The files of a directory that `!includedir` reads, in the order of their names.
fn option_files_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ext| ext == "cnf")).collect();
    paths.sort();
    paths
}

#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Group(&'a [u8]),
    Option(&'a [u8], Option<BString>),
    Include(&'a [u8]),
    IncludeDirectory(&'a [u8]),
    Nothing,
}

impl<'a> Line<'a> {
    fn of(line: &'a [u8]) -> Self {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix(b"!") {
            for (word, directory) in [(&b"includedir"[..], true), (b"include", false)] {
                match rest.strip_prefix(word) {
                    Some(name) if directory => return Line::IncludeDirectory(name.trim()),
                    Some(name) => return Line::Include(name.trim()),
                    None => {}
                }
            }
            return Line::Nothing;
        }
        match line.first() {
            None | Some(b'#' | b';') => Line::Nothing,
            Some(b'[') => {
                line[1..].split_once_str("]").map_or(Line::Nothing, |(name, _)| Line::Group(name.trim()))
            }
            Some(_) => match without_comment(line).split_once_str("=") {
                Some((name, value)) => Line::Option(name.trim(), Some(unquoted(value.trim()))),
                None => Line::Option(without_comment(line), None),
            },
        }
    }
}

/// The line up to a `#` that stands outside quotes.
fn without_comment(line: &[u8]) -> &[u8] {
    let mut quote = None;
    let mut escaped = false;
    for (i, &byte) in line.iter().enumerate() {
        match byte {
            b'\'' | b'"' if quote == Some(byte) && !escaped => quote = None,
            b'\'' | b'"' if quote.is_none() => quote = Some(byte),
            b'#' if quote.is_none() => return line[..i].trim_end(),
            _ => {}
        }
        escaped = quote.is_some() && byte == b'\\' && !escaped;
    }
    line
}

/// A value without the pair of quotes around it.
fn unquoted(value: &[u8]) -> BString {
    let inner = [b"'", b"\""].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    inner.unwrap_or(value).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tree::config_file;
    use crate::tree::probe::ServerFacts;
    use crate::triage::testing::argv;

    #[test]
    fn lines_are_read_as_the_server_reads_them() {
        let option = |name: &'static str, value: &str| Line::Option(name.as_bytes(), Some(value.into()));
        for (line, expected) in [
            ("  port = 7 # mine", option("port", "7")),
            ("init_connect='set @a=\"#\"' # x", option("init_connect", "set @a=\"#\"")),
            ("sql-mode=\"\"", option("sql-mode", "")),
            ("log-bin", Line::Option(b"log-bin", None)),
            ("port 77", Line::Option(b"port 77", None)),
            (" ; x", Line::Nothing),
            ("[ mysqld.1 ] rest", Line::Group(b"mysqld.1")),
            ("[open", Line::Nothing),
            (" !include /a.cnf ", Line::Include(b"/a.cnf")),
            ("!includedir /d", Line::IncludeDirectory(b"/d")),
            ("!else", Line::Nothing),
        ] {
            assert_eq!(Line::of(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_setting_is_where_its_template_has_it() {
        let at = |file: &str, line| Location { file: file.into(), line: Some(line) };
        let setting = |name: &str, value: &str| Setting {
            name: name.into(),
            value: Some(value.into()),
            location: at("/v/my.cnf", 7),
        };
        let settings = vec![setting("a", "1"), setting("a", "2"), setting("b", "x y")];
        let mut evidence = Evidence { settings, ..Evidence::default() };
        let text = b"[mysqld]\na=1\n[mysqld.1]\nb='x y'\n";
        let templates = config_file::read_text(text, Path::new("t/x.cnf"), Path::new("/")).unwrap();
        trace(&mut evidence, Path::new("/v/my.cnf"), &templates);
        let places: Vec<Location> = evidence.settings.into_iter().map(|setting| setting.location).collect();
        assert_eq!(places, [at("t/x.cnf", 2), at("/v/my.cnf", 7), at("t/x.cnf", 4)]);
    }

    #[test]
    fn only_the_groups_of_the_server_count_and_includes_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("d")).unwrap();
        fs::write(path("d/b.cnf"), "[server]\nc=3\n").unwrap();
        fs::write(path("d/b.txt"), "[server]\nnever=1\n").unwrap();
        fs::write(path("init.sql"), "select 1;\n").unwrap();
        let text = format!(
            "[client]\nno=1\n[mysqld]\na=1\n[mysqld.1]\nb=2\n[mysqld.2]\nno=2\n[mariadb-10.11]\nd\n[mysqld-5.5]\nno\n\
             !includedir {0}/d\n!include {0}/missing.cnf\n[mariadbd.1]\ninit-file={0}/init.sql\n",
            dir.path().display()
        );
        fs::write(path("my.cnf"), text).unwrap();
        let words = [
            format!("--defaults-file={}", path("my.cnf").display()),
            "--defaults-group-suffix=.1".to_owned(),
        ];
        let mut evidence = Evidence {
            argv: argv(&words.each_ref().map(String::as_str)),
            facts: Some(std::sync::Arc::new(ServerFacts { version_id: 101_119, ..ServerFacts::default() })),
            ..Evidence::default()
        };
        add(&mut evidence);
        let names: Vec<_> = evidence.settings.iter().map(|s| s.name.to_string()).collect();
        assert_eq!(names, ["a", "b", "d", "c", "init-file"]);
        assert_eq!(evidence.settings[1].location, Location { file: path("my.cnf"), line: Some(6) });
        let files: Vec<_> = evidence.option_files.iter().map(|f| (f.path.clone(), f.error)).collect();
        assert_eq!(
            files,
            [(path("my.cnf"), None), (path("d/b.cnf"), None), (path("missing.cnf"), Some(libc::ENOENT))]
        );
        assert_eq!(evidence.option_files[2].included.as_ref().unwrap().line, Some(14));
        assert_eq!(evidence.init_file.unwrap().text, "select 1;\n");
    }
}
