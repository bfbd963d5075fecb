//! Calls that say which lines of error logs are meant, and whose patterns are not what they look like.

use bstr::ByteSlice;
use rayon::prelude::*;

use crate::grammar::suppression::calls;
use crate::lint::catalogue::SUPPRESSION;
use crate::lint::files::Kind;
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::sys::files;
use crate::sys::pcre::Pattern;

/// Looks at each test and each include file.
pub fn check(input: &Input) -> Vec<Finding> {
    let scripts = input.files.all.par_iter().filter(|(_, kind)| matches!(kind, Kind::Test | Kind::Include));
    scripts
        .flat_map_iter(|(path, _)| {
            let text = files::read(path, files::MOST_OF_TEXT).unwrap_or_default();
            let calls = if text.contains_str("add_suppression") { calls(&text) } else { Vec::new() };
            calls.into_iter().filter_map(|call| {
                // Without its backslashes a pattern may match all the same, and then nothing is wrong.
                if let Some(lost) = call.lost().filter(|_| call.pattern != call.meant()) {
                    let lost = char::from(lost);
                    let message = format!("in a string of SQL '\\{lost}' is '{lost}': \"{}\"", call.written);
                    let corrected = format!("call mtr.add_suppression(\"{}\");", call.mended());
                    return Some(
                        Finding::new(SUPPRESSION, path, message).at(call.line, 0).corrected(corrected),
                    );
                }
                Pattern::new(&call.pattern, true).err().map(|_| {
                    let message = format!("\"{}\" is no pattern", call.written);
                    Finding::new(SUPPRESSION, path, message).at(call.line, 0)
                })
            })
        })
        .collect()
}
