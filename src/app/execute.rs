//! A whole run, from the command line's wishes to the exit code (runner §0.1).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bstr::BString;

use super::survey::{self, Survey};
use super::template_ports::TemplatePorts;
use super::{list, signals};
use crate::case::TestCase;
use crate::check::errorlog::Patterns;
use crate::cli::derive;
use crate::cli::settings::{Parallel, Settings};
use crate::config::environment::{self, VarDirs};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::{Event, Phase, PlannedInstance, PlannedSkip, RunEnd, SCHEMA, SkippedBy, WarningKind};
use crate::plan::entry;
use crate::plan::experimental::Experimental;
use crate::report::{Clock, Places, Reporters, Requests};
use crate::run::keep::keeper::{Keeper, Rules};
use crate::run::setup::context::Context;
use crate::run::setup::coverage;
use crate::run::setup::debugger;
use crate::run::setup::early_death::{self, Early};
use crate::run::setup::gate::Gate;
use crate::run::setup::network;
use crate::run::setup::said::Said;
use crate::run::setup::sanitizer;
use crate::run::setup::slow_build::{SlowBuild, slow_build};
use crate::run::setup::traces::Traces;
use crate::run::setup::vardir::{self, ClaimedVardir};
use crate::run::stop_file;
use crate::run::supervisor::{Supervisor, SupervisorInputs, ended_by};
use crate::run::worker::handle::{Crew, Made, Notice};
use crate::run::worker::prepare::WorkerFactory;
use crate::server::bootstrap;
use crate::sys::files;
use crate::sys::panics::caught;
use crate::sys::reaping::processor_time;
use crate::sys::{abort, guardian, orphans};
use crate::tree::cache::cache_dir;
use crate::tree::layout::{self, Layout};
use crate::tree::plugin_dir;

/// Does what `settings` ask for; returns the exit code. Whatever keeps the run from coming about is told by all its reports.
///
/// # Errors
/// `--list` and its relatives cannot be answered: the caller prints why and exits with 1.
pub fn execute(settings: Settings, env: &Env, cwd: &Path) -> Result<i32> {
    if settings.dry_run || settings.explain.is_some() {
        return list::list(&settings, env, cwd);
    }
    let begun = Instant::now();
    let reports = Reports::mark(&settings, env);
    let (mut reporters, prepared) = match prepare(&settings, env, cwd) {
        Ok((layout, vardir)) => {
            let (reporters, error) = reports.begin(&settings, env, Some(vardir.root()));
            (reporters, error.map_or(Ok((layout, vardir)), Err))
        }
        Err(error) => (reports.begin(&settings, env, None).0, Err(error)),
    };
    let ended = prepared.and_then(|(layout, vardir)| {
        caught(|| run(settings, env, cwd, layout, vardir, &mut reporters, begun)).and_then(|ended| ended)
    });
    Ok(ended.unwrap_or_else(|error| refused(&mut reporters, &error, begun)))
}

/// Tells the reports that a command line with a mistake asks for that there is no run; returns the exit code. Of `settings` only
/// the reports count.
pub fn refuse(settings: &Settings, env: &Env, error: &Error) -> i32 {
    let mut reporters = Reports::mark(settings, env).begin(settings, env, None).0;
    refused(&mut reporters, error, Instant::now())
}

/// The end of a run that did not come about: reports on disk say so, and do not show an empty success.
fn refused(reporters: &mut Reporters, error: &Error, begun: Instant) -> i32 {
    let (total, missing) = (reporters.standing().total(), reporters.standing().open().count());
    let (end, cause) = match abort::signal() {
        Some(signal) => (RunEnd::Interrupted, ended_by(signal)),
        None => (RunEnd::Failure, error.explained()),
    };
    reporters.finish(Event::RunFinished {
        end,
        wall: begun.elapsed(),
        processor: processor_time(),
        total,
        missing,
        exit_code: 1,
        cause: Some(cause),
        warnings_file: None,
        diagnoses: early_death::diagnosis_of(error).cloned().into_iter().collect(),
    })
}

/// The reports of a run whose options are known.
struct Reports {
    requests: Requests,
    opened: Event,
    /// This run was started by a test of another, in whose vardir it may report.
    nested: bool,
}

impl Reports {
    /// From now on no report of an earlier run can be taken for this one's.
    fn mark(settings: &Settings, env: &Env) -> Reports {
        let requests = Requests::of(settings, Clock::system());
        let opened = Event::opened(&settings.argv);
        let nested = env.get(guardian::MARK).is_some();
        requests.mark(&opened, settings, &|path| is_others(path, nested));
        Reports { requests, opened, nested }
    }

    /// Begins them; `vardir` is this run's.
    fn begin(self, settings: &Settings, env: &Env, vardir: Option<&Path>) -> (Reporters, Option<Error>) {
        let Reports { requests, opened, nested } = self;
        let places = Places { vardir, is_others: &|path| is_others(path, nested) };
        let (mut reporters, error) = requests.begin(settings, env, &places);
        reporters.event(&opened);
        (reporters, error)
    }
}

/// Whether a report at `path` would be in the vardir of another run.
fn is_others(path: &Path, nested: bool) -> bool {
    !nested && vardir::is_at_work_around(path)
}

/// What is needed before anything is told: where everything is, and a vardir.
fn prepare(settings: &Settings, env: &Env, cwd: &Path) -> Result<(Layout, ClaimedVardir)> {
    // Servers and scripts of the same user read each other's files, whatever the caller's umask (runner §8.1).
    let umask = rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);
    let mut layout = locate(settings, env, cwd)?;
    derive::check_coverage(settings, layout.source)?;
    debugger::check(settings)?;
    network::check(settings)?;
    sanitizer::check(settings, &layout, env)?;
    let vardir = ClaimedVardir::new(settings, &layout, env, cwd, umask.bits())?;
    plugin_dir::fill(&mut layout, vardir.root())?;
    Ok((layout, vardir))
}

/// The first lines of the console.
fn tell_opening(
    settings: &Settings,
    env: &Env,
    layout: &Layout,
    vardir: &ClaimedVardir,
    reporters: &mut Reporters,
) {
    for text in opening_lines(settings) {
        reporters.message(text);
    }
    reporters.message(format!("vardir: {}", vardir.root().display()));
    for text in &layout.warnings {
        reporters.warning(WarningKind::Files, text.as_str());
    }
    if let Some(text) = vardir.warning() {
        reporters.warning(WarningKind::Other, text);
    }
    for option in &settings.without_effect {
        reporters.warning(WarningKind::Option, format!("option {option} has no effect"));
    }
    if let Some(program) = env.get("MYSQL_TEST").and(settings.mysqltest.as_ref()) {
        let rule = "=".repeat(59);
        reporters.message(rule.as_str());
        reporters.message(format!("WARNING:The mysqltest binary is fetched from {}", program.display()));
        reporters.message(rule);
    }
}

/// The run itself: reporters listen. The vardir is emptied when the tests are known and nothing that was asked for is
/// missing: a mistyped name costs nobody the evidence of the last failure.
fn run(
    mut settings: Settings,
    env: &Env,
    cwd: &Path,
    layout: Layout,
    claimed: ClaimedVardir,
    reporters: &mut Reporters,
    begun: Instant,
) -> Result<i32> {
    tell_opening(&settings, env, &layout, &claimed, reporters);
    let run_mark = guardian::mark();
    let mut marked = env.clone();
    guardian::set_mark(&mut marked, &run_mark, 0);
    let env = &marked;
    let opened = Instant::now();
    let Survey { mut layout, programs, facts, collection, suite_pm, messages } =
        survey::survey(&settings, env, cwd, layout, claimed.root())?;
    let collected = Instant::now();
    for text in messages {
        reporters.message(text);
    }
    let slow = slow_build(&layout, &facts, &settings, env);
    let longer = derive::stretch(&mut settings, slow.factor).then_some(&slow);
    if let Some(SlowBuild { factor, why }) = longer {
        reporters.message(format!(
            "Time-outs are {factor} times as long as usual: the server is slow ({})",
            why.join(", ")
        ));
    }
    for warning in &collection.warnings {
        reporters.warning(WarningKind::Files, warning.as_str());
    }
    if collection.cases.is_empty() {
        reporters.message("No tests to run...");
        return nothing_found(&settings, reporters, begun);
    }
    let first = entry::start_from(collection.cases.iter(), settings.start_from.as_deref());
    if first == collection.cases.len() {
        let name = settings.start_from.as_deref().unwrap_or_default();
        return Err(Error::new(format!(
            "--start-from={name} is the name of no test of this run: nothing is run"
        ))
        .hint("--list prints the tests of a run in their order"));
    }
    let engine = survey::engine(&collection, &programs, &settings)?;
    let (workers, fewer) = survey::worker_count(&settings, &collection);
    if let Some(text) = fewer {
        reporters.warning(WarningKind::Option, text);
    }
    if workers == 1 && settings.start_and_exit && asked_for_more(&settings) {
        let text = "Parallel cannot be used with --start-and-exit\nSetting parallel to 1";
        reporters.warning(WarningKind::Option, text);
    }
    let experimental = Experimental::read(settings.experimental.iter().map(PathBuf::as_path), |file| {
        files::read(file, files::MOST_OF_SETTINGS)
    })?;
    for text in experimental.messages() {
        reporters.message(text.as_str());
    }
    let mut suppressions = suite_pm.suppressions.clone();
    suppressions.extend(debugger::suppressions(&settings));
    let patterns = Patterns::new(&suppressions)?;
    // When suites have looked for services of the network, and before anything is removed or started.
    let mut of_tests = env.clone();
    suite_pm.apply(&mut of_tests);
    let network = network::enter(&settings, &layout.test_dir, &collection.cases, &of_tests)?;
    if let Some(text) = network.message {
        reporters.message(text);
    }
    if let Some(text) = network.warning {
        reporters.warning(WarningKind::Other, text);
    }
    let (mut vardir, said) =
        claimed.open(&settings, env, survey::servers_of_another(&settings, &collection))?;
    reporters.vardir_is_ready(&vardir.root)?;
    for text in said {
        reporters.message(text);
    }
    plugin_dir::fill(&mut layout, &vardir.root)?;
    let vardir = &mut vardir;
    let ctx = Context {
        bootstrap_cache: Some(cache_dir(env)?),
        bootstrap_program: env
            .non_empty("MYSQLD_BOOTSTRAP")
            .map_or_else(|| layout.mariadbd.clone(), PathBuf::from),
        replica_status: survey::replica_status(&layout),
        patterns,
        engine,
        run_mark,
        traces: Traces::default(),
        said: Said::default(),
        memory: Gate::default(),
        named_tests: !settings.names.is_empty(),
        vardir: vardir.root.clone(),
        settings,
        layout,
        facts: Arc::new(facts),
    };
    let mut base = environment::base(
        &ctx.settings,
        &ctx.layout,
        &ctx.facts,
        &programs,
        env,
        &VarDirs { root: vardir.root.clone(), parallel: Some(workers), ..VarDirs::default() },
    );
    suite_pm.apply(&mut base);
    debugger::set_environment(&ctx.settings, &mut base);
    guardian::set_mark(&mut base, &ctx.run_mark, 0);
    if ctx.settings.gcov {
        coverage::purge(&ctx, &base)?;
    }
    if !ctx.settings.using_extern() {
        reporters.message("Installing system database...");
        let bootstrap = ctx.bootstrap(&vardir.root, &base);
        let installed = bootstrap::install_db(&bootstrap, &ctx.install_db())
            .map_err(|error| early_death::explain(error, &ctx.early(&base, &vardir.root)))?;
        for warning in installed.warnings {
            reporters.warning(WarningKind::Other, warning);
        }
    }
    if ctx.settings.parallel == Some(Parallel::Auto) {
        reporters.message(format!("Using parallel: {workers}"));
    }
    let ctx = Arc::new(ctx);
    let cases: Vec<Arc<TestCase>> = collection.cases.into_iter().map(Arc::new).collect();
    reporters.event(&Event::RunStarted {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        argv: ctx.settings.argv.iter().map(BString::to_string).collect(),
        workers,
        total: cases.len(),
        vardir: vardir.root.clone(),
        server_version: format!("{}{}", ctx.facts.version, ctx.facts.suffix),
        timeout_factor: longer.map_or(1, |slow| slow.factor),
        slow_because: longer.map(|slow| slow.why.clone()).unwrap_or_default(),
    });
    reporters.event(&planned(&cases, first));
    if ctx.settings.report_times {
        let initialized = (opened - begun) + collected.elapsed();
        let phases = vec![(Phase::Collect, collected - opened), (Phase::Init, initialized)];
        reporters.event(&Event::PhaseTimes { worker: 0, phases });
    }
    let (tell_supervisor, reports) = crossbeam_channel::unbounded();
    signals::attach(tell_supervisor.clone());
    if let Some(file) = &ctx.settings.stop_file {
        let tell = tell_supervisor.clone();
        stop_file::watch(file, move || tell.send(Notice::StopFile).is_ok())
            .map_err(|error| Error::io("watch the directory of", file, error))?;
    }
    let mut crew = WorkerFactory {
        ctx: &ctx,
        programs: &programs,
        env,
        suite_pm: &suite_pm,
        vardir,
        workers,
        reports: tell_supervisor.clone(),
        made: Vec::new(),
    };
    let mut handles = Vec::new();
    for number in 1..=workers {
        let Made { handle, events } = crew.make(number)?;
        handles.push(handle);
        events.iter().for_each(|event| reporters.event(event));
    }
    let mut templates = TemplatePorts::new(&ctx.layout.test_dir);
    let entries = entry::entries(cases.iter().map(Arc::as_ref), &experimental, |case| templates.of(case));
    let rules = Rules::of(ctx.clone(), base.clone());
    // A supervisor that is gone has nobody to tell any more.
    let keeper = Keeper::start(rules, move |told| drop(tell_supervisor.send(Notice::Keeper(told))))?;
    let inputs = SupervisorInputs {
        ctx: ctx.clone(),
        cases,
        entries,
        workers: handles,
        crew: &mut crew,
        reports,
        reporters,
        keeper,
        begun,
    };
    let exit_code = Supervisor::new(inputs).run();
    crew.join();
    if !ctx.settings.start_and_exit
        && let Err(error) = orphans::end_orphans(&[], |_| true)
    {
        // Workers end what carries their mark; a daemon that dropped its environment is found only here,
        // where every process that is left is one too many.
        let text = format!("cannot look for processes that tests left: {error}");
        reporters.warning(WarningKind::Keeping, text);
    }
    if ctx.settings.gcov && abort::signal().is_none() {
        reporters.message("Running dgcov");
        if let Err(error) = coverage::generate(&ctx, &base) {
            reporters.warning(WarningKind::Other, error.explained());
        }
    }
    // Of what was told behind the end nothing may be lost either. Reports in the vardir go with it.
    let exit_code = if reporters.are_whole() { exit_code } else { exit_code.max(1) };
    if ctx.settings.start_and_exit {
        guardian::leave_processes()
            .map_err(|error| Error::new("cannot let the servers go").caused_by(error))?;
        if let Some(dir) = vardir.keep_tmp() {
            let text = format!("tmpdir {} should be removed after the server has finished", dir.display());
            reporters.warning(WarningKind::Keeping, text);
        }
    } else if ctx.settings.clean_vardir
        && exit_code == 0
        && let Err(error) = vardir.clean()
    {
        reporters.warning(WarningKind::Keeping, error.chain());
    }
    Ok(exit_code)
}

/// The end of a run for which nothing was found, which only `--skip-not-found` makes a success.
///
/// # Errors
/// It is none.
fn nothing_found(settings: &Settings, reporters: &mut Reporters, begun: Instant) -> Result<i32> {
    if !settings.skip_not_found {
        return Err(Error::new("no test was found: nothing is run and nothing is skipped")
            .hint("--skip-not-found makes this a success"));
    }
    reporters.message("That nothing was found is a success with --skip-not-found.");
    Ok(reporters.finish(Event::RunFinished {
        end: RunEnd::Completed,
        wall: begun.elapsed(),
        processor: processor_time(),
        total: 0,
        missing: 0,
        exit_code: 0,
        cause: None,
        warnings_file: None,
        diagnoses: Vec::new(),
    }))
}

/// What the run is going to do; instances before `from` are passed over.
fn planned(cases: &[Arc<TestCase>], from: usize) -> Event {
    let skip = |index: usize, case: &TestCase| match &case.skip {
        _ if index < from => Some(PlannedSkip { by: SkippedBy::StartFrom, reason: String::new() }),
        Some(skip) => {
            let by = if skip.disabled { SkippedBy::List } else { SkippedBy::Requirement };
            Some(PlannedSkip { by, reason: skip.comment.clone() })
        }
        None => None,
    };
    let instance = |(index, case): (usize, &Arc<TestCase>)| PlannedInstance {
        suite: case.suite.name.clone(),
        test: case.short_name.clone(),
        combination: case.combination(),
        file: case.path.clone(),
        skip: skip(index, case),
    };
    Event::Planned { instances: cases.iter().enumerate().map(instance).collect() }
}

/// Finds the installation; a server that is there and cannot be run is explained.
pub(super) fn locate(settings: &Settings, env: &Env, cwd: &Path) -> Result<Layout> {
    let early = Early { facts: None, env, cwd, vardir: cwd };
    layout::locate(settings, env, own_program().as_deref())
        .map_err(|error| early_death::explain(error, &early))
}

fn own_program() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// More than one worker was asked for.
fn asked_for_more(settings: &Settings) -> bool {
    !matches!(settings.parallel, None | Some(Parallel::Fixed(1)))
}

/// `Logging: PROGRAM  ARGUMENTS` and what the options themselves announce.
pub(super) fn opening_lines(settings: &Settings) -> Vec<BString> {
    let mut line = BString::from("Logging: ");
    let (program, args) = settings.argv.split_first().map_or((&b""[..], &[][..]), |(p, a)| (p.as_slice(), a));
    line.extend_from_slice(program);
    line.extend_from_slice(b"  ");
    line.extend_from_slice(&bstr::join(" ", args));
    let mut lines = vec![line];
    if settings.vs_config.is_none() {
        lines.push("VS config: ".into());
    }
    lines.extend(derive::announcements(settings).into_iter().map(BString::from));
    if let Some(comment) = &settings.comment {
        let rule = "#".repeat(78);
        lines.extend([BString::default(), rule.as_str().into(), format!("# {comment}").into(), rule.into()]);
    }
    lines
}
