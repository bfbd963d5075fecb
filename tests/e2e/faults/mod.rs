//! Trials of what the project promises ([reliability.md](../../../docs/reliability.md)): each breaks
//! something on purpose and looks at what the run made of it. Short ones are part of `make test`, all of them run by
//! `make test-faults`. With `MTR_RS_PROGRAM` another program is put to the trials, one of before.

mod hostile_input;
mod kills;
mod large_output;
mod lying_server;
mod phases;
mod races;
mod reports;
mod resources;
mod single_kills;
