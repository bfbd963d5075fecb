//! What unit tests of several grammars need.

use crate::script::expand::Variables;

/// Variables with these names and values. Any other is empty; a register that is not among them was never set.
pub struct Values(pub &'static [(&'static [u8], &'static [u8])]);

impl Variables for Values {
    fn value(&mut self, name: &[u8]) -> Option<&[u8]> {
        let known = self.0.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| *value).or(if name[0].is_ascii_digit() { None } else { Some(b"") })
    }
}

/// The stack of a program's main thread, where scripts run. That of a test's thread is a quarter of it, and too small for
/// the deepest script where the build is not optimised.
const MAIN_STACK: usize = 8 << 20;

/// Runs `test` with a stack as large as that of the main thread; it fails where `test` panics.
pub fn on_main_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(MAIN_STACK).spawn(test);
    assert!(thread.is_ok_and(|thread| thread.join().is_ok()), "no thread, or the panic above");
}
