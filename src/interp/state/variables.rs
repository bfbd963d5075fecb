//! The script's variables (mysqltest §4.1, §4.2, §4.7).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use bstr::{BString, ByteSlice};

use crate::env::Env;
use crate::script::common::charset::name_key_into;
use crate::script::common::integer;

/// One variable: the spelling it was made with, and its value.
#[derive(Debug, Default)]
struct Variable {
    name: BString,
    value: BString,
}

/// All variables of a script, and the environment its child processes get.
///
/// Names are compared with latin1_swedish_ci: without regard to case and accents (mysqltest §4.1;
/// `main/drop_table_force.test` needs it).
#[derive(Debug)]
pub struct Variables {
    named: Vec<Variable>,
    /// Where in `named` the variable with a key is.
    index: HashMap<Vec<u8>, usize, BuildHasherDefault<NameHasher>>,
    /// Where in `named` a name was found last, by [`recent_slot`] of its spelling: scripts write a name the same
    /// way every time, which then needs no key.
    recent: [usize; RECENT],
    /// The key looked up last; its memory is used again and again.
    key: Vec<u8>,
    registers: [Option<BString>; 10],
    /// The bytes of all values.
    held: usize,
    env: Env,
}

impl Variables {
    /// Variables above the environment `env`; nothing is defined yet.
    pub fn new(env: Env) -> Self {
        Variables {
            named: Vec::new(),
            index: HashMap::default(),
            recent: [0; RECENT],
            key: Vec::new(),
            registers: Default::default(),
            held: 0,
            env,
        }
    }

    /// How many bytes the values have together.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The environment of child processes: the process's own and what `let NAME=` set (mysqltest §4.2).
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The value of an environment variable, as bytes.
    pub fn from_env(&self, name: &str) -> Option<&[u8]> {
        self.env.get(name).map(OsStrExt::as_bytes)
    }

    /// Sets a variable whose name is written without `$`.
    pub fn set(&mut self, name: &[u8], value: impl Into<BString>) {
        let value = value.into();
        let length = value.len();
        let old = std::mem::replace(self.place(name), value);
        self.count(old.len(), length);
    }

    /// Where the value of a variable is, which exists from then on.
    fn place(&mut self, name: &[u8]) -> &mut BString {
        match register(name) {
            Some(register) => self.registers[register].get_or_insert_default(),
            None => &mut self.variable(name).value,
        }
    }

    /// Counts that a value of `old` bytes has given way to one of `new`.
    fn count(&mut self, old: usize, new: usize) {
        self.held = self.held.saturating_sub(old) + new;
    }

    /// Sets a variable to a copy of `value`, in the memory that its last value had.
    pub fn assign(&mut self, name: &[u8], value: &[u8]) {
        let to = self.place(name);
        let old = to.len();
        to.clear();
        to.extend_from_slice(value);
        self.count(old, value.len());
    }

    /// Sets a number.
    pub fn set_number(&mut self, name: &[u8], number: i64) {
        use std::io::Write;
        let value = self.place(name);
        let old = value.len();
        value.clear();
        // Writing to a vector cannot fail.
        let _ = write!(value, "{number}");
        let new = value.len();
        self.count(old, new);
    }

    /// Sets a variable, and the environment variable of the same name under the spelling with which
    /// the script's one was made (mysqltest §4.2).
    pub fn export(&mut self, name: &[u8], value: impl Into<BString>) {
        let value = value.into();
        self.set(name, value.clone());
        let spelling = match register(name) {
            Some(_) => BString::from(name),
            None => self.variable(name).name.clone(),
        };
        self.env
            .set(std::ffi::OsString::from_vec(spelling.into()), std::ffi::OsString::from_vec(value.into()));
    }

    /// The value of a variable; made from the environment, or empty, if it was not there (mysqltest §4.1).
    /// `None` for a register that was not set.
    pub fn get(&mut self, name: &[u8]) -> Option<&BString> {
        match register(name) {
            Some(register) => self.registers[register].as_ref(),
            None => Some(&self.variable(name).value),
        }
    }

    /// The value of a variable where it is a whole number.
    pub fn number(&mut self, name: &[u8]) -> Option<i32> {
        self.get(name).and_then(|value| integer::view(value))
    }

    fn variable(&mut self, name: &[u8]) -> &mut Variable {
        let slot = recent_slot(name);
        let recent = self.recent[slot];
        if self.named.get(recent).is_some_and(|variable| variable.name == name) {
            return &mut self.named[recent];
        }
        name_key_into(&mut self.key, name);
        let at = match self.index.get(&self.key[..]) {
            Some(&at) => at,
            None => {
                let value = self.env.get(name.to_os_str_lossy());
                let value = value.map_or_else(BString::default, |value| value.as_bytes().into());
                self.held += value.len();
                self.index.insert(self.key.clone(), self.named.len());
                self.named.push(Variable { name: name.into(), value });
                self.named.len() - 1
            }
        };
        self.recent[slot] = at;
        &mut self.named[at]
    }
}

/// How many names are remembered: more than a loop uses.
const RECENT: usize = 64;

/// Where a name is remembered. Names of one script mostly differ in these bytes; where not, the last one stays.
fn recent_slot(name: &[u8]) -> usize {
    let ends =
        name.first().zip(name.last()).map_or(0, |(&first, &last)| usize::from(first) * 7 + usize::from(last));
    (ends + name.len() * 5) % RECENT
}

/// A quick hash: names are short, and a script has no reason to make them collide. The odd factor, from the golden
/// ratio, spreads each byte to the high bits, by which the table tells keys apart.
#[derive(Debug, Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    /// The length of the name.
    fn write_usize(&mut self, length: usize) {
        self.write_u8(length as u8);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The register a name means: the first digit alone counts (`let $10= x` sets `$1`).
fn register(name: &[u8]) -> Option<usize> {
    let first = *name.first()?;
    first.is_ascii_digit().then(|| usize::from(first - b'0'))
}

impl crate::script::expand::Variables for Variables {
    fn value(&mut self, name: &[u8]) -> Option<&[u8]> {
        self.get(name).map(|value| value.as_slice())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_variable_whatever_the_case() {
        let mut variables = Variables::new(Env::default());
        variables.set(b"DataDir", "x");
        assert_eq!(variables.get(b"DATADIR").unwrap(), "x");
    }

    #[test]
    fn names_in_one_slot_stay_apart() {
        let mut variables = Variables::new(Env::default());
        let names: Vec<String> = (0..500).map(|number| format!("v_{number}_w")).collect();
        for name in &names {
            variables.set(name.as_bytes(), name.as_str());
        }
        for name in &names {
            assert_eq!(variables.get(name.as_bytes()).unwrap(), name.as_str());
            assert_eq!(variables.get(name.to_uppercase().as_bytes()).unwrap(), name.as_str());
            assert_eq!(variables.get(name.as_bytes()).unwrap(), name.as_str());
        }
        assert_eq!(variables.named.len(), names.len());
    }

    #[test]
    fn the_environment_is_read_once() {
        let mut env = Env::default();
        env.set("HOME_OF", "a");
        let mut variables = Variables::new(env);
        assert_eq!(variables.get(b"HOME_OF").unwrap(), "a");
        variables.export(b"home_of", "b");
        // The spelling is that of the first reference.
        assert_eq!(variables.from_env("HOME_OF"), Some(&b"b"[..]));
        assert_eq!(variables.from_env("home_of"), None);
    }

    #[test]
    fn values_are_counted() {
        let mut variables = Variables::new(Env::default());
        variables.set(b"a", "12345");
        variables.set(b"1", "123");
        variables.assign(b"a", b"1");
        variables.export(b"b", "12");
        variables.set_number(b"1", 10);
        assert_eq!(variables.held(), 1 + 2 + 2);
    }

    #[test]
    fn a_register_is_its_first_digit() {
        let mut variables = Variables::new(Env::default());
        assert_eq!(variables.get(b"1"), None);
        variables.set(b"10", "x");
        assert_eq!(variables.get(b"1").unwrap(), "x");
    }
}
