//! What the doctor found, as data (`--json`) and as text.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

/// Everything found. `docs/doctor.md` documents the JSON of it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Tests can be run: there is no problem of severity `error`.
    pub usable: bool,
    /// The server program; `None` where there is none.
    pub server: Option<Server>,
    /// Plugins.
    pub plugins: Plugins,
    /// What option files give to a server that is started plainly. Servers of a test run do not read these files.
    pub options: Options,
    /// Facts of the build tree, where it is one.
    pub build: Option<Build>,
    /// Resource limits that servers inherit.
    pub limits: Vec<Limit>,
    /// Programs that tests, the runner or its users may want.
    pub tools: Vec<Tool>,
    /// What of the system matters to servers.
    pub system: Vec<Fact>,
    /// What is wrong, the worst first.
    pub problems: Vec<Problem>,
}

/// The server program.
#[derive(Debug, Default, Serialize)]
pub struct Server {
    /// Its path.
    pub program: PathBuf,
    /// `10.11.19`; `None` where the server does not run.
    pub version: Option<String>,
    /// What follows the version: `-MariaDB-0+deb12u1`.
    pub suffix: String,
    /// `Debug` or `Release`, by whether it has DBUG; `None` where the server does not run.
    pub build_type: Option<&'static str>,
    /// Its machine, as `uname -m` spells it; empty where it is no ELF file.
    pub machine: String,
    /// Sanitizers it is built with.
    pub sanitizers: Vec<&'static str>,
    /// The basedir of the installation.
    pub basedir: PathBuf,
    /// The directory with the tests.
    pub test_dir: PathBuf,
    /// The test directory is one that this program brings along.
    pub bundled_tests: bool,
}

/// Plugins.
#[derive(Debug, Default, Serialize)]
pub struct Plugins {
    /// Names of those that are built into the server.
    pub built_in: Vec<String>,
    /// Version of the plugin interface: `1.15`; `None` where the program file does not tell.
    pub interface: Option<String>,
    /// The maturity that the server demands by default.
    pub maturity: Option<String>,
    /// Where the libraries are.
    pub dir: PathBuf,
    /// The libraries, by name.
    pub libraries: Vec<Library>,
}

/// One library.
#[derive(Debug, Default, Serialize)]
pub struct Library {
    /// `ha_connect.so`.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// What would become of it.
    pub verdict: LibraryVerdict,
    /// Why, where it would not be loaded; or what it takes.
    pub reason: Option<String>,
    /// The code of the cause, as diagnoses of servers that did not start have it.
    pub code: Option<&'static str>,
    /// The plugins in it.
    pub plugins: Vec<Plugin>,
}

/// What would become of a library.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LibraryVerdict {
    /// The server would load it.
    #[default]
    Loads,
    /// It would with a lower `--plugin-maturity`, as servers of a test run have it.
    NeedsMaturity,
    /// Its plugins are built into the server.
    BuiltIn,
    /// It is for client programs.
    ForClients,
    /// It is for something else than `--plugin-load-add`.
    NoPlugin,
    /// It would not.
    Fails,
}

/// One plugin of a library.
#[derive(Debug, Default, Serialize)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// `storage engine`, `daemon`, …
    pub kind: &'static str,
    /// `stable`, `gamma`, …
    pub maturity: &'static str,
}

/// What option files say.
#[derive(Debug, Default, Serialize)]
pub struct Options {
    /// The files that a plain start reads, and whether they are there.
    pub files: Vec<OptionFile>,
    /// The groups it reads.
    pub groups: Vec<String>,
    /// The options it gets, in order: the last one wins.
    pub effective: Vec<String>,
}

/// An option file.
#[derive(Debug, Serialize)]
pub struct OptionFile {
    /// Its path.
    pub path: PathBuf,
    /// It is there.
    pub exists: bool,
}

/// A build tree.
#[derive(Debug, Default, Serialize)]
pub struct Build {
    /// `CMakeCache.txt`.
    pub cache: PathBuf,
    /// Its entries that matter, by name.
    pub entries: Vec<Fact>,
}

/// A resource limit.
#[derive(Debug, Serialize)]
pub struct Limit {
    /// `nofile`, `core`, `memlock`, `as`, `fsize`, `nproc`.
    pub name: &'static str,
    /// The value in force; `None`: unlimited.
    pub soft: Option<u64>,
    /// The value it may be raised to; `None`: unlimited.
    pub hard: Option<u64>,
}

/// A program.
#[derive(Debug, Serialize)]
pub struct Tool {
    /// `gdb`.
    pub name: &'static str,
    /// Where it is; `None` where it is not there.
    pub path: Option<PathBuf>,
    /// What it is for.
    pub purpose: &'static str,
}

/// A name and a value.
#[derive(Debug, Serialize)]
pub struct Fact {
    /// `kernel.core_pattern`.
    pub name: String,
    /// As the system has it.
    pub value: String,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Tests cannot be run, or a plugin cannot be used.
    Error,
    /// Some tests or some diagnoses will suffer.
    Warning,
}

/// Something wrong.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub text: String,
    /// What to do.
    pub hint: String,
    /// The code of what it leads to when a server starts; `docs/triage/` has a page of this name.
    pub code: Option<&'static str>,
}

impl Report {
    /// Adds something wrong.
    pub fn problem(&mut self, severity: Severity, text: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem { severity, text: text.into(), hint: hint.into(), code: None });
    }

    /// The report for people.
    pub fn to_text(&self) -> String {
        let mut page = Page::default();
        self.server_text(&mut page);
        self.plugin_text(&mut page);
        self.option_text(&mut page);
        if let Some(build) = &self.build {
            page.heading(&format!("Build tree ({})", build.cache.display()));
            build.entries.iter().for_each(|fact| page.line(&fact.name, &fact.value));
        }
        page.heading("Limits");
        for limit in &self.limits {
            page.line(limit.name, &format!("{} (up to {})", amount(limit.soft), amount(limit.hard)));
        }
        page.heading("Tools");
        for tool in &self.tools {
            let place = tool
                .path
                .as_ref()
                .map_or_else(|| format!("not found: {}", tool.purpose), |path| path.display().to_string());
            page.line(tool.name, &place);
        }
        page.heading("System");
        self.system.iter().for_each(|fact| page.line(&fact.name, &fact.value));
        page.heading(if self.problems.is_empty() { "No problems" } else { "Problems" });
        for problem in &self.problems {
            let code = problem.code.map(|code| format!(" [{code}]")).unwrap_or_default();
            let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
            page.line(severity, &format!("{}{code}", problem.text));
            page.line("", &format!("hint: {}", problem.hint));
        }
        page.text
    }

    fn server_text(&self, page: &mut Page) {
        page.heading("Server");
        let Some(server) = &self.server else { return page.line("program", "not found") };
        page.line("program", &server.program.display().to_string());
        let version = server.version.as_deref().unwrap_or("unknown: it does not run");
        page.line("version", &format!("{version}{}", server.suffix));
        let machine = if server.machine.is_empty() { "no ELF file" } else { &server.machine };
        page.line("build", &format!("{}, {machine}", server.build_type.unwrap_or("unknown")));
        let sanitizers = server.sanitizers.join(", ");
        page.line("sanitizers", if sanitizers.is_empty() { "none" } else { &sanitizers });
        page.line("basedir", &server.basedir.display().to_string());
        let brought = if server.bundled_tests { " (brought along: none is installed)" } else { "" };
        page.line("tests", &format!("{}{brought}", server.test_dir.display()));
    }

    fn plugin_text(&self, page: &mut Page) {
        let plugins = &self.plugins;
        page.heading("Plugins");
        page.line("interface", plugins.interface.as_deref().unwrap_or("unknown"));
        page.line("maturity", &format!("{} or better", plugins.maturity.as_deref().unwrap_or("unknown")));
        page.line("built in", &plugins.built_in.join(", "));
        let count = |verdict| plugins.libraries.iter().filter(|library| library.verdict == verdict).count();
        page.line(
            "libraries",
            &format!(
                "{} in {}: {} would load, {} with a lower maturity, {} not",
                plugins.libraries.len(),
                plugins.dir.display(),
                count(LibraryVerdict::Loads),
                count(LibraryVerdict::NeedsMaturity),
                count(LibraryVerdict::Fails)
            ),
        );
        for library in &plugins.libraries {
            let inside: Vec<String> = library
                .plugins
                .iter()
                .map(|plugin| format!("{} ({}, {})", plugin.name, plugin.kind, plugin.maturity))
                .collect();
            let why = library.reason.as_deref().unwrap_or_default();
            let verdict = match library.verdict {
                LibraryVerdict::Loads => "loads".to_owned(),
                LibraryVerdict::NeedsMaturity => format!("loads with {why}"),
                LibraryVerdict::BuiltIn => "built in".to_owned(),
                LibraryVerdict::ForClients => "for clients".to_owned(),
                LibraryVerdict::NoPlugin => format!("no plugin: {why}"),
                LibraryVerdict::Fails => format!("fails: {why}"),
            };
            let inside = if inside.is_empty() { String::new() } else { format!(": {}", inside.join(", ")) };
            page.line(&format!("  {}", library.name), &format!("{verdict}{inside}"));
        }
    }

    fn option_text(&self, page: &mut Page) {
        page.heading("Option files (servers of a test run do not read them)");
        for file in &self.options.files {
            page.line(&file.path.display().to_string(), if file.exists { "read" } else { "not there" });
        }
        page.line("groups", &self.options.groups.join(" "));
        self.options.effective.iter().for_each(|option| page.line("", option));
    }
}

fn amount(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".into(), |limit| limit.to_string())
}

/// Text in sections.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn heading(&mut self, heading: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{heading}");
    }

    fn line(&mut self, label: &str, text: &str) {
        let _ = writeln!(self.text, "{}", format!("  {label:<26} {text}").trim_end());
    }
}
