//! Everything that `mtr-rs lint` can find: a stable code, a short name, a title and the reason why it is wrong.
//! `docs/lint.md` has a section for each.

/// One entry of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `MTR-L001`: never used again for something else.
    pub code: &'static str,
    /// `blanks-around-equals`.
    pub name: &'static str,
    /// What it is, as a heading.
    pub title: &'static str,
    /// Why it is wrong: what the server, the runner or the interpreter makes of it.
    pub why: &'static str,
}

macro_rules! codes {
    ($($constant:ident $code:literal $name:literal $title:literal $why:literal;)*) => {
        $(
            #[doc = $title]
            pub const $constant: &Code = &Code { code: $code, name: $name, title: $title, why: $why };
        )*

        /// All of them, by code.
        pub const CODES: &[&Code] = &[$($constant),*];
    };
}

codes! {
    // Option files.
    BLANKS "MTR-L001" "blanks-around-equals" "Blanks around the `=` of an option"
        "an option file is split at blanks: name, `=` and value become arguments of their own, and the server does not start";
    COMMENT "MTR-L002" "comment-in-option-file" "A comment in an option file"
        "option files have no comments: every word of the line is an argument of the server, which does not start";
    STRAY_WORD "MTR-L003" "stray-word" "A word that is no option"
        "the server takes no arguments but options: it says 'Too many arguments' and does not start";
    // Options.
    UNKNOWN_OPTION "MTR-L004" "unknown-option" "An option that this server does not know"
        "neither the server nor any plugin in its plugin directory has it: the server does not start";
    AMBIGUOUS_OPTION "MTR-L005" "ambiguous-option" "The beginning of several options"
        "an abbreviation has to be the beginning of one option only: the server does not start";
    REFUSED_VALUE "MTR-L006" "refused-value" "A value that the server refuses"
        "the server was asked and did not take it: it does not start";
    GIVEN_TWICE "MTR-L007" "given-twice" "An option given twice in one file, with different values"
        "the last one counts: the others do nothing";
    // Ports.
    PORT_OF_TWO_SERVERS "MTR-L008" "port-of-two-servers" "One fixed port for several servers of a test"
        "only one of the servers can listen on it";
    PORT_OF_TWO_TESTS "MTR-L009" "port-of-two-tests" "One fixed port in several places"
        "mysql-test-run with --parallel runs such tests at once, and the later server does not start (mtr-rs runs them one after the other)";
    // Configuration and combinations.
    OPTION_FILE_UNUSED "MTR-L010" "option-file-unused" "A file that belongs to no test"
        "it belongs to the test or include file of the same name, and there is none: nothing reads it";
    CONFIG_SYNTAX "MTR-L011" "config-syntax" "A line that a configuration or combinations file cannot have"
        "the file cannot be read: every test that needs it fails";
    CONFIG_INCLUDE "MTR-L012" "config-include" "An `!include` of a file that does not exist"
        "the configuration cannot be read: every test that needs it fails";
    NO_SECTIONS "MTR-L013" "no-sections" "A combinations file without sections"
        "every test that reads it is skipped";
    SECTION_TWICE "MTR-L014" "section-twice" "A combination twice in one file"
        "one name stands for one combination: the later lines are added to the first section, or run the same once more";
    // Results.
    RESULT_MISSING "MTR-L015" "result-missing" "A test without a result file"
        "its output is compared with nothing, so that it passes whatever the server answers";
    RESULT_UNUSED "MTR-L016" "result-unused" "A result file that no test is compared with"
        "no test, or none of the test's combinations, has this name";
    RDIFF_MISFIT "MTR-L017" "rdiff-misfit" "A `.rdiff` that does not apply"
        "what does not apply is left out: the test is compared with something else than the diff was made for";
    // Lists of disabled tests.
    DISABLED_SYNTAX "MTR-L018" "disabled-syntax" "A line that a list of disabled tests cannot have"
        "the list cannot be read: the whole suite cannot be run";
    DISABLED_UNKNOWN "MTR-L019" "disabled-unknown" "A disabled test that does not exist"
        "the line does nothing";
    // Scripts.
    COMMAND "MTR-L020" "command" "A line that the interpreter refuses"
        "the test fails when it gets there";
    BLOCK "MTR-L021" "block" "A block without its end, or an end without its block"
        "the test fails when it gets there";
    UNENDED "MTR-L022" "unended" "Text at the end of a script that nothing ends"
        "the test fails when it gets there";
    ERROR_NAME "MTR-L023" "error-name" "`error` with a name that no error has"
        "the test fails when it gets there";
    UNREACHABLE "MTR-L024" "unreachable" "A command behind the end of the test"
        "it is never run";
    SOURCE_MISSING "MTR-L025" "source-missing" "`source` of a file that does not exist"
        "the test fails when it gets there";
    // Of several kinds of files.
    ENCODING "MTR-L026" "encoding" "A byte order mark, carriage returns, or text of two bytes a character"
        "they are taken for parts of names, values and words: files are read byte by byte, and lines end with LF";
    SEVERAL_OPTIONS "MTR-L027" "several-options" "Several options in one argument"
        "the server takes all behind the first blank for a part of the first option: it does not start, or the rest is lost";
    SUPPRESSION "MTR-L028" "suppression" "A suppression whose pattern is not what it looks like"
        "a string of SQL takes a backslash away before the pattern is read: write two of them";
    LIBRARY_VARIABLE "MTR-L029" "library-variable" "A variable for a plugin's library that the tree does not know"
        "it is not set: the option or statement names no library, and the test fails where it could be skipped";
    PLUGIN_NOT_LOADED "MTR-L030" "plugin-not-loaded" "An option of a plugin that no option loads"
        "the server does not know it without the plugin: it does not start";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_in_order() {
        let numbers: Vec<&str> = CODES.iter().map(|code| code.code).collect();
        let expected: Vec<String> = (1..=CODES.len()).map(|n| format!("MTR-L{n:03}")).collect();
        assert_eq!(numbers, expected);
        let names: HashSet<&str> = CODES.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), CODES.len());
    }

    #[test]
    fn each_has_its_section_in_the_documentation() {
        let text = include_str!("../../docs/lint.md");
        let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let expected: Vec<String> =
            CODES.iter().map(|code| format!("{}: {}", code.code, code.title)).collect();
        assert_eq!(headings, expected);
    }
}
