//! The texts made from the option table: `--help`, `--list-options`, `--version`, `docs/options.md`.

use std::fmt::Write;

use super::option::{Action, DebuggerKind, DefaultValue, Group, Opt};
use super::table::{ENV_ONLY, GROUPS, options};

/// Where the descriptions begin in `--help`.
const COLUMN: usize = 28;
/// How wide `--help` is.
const WIDTH: usize = 96;

const KINDS: [DebuggerKind; 4] =
    [DebuggerKind::Server, DebuggerKind::Client, DebuggerKind::Bootstrap, DebuggerKind::Manual];

/// `--help`: every option by group, with defaults and environment twins.
pub fn help(program: &str) -> String {
    let mut text = format!(
        "Usage: {program} [OPTIONS] [TEST]...\n\n\
         Runs MariaDB tests. TEST is `test`, `suite.test`, `suite.test,combination` or the path of a\n\
         test; without one the suites are run.\n"
    );
    for group in GROUPS {
        let _ = write!(text, "\n{}:\n", group.title);
        if is_debuggers(group) {
            debugger_families(&mut text, group);
            continue;
        }
        for opt in group.options {
            let mut description = opt.short_help.to_owned();
            if opt.no_effect.is_some() {
                description.push_str(" (no effect)");
            }
            let defaults = defaults(opt).join("; ");
            if !defaults.is_empty() {
                let _ = write!(description, " [{defaults}]");
            }
            entry(&mut text, &usage_with_aliases(opt), &description);
        }
    }
    text.push_str("\nEnvironment only:\n");
    for variable in ENV_ONLY {
        let description = format!("{} [{}]", variable.short_help, variable.default);
        entry(&mut text, variable.name, &description);
    }
    text.push_str(
        "\nNames may be shortened as long as they stay clear. Options and tests may be mixed. An argument\n\
         --skip-SOMETHING that is no option here is passed to the servers.\n",
    );
    text
}

/// `--list-options`: every name as `--name`, one per line. One-letter names are there as far as
/// they can be written with two dashes.
pub fn list_options() -> String {
    let names = options().flat_map(|opt| opt.names().filter(|name| !opt.ours || name.len() > 1));
    names.map(|name| format!("--{name}\n")).collect()
}

/// `--version`.
pub fn version() -> String {
    format!("{} {}\n", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

/// The text of `docs/options.md`.
pub fn options_markdown() -> String {
    let mut text = MARKDOWN_HEAD.to_owned();
    for group in GROUPS {
        let _ = write!(text, "\n## {}\n\n", group.title);
        if is_debuggers(group) {
            debugger_table(&mut text, group);
            continue;
        }
        text.push_str("| option | default | what it does |\n|---|---|---|\n");
        for opt in group.options {
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                cell(&option_names(opt)),
                cell(&defaults(opt).join("; ")),
                cell(&description(opt)),
            );
        }
    }
    text.push_str(EXIT_CODES);
    text.push_str("\n## Variables without an option\n\n| variable | default | what it is |\n|---|---|---|\n");
    for variable in ENV_ONLY {
        let _ = writeln!(text, "| `{}` | {} | {} |", variable.name, variable.default, variable.short_help);
    }
    text
}

const EXIT_CODES: &str = "
## Exit codes

| | a run, and the options that ask | `lint`, `doctor`, `triage` |
|---|---|---|
| 0 | it is a success; `--version`, `--list`, `--explain` | what was looked at is well; `--help` |
| 1 | anything else: a test failed, an argument is wrong, nothing was run; `--help` and `--list-options` | something was found |
| 2 | | it could not be done: wrong arguments, a path that cannot be looked at, a standard output that cannot be written |
| 3 | | `triage`: a path that cannot be read as a log, an archive or what a run left |

A reader of the standard output that goes away (`| head`) changes none of them. `mtr-rs mysqltest` has those of
`mariadb-test`: [language.md](language.md).
";

const MARKDOWN_HEAD: &str = "\
# Options

This file is made from the option table, `src/cli/table.rs`: after a change there run
`UPDATE_DOCS=1 cargo test --lib options_md`.

- A long option starts with `--`. Its name may be written in any case, and shortened as long as only one
  option fits. The options marked *new* are not in `mysql-test-run.pl`; they never make a shortened name
  ambiguous that was clear there.
- A value stands after `=` or is the next argument, whatever that looks like. Where the value is in
  brackets, `[=VALUE]`, it stands after `=`.
- The one-letter options can be bundled: `-vv`. The letter `C` takes the rest of its bundle, or else the next
  argument unless that is an option, as its value; so does `--print-core`.
- An option with `[no]` is on, and is switched off by `--noX` or `--no-X`.
- Options and names of tests may be mixed. Of an option given twice the last counts, unless the table says
  that it may be repeated.
- An argument that starts with `--skip-` and is no option is passed to the servers.
- The options marked *no effect* are accepted, with a warning, so that existing scripts go on working.
- A count is a whole number of at most 32 bits; a larger one is an error that names the range. A time may be any whole
  number.
- There is no file of options. A variable in the column *default* gives the default; for some of them `0`
  counts as unset.
";

fn is_debuggers(group: &Group) -> bool {
    group.options.iter().any(|opt| matches!(opt.action, Action::Debugger(..)))
}

/// The default and the environment twin, as far as there are any.
fn defaults(opt: &Opt) -> Vec<String> {
    let value = match opt.default {
        DefaultValue::Nothing => None,
        DefaultValue::Value(value) | DefaultValue::Worked(value) => Some(value.to_owned()),
    };
    value.into_iter().chain(opt.env.map(|twin| format!("${}", twin.name))).collect()
}

/// `-v, --verbose`, `--ssl, --with-openssl`.
fn usage_with_aliases(opt: &Opt) -> String {
    let letters = opt.aliases.iter().filter(|name| name.len() == 1).map(|name| format!("-{name}, "));
    let longs = opt.aliases.iter().filter(|name| name.len() > 1).map(|name| format!(", --{name}"));
    let (letters, longs): (String, String) = (letters.collect(), longs.collect());
    format!("{letters}{}{longs}", opt.usage())
}

fn entry(text: &mut String, left: &str, description: &str) {
    let mut line = format!("  {left}");
    if line.len() + 2 > COLUMN {
        text.push_str(&line);
        text.push('\n');
        line.clear();
    }
    let mut column = line.chars().count();
    line.extend(std::iter::repeat_n(' ', COLUMN.saturating_sub(column)));
    column = COLUMN;
    for (at, word) in description.split(' ').enumerate() {
        let width = word.chars().count();
        if at > 0 && column + 1 + width > WIDTH {
            line.push('\n');
            line.extend(std::iter::repeat_n(' ', COLUMN));
            column = COLUMN;
        } else if at > 0 {
            line.push(' ');
            column += 1;
        }
        line.push_str(word);
        column += width;
    }
    text.push_str(&line);
    text.push('\n');
}

/// The names of the debuggers, as they stand in the options for servers.
fn debugger_names(group: &Group) -> impl Iterator<Item = &'static Opt> {
    group.options.iter().filter(|opt| matches!(opt.action, Action::Debugger(DebuggerKind::Server, _)))
}

fn family_help(kind: DebuggerKind) -> &'static str {
    match kind {
        DebuggerKind::Server => "run the servers in the debugger D",
        DebuggerKind::Client => "run mysqltest in D",
        DebuggerKind::Bootstrap => "run the server that makes the system tables in D",
        DebuggerKind::Manual => "print how to run the servers in D, and wait for them",
    }
}

const DEBUGGER_ARGS: &str = "ARGS are separated by semicolons: a first one that starts with a dash goes on \
                             the command line of the debugger, the others are lines of its script.";

fn debugger_families(text: &mut String, group: &Group) {
    for kind in KINDS {
        entry(text, &format!("--{}D[=ARGS]", kind.prefix()), family_help(kind));
    }
    let names: Vec<_> =
        debugger_names(group).filter(|opt| opt.no_effect.is_none()).map(|opt| opt.name).collect();
    entry(text, "D", &format!("{}. {DEBUGGER_ARGS}", names.join(", ")));
}

fn debugger_table(text: &mut String, group: &Group) {
    let _ = writeln!(
        text,
        "{DEBUGGER_ARGS} Given bare, the option takes no value and leaves the next argument alone. While a \
         debugger is in use, time-outs are hours and failing tests are not tried again.\n"
    );
    for kind in KINDS {
        let _ = writeln!(text, "- `--{}D[=ARGS]`: {}", kind.prefix(), family_help(kind));
    }
    text.push_str(
        "\n| D | servers | mysqltest | bootstrap | by hand | remark |\n|---|---|---|---|---|---|\n",
    );
    for opt in debugger_names(group) {
        let Action::Debugger(_, debugger) = opt.action else { continue };
        let _ = write!(text, "| {} |", opt.name);
        for kind in KINDS {
            let _ = write!(text, " `--{}{}` |", kind.prefix(), opt.name);
        }
        let remark = match opt.no_effect {
            Some(why) => format!("no effect: {why}"),
            None if debugger != opt.name => format!("the same as {debugger}"),
            None => String::new(),
        };
        let _ = writeln!(text, " {remark} |");
    }
}

fn option_names(opt: &Opt) -> String {
    let aliases = opt.aliases.iter().map(|name| match name.len() {
        1 => format!(", `-{name}`"),
        _ => format!(", `--{name}`"),
    });
    let new = if opt.ours { " *new*" } else { "" };
    format!("`{}`{}{new}", opt.usage(), aliases.collect::<String>())
}

fn description(opt: &Opt) -> String {
    let mut text = opt.short_help.to_owned();
    if opt.repeats() && !text.contains("repeated") && !text.contains("twice") {
        text.push_str("; may be repeated");
    }
    text.push('.');
    if !opt.long_help.is_empty() {
        text.push(' ');
        text.push_str(opt.long_help);
    }
    if let Some(why) = opt.no_effect {
        let _ = write!(text, " *No effect*: {why}.");
    }
    text
}

/// Text inside a table: a bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn options_md_is_up_to_date() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/options.md");
        let text = options_markdown();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &text).unwrap();
        }
        let on_disk = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            on_disk == text,
            "docs/options.md does not fit the option table: run `UPDATE_DOCS=1 cargo test --lib options_md`"
        );
    }

    #[test]
    fn every_name_is_documented() {
        let (markdown, help) = (options_markdown(), help("mtr-rs"));
        for opt in options() {
            for name in opt.names() {
                let dashes = if name.len() == 1 { "-" } else { "--" };
                let negatable = format!("`--[no]{name}`");
                let named = format!("`{dashes}{name}");
                assert!(markdown.contains(&named) || markdown.contains(&negatable), "{name} in options.md");
            }
            let negatable = format!("--[no]{}", opt.name);
            let debugger = matches!(opt.action, Action::Debugger(..));
            assert!(debugger || help.contains(&format!("--{}", opt.name)) || help.contains(&negatable));
        }
    }

    #[test]
    fn help_fits_the_line() {
        for line in help("mtr-rs").lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn help_shows_defaults_and_variables() {
        let help = help("./mtr");
        assert!(help.starts_with("Usage: ./mtr "));
        assert!(
            help.contains("\n  --retry=N                 try a failing test up to N times in all [1]\n"),
            "{help}"
        );
        assert!(help.contains("$MTR_TESTCASE_TIMEOUT]"));
        assert!(help.contains("\n  -v, --verbose             say more"));
        assert!(!help.contains("windbg"));
    }

    #[test]
    fn the_list_of_options_has_one_name_a_line() {
        let list = list_options();
        for name in ["--help", "--h", "--suites", "--client-ktrace", "--mtr-port-base", "--junit"] {
            assert!(list.lines().any(|line| line == name), "{name}");
        }
        assert!(!list.contains("--V\n"));
    }
}
