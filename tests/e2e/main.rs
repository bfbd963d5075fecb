//! End-to-end tests: the program as a user runs it, on a scripted fake server where faults are
//! wanted, on the installed MariaDB where a server has to answer.

#![allow(clippy::unwrap_used)]

mod after_the_end;
mod bad_input;
mod behaviour;
mod build_trees;
mod citations;
mod corpus;
mod deaths;
mod doctor;
mod events;
mod every_file;
mod extensions;
mod fake_script;
mod fake_server;
mod faults;
mod forged_output;
mod house;
mod independent_client;
mod killed;
mod language;
mod large_files;
mod lint;
mod modes;
mod odd_paths;
mod option_history;
mod other_users;
mod real_server;
mod result_diffs;
mod running;
mod script_ends;
mod scripts;
mod signals;
#[path = "../skip.rs"]
mod skip;
mod sub_commands;
mod support;
mod triage_command;
mod triage_docs;
mod triage_of_others;
mod whose_files;
mod workers;
