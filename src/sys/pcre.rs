//! PCRE2 in byte mode, with the match option that the safe `pcre2` crate does not offer: "the subject's
//! start is not the beginning of a line". `replace_regex` searches the rest of a value again and again
//! as a text of its own, in which `\b` and lookbehind see nothing of what went before (mysqltest §9.5).

use std::ops::Range;
use std::ptr::{self, NonNull};

use pcre2_sys as ffi;

/// After this much work with a pattern, counted in bytes, it is worth compiling to machine code.
const JIT_AFTER_BYTES: usize = 4 * 1024;
/// What one search counts beside the length of its subject.
const SEARCH_OVERHEAD: usize = 64;

/// A compiled pattern with the memory that its matches need.
///
/// Dot matches a newline, `$` also matches before a final newline, classes are ASCII, a newline is LF.
#[derive(Debug)]
pub struct Pattern {
    code: NonNull<ffi::pcre2_code_8>,
    matched: NonNull<ffi::pcre2_match_data_8>,
    groups: usize,
    work: usize,
    machine_code: MachineCode,
}

/// Whether a pattern runs as machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MachineCode {
    NotTried,
    Yes,
    No,
}

/// PCRE2 refused a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// PCRE2's number of the error, above 100.
    pub code: i32,
    /// The byte of the pattern up to which it was read.
    pub offset: usize,
}

/// PCRE2 gave up a search; the number is negative, for example -47: too many attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchError(pub i32);

impl MatchError {
    /// The search made too many attempts, or there was no memory for it.
    pub fn is_out_of_resources(self) -> bool {
        self.0 == ffi::PCRE2_ERROR_MATCHLIMIT || self.0 == ffi::PCRE2_ERROR_NOMEMORY
    }
}

/// Where a pattern matched.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// Start and end of the whole match, of group 1, and so on.
    offsets: &'a [usize],
}

impl Match<'_> {
    /// The bytes of the subject that group `number` matched, 0 being the whole match; `None` if the group
    /// took no part or there is no such group.
    pub fn group(&self, number: usize) -> Option<Range<usize>> {
        let at = number.checked_mul(2)?;
        let (&start, &end) = (self.offsets.get(at)?, self.offsets.get(at + 1)?);
        // After \K in a lookahead a match may end before it starts: that is an empty match.
        (start != ffi::PCRE2_UNSET && end != ffi::PCRE2_UNSET).then_some(start.min(end)..end)
    }
}

#[allow(unsafe_code)]
impl Pattern {
    /// Compiles `pattern`.
    ///
    /// # Errors
    ///
    /// The pattern is malformed or too large.
    pub fn new(pattern: &[u8], caseless: bool) -> Result<Pattern, CompileError> {
        let options = ffi::PCRE2_DOTALL | if caseless { ffi::PCRE2_CASELESS } else { 0 };
        let (mut code, mut offset) = (0, 0);
        // SAFETY: pcre2_compile reads the given length of the pattern and keeps no pointer to it; the
        // context lives until after the call. A failed allocation of the context is a null pointer,
        // which asks for the library's defaults.
        let compiled = unsafe {
            let context = ffi::pcre2_compile_context_create_8(ptr::null_mut());
            if !context.is_null() {
                ffi::pcre2_set_newline_8(context, ffi::PCRE2_NEWLINE_LF);
            }
            let compiled = ffi::pcre2_compile_8(
                pattern.as_ptr(),
                pattern.len(),
                options,
                &mut code,
                &mut offset,
                context,
            );
            ffi::pcre2_compile_context_free_8(context);
            compiled
        };
        let Some(compiled) = NonNull::new(compiled) else { return Err(CompileError { code, offset }) };
        // SAFETY: `compiled` is a compiled pattern, which is freed if no match data could be had for it.
        let matched = unsafe {
            let matched = ffi::pcre2_match_data_create_from_pattern_8(compiled.as_ptr(), ptr::null_mut());
            NonNull::new(matched).ok_or_else(|| {
                ffi::pcre2_code_free_8(compiled.as_ptr());
                CompileError { code: ffi::PCRE2_ERROR_HEAP_FAILED as i32, offset: 0 }
            })?
        };
        // SAFETY: the match data was made for the pattern and is alive.
        let pairs = unsafe { ffi::pcre2_get_ovector_count_8(matched.as_ptr()) };
        Ok(Pattern {
            code: compiled,
            matched,
            groups: (pairs as usize).saturating_sub(1),
            work: 0,
            machine_code: MachineCode::NotTried,
        })
    }

    /// How many groups the pattern has, without the whole match.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The leftmost match in `subject`. With `not_bol` its start is not the beginning of a line, so `^`
    /// does not match there.
    ///
    /// # Errors
    ///
    /// The search needed too many attempts or too much memory.
    pub fn find(&mut self, subject: &[u8], not_bol: bool) -> Result<Option<Match<'_>>, MatchError> {
        self.work = self.work.saturating_add(subject.len()).saturating_add(SEARCH_OVERHEAD);
        if self.machine_code == MachineCode::NotTried && self.work > JIT_AFTER_BYTES {
            // SAFETY: the pattern is alive. A failure leaves it usable by the interpreter.
            let rc = unsafe { ffi::pcre2_jit_compile_8(self.code.as_ptr(), ffi::PCRE2_JIT_COMPLETE) };
            self.machine_code = if rc == 0 { MachineCode::Yes } else { MachineCode::No };
        }
        let options = if not_bol { ffi::PCRE2_NOTBOL } else { 0 };
        let mut rc = self.run(subject, options);
        if rc == ffi::PCRE2_ERROR_JIT_STACKLIMIT {
            // Machine code has a small stack; the interpreter, which is the reference's engine, uses the heap.
            rc = self.run(subject, options | ffi::PCRE2_NO_JIT);
        }
        match rc {
            ffi::PCRE2_ERROR_NOMATCH => Ok(None),
            rc if rc < 0 => Err(MatchError(rc)),
            _ => {
                // SAFETY: after a match the vector holds a pair of offsets for the whole match and each
                // group; it lives in the match data, which `self` owns and the borrow keeps unchanged.
                let offsets = unsafe {
                    let start = ffi::pcre2_get_ovector_pointer_8(self.matched.as_ptr());
                    std::slice::from_raw_parts(start, 2 * (self.groups + 1))
                };
                Ok(Some(Match { offsets }))
            }
        }
    }

    fn run(&mut self, subject: &[u8], options: u32) -> i32 {
        // SAFETY: the pattern and its match data are alive and used by nobody else; the subject is read
        // within its length and not after the call, since only offsets are taken from the match data.
        unsafe {
            ffi::pcre2_match_8(
                self.code.as_ptr(),
                subject.as_ptr(),
                subject.len(),
                0,
                options,
                self.matched.as_ptr(),
                ptr::null_mut(),
            )
        }
    }
}

#[allow(unsafe_code)]
impl Drop for Pattern {
    fn drop(&mut self) {
        // SAFETY: both were made by PCRE2, are owned by this value alone and freed once.
        unsafe {
            ffi::pcre2_match_data_free_8(self.matched.as_ptr());
            ffi::pcre2_code_free_8(self.code.as_ptr());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn find(pattern: &str, subject: &[u8], not_bol: bool) -> Option<Range<usize>> {
        Pattern::new(pattern.as_bytes(), false).unwrap().find(subject, not_bol).unwrap()?.group(0)
    }

    #[test]
    fn bytes_dots_and_ends() {
        assert_eq!(find(".*", b"a\n\xff", false), Some(0..3));
        assert_eq!(find("b$", b"ab\n", false), Some(1..2));
        assert_eq!(find("^a", b"a", false), Some(0..1));
        assert_eq!(find("^a", b"a", true), None);
        assert_eq!(find("\\w", b"\xe4", false), None);
    }

    #[test]
    fn groups_without_part() {
        let mut pattern = Pattern::new(b"(a)|(b)", false).unwrap();
        assert_eq!(pattern.groups(), 2);
        let found = pattern.find(b"xb", false).unwrap().unwrap();
        assert_eq!((found.group(1), found.group(2), found.group(3)), (None, Some(1..2), None));
    }

    #[test]
    fn malformed_and_endless() {
        assert_eq!(Pattern::new(b"(", false).unwrap_err(), CompileError { code: 114, offset: 1 });
        let mut pattern = Pattern::new(b"(a+)+$", false).unwrap();
        let error = pattern.find(&[&[b'a'; 60][..], b"b"].concat(), false).unwrap_err();
        assert!(error.is_out_of_resources());
    }

    #[test]
    fn machine_code_gives_the_same() {
        let mut pattern = Pattern::new(b"([0-9]+)-x", false).unwrap();
        let subject = [&[b'1'; 500][..], b"-x"].concat();
        for _ in 0..200 {
            assert_eq!(pattern.find(&subject, true).unwrap().unwrap().group(1), Some(0..500));
        }
        assert_eq!(pattern.machine_code, MachineCode::Yes);
        // More than the stack of machine code: the interpreter answers.
        let mut pattern = Pattern::new(b"(?:(a|b)(c)?)*d", false).unwrap();
        let subject = [b"ab".repeat(20_000), b"d".to_vec()].concat();
        assert_eq!(pattern.find(&subject, true).unwrap().unwrap().group(0), Some(0..40_001));
    }

    #[test]
    fn a_match_that_ends_before_it_starts() {
        // \K inside a lookahead is refused by newer libraries, and gives an empty match in older ones.
        if let Ok(mut pattern) = Pattern::new(b"(?=ab\\K)", false) {
            let found = pattern.find(b"ab", false).unwrap().and_then(|found| found.group(0));
            assert!(found.is_none_or(|range| range.start <= range.end));
        }
    }
}
