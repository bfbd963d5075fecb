//! `docs/language.md`: each command has its section there, and its samples print what is written, with our
//! interpreter and with MariaDB's; those of our extensions with ours alone.

use std::fs;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use mtr::script::command::{Arguments, COMMANDS, Command, DropsFilters, Origin, Spec};
use mtr::script::input::Input;
use mtr::script::parse::parse as commands;
use similar::TextDiff;

use crate::corpus::ours;
use crate::corpus::script::{Interpreter, Outcome, Script};
use crate::corpus::server::{Installation, Server};
use crate::extensions::REFUSAL;
use crate::support::Site;

/// Arguments of every sample, as lines of an `.args` file of the corpus.
const USUAL: &str = "--silent\n!env MASTER_MYSOCK=@SOCKET@\n!env MASTER_MYPORT=@PORT@\n";

fn file() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/docs/language.md").into()
}

/// A piece of the document. All of them together are its text.
enum Part {
    /// One line outside of samples.
    Line(String),
    Sample(Sample),
}

/// A script in the document, with what it prints.
struct Sample {
    /// The line at which it starts, from 1.
    line: usize,
    /// Arguments of its run.
    arguments: String,
    script: String,
    /// The blocks below it, with their fences.
    output: String,
}

fn parse(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = text.split_inclusive('\n').zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            parts.push(Part::Line(line.into()));
            continue;
        };
        let block: String =
            lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```\n").collect();
        if let Some(arguments) = info.strip_prefix("mysqltest") {
            let (arguments, output) = (arguments.trim().into(), String::new());
            parts.push(Part::Sample(Sample { line: number, arguments, script: block, output }));
            continue;
        }
        assert!(
            info == "result\n" || info.starts_with("stderr "),
            "line {number}: what is a block of {info}?"
        );
        let Some(Part::Sample(sample)) = parts.last_mut() else {
            panic!("line {number}: output of no script")
        };
        sample.output += &format!("{line}{block}```\n");
    }
    parts
}

fn render(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Line(line) => line.clone(),
        Part::Sample(Sample { arguments, script, output, .. }) => {
            let space = if arguments.is_empty() { "" } else { " " };
            format!("```mysqltest{space}{arguments}\n{script}```\n{output}")
        }
    };
    parts.iter().map(part).collect()
}

impl Sample {
    /// The first words of its commands and statements, in lower case.
    fn first_words(&self) -> Vec<String> {
        let script = commands(Input::new("sample.test", self.script.as_bytes()));
        let spoken = script.commands.iter().filter(|one| one.classified.command != Command::Comment);
        let texts = spoken.map(|one| self.script[one.body.clone()].trim_start_matches(['-', ' ']));
        let ends = |c: char| !c.is_alphanumeric() && c != '_';
        texts.map(|text| text.split(ends).next().unwrap().to_lowercase()).collect()
    }

    /// Whether it has a command that MariaDB's interpreter refuses.
    fn is_extension(&self) -> bool {
        self.has(Origin::MySql)
    }

    fn has(&self, origin: Origin) -> bool {
        let words = self.first_words();
        let mut commands = COMMANDS.iter().filter(|spec| spec.origin == origin);
        commands.any(|spec| words.iter().any(|word| word == spec.name))
    }

    /// Whether it has a command that MariaDB's interpreter knows in newer releases alone.
    fn is_newer(&self) -> bool {
        self.has(Origin::Newer)
    }

    /// Runs it, and gives the blocks that belong below it.
    fn run(
        &self,
        interpreter: &Interpreter,
        installation: &Installation,
        server: &mut Server<'_>,
        place: &Path,
    ) -> String {
        let root = place.join("sample");
        fs::create_dir_all(&root).unwrap();
        let path = root.join("sample.test");
        fs::write(&path, &self.script).unwrap();
        let arguments = self.arguments.replace(' ', "\n");
        fs::write(path.with_extension("args"), format!("{USUAL}{arguments}\n").trim_end()).unwrap();
        let outcome = Script::read(&root, &path).run(interpreter, installation, server, place);
        let left = outcome.left.to_str_lossy().replace("the server is gone\n", "");
        let nothing = |line: &str| line.starts_with("== d") && line.ends_with(" tmp");
        let (tmp, state) = left.split_once('\n').unwrap();
        assert!(nothing(tmp) && state == "== server\nconnections 0\n", "line {}: leaves {left}", self.line);
        blocks(&outcome)
    }
}

/// The blocks that show an outcome.
fn blocks(outcome: &Outcome) -> String {
    let Outcome { status, stdout, stderr, .. } = outcome;
    let mut text = String::new();
    if !stdout.is_empty() {
        text += &format!("```result\n{}```\n", stdout.to_str_lossy());
    }
    if !status.success() || !stderr.is_empty() {
        text += &format!("```stderr {}\n{}```\n", status.code().unwrap(), stderr.to_str_lossy());
    }
    text
}

/// The line of a section that shows how its command is written, and what kind of command it is.
fn syntax_line(spec: &Spec) -> String {
    let origin = match spec.origin {
        Origin::Common => "",
        Origin::MariaDb => "MariaDB only",
        Origin::Newer => "MariaDB after 10.11",
        Origin::Deprecated => "deprecated",
        Origin::MySql => "extension",
    };
    let filters = match spec.drops_filters {
        DropsFilters::No => "",
        DropsFilters::Yes => "filters",
        DropsFilters::OnSqlError => "filters after an error",
    };
    let errors = if spec.handles_errors { "errors" } else { "" };
    let variables = if let Arguments::Word = spec.arguments { "no variables" } else { "" };
    let notes: Vec<_> =
        [origin, filters, errors, variables].into_iter().filter(|note| !note.is_empty()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!("- `{}`{notes}\n", spec.syntax)
}

/// The sections of commands: the names in each heading, and what is below it.
fn sections(parts: &[Part]) -> Vec<(Vec<&str>, &[Part])> {
    let is_heading = |part: &Part| matches!(part, Part::Line(line) if line.starts_with('#'));
    let starts = parts.iter().enumerate().filter_map(|(at, part)| match part {
        Part::Line(line) => line.strip_prefix("### ").map(|names| (at, names)),
        Part::Sample(_) => None,
    });
    starts
        .map(|(at, names)| {
            let below = &parts[at + 1..];
            let end = below.iter().position(is_heading).unwrap_or(below.len());
            (names.trim_end().split(", ").map(|name| name.trim_matches('`')).collect(), &below[..end])
        })
        .collect()
}

#[test]
fn has_a_section_for_every_command() {
    let parts = parse(&fs::read_to_string(file()).unwrap());
    let sections = sections(&parts);
    for name in sections.iter().flat_map(|(names, _)| names) {
        assert!(COMMANDS.iter().any(|spec| spec.name == *name), "there is no command {name}");
    }
    for spec in COMMANDS {
        let own: Vec<_> = sections.iter().filter(|(names, _)| names.contains(&spec.name)).collect();
        let [(_, below)] = own[..] else { panic!("{} has {} sections", spec.name, own.len()) };
        let line = syntax_line(spec);
        let shown = below.iter().any(|part| matches!(part, Part::Line(shown) if *shown == line));
        assert!(shown, "the section of {} lacks {line}", spec.name);
        let mut words = below.iter().flat_map(|part| match part {
            Part::Line(_) => Vec::new(),
            Part::Sample(sample) => sample.first_words(),
        });
        let sampled = words.any(|word| word == spec.name);
        assert!(sampled, "no sample has {}", spec.name);
    }
}

#[test]
fn links_lead_to_headings() {
    let parts = parse(&fs::read_to_string(file()).unwrap());
    let lines: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Line(line) => Some(line.trim_end()),
            Part::Sample(_) => None,
        })
        .collect();
    let headings = lines.iter().filter(|line| line.starts_with('#'));
    let anchors: Vec<String> = headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim_start().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect();
    for link in lines.iter().flat_map(|line| line.split("](#").skip(1)) {
        let (anchor, _) = link.split_once(')').unwrap();
        assert!(anchors.iter().any(|known| known == anchor), "nothing has the name #{anchor}");
    }
}

#[test]
fn samples_print_what_is_written() {
    let text = fs::read_to_string(file()).unwrap();
    let mut parts = parse(&text);
    assert!(render(&parts) == text, "a block has no end");
    let site = Site::real();
    let place = site.path("language");
    let installation = Installation::find();
    let mut server = Server::start(&installation, &place.join("server"));
    let mut actual = String::new();
    for part in &mut parts {
        let Part::Sample(sample) = part else { continue };
        let mut run = |interpreter| sample.run(&interpreter, &installation, &mut server, &place);
        if sample.is_newer() {
            sample.output = run(ours());
            continue;
        }
        let (theirs, ours) = (run(installation.interpreter()), run(ours()));
        if sample.is_extension() {
            assert!(theirs.contains(REFUSAL), "line {}: the reference runs an extension", sample.line);
            sample.output = ours;
            continue;
        }
        let difference = TextDiff::from_lines(&theirs, &ours).unified_diff().to_string();
        if !difference.is_empty() {
            actual += &format!("line {}: ours differs\n{difference}", sample.line);
        }
        sample.output = theirs;
    }
    let updated = render(&parts);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(file(), &updated).unwrap();
    } else {
        actual += &TextDiff::from_lines(&text, &updated).unified_diff().to_string();
    }
    assert!(actual.is_empty(), "docs/language.md, or one of the interpreters, is wrong:\n{actual}");
}
