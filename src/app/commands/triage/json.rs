//! What was found, for programs (`docs/triage.md`).

use serde::Serialize;

use super::groups::Group;
use crate::triage::diagnosis::Diagnosis;
use crate::triage::evidence::Stage;
use crate::triage::posthumous::examine::{Death, Examination, Weight};
use crate::triage::posthumous::vardir::FinishedRun;

/// The version of this form: raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// One path.
#[derive(Serialize)]
pub struct Looked {
    schema: u32,
    path: String,
    logs: Vec<String>,
    starts: usize,
    bootstraps: usize,
    sanitizer_reports: usize,
    passed_over: usize,
    deaths: Vec<Told>,
}

/// Deaths of one cause.
#[derive(Serialize)]
struct Told {
    weight: &'static str,
    stage: &'static str,
    times: usize,
    tests: Vec<String>,
    places: Vec<Place>,
    diagnosis: Diagnosis,
}

/// One death.
#[derive(Serialize)]
struct Place {
    file: String,
    line: u32,
    server: String,
    test: Option<String>,
    time: Option<String>,
}

/// Everything about one path.
pub fn looked(
    finished: &FinishedRun,
    examination: &Examination,
    groups: &[Group<'_>],
    passed_over: usize,
) -> Looked {
    Looked {
        schema: SCHEMA,
        path: finished.path.display().to_string(),
        logs: finished.bootstraps.iter().chain(&finished.logs).map(|log| log.display().to_string()).collect(),
        starts: examination.starts,
        bootstraps: examination.bootstraps,
        sanitizer_reports: examination.reports,
        passed_over,
        deaths: groups.iter().map(told).collect(),
    }
}

fn told(group: &Group<'_>) -> Told {
    let deaths = std::iter::once(group.first).chain(group.others.iter().copied());
    Told {
        weight: match group.first.weight {
            Weight::Fatal => "fatal",
            Weight::Unclear => "unclear",
            Weight::Wanted => "wanted",
        },
        stage: match group.first.stage {
            Stage::Bootstrap => "bootstrap",
            Stage::Start => "start",
            Stage::Running => "running",
            Stage::Stopped => "shutdown",
        },
        times: group.times(),
        tests: group.tests().iter().map(|test| test.to_string()).collect(),
        places: deaths.map(place).collect(),
        diagnosis: group.first.diagnosis.clone(),
    }
}

fn place(death: &Death) -> Place {
    Place {
        file: death.log.display().to_string(),
        line: death.line,
        server: death.diagnosis.server.to_string(),
        test: death.test.as_ref().map(|test| test.to_string()),
        time: death.when.clone(),
    }
}
