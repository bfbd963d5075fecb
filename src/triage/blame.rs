//! Where an option of a server was written: on its command line, in an option file of a test, in its configuration.

use bstr::{BStr, BString, ByteSlice};

use crate::case::Origin;
use crate::triage::argument::{find, name, stem, value};
use crate::triage::evidence::Setting;
use crate::triage::scene::{Given, Scene};

/// Where an option came from; nothing is known where both are `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blame<'a> {
    /// Index in `argv`, if it is an argument.
    pub argument: Option<usize>,
    /// The line of the configuration file, if it is there.
    pub setting: Option<&'a Setting>,
    origin: Option<&'a Origin>,
}

impl Blame<'_> {
    /// It was found.
    pub fn is_known(&self) -> bool {
        self.argument.is_some() || self.setting.is_some()
    }

    /// The runner added it of its own accord.
    pub fn is_runner(&self) -> bool {
        matches!(self.origin, Some(Origin::Runner))
    }

    /// The place in parentheses, with a blank before it: ` (t/x.opt:3)`; empty where it is not known.
    pub fn place(&self) -> String {
        match (self.origin, self.setting) {
            (Some(origin), _) => format!(" ({origin})"),
            (None, Some(setting)) => format!(" ({})", setting.location),
            (None, None) => String::new(),
        }
    }

    /// `option` as it is to be written in that place: with dashes as an argument, without in a configuration file.
    pub fn spelt(&self, option: &str) -> String {
        match (self.argument, self.setting) {
            (None, Some(_)) => option.to_owned(),
            _ => format!("--{option}"),
        }
    }
}

/// What a finding blames: an argument, or a line of a configuration; nothing where both are `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blamed<'a> {
    /// Index in `argv`.
    pub argument: Option<usize>,
    /// A line of a configuration.
    pub setting: Option<&'a Setting>,
}

impl From<Option<usize>> for Blamed<'_> {
    fn from(argument: Option<usize>) -> Self {
        Blamed { argument, setting: None }
    }
}

impl<'a> From<Given<'a>> for Blamed<'a> {
    fn from(Given { argument, setting, .. }: Given<'a>) -> Self {
        Blamed { argument, setting }
    }
}

impl<'a> From<Option<Given<'a>>> for Blamed<'a> {
    fn from(given: Option<Given<'a>>) -> Self {
        given.map(Blamed::from).unwrap_or_default()
    }
}

impl<'a> From<Blame<'a>> for Blamed<'a> {
    fn from(Blame { argument, setting, .. }: Blame<'a>) -> Self {
        Blamed { argument, setting }
    }
}

impl<'a> Scene<'a> {
    /// What is blamed, as somebody wrote it: `--port=1`, `port=1` in a configuration. `None` for what is the runner's own.
    pub fn own(&self, blamed: impl Into<Blamed<'a>>) -> Option<BString> {
        let Blamed { argument, setting } = blamed.into();
        if let Some(option) = argument.and_then(|at| self.evidence.argv.get(at)) {
            return (*option.origin != Origin::Runner).then(|| option.text.clone());
        }
        Some(setting.filter(|setting| !self.is_made(setting))?.text())
    }

    /// What to change, and as another way to remove what is blamed, which the server does without: `FIX, or remove --port=1`.
    pub fn or_remove(&self, fix: impl std::fmt::Display, blamed: impl Into<Blamed<'a>>) -> String {
        match self.own(blamed) {
            Some(own) => format!("{fix}, or remove {own}"),
            None => fix.to_string(),
        }
    }

    /// The same, where to remove it is the first thing to do: `remove --port=1: WHY`.
    pub fn remove_or(&self, blamed: impl Into<Blamed<'a>>, why: &str, fix: impl Into<String>) -> String {
        self.own(blamed).map_or_else(|| fix.into(), |own| format!("remove {own}{why}"))
    }

    /// Where `option` (with or without dashes) was given this value; where nobody gave that value, where it was
    /// given one at all. An argument beats a line of the configuration, as it does for the server.
    pub fn blame(&self, option: &[u8], wanted: Option<&[u8]>) -> Blame<'a> {
        let argv = &self.evidence.argv;
        let by_argument = find(argv, option, wanted);
        let bare = name(option);
        let bare = stem(bare.as_bstr());
        let same_value = |given: &[u8]| wanted.is_none_or(|wanted| given == wanted);
        let exact = by_argument.filter(|at| same_value(value(argv, *at).unwrap_or_default()));
        let settings = || self.evidence.settings.iter().rev();
        let of_name = |setting: &&Setting| stem(name(&setting.name).as_bstr()) == bare;
        let valued =
            |setting: &&Setting| same_value(setting.value.as_ref().map_or(&b""[..], |v| v.as_slice()));
        if let Some(at) = exact {
            return self.blame_argument(Some(at));
        }
        if let Some(setting) = settings().find(|s| of_name(s) && valued(s)) {
            return Blame { setting: Some(setting), ..Blame::default() };
        }
        // A server may know an option by the beginning of its name.
        let shortened = wanted.and_then(|wanted| {
            (0..argv.len()).rev().find(|at| {
                let given = name(&argv[*at].text);
                let given = stem(given.as_bstr());
                given.len() > 2
                    && argv[*at].text.starts_with(b"--")
                    && bare.starts_with(given)
                    && value(argv, *at).is_some_and(|v| v == wanted)
            })
        });
        if let Some(at) = shortened.or(by_argument) {
            return self.blame_argument(Some(at));
        }
        Blame { setting: settings().find(of_name), ..Blame::default() }
    }

    /// The argument at this index.
    pub fn blame_argument(&self, argument: Option<usize>) -> Blame<'a> {
        let origin = argument.and_then(|at| self.evidence.argv.get(at)).map(|option| &*option.origin);
        Blame { argument, setting: None, origin }
    }

    /// The last place that gives some option this value.
    pub fn blame_value(&self, options: &[&str], wanted: &BStr) -> Blame<'a> {
        let found = options.iter().map(|option| self.blame(option.as_bytes(), Some(wanted))).find(|blame| {
            let given = match (blame.argument, blame.setting) {
                (Some(at), _) => value(&self.evidence.argv, at),
                (None, Some(setting)) => setting.value.as_ref().map(|v| v.as_bstr()),
                (None, None) => None,
            };
            given.is_some_and(|given| given.eq_ignore_ascii_case(wanted))
        });
        found.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::error::Location;
    use crate::triage::evidence::Setting;
    use crate::triage::scene::Scene;
    use crate::triage::testing::failed;

    #[test]
    fn the_value_decides_between_arguments_and_settings() {
        let mut evidence = failed(1, &["--sort_buffer=2x", "--port=7"], "");
        evidence.settings = vec![Setting {
            name: "port".into(),
            value: Some("abc".into()),
            location: Location { file: "/v/my.cnf".into(), line: Some(4) },
        }];
        let scene = Scene::new(&evidence);
        let place = |option: &str, value: Option<&str>| {
            scene.blame(option.as_bytes(), value.map(str::as_bytes)).place()
        };
        assert_eq!(place("port", Some("abc")), " (/v/my.cnf:4)");
        assert_eq!(place("--port", Some("7")), " (x.opt:2)");
        assert_eq!(place("port", None), " (x.opt:2)");
        assert_eq!(place("port", Some("9")), " (x.opt:2)");
        assert_eq!(place("sort_buffer_size", Some("2x")), " (x.opt:1)");
        assert_eq!(place("socket", None), "");
        assert_eq!(scene.blame_value(&["socket", "port"], "abc".into()).spelt("port"), "port");
    }
}
