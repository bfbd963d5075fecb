//! Servers that die before their pid file, each for a reason of its own, and what is said of it.
//!
//! The installed server dies for real wherever a test can bring that about.

mod context;
mod crash;
mod datadir;
mod disk;
pub mod faulty;
mod galera;
mod keys;
mod limits;
mod mend;
mod mended;
mod network;
mod options;
mod paths;
mod plugins;
mod program;
mod replication;
mod sanitizer;
mod waiting;

use std::ffi::OsString;

use serde_json::Value;

use crate::skip::skip_part;
use crate::support::{Finished, Site, sample, server_version};

/// Causes whose first fix a program applies, after which the server starts: those with a sample of a real server whose fix is
/// an option, a command of the system, or a process to end.
const MENDED: &[&str] = &[
    "MTR-S001", "MTR-S002", "MTR-S003", "MTR-S004", "MTR-S005", "MTR-S006", "MTR-S007", "MTR-S008",
    "MTR-S009", "MTR-S010", "MTR-S011", "MTR-S013", "MTR-S014", "MTR-S015", "MTR-S016", "MTR-S017",
    "MTR-S018", "MTR-S020", "MTR-S021", "MTR-S022", "MTR-S023", "MTR-S024", "MTR-S025", "MTR-S026",
    "MTR-S027", "MTR-S028", "MTR-S029", "MTR-S030", "MTR-S031", "MTR-S032", "MTR-S033", "MTR-S034",
    "MTR-S035", "MTR-S036", "MTR-S037", "MTR-S038", "MTR-S040", "MTR-S041", "MTR-S045", "MTR-S047",
    "MTR-S049", "MTR-S055", "MTR-S057", "MTR-S058", "MTR-S060", "MTR-S061", "MTR-S062", "MTR-S063",
    "MTR-S068", "MTR-S069", "MTR-S071", "MTR-S076", "MTR-S080", "MTR-S081", "MTR-S084", "MTR-S086",
    "MTR-S087", "MTR-S102",
];

/// Servers of 11.8 may hang on their way out when they cannot start: how many seconds the runner waits for one.
pub const EXIT_TIMEOUT: &str = "20";

/// A test `dead`, whose server is to die at start.
pub struct Death {
    site: Site,
    id: &'static str,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
}

/// What was said of it.
pub struct Diagnosed {
    /// The run.
    pub run: Finished,
    /// The diagnosis, as the events have it.
    pub diagnosis: Value,
    /// The files stay until all is asserted.
    pub site: Site,
    /// How it was run, to run it again.
    again: Again,
}

/// What a run was started with.
#[derive(Clone, Default)]
struct Again {
    id: &'static str,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
}

impl Death {
    /// By these words in `dead.opt`; they may name `$MYSQLTEST_VARDIR`.
    pub fn by_options(opt: &str) -> Death {
        let site = Site::real();
        site.test_file("dead.test", "select 1;\n").test_file("dead.result", "select 1;\n1\n1\n");
        site.test_file("dead.opt", opt);
        Death { site, id: "own.dead", args: Vec::new(), env: Vec::new() }
    }

    /// By the fake server, which says `log` and then fails, or as `FAKE_END` in its environment tells it to. The real
    /// server says such words where this machine does not bring it.
    pub fn by_words(log: &str) -> Death {
        let site = Site::fake();
        site.test_file("dead.test", "exit 0\n").test_file("dead.opt", "--fake=say\n");
        Death { site, id: "main.dead", args: Vec::new(), env: vec![("FAKE_LOG", log.into())] }
    }

    /// More words of `dead.opt`.
    pub fn with(self, opt: &str) -> Death {
        let file = self.site.suite().join("dead.opt");
        let all = std::fs::read_to_string(&file).unwrap() + opt + "\n";
        self.site.test_file("dead.opt", all);
        self
    }

    /// `dead-master.sh`, which runs when the data directory is there and before the server starts.
    pub fn prepared_by(self, script: &str) -> Death {
        self.site.test_file("dead-master.sh", script);
        self
    }

    /// `dead.cnf`, in place of the default configuration.
    pub fn configured_by(self, cnf: &str) -> Death {
        self.site.test_file("dead.cnf", cnf);
        self
    }

    /// An argument of the runner.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Death {
        self.args.push(arg.into());
        self
    }

    /// A variable of the runner's environment.
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Death {
        self.env.push((name, value.into()));
        self
    }

    /// Where its files are.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Runs it. The test fails because a server did not start, with exactly one diagnosis.
    #[track_caller]
    pub fn dies(self) -> Diagnosed {
        self.fails_by("server_start")
    }

    /// Runs it. Servers before version `since` (`100_600`) may go on instead, and then the test passes; those from it on
    /// die.
    #[track_caller]
    pub fn dies_since(self, since: u32) -> Option<Diagnosed> {
        if server_version() >= since {
            return Some(self.dies());
        }
        let again = self.again();
        let (run, site) = self.run();
        if run.code == Some(0) {
            skip_part("this release of MariaDB starts all the same");
            return None;
        }
        Some(diagnosed(run, site, again, "server_start"))
    }

    /// Runs it. The server dies when it has its pid file already and the test has not begun.
    #[track_caller]
    pub fn dies_late(self) -> Diagnosed {
        self.fails_by("server_death")
    }

    #[track_caller]
    fn fails_by(self, failure: &str) -> Diagnosed {
        let again = self.again();
        let (run, site) = self.run();
        diagnosed(run, site, again, failure)
    }

    /// Runs it. The run ends before its first test, because the server does not say what it is or does not make a
    /// data directory.
    #[track_caller]
    pub fn dies_early(self) -> Diagnosed {
        let again = self.again();
        let (run, site) = self.run();
        run.exits(1).reports_are_well_formed();
        let end = run.events.last().cloned().unwrap_or_default();
        let diagnoses = end["diagnoses"].as_array().cloned().unwrap_or_default();
        assert_eq!((end["event"].as_str(), diagnoses.len()), (Some("run_finished"), 1), "{run:?}");
        Diagnosed { run, diagnosis: diagnoses[0].clone(), site, again }
    }

    fn again(&self) -> Again {
        Again { id: self.id, args: self.args.clone(), env: self.env.clone() }
    }

    fn run(self) -> (Finished, Site) {
        let Death { site, id: _, args, env } = self;
        let mut run = site.run().args(["--force", "--retry=0"]).args(args).args(["dead"]);
        for (name, value) in env {
            run = run.env(name, value);
        }
        (run.finish(), site)
    }
}

/// A run whose only test failed this way, with exactly one diagnosis.
#[track_caller]
fn diagnosed(run: Finished, site: Site, again: Again, failure: &str) -> Diagnosed {
    let id = again.id;
    run.exits(1).verdict(id, "fail").reports_are_well_formed();
    let outcome = run.outcomes(id)[0].clone();
    assert_eq!(outcome["failure"], failure, "{run:?}");
    let diagnoses = outcome["diagnoses"].as_array().cloned().unwrap_or_default();
    assert_eq!(diagnoses.len(), 1, "{run:?}");
    let junit = run.report("junit");
    let (cause, code) = (&diagnoses[0]["cause"], diagnoses[0]["code"].as_str().unwrap());
    assert!(junit.contains(&format!("<failure type=\"{failure}\" message=\"")), "{junit}");
    assert!(junit.contains(&format!(" [{code}]\">")) && cause.is_string(), "{junit}");
    Diagnosed { run, diagnosis: diagnoses[0].clone(), site, again }
}

impl Diagnosed {
    #[track_caller]
    fn has(&self, what: &str, told: &str, needle: &str) {
        assert!(told.contains(needle), "{what}: no {needle:?} in {told:?}\n{:?}", self.run);
    }

    /// It is the sample on the page of this code.
    #[track_caller]
    pub fn page(&self, code: &str) -> &Self {
        sample::is_on_page(code, &self.diagnosis, &self.site.path(""));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            return self;
        }
        if let Some(file) = std::env::var_os("MTR_TESTS_TRY_FIXES") {
            let told = self
                .mend()
                .map_or_else(|why| format!("{code} no: {why}\n"), |done| format!("{code} yes: {done}\n"));
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
            std::io::Write::write_all(&mut file, told.as_bytes()).unwrap();
        } else if MENDED.contains(&code) {
            self.mend().unwrap_or_else(|why| panic!("{code}: {why}"));
        }
        self
    }

    /// Its cause has this code, and a program does what the first fix says: the server starts then.
    #[track_caller]
    pub fn mends(&self, code: &str) -> &Self {
        assert_eq!(self.diagnosis["code"], code, "{:?}", self.run);
        self.mend().unwrap_or_else(|why| panic!("{code}: {why}"));
        self
    }

    /// A program does what the first fix says, and the server starts then; what it did, or why it does not.
    fn mend(&self) -> Result<String, String> {
        let Again { id, mut args, env } = self.again.clone();
        let options = self.site.suite().join("dead.opt");
        let done = mend::Mending { text: &self.run.text, args: &mut args, options }.apply()?;
        let mut run =
            self.site.run_in("var", "again").args(["--force", "--retry=0"]).args(args).args(["dead"]);
        for (name, value) in env {
            run = run.env(name, value);
        }
        let run = run.finish();
        match run.outcomes(id).first().map(|outcome| &outcome["failure"]) {
            Some(failure) if failure != "server_start" && failure != "server_death" => Ok(done),
            _ => Err(format!("after {done}: {run:?}")),
        }
    }

    /// The cause has this code, and its line has these words; the console says both.
    #[track_caller]
    pub fn cause(&self, code: &str, words: &str) -> &Self {
        assert_eq!(self.diagnosis["code"], code, "{}\n{:?}", self.diagnosis["cause"], self.run);
        let cause = self.diagnosis["cause"].as_str().unwrap();
        self.has("cause", cause, words);
        self.run.says(&format!("{cause} [{code}]"));
        self
    }

    /// One of the quoted lines has these words.
    #[track_caller]
    pub fn evidence(&self, words: &str) -> &Self {
        let quotes = self.diagnosis["evidence"].as_array().unwrap();
        let lines: Vec<&str> = quotes.iter().filter_map(|quote| quote["text"].as_str()).collect();
        self.has("evidence", &lines.join("\n"), words);
        self
    }

    /// What is to be changed has these words.
    #[track_caller]
    pub fn fix(&self, words: &str) -> &Self {
        self.has("fix", self.diagnosis["fix"].as_str().unwrap_or_default(), words);
        self
    }

    /// Among the lesser findings is one with this code.
    #[track_caller]
    pub fn also_seen(&self, code: &str) -> &Self {
        let others = self.diagnosis["also_seen"].as_array().unwrap();
        assert!(others.iter().any(|other| other["code"] == code), "not also seen: {code}\n{:?}", self.run);
        self
    }
}
