//! Signals to the runner, its guardian, scripts and servers, in each phase of a run.
