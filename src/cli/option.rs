//! What a row of the option table is made of.
//!
//! An option is data: its names, what it does to [`Settings`], its environment twin, its default
//! and its help. The parser, `--help`, `--list-options`, `docs/options.md` and the meta-tests all
//! read the same rows, so none of them can disagree with another.

use bstr::BStr;

use super::settings::Settings;
use crate::error::Result;

/// One option of the command line. Build it with [`flag`], [`text`], … and the methods below.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// The long name without dashes; the first of the names in `--help`.
    pub name: &'static str,
    /// Other names. One-letter names are also the letters of `-v`-like bundles.
    pub aliases: &'static [&'static str],
    /// What the option takes and what it sets.
    pub action: Action,
    /// The value's name in help: `N`, `DIR`, `NAME=VALUE`, …; empty for flags.
    pub value_name: &'static str,
    /// The environment variable that gives the default, if there is one.
    pub env: Option<EnvTwin>,
    /// The value where neither the command line nor the environment names one.
    pub default: DefaultValue,
    /// One line for `--help`: an imperative fragment without a final period.
    pub short_help: &'static str,
    /// Further sentences for `docs/options.md`; may be empty.
    pub long_help: &'static str,
    /// Why the option does nothing here, where it does nothing; it is then accepted with a warning.
    pub no_effect: Option<&'static str>,
    /// The option is ours: the reference does not have it. Such an option never makes an
    /// abbreviation ambiguous that the reference accepts.
    pub ours: bool,
}

/// What an option takes and what it does (runner §1.1).
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// No value; given or not.
    Flag(fn(&mut Settings)),
    /// No value; `--noX` and `--no-X` switch it off.
    Negatable(fn(&mut Settings, bool)),
    /// No value; every occurrence adds one.
    Counter(fn(&mut Settings) -> &mut u32),
    /// A value, after `=` or as the next argument; the last one wins.
    Text(fn(&mut Settings, &BStr) -> Result<()>),
    /// A whole number that is not negative, at most this one; the last one wins.
    Integer(u64, fn(&mut Settings, u64)),
    /// A time in a unit of its own, not negative; the last one wins. Any number is accepted: more than can be counted is
    /// as much as can.
    Time(fn(&mut Settings, u64)),
    /// A value; every occurrence appends one.
    List(fn(&mut Settings, &BStr)),
    /// `KEY=VALUE`; a key given again replaces its value.
    Pairs(fn(&mut Settings, &BStr, &BStr)),
    /// A value only after `=`; given bare it does not look at the next argument.
    Attached(fn(&mut Settings, Option<&BStr>)),
    /// A value after `=`, or the next argument unless that looks like an option.
    Optional(fn(&mut Settings, &BStr) -> Result<()>),
    /// A debugger for one kind of process; takes its arguments as [`Action::Attached`] does.
    Debugger(DebuggerKind, &'static str),
    /// Asks for a text instead of a run.
    Ask(Question),
}

/// Which processes a debugger option is about (runner §12.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebuggerKind {
    /// `--gdb`: the servers.
    Server,
    /// `--client-gdb`: mysqltest.
    Client,
    /// `--boot-gdb`: the server that makes the system tables.
    Bootstrap,
    /// `--manual-gdb`: the servers, started by the user.
    Manual,
}

impl DebuggerKind {
    /// What stands before the debugger's name in the option: empty, `client-`, `boot-`, `manual-`.
    pub fn prefix(self) -> &'static str {
        match self {
            DebuggerKind::Server => "",
            DebuggerKind::Client => "client-",
            DebuggerKind::Bootstrap => "boot-",
            DebuggerKind::Manual => "manual-",
        }
    }
}

/// A text that can be asked for instead of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// `--help`.
    Help,
    /// `--list-options`.
    ListOptions,
    /// `--version`.
    Version,
}

/// An environment variable that gives an option's default (runner §1.6).
#[derive(Debug, Clone, Copy)]
pub struct EnvTwin {
    /// `MTR_PARALLEL`, …
    pub name: &'static str,
    /// `0` in the variable means that it is not set, as for all variables the reference reads with
    /// Perl's `||`.
    pub zero_is_unset: bool,
    /// Other values that leave the variable without effect.
    pub ignores: fn(&BStr) -> bool,
}

/// An option's value where nobody gave one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// None: off, zero, an empty list or "not given".
    Nothing,
    /// This text, as if it stood on the command line in front of everything.
    Value(&'static str),
    /// Worked out later; the text says how.
    Worked(&'static str),
}

/// A part of the table, and of `--help`.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// Its options, in the order of `--help`.
    pub options: &'static [Opt],
}

/// A variable that has no option but sets a field of [`Settings`].
#[derive(Debug, Clone, Copy)]
pub struct EnvOnly {
    /// The variable's name.
    pub name: &'static str,
    /// The value where the variable is unset, empty or `0`.
    pub default: u64,
    /// Stores the number.
    pub set: fn(&mut Settings, u64),
    /// One line of help.
    pub short_help: &'static str,
}

const fn option(name: &'static str, action: Action, value_name: &'static str) -> Opt {
    Opt {
        name,
        aliases: &[],
        action,
        value_name,
        env: None,
        default: DefaultValue::Nothing,
        short_help: "",
        long_help: "",
        no_effect: None,
        ours: false,
    }
}

/// A row for [`Action::Flag`].
pub const fn flag(name: &'static str, set: fn(&mut Settings)) -> Opt {
    option(name, Action::Flag(set), "")
}

/// A row for [`Action::Negatable`]; such options are on unless switched off.
pub const fn negatable(name: &'static str, set: fn(&mut Settings, bool)) -> Opt {
    option(name, Action::Negatable(set), "").default("on")
}

/// A row for [`Action::Counter`].
pub const fn counter(name: &'static str, field: fn(&mut Settings) -> &mut u32) -> Opt {
    option(name, Action::Counter(field), "")
}

/// A row for [`Action::Text`].
pub const fn text(
    name: &'static str,
    value_name: &'static str,
    set: fn(&mut Settings, &BStr) -> Result<()>,
) -> Opt {
    option(name, Action::Text(set), value_name)
}

/// A row for [`Action::Integer`]: a count of what fits into 32 bits.
pub const fn integer(name: &'static str, value_name: &'static str, set: fn(&mut Settings, u64)) -> Opt {
    option(name, Action::Integer(u32::MAX as u64, set), value_name)
}

/// A row for [`Action::Time`].
pub const fn time(name: &'static str, value_name: &'static str, set: fn(&mut Settings, u64)) -> Opt {
    option(name, Action::Time(set), value_name)
}

/// A row for [`Action::List`].
pub const fn list(name: &'static str, value_name: &'static str, append: fn(&mut Settings, &BStr)) -> Opt {
    option(name, Action::List(append), value_name)
}

/// A row for [`Action::Pairs`].
pub const fn pairs(
    name: &'static str,
    value_name: &'static str,
    insert: fn(&mut Settings, &BStr, &BStr),
) -> Opt {
    option(name, Action::Pairs(insert), value_name)
}

/// A row for [`Action::Attached`].
pub const fn attached(
    name: &'static str,
    value_name: &'static str,
    set: fn(&mut Settings, Option<&BStr>),
) -> Opt {
    option(name, Action::Attached(set), value_name)
}

/// A row for [`Action::Optional`].
pub const fn optional(
    name: &'static str,
    value_name: &'static str,
    set: fn(&mut Settings, &BStr) -> Result<()>,
) -> Opt {
    option(name, Action::Optional(set), value_name)
}

/// A row for [`Action::Debugger`]: `name` is the option, `debugger` what an alias stands for.
pub const fn debugger(name: &'static str, kind: DebuggerKind, debugger: &'static str) -> Opt {
    option(name, Action::Debugger(kind, debugger), "ARGS")
}

/// A row for [`Action::Ask`].
pub const fn ask(name: &'static str, question: Question) -> Opt {
    option(name, Action::Ask(question), "")
}

impl Opt {
    /// Adds other names.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Adds an environment twin whose `0` is a value like any other.
    pub const fn env(mut self, name: &'static str) -> Self {
        self.env = Some(EnvTwin { name, zero_is_unset: false, ignores: |_| false });
        self
    }

    /// Adds an environment twin whose `0` means "unset".
    pub const fn env_nonzero(mut self, name: &'static str) -> Self {
        self.env = Some(EnvTwin { name, zero_is_unset: true, ignores: |_| false });
        self
    }

    /// Says which values of the variable are ignored.
    pub const fn env_ignores(mut self, ignores: fn(&BStr) -> bool) -> Self {
        if let Some(twin) = &mut self.env {
            twin.ignores = ignores;
        }
        self
    }

    /// Sets the default as it would be written on the command line.
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = DefaultValue::Value(value);
        self
    }

    /// Says how the default is worked out.
    pub const fn worked_out(mut self, how: &'static str) -> Self {
        self.default = DefaultValue::Worked(how);
        self
    }

    /// Sets the line for `--help`.
    pub const fn help(mut self, line: &'static str) -> Self {
        self.short_help = line;
        self
    }

    /// Sets the further sentences for `docs/options.md`.
    pub const fn more(mut self, sentences: &'static str) -> Self {
        self.long_help = sentences;
        self
    }

    /// Marks the option as accepted but idle, and says why.
    pub const fn no_effect(mut self, why: &'static str) -> Self {
        self.no_effect = Some(why);
        self
    }

    /// Marks the option as one the reference does not have.
    pub const fn ours(mut self) -> Self {
        self.ours = true;
        self
    }

    /// The name and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// All names joined by `|`, as the reference names an option in its messages.
    pub fn joined_names(&self) -> String {
        self.names().collect::<Vec<_>>().join("|")
    }

    /// `--name` with its value's shape: `--[no]reorder`, `--retry=N`, `--mem[=DIR]`.
    pub fn usage(&self) -> String {
        let Opt { name, value_name, .. } = self;
        match self.action {
            Action::Flag(_) | Action::Counter(_) | Action::Ask(_) => format!("--{name}"),
            Action::Negatable(_) => format!("--[no]{name}"),
            Action::Text(_) | Action::Integer(..) | Action::Time(_) | Action::List(_) | Action::Pairs(_) => {
                format!("--{name}={value_name}")
            }
            Action::Attached(_) | Action::Optional(_) | Action::Debugger(..) => {
                format!("--{name}[={value_name}]")
            }
        }
    }

    /// The option may be given several times, each time with a meaning of its own.
    pub fn repeats(&self) -> bool {
        matches!(self.action, Action::Counter(_) | Action::List(_) | Action::Pairs(_))
    }
}
