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

impl Mending<'_> {
    /// Does it; what it did, or why it cannot be done by a program.
    pub fn apply(&mut self) -> Result<String, String> {
        let fix = told(self.text, "fix:").ok_or("there is no fix")?.to_owned();
        // A command of the system, at the end of the line or up to an alternative.
        for name in ["mkdir ", "chmod ", "chown ", "useradd "] {
            if let Some(at) = fix.find(name).filter(|at| *at == 0 || fix[..*at].ends_with(": ")) {
                let command = fix[at..].split(", or ").next().unwrap_or_default().to_owned();
                // Nothing outside of the test's directory is changed, and the machine's users are none of its.
                let root = self.options.parent().and_then(Path::parent).map(|dir| dir.display().to_string());
                let paths = || command.split(' ').filter(|word| word.starts_with('/'));
                let inside = |path: &str| root.as_ref().is_some_and(|root| path.starts_with(root.as_str()));
                if paths().next().is_none() || !paths().all(inside) {
                    return Err(format!("it is of the machine: {command}"));
                }
                let done = Command::new("sh").args(["-c", &command]).status();
                return match done {
                    Ok(status) if status.success() => Ok(command),
                    other => Err(format!("{command}: {other:?}")),
                };
            }
        }
        let from = told(self.text, "from:");
        if let Some(rest) = fix.strip_prefix("end process ") {
            let pid: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if pid != std::process::id().to_string() {
                let killed = Command::new("kill").arg(&pid).status();
                return if killed.is_ok_and(|status| status.success()) { Ok(fix) } else { Err(fix) };
            }
        }
        let from = from.ok_or_else(|| format!("it leads nowhere: {fix}"))?.to_owned();
        let (place, culprit) = from.split_once(": ").ok_or("from: has no place")?;
        if fix.starts_with("remove ") || fix.contains(", or remove --") {
            return self.replace(place, culprit, &[]).map(|()| format!("removed {culprit}"));
        }
        if let Some(rest) = fix.strip_prefix("write one of ").filter(|rest| !rest.starts_with("these")) {
            let value = rest.split([',', ' ']).next().unwrap_or_default();
            let name = culprit.split('=').next().unwrap_or_default();
            return self.replace(place, culprit, &[format!("{name}={value}")]).map(|()| fix.clone());
        }
        let mut words = options(&fix);
        if fix.starts_with("did you mean ") {
            // A name: the value stays.
            let value = culprit.split_once('=').map(|(_, value)| format!("={value}")).unwrap_or_default();
            words = words
                .first()
                .map(|name| format!("{}{value}", name.trim_end_matches(',')))
                .into_iter()
                .collect();
        }
        if words.is_empty()
            || words
                .iter()
                .any(|word| word.contains('…') || word.ends_with("=VALUE") || word.ends_with("=FILE"))
        {
            return Err(format!("it is for people: {fix}"));
        }
        if fix.contains(" as well") {
            words.insert(0, culprit.to_owned());
            words.truncate(2);
            words.reverse();
        }
        self.replace(place, culprit, &words)?;
        // The same is to be done in other places: `write --x=1 (FILE:LINE)`.
        let more = self.text.lines().map(|line| line.strip_prefix("  | ").unwrap_or(line).trim_start());
        let more: Vec<String> =
            more.filter_map(|line| line.strip_prefix("fix:")).map(|fix| fix.trim().to_owned()).collect();
        for other in more.iter().skip(1) {
            let parts = other.strip_prefix("write ").and_then(|rest| rest.rsplit_once(" ("));
            let Some((option, place)) = parts.map(|(option, place)| (option, place.trim_end_matches(')')))
            else {
                break;
            };
            let name = option.split('=').next().unwrap_or_default();
            self.replace(place, name, &[option.to_owned()])?;
        }
        Ok(fix)
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
    if line.contains(culprit) && !line.contains(&format!("{culprit} =")) {
        let quoted = format!("\"{culprit}\"");
        return Some(if line.contains(&quoted) {
            line.replace(&quoted, &new)
        } else {
            line.replace(culprit, &new)
        });
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
    ] {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(mended(line, culprit, &words).as_deref(), Some(expected), "{line}");
    }
    assert_eq!(
        options("did you mean --table-open-cache? Else write --loose-x=1, and"),
        ["--table-open-cache"]
    );
    assert_eq!(options("write --a --b=1 (each a word)"), ["--a", "--b=1"]);
}
