//! What a rule looks at: the evidence, with the log taken apart.

use std::path::PathBuf;

use bstr::{BStr, BString, ByteSlice};

use crate::case::Origin;
use crate::triage::argument::{find, name, value};
use crate::triage::evidence::{Evidence, Holder, Limit, PathFact, Resource, Setting, Space};
use crate::triage::log::{Entry, Level, entries};

/// Everything known, and the log of this start line by line.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Everything known.
    pub evidence: &'a Evidence,
    /// The log of this start.
    pub log: Vec<Entry<'a>>,
}

/// Where a server got the value of an option from.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The value; empty where it has none.
    pub value: &'a BStr,
    /// Index in `argv`, if it is an argument.
    pub argument: Option<usize>,
    /// The line of the configuration file, if it is there.
    pub setting: Option<&'a Setting>,
}

impl<'a> Scene<'a> {
    /// Takes the log apart.
    pub fn new(evidence: &'a Evidence) -> Self {
        Scene { evidence, log: entries(&evidence.log) }
    }

    /// The first line whose message contains one of the needles, of whatever level.
    pub fn line(&self, needles: &[&str]) -> Option<Entry<'a>> {
        self.log.iter().copied().find(|entry| needles.iter().any(|needle| entry.says(needle)))
    }

    /// The first line whose message contains all of the needles, of whatever level.
    pub fn line_with_all(&self, needles: &[&str]) -> Option<Entry<'a>> {
        self.log.iter().copied().find(|entry| needles.iter().all(|needle| entry.says(needle)))
    }

    /// The first line of level ERROR whose message contains one of the needles.
    pub fn error(&self, needles: &[&str]) -> Option<Entry<'a>> {
        let fits = |entry: &Entry<'a>| {
            entry.level == Level::Error && needles.iter().any(|needle| entry.says(needle))
        };
        self.log.iter().copied().find(fits)
    }

    /// What the log has got since the server was last ready: with what stands before, it lived. The command line
    /// that begins the log is not of it.
    pub fn since_ready(&self) -> impl Iterator<Item = Entry<'a>> + '_ {
        let ready = self.log.iter().rposition(Entry::is_ready);
        let since = &self.log[ready.map_or(0, |at| at + 1)..];
        since.iter().copied().filter(|entry| !entry.is_command())
    }

    /// What the server itself, and no connection, has complained of since it was last ready.
    pub fn dying(&self) -> impl Iterator<Item = Entry<'a>> + '_ {
        self.since_ready().filter(|entry| entry.level != Level::Note && !entry.of_connection())
    }

    /// All lines of level ERROR.
    pub fn errors(&self) -> impl Iterator<Item = Entry<'a>> + '_ {
        self.log.iter().copied().filter(|entry| entry.level == Level::Error)
    }

    /// The index of the argument that sets `option`; the last one wins.
    pub fn argument(&self, option: &str) -> Option<usize> {
        find(&self.evidence.argv, option.as_bytes(), None)
    }

    /// What the server was given for `option`, by argument or option file.
    pub fn given(&self, option: &str) -> Option<Given<'a>> {
        if let Some(at) = self.argument(option) {
            let value = value(&self.evidence.argv, at).unwrap_or_default();
            return Some(Given { value, argument: Some(at), setting: None });
        }
        let wanted = name(option.as_bytes());
        let is_it = |setting: &&Setting| {
            let own = name(&setting.name);
            own == wanted || own.strip_prefix(b"loose-").is_some_and(|own| own == wanted.as_slice())
        };
        let setting = self.evidence.settings.iter().rfind(is_it)?;
        let value = setting.value.as_ref().map(|value| value.as_bstr()).unwrap_or_default();
        Some(Given { value, argument: None, setting: Some(setting) })
    }

    /// The argument at `index` and where it was written: `--foo=1 (t/x.opt:3)`.
    pub fn cite(&self, index: usize) -> BString {
        let Some(option) = self.evidence.argv.get(index) else { return BString::default() };
        format!("{} ({})", option.text, option.origin).into()
    }

    /// The line stands in the configuration that the runner made of templates, and in no template: it is the runner's own.
    pub fn is_made(&self, setting: &Setting) -> bool {
        let file = setting.location.file.as_path();
        let (argv, vardir) = (&self.evidence.argv, &self.evidence.system.vardir);
        let mut named = argv.iter().filter(|option| {
            option.text.strip_prefix(b"--defaults-file=").is_some_and(|path| path.to_path_lossy() == file)
        });
        named.any(|option| match &*option.origin {
            Origin::Runner => true,
            Origin::Noted(_) => vardir.is_absolute() && file.starts_with(vardir),
            _ => false,
        })
    }

    /// Whether the argument at `index` is the runner's own.
    pub fn is_the_runners(&self, index: usize) -> bool {
        self.evidence.argv.get(index).is_some_and(|option| *option.origin == Origin::Runner)
    }

    /// Where `given` was written.
    pub fn origin(&self, given: &Given<'a>) -> String {
        match (given.argument.and_then(|at| self.evidence.argv.get(at)), given.setting) {
            (Some(option), _) => option.origin.to_string(),
            (None, Some(setting)) => setting.location.to_string(),
            (None, None) => String::new(),
        }
    }

    /// The option as it was written, and where: `--tmpdir=/x (t/x.opt:1)`, `tmpdir=/x (my.cnf:12)`.
    pub fn written(&self, given: &Given<'a>) -> BString {
        match (given.argument, given.setting) {
            (Some(index), _) => self.cite(index),
            (None, Some(setting)) => {
                let value = setting.value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
                format!("{}{value} ({})", setting.name, setting.location).into()
            }
            (None, None) => BString::default(),
        }
    }

    /// The limit of this name.
    pub fn limit(&self, name: &str) -> Option<&'a Limit> {
        self.evidence.system.limits.iter().find(|limit| limit.name == name)
    }

    /// The room in the directory of this name.
    pub fn space(&self, what: &str) -> Option<&'a Space> {
        self.evidence.system.space.iter().find(|space| space.what == what)
    }

    /// What is known of the path of this option.
    pub fn path(&self, option: &str) -> Option<&'a PathFact> {
        self.evidence.system.paths.iter().find(|fact| fact.option == option)
    }

    /// Who holds a resource.
    pub fn holders(&self, resource: &Resource) -> Vec<&'a Holder> {
        self.evidence.system.holders.iter().filter(|holder| holder.resource == *resource).collect()
    }

    /// The configuration file of the server.
    pub fn defaults_file(&self) -> Option<PathBuf> {
        let word = self.evidence.argv.iter().find_map(|o| o.text.strip_prefix(b"--defaults-file="))?;
        word.to_path().ok().map(PathBuf::from)
    }
}
