//! What is found out before anything is written or started: programs, features, suites and tests.

use std::path::Path;

use bstr::BString;

use crate::case::TestCase;
use crate::check::testcase::ReplicaStatus;
use crate::cli::settings::{Parallel, Settings};
use crate::config::environment::{self, VarDirs};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::plan::{admission, order};
use crate::report::text;
use crate::run::setup::early_death::{self, Early};
use crate::run::setup::engine::Engine;
use crate::sys::{files, memory};
use crate::tree::collect::{Collection, collect};
use crate::tree::layout::Layout;
use crate::tree::probe::{self, ServerFacts};
use crate::tree::programs::Programs;
use crate::tree::suite_pm::{SuitePm, SuitePmOutcome};

/// What was found out before anything is written or started.
pub struct Survey {
    /// Where everything is.
    pub layout: Layout,
    /// Client programs.
    pub programs: Programs,
    /// What the server can do.
    pub facts: ServerFacts,
    /// The tests.
    pub collection: Collection,
    /// What the suites' own code changes for the run.
    pub suite_pm: SuitePmOutcome,
    /// Lines for the console, in the reference's order.
    pub messages: Vec<BString>,
}

/// Programs, features, suites and tests: everything that only reads.
///
/// # Errors
/// The server cannot be asked, or the suites and tests that were asked for cannot be collected.
pub fn survey(settings: &Settings, env: &Env, cwd: &Path, layout: Layout, datadir: &Path) -> Result<Survey> {
    let mut messages: Vec<BString> = vec!["Checking supported features...".into()];
    let programs = Programs::find(&layout, settings, env);
    let facts = if settings.using_extern() {
        probe::probe_extern(settings, &programs, env)?
    } else {
        let early = Early { facts: None, env, cwd: &layout.test_dir, vardir: datadir };
        probe::probe(&layout, settings, env, datadir).map_err(|error| early_death::explain(error, &early))?
    };
    messages.push(format!("MariaDB Version {}{}", facts.version, facts.suffix).into());
    let ssl = facts.variable("ssl").is_some();
    messages.push(
        match (settings.skip_ssl || settings.embedded_server, ssl) {
            (true, _) => " - skipping SSL",
            (false, true) => " - SSL connections supported",
            (false, false) => " - skipping SSL, mysqld not compiled with SSL",
        }
        .into(),
    );
    if settings.ssl && !ssl {
        return Err(Error::new("Couldn't find support for SSL"));
    }
    if facts.is_debug_build() {
        messages.push(" - binaries are debug compiled".into());
    } else if settings.debug || settings.debug_server {
        return Err(Error::new("Can't use --debug[-server], binary does not support it"));
    }
    let dirs =
        VarDirs { root: datadir.into(), var: datadir.into(), tmp: datadir.into(), ..VarDirs::default() };
    let base = environment::base(settings, &layout, &facts, &programs, env, &dirs);
    let mut suite_pm = SuitePm::start(&layout, &facts, settings, &base);
    let mut collection = collect(settings, &layout, &mut suite_pm, cwd)?;
    if settings.reorder {
        order::reorder(&mut collection.cases, collection.bundled);
    }
    let suite_pm = suite_pm.finish();
    // What the suites' own code says is not ours.
    messages.extend(suite_pm.messages.iter().map(|said| without_newline(text::indented(said))));
    if settings.wanted().is_empty() {
        messages.push(format!("Using suites: {}", collection.suites_named.join(",")).into());
    }
    messages.push("Collecting tests...".into());
    messages.extend(collection.messages.iter().map(|text| BString::from(text.as_str())));
    Ok(Survey { layout, programs, facts, collection, suite_pm, messages })
}

fn without_newline(mut text: BString) -> BString {
    if text.ends_with(b"\n") {
        text.pop();
    }
    text
}

/// The columns of the server's replication state, as the tree's own script has them.
pub fn replica_status(layout: &Layout) -> ReplicaStatus {
    // Releases before 11 call it a test.
    ["inc", "test"]
        .iter()
        .find_map(|extension| {
            let file = layout.test_dir.join(format!("include/check-testcase.{extension}"));
            files::read(&file, files::MOST_OF_SETTINGS).ok()
        })
        .and_then(|script| ReplicaStatus::from_script(&script))
        .unwrap_or_default()
}

/// What runs scripts; a run of skipped tests alone needs nothing.
///
/// # Errors
/// There is a test to run, and no program for its script.
pub fn engine(collection: &Collection, programs: &Programs, settings: &Settings) -> Result<Engine> {
    match Engine::choose(settings, programs) {
        Err(_) if settings.start_only() || collection.cases.iter().all(|case| case.skip.is_some()) => {
            Ok(Engine::default())
        }
        chosen => chosen,
    }
}

/// Whether servers run as another user than root, who then has to enter the vardir.
pub fn servers_of_another(settings: &Settings, collection: &Collection) -> bool {
    let another = |option: &[u8]| option.strip_prefix(b"--user=").is_some_and(|user| user != b"root");
    let of_case = |case: &TestCase| {
        let options = case.master_opt.iter().chain(&case.slave_opt);
        options.into_iter().any(|option| another(&option.text))
    };
    settings.mysqld.iter().any(|option| another(option)) || collection.cases.iter().any(of_case)
}

/// What `auto` takes a worker with its servers to need of memory, in bytes: three servers, as tests of replication have.
const WORKER_MEMORY: u64 = 3 * admission::USUAL + (120 << 20);

/// So many workers are made as they were asked for, whether there are as many tests or not.
const ALWAYS: usize = 64;

/// `--parallel`: as given, or from cores and the memory that is left to this process; and a word where it is less than was
/// asked for: hundreds of workers that have nothing to do are no help.
pub fn worker_count(settings: &Settings, collection: &Collection) -> (usize, Option<String>) {
    let runnable = collection.cases.iter().filter(|case| case.skip.is_none()).count();
    if settings.start_only() || settings.record {
        return (1, None);
    }
    match settings.parallel {
        Some(Parallel::Fixed(wanted)) => {
            let most = runnable.max(ALWAYS);
            let told = || format!("--parallel={wanted}: {most} workers are enough for {runnable} tests");
            (wanted.min(most), (wanted > most).then(told))
        }
        Some(Parallel::Auto) => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            // A test waits about as long as it computes: twice as many workers as cores.
            let by_memory =
                memory::available().map_or(usize::MAX, |left| admission::workers(left.bytes, WORKER_MEMORY));
            ((2 * cores).min(by_memory).min(runnable).max(1), None)
        }
        None => (1, None),
    }
}
