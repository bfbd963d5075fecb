//! `docs/language.md`, made from the table of commands.

use std::fmt::Write;

use super::command::{Arguments, COMMANDS, DropsFilters, Origin, Spec};

const HEAD: &str = "\
# The language of the scripts

What `mtr-rs mysqltest` understands: the language of MariaDB's `mariadb-test` 10.11.
This file is made from the table of commands; to change it, change `src/script/command_table.rs` and run
`UPDATE_DOCS=1 cargo test --lib language_md`.

A script is a sequence of commands and statements. A line that starts with `#` is a comment. A line that starts with
`--` is a command up to the end of the line. Everything else goes up to the delimiter (`;`), over several lines if
need be: it is a command if its first word is one of the names below, in any case, and a statement for the server
otherwise. A statement that starts with such a word needs `query` or a comment before it.

In the last column, *filters* means that the command ends the effect of `replace_result`, `replace_regex`,
`replace_column`, `sorted_result` and `lowercase_result`, and *errors* that `error` can name the failure which is
expected of it. With `ONCE`, a switch holds for the next statement only.
";

/// The text of `docs/language.md`.
pub fn markdown() -> String {
    let mut text =
        format!("{HEAD}\n## Commands\n\n| Command | What it does | Notes |\n| --- | --- | --- |\n");
    for spec in COMMANDS {
        let syntax = spec.syntax.replace('|', "\\|");
        // Writing to a string does not fail.
        let _ = writeln!(text, "| `{syntax}` | {} | {} |", spec.summary, notes(spec));
    }
    text
}

fn notes(spec: &Spec) -> String {
    let mut notes = Vec::new();
    match spec.origin {
        Origin::Common => {}
        Origin::MariaDb => notes.push("MariaDB only"),
        Origin::Deprecated => notes.push("deprecated"),
    }
    match spec.drops_filters {
        DropsFilters::No => {}
        DropsFilters::Yes => notes.push("filters"),
        DropsFilters::OnSqlError => notes.push("filters after an error"),
    }
    if spec.handles_errors {
        notes.push("errors");
    }
    if let Arguments::Word = spec.arguments {
        notes.push("no variables");
    }
    notes.join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn language_md_is_up_to_date() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language.md");
        let text = markdown();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        assert!(
            std::fs::read_to_string(&file).unwrap_or_default() == text,
            "docs/language.md does not fit the table of commands: run `UPDATE_DOCS=1 cargo test --lib language_md`"
        );
    }

    #[test]
    fn every_command_is_documented() {
        let text = markdown();
        for spec in COMMANDS {
            assert!(text.contains(&format!("| `{}", spec.syntax.replace('|', "\\|"))), "{}", spec.name);
        }
    }
}
