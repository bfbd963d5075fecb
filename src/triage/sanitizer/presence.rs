//! Whether a program has a sanitizer.

use bstr::{BStr, ByteSlice};

use crate::triage::evidence::ElfFacts;
use crate::triage::sanitizer::report::Tool;

/// Whether the program has this sanitizer's runtime: linked, or preloaded by the value of `LD_PRELOAD`.
pub fn has(program: &ElfFacts, preload: &BStr, tool: Tool) -> bool {
    program.sanitizers.iter().any(|name| contains(name, tool))
        || Tool::ALL.iter().any(|loaded| {
            contains(loaded.short_name(), tool) && preload.contains_str(format!("lib{}", loaded.short_name()))
                || contains(loaded.short_name(), tool)
                    && preload.contains_str(format!("clang_rt.{}", loaded.short_name()))
        })
}

/// The runtime of AddressSanitizer has those for leaks and for undefined behaviour in it; that of ThreadSanitizer and
/// of MemorySanitizer the latter.
fn contains(runtime: &str, tool: Tool) -> bool {
    match tool {
        Tool::Leak => ["lsan", "asan"].contains(&runtime),
        Tool::Undefined => ["ubsan", "asan", "msan", "tsan"].contains(&runtime),
        Tool::Address | Tool::Memory | Tool::Thread => runtime == tool.short_name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_or_preloaded() {
        let linked = |name| ElfFacts { sanitizers: vec![name], ..ElfFacts::default() };
        assert!(has(&linked("asan"), "".into(), Tool::Leak));
        assert!(!has(&linked("ubsan"), "".into(), Tool::Address));
        assert!(!has(&linked("asan"), "".into(), Tool::Thread));
        let plain = ElfFacts::default();
        assert!(has(&plain, "/usr/lib/gcc/12/libasan.so:/x.so".into(), Tool::Address));
        assert!(has(&plain, "/x/libclang_rt.tsan-x86_64.so".into(), Tool::Thread));
        assert!(!has(&plain, "/x/libtcmalloc.so".into(), Tool::Address));
    }
}
