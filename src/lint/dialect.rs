//! The options that the server at hand takes, with those of all plugins in its plugin directory. What its help does not
//! settle the server is asked itself.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use crate::case::{Origin, ServerOption};
use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::server::process::os_args;
use crate::sys::argument::argument;
use crate::tree::layout::Layout;
use crate::tree::probe::{self, ServerFacts};
use crate::tree::server_options::ServerOptions;

/// What one server understands.
#[derive(Debug)]
pub struct Dialect {
    layout: Layout,
    settings: Settings,
    env: Env,
    /// `10.11.19-MariaDB`.
    pub version: String,
    /// Options of the server alone.
    pub own: ServerOptions,
    /// Options of the server with all its plugins.
    pub all: ServerOptions,
    /// The arguments that load all plugins.
    loading: Vec<OsString>,
    /// The base names of the plugin files.
    plugin_files: BTreeSet<OsString>,
}

impl Dialect {
    /// Asks the server of the installation, or the cache that knows its answer.
    ///
    /// # Errors
    /// There is no server, or it does not answer.
    pub fn ask(
        layout: &Layout,
        settings: &Settings,
        env: &Env,
        datadir: &Path,
    ) -> Result<(Dialect, ServerFacts)> {
        if layout.mariadbd.as_os_str().is_empty() {
            return Err(Error::new("there is no server"));
        }
        let (help, facts) = probe::help(layout, settings, env, datadir, &[])?;
        let plugin_files: BTreeSet<OsString> =
            layout.plugins.iter().filter_map(|(_, file)| Some(file.file_name()?.to_owned())).collect();
        let mut loading = vec![
            argument("--plugin-dir=", layout.plugin_dir.as_os_str()),
            "--plugin-maturity=unknown".into(),
        ];
        loading.extend(plugin_files.iter().map(|file| argument("--plugin-load-add=", file)));
        let (with_plugins, _) = probe::help(layout, settings, env, datadir, &loading)?;
        let dialect = Dialect {
            layout: layout.clone(),
            settings: settings.clone(),
            env: env.clone(),
            version: format!("{}{}", facts.version, facts.suffix),
            own: ServerOptions::parse(&help),
            all: ServerOptions::parse(&with_plugins),
            loading,
            plugin_files,
        };
        Ok((dialect, facts))
    }

    /// The server's program.
    pub fn program(&self) -> &Path {
        &self.layout.mariadbd
    }

    /// Whether a library that `plugin-load-add` names is in the plugin directory.
    pub fn has_plugin_file(&self, library: &BStr) -> bool {
        let name = library.to_os_str_lossy().into_owned();
        let mut with_extension = name.clone();
        with_extension.push(".so");
        self.plugin_files.contains(&name) || self.plugin_files.contains(&with_extension)
    }

    /// Those of `names` (without dashes, as they are written) that mean nothing to the server and all its plugins: also
    /// options that its help hides are known to it.
    pub fn unknown(&self, names: &[BString]) -> BTreeSet<BString> {
        let mut words: Vec<BString> = vec!["--log-warnings=2".into()];
        words.extend(names.iter().map(|name| BString::from([b"--loose-", name.as_slice(), b"=1"].concat())));
        let Some((success, said)) = self.run(&words, true) else { return BTreeSet::new() };
        // A value that one of them does not take ends the server before it has judged the others.
        if !success && names.len() > 1 {
            let (front, back) = names.split_at(names.len() / 2);
            let (mut front, back) = rayon::join(|| self.unknown(front), || self.unknown(back));
            front.extend(back);
            return front;
        }
        let complains = |name: &&BString| said.contains_str([b"'loose-", name.as_slice(), b"=1'"].concat());
        names.iter().filter(complains).cloned().collect()
    }

    /// Those of `words` with which the server does not start, each by itself, and what it says.
    pub fn refused(&self, words: &[Vec<BString>], with_plugins: bool) -> Vec<(Vec<BString>, BString)> {
        if words.is_empty() {
            return Vec::new();
        }
        match self.run(&words.concat(), with_plugins) {
            None | Some((true, _)) => Vec::new(),
            Some((false, said)) if words.len() == 1 => {
                // What does not even work without the arguments says nothing about them.
                let healthy = self.run(&[], with_plugins).is_some_and(|(success, _)| success);
                let complaint = complaint(&said, self.program()).filter(|_| healthy);
                complaint.map(|said| (words[0].clone(), said)).into_iter().collect()
            }
            // All together they may fail for one of them, or for a reason that no single one has.
            Some((false, _)) => {
                let (front, back) = words.split_at(words.len() / 2);
                let half = |words| self.refused(words, with_plugins);
                let (mut front, back) = rayon::join(|| half(front), || half(back));
                front.extend(back);
                front
            }
        }
    }

    /// Whether the server would go on with these arguments, and what it says.
    fn run(&self, words: &[BString], with_plugins: bool) -> Option<(bool, BString)> {
        let origin = std::sync::Arc::new(Origin::Runner);
        let options: Vec<ServerOption> =
            words.iter().map(|text| ServerOption { text: text.clone(), origin: origin.clone() }).collect();
        let mut arguments = if with_plugins { self.loading.clone() } else { Vec::new() };
        arguments.extend(os_args(&options));
        let nowhere = PathBuf::new();
        let output = probe::ask(&self.layout, &self.settings, &self.env, &nowhere, &arguments).ok()?.output;
        Some((output.status.success(), output.stderr.into()))
    }
}

/// The last error that the server told of, or else the last thing that it said; without its own name.
fn complaint(said: &BString, program: &Path) -> Option<BString> {
    let lines = || said.lines().rev().map(|line| line.trim());
    let error = lines().find_map(|line| line.split_once_str("[ERROR] ").map(|(_, message)| message));
    let line = error.or_else(|| lines().find(|line| !line.is_empty()))?;
    let own_name = |name: &[u8]| Path::new(&name.to_os_str_lossy()).file_name() == program.file_name();
    Some(match line.split_once_str(": ") {
        Some((name, message)) if own_name(name) => message.into(),
        _ => line.into(),
    })
}
