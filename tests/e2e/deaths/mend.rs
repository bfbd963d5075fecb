//! A program that does what the first `fix:` line of a diagnosis says: it reads the line as it is printed, and where `from:` leads.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is to be changed: files below the test's directory, and the arguments of the run.
pub struct Mending<'a> {
    /// The console.
    pub text: &'a str,
    /// The arguments of the run, which a fix may change.
    pub args: &'a mut Vec<OsString>,
    /// The option file of the test.
    pub options: PathBuf,
}

/// A line of the diagnosis with this label, without it.
fn told<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    let lines = text.lines().map(|line| line.strip_prefix("  | ").unwrap_or(line));
    lines.map(str::trim_start).find_map(|line| Some(line.strip_prefix(label)?.trim()))
}

/// The words of a fix that are options: those behind `write`, up to the first that is none.
fn options(fix: &str) -> Vec<String> {
    let plain = |word: &str| word.trim_end_matches([',', ';', '?', ':', '.']).to_owned();
    let words: Vec<&str> = fix.split_whitespace().collect();
    let start = words.iter().position(|word| word.starts_with("--")).unwrap_or(words.len());
    let mut found = Vec::new();
    for word in &words[start..] {
        if !word.starts_with("--") {
            break;
        }
        found.push(plain(word));
        if word.ends_with([',', ';', '?', ':']) {
            break;
        }
    }
    found
}

/// The ways that a fix names, in their order.
fn ways(fix: &str) -> Vec<&str> {
    fix.split(", or ").flat_map(|way| way.split("; or ")).map(str::trim).collect()
}

/// `TEXT (PLACE)`, where the place ends in a line number or is the command line: both, and what follows.
fn placed(text: &str) -> Option<(&str, &str)> {
    let at = text.find(" (")?;
    let place = text[at + 2..].split_once(')')?.0;
    let is_place = place.starts_with("--mysqld on")
        || place.rsplit_once(':').is_some_and(|(_, line)| line.bytes().all(|byte| byte.is_ascii_digit()));
    is_place.then_some((&text[..at], place))
}

impl Mending<'_> {
    /// Does it; what it did, or why it cannot be done by a program.
    pub fn apply(&mut self) -> Result<String, String> {
        let fix = told(self.text, "fix:").ok_or("there is no fix")?.to_owned();
        let mut refused = format!("it is for people: {fix}");
        for way in ways(&fix) {
            match self.go(&fix, way) {
                Ok(()) => return Ok(way.to_owned()),
                Err(why) if why.is_empty() => {}
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// One way; an empty error where it is for people.
    fn go(&mut self, fix: &str, way: &str) -> Result<(), String> {
        for name in ["mkdir ", "chmod ", "chown ", "useradd "] {
            if let Some(at) = way.find(name).filter(|at| *at == 0 || way[..*at].ends_with(": ")) {
                return self.command(&way[at..]);
            }
        }
        if let Some(rest) = way.strip_prefix("end process ") {
            let pid: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if pid == std::process::id().to_string() {
                return Err(String::new());
            }
            let killed = Command::new("kill").arg(&pid).status();
            return if killed.is_ok_and(|status| status.success()) { Ok(()) } else { Err(way.to_owned()) };
        }
        if let Some(at) = way.find("--mysqld-env=") {
            let word = Command::new("sh").args(["-c", &format!("printf %s {}", &way[at..])]).output();
            let word = word.map_err(|error| error.to_string())?.stdout;
            self.args.push(String::from_utf8_lossy(&word).into_owned().into());
            return Ok(());
        }
        if let Some(rest) = way.strip_prefix("put a line such as ") {
            let (line, place) = rest.split_once(" above ").ok_or("no place")?;
            let (file, number) = place.rsplit_once(':').ok_or("no line")?;
            let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
            let mut lines: Vec<&str> = text.lines().collect();
            lines.insert(number.parse::<usize>().map_err(|_| "no number")? - 1, line);
            return fs::write(file, lines.join("\n") + "\n").map_err(|error| error.to_string());
        }
        let from = told(self.text, "from:").map(str::to_owned);
        let from = from.as_deref().and_then(|from| from.split_once(": "));
        if let Some(rest) = way.strip_prefix("remove ") {
            return self.remove(from, rest);
        }
        let words = options(way);
        let written = way.strip_prefix("write ").is_some_and(|rest| rest.starts_with("--"));
        if let (Some((_, place)), [word]) = (placed(way).filter(|_| written), words.as_slice()) {
            let name = word.split('=').next().unwrap_or_default();
            return self.replace(place, name, &words);
        }
        let (place, culprit) = from.ok_or_else(|| format!("it leads nowhere: {way}"))?;
        self.write(fix, way, place, culprit)
    }

    /// A command of the system. Nothing outside of the test's directory is changed, and the machine's users are none of its.
    fn command(&self, command: &str) -> Result<(), String> {
        let root = self.options.parent().and_then(Path::parent).map(|dir| dir.display().to_string());
        let paths = || command.split(' ').filter(|word| word.starts_with('/'));
        let inside = |path: &str| root.as_ref().is_some_and(|root| path.starts_with(root.as_str()));
        if paths().next().is_none() || !paths().all(inside) {
            return Err(format!("it is of the machine: {command}"));
        }
        match Command::new("sh").args(["-c", command]).status() {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("{command}: {other:?}")),
        }
    }

    /// `it`, `--x=1`, `--x=1 (PLACE)`, `--x=1 and --y=2 (PLACE)`.
    fn remove(&mut self, from: Option<(&str, &str)>, what: &str) -> Result<(), String> {
        let Some((place, culprit)) = from else { return Err(format!("it leads nowhere: {what}")) };
        let rest = what.strip_prefix(culprit);
        if let (None, Some((text, place))) = (rest, placed(what)) {
            return self.replace(place, text, &[]);
        }
        if rest.is_none() && what.starts_with("--") {
            // Named without its value.
            let name = culprit.split('=').next().unwrap_or_default();
            if !what.starts_with(name) {
                return Err(format!("{what} is not {culprit}"));
            }
        }
        self.replace(place, culprit, &[])?;
        match rest.and_then(|rest| placed(rest.strip_prefix(" and ")?)) {
            Some((other, place)) => self.replace(place, other, &[]),
            None => Ok(()),
        }
    }

    fn write(&mut self, fix: &str, way: &str, place: &str, culprit: &str) -> Result<(), String> {
        if let Some(rest) = way.strip_prefix("write one of ").filter(|rest| !rest.starts_with("these")) {
            let value = rest.split([',', ' ']).next().unwrap_or_default();
            let name = culprit.split('=').next().unwrap_or_default();
            return self.replace(place, culprit, &[format!("{name}={value}")]);
        }
        let mut words = match way.split_once("? Write ") {
            Some((_, write)) => options(write),
            None => options(way),
        };
        if way.starts_with("did you mean --") {
            // A name: the value stays.
            let value = culprit.split_once('=').map(|(_, value)| format!("={value}")).unwrap_or_default();
            words = words
                .first()
                .map(|name| format!("{}{value}", name.trim_end_matches(',')))
                .into_iter()
                .collect();
        }
        let vague = |word: &String| word.contains('…') || word.ends_with("=VALUE") || word.ends_with("=FILE");
        let told = ["write ", "did you mean ", "add "].iter().any(|verb| way.contains(verb));
        if words.is_empty() || words.iter().any(|word| vague(word) || !told && !word.contains('=')) {
            return Err(String::new());
        }
        if way.contains(" as well") {
            words.insert(0, culprit.to_owned());
            words.truncate(2);
            words.reverse();
        }
        self.replace(place, culprit, &words)?;
        // The same is to be done in other places: `write --x=1 (FILE:LINE)`.
        let more = self.text.lines().map(|line| line.strip_prefix("  | ").unwrap_or(line).trim_start());
        let more: Vec<String> =
            more.filter_map(|line| line.strip_prefix("fix:")).map(|fix| fix.trim().to_owned()).collect();
        for other in more.iter().filter(|other| *other != fix) {
            let parts = other.strip_prefix("write ").and_then(|rest| rest.rsplit_once(" ("));
            let Some((option, place)) = parts.map(|(option, place)| (option, place.trim_end_matches(')')))
            else {
                break;
            };
            let name = option.split('=').next().unwrap_or_default();
            self.replace(place, name, &[option.to_owned()])?;
        }
        Ok(())
    }

    /// Writes `words` where the culprit was written.
    fn replace(&mut self, place: &str, culprit: &str, words: &[String]) -> Result<(), String> {
        if place.starts_with("--mysqld on") {
            let wanted = format!("--mysqld={culprit}");
            let at =
                self.args.iter().position(|arg| arg.to_string_lossy() == wanted).ok_or("no such argument")?;
            self.args.remove(at);
            let given = |word: &String| {
                if word.starts_with("--mysqld=") { word.clone() } else { format!("--mysqld={word}") }
            };
            self.args.extend(words.iter().map(given).map(OsString::from));
            return Ok(());
        }
        let place = place.split(" (").next().unwrap_or(place);
        let (file, line) = place.rsplit_once(':').ok_or("no line")?;
        let number: usize = line.parse().map_err(|_| format!("no line in {place}"))?;
        let file = PathBuf::from(file);
        let file = if file.is_absolute() {
            file
        } else {
            self.options.with_file_name(file.file_name().unwrap_or_default())
        };
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let old = lines.get_mut(number.wrapping_sub(1)).ok_or("no such line")?;
        *old = mended(old, culprit, words).ok_or_else(|| format!("{culprit} is not in {old:?}"))?;
        fs::write(&file, lines.join("\n") + "\n").map_err(|error| error.to_string())
    }
}

/// The line with `words` in place of the culprit, or of all that begins with its name.
fn mended(line: &str, culprit: &str, words: &[String]) -> Option<String> {
    let new = words.join(" ");
    let at = line.find(culprit).filter(|_| !line.contains(&format!("{culprit} =")));
    if let Some(at) = at {
        let quoted = format!("\"{culprit}\"");
        if line.contains(&quoted) {
            return Some(line.replace(&quoted, &new));
        }
        // A name alone stands for the name and its value.
        let end = at + culprit.len();
        let value = if line[end..].starts_with('=') { line[end..].find(' ') } else { Some(0) };
        let end = value.map_or(line.len(), |value| end + value);
        return Some(format!("{}{new}{}", &line[..at], &line[end..]));
    }
    // Blanks stand around the `=`, or a variable was replaced in it: all of the line is this option.
    let name = culprit.split('=').next()?;
    line.contains(name).then(|| {
        let before = &line[..line.find(name).unwrap_or(0)];
        format!("{before}{new}")
    })
}

#[test]
fn fixes_are_read_as_they_are_printed() {
    for (line, culprit, words, expected) in [
        ("--a = 1", "--a", &["--a=1"][..], "--a=1"),
        ("--b --tabel=1", "--tabel=1", &["--table=1"], "--b --table=1"),
        ("\"--a --b\"", "--a --b", &["--a", "--b"], "--a --b"),
        ("--x=$VAR/y", "--x=/v/y", &[], ""),
        ("--x=1 --y=2", "--x", &["--x=3"], "--x=3 --y=2"),
        ("port = 7", "port=7", &[], ""),
    ] {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(mended(line, culprit, &words).as_deref(), Some(expected), "{line}");
    }
    assert_eq!(
        options("did you mean --table-open-cache? Else write --loose-x=1, and"),
        ["--table-open-cache"]
    );
    assert_eq!(options("write --a --b=1 (each a word)"), ["--a", "--b=1"]);
    assert_eq!(
        ways("make it, or remove --x=1 and --y (a.opt:2); or end process 7"),
        ["make it", "remove --x=1 and --y (a.opt:2)", "end process 7"]
    );
    assert_eq!(placed("--y (a.opt:2), or lower it"), Some(("--y", "a.opt:2")));
    assert_eq!(placed("--y (its default)"), None);
}
