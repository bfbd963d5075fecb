//! What the reference says of regular expressions, in `replace_regex` and in expressions.

use crate::script::common::message::ScriptError;
use crate::sys::pcre::{CompileError, MatchError};

/// The message for a malformed pattern, in the words of PCRE2's POSIX interface.
pub fn malformed(error: CompileError) -> ScriptError {
    let text = match error.code {
        101 | 102 | 103 | 137 | 198 => "bad escape sequence",
        104 | 105 => "invalid repeat counts in {}",
        106 => "unbalanced []",
        107 | 130 => "bad class",
        108 => "bad range inside []",
        109 => "? * + invalid",
        110 | 123 => "internal error",
        114 | 118 | 122 => "unbalanced ()",
        115 => "bad back reference",
        116 | 117 | 132 | 156 | 192 => "bad argument",
        119 | 120 => "expression too big",
        121 => "failed to get memory",
        _ => "pattern error",
    };
    ScriptError::die(format!("Regex error: {text} at offset {:<6}\n", error.offset))
}

/// The message for a search that was given up.
pub fn gave_up(error: MatchError) -> ScriptError {
    let text = if error.is_out_of_resources() { "failed to get memory" } else { "internal error" };
    ScriptError::die(format!("Regex error: {text}\n"))
}
