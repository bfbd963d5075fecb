//! Writes a parsed script as text again: the proof that the parser left nothing out.

use crate::script::parse::Script;

/// The bytes of the file that `script` was parsed from, put together from the spans of its commands.
pub fn unparse(script: &Script) -> Vec<u8> {
    let text = script.input.text();
    let mut out = Vec::with_capacity(text.len());
    for command in &script.commands {
        let document = command.here_document.as_ref().map(|document| &document.span);
        let spans = [&command.lead, &command.body, &command.tail].into_iter().chain(document);
        for span in spans {
            out.extend_from_slice(text.get(span.clone()).unwrap_or_default());
        }
    }
    out.extend_from_slice(text.get(script.rest.clone()).unwrap_or_default());
    out
}
