//! `--network`: whose network the servers of a run listen in.
//!
//! A server under test lets `root` in without a password, and one that root started writes any file. So the servers of
//! root's runs get a network that nobody else is in; `docs/decisions.md` has the reasons, `docs/reliability.md` what is
//! open where they do not.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bstr::ByteSlice;

use crate::case::{Suite, TestCase};
use crate::cli::settings::{Network, Settings};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::run::setup::debugger;
use crate::sys::files;
use crate::sys::network;

/// Variables of the environment that are set where tests of a suite use a service of the network: suites whose
/// `suite.pm` asks for the variable do, if it does not skip them.
const SERVICES: [&str; 3] = ["S3_ACCESS_KEY", "VAULT_ADDR", "GSSAPI_FULLNAME"];

/// What is to be told of the network of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// For everybody.
    pub message: Option<String>,
    /// What others may do.
    pub warning: Option<String>,
}

/// Why the servers are in the network of the machine.
#[derive(Debug)]
enum Open {
    /// This option wants servers for others than the run.
    Mode(&'static str),
    /// A debugger is told what to do from elsewhere.
    Terminal,
    /// A suite needs a service; the variable names it.
    Service(String, &'static str),
    /// The system does not allow a private one.
    Refused(io::Error),
}

/// The option of a run whose servers are for others, too.
fn shared_servers(settings: &Settings) -> Option<&'static str> {
    let modes = [
        (settings.using_extern(), "--extern"),
        (settings.start_and_exit, "--start-and-exit"),
        (settings.start_dirty, "--start-dirty"),
        (settings.start, "--start"),
    ];
    modes.into_iter().find_map(|(given, name)| given.then_some(name))
}

/// Refuses what cannot be had in a private network, before anything is begun.
///
/// # Errors
/// `--network=private` with servers that others are to reach, or with a debugger in a terminal of its own.
pub fn check(settings: &Settings) -> Result<()> {
    if settings.network != Network::Private {
        return Ok(());
    }
    let hint = "leave out --network=private: nobody outside of a private network reaches what is in it";
    match shared_servers(settings) {
        Some(name) => {
            Err(Error::new(format!("Can't use {name} and --network=private at the same time")).hint(hint))
        }
        None if debugger::needs_terminal(settings) => {
            Err(Error::new("Can't use a debugger in a terminal of its own with --network=private").hint(hint))
        }
        None => Ok(()),
    }
}

/// Takes the process to a private network where `settings` ask for one. To be called from the main thread before
/// anything listens or connects; `env` is what tests get, with the changes of all `suite.pm`.
///
/// # Errors
/// `--network=private` was given and there can be none.
pub fn enter(settings: &Settings, test_dir: &Path, cases: &[TestCase], env: &Env) -> Result<Told> {
    let is_root = rustix::process::geteuid().is_root();
    let without = match settings.network {
        Network::Host => return Ok(Told::default()),
        Network::Auto if !is_root || settings.using_extern() => return Ok(Told::default()),
        Network::Auto => open_for(settings, test_dir, cases, env),
        Network::Private => None,
    };
    let refused = match without {
        Some(open) => open,
        None => match network::enter_private() {
            Ok(()) => {
                let message =
                    " - servers listen in a private network (--network=host: in that of the machine)";
                return Ok(Told { message: Some(message.into()), ..Told::default() });
            }
            Err(error) if settings.network == Network::Private => {
                return Err(Error::new("cannot make a private network").caused_by(error).hint(
                    "it takes root, with the capability SYS_ADMIN; a user without rights could be root in a user name \
                     space only, where the results of tests are others",
                ));
            }
            Err(error) => Open::Refused(error),
        },
    };
    Ok(Told { warning: Some(warning(&refused)), ..Told::default() })
}

/// Why a run whose network is not chosen needs that of the machine.
fn open_for(settings: &Settings, test_dir: &Path, cases: &[TestCase], env: &Env) -> Option<Open> {
    if let Some(name) = shared_servers(settings) {
        return Some(Open::Mode(name));
    }
    if debugger::needs_terminal(settings) {
        return Some(Open::Terminal);
    }
    let set: Vec<&'static str> = SERVICES.into_iter().filter(|name| env.non_empty(name).is_some()).collect();
    if set.is_empty() {
        return None;
    }
    let suites: BTreeMap<&Path, &str> = cases
        .iter()
        .filter(|case| case.skip.is_none())
        .flat_map(|case| {
            let Suite { name, dir, parent_dir, .. } = &*case.suite;
            std::iter::once(dir).chain(parent_dir).map(move |dir| (dir.as_path(), name.as_str()))
        })
        .collect();
    suites.into_iter().find_map(|(dir, suite)| {
        let code = files::read(&test_dir.join(dir).join("suite.pm"), files::MOST_OF_SETTINGS).ok()?;
        let name = set.iter().find(|name| code.contains_str(name))?;
        Some(Open::Service(suite.to_owned(), name))
    })
}

fn warning(open: &Open) -> String {
    let why = match open {
        Open::Mode(name) => format!("for {name}"),
        Open::Terminal => "for a debugger in a terminal of its own".into(),
        Open::Service(suite, name) => format!("for the suite {suite}, as {name} is set"),
        Open::Refused(error) => format!("as no private one can be made ({error})"),
    };
    let remedy = match open {
        Open::Refused(_) => {
            "run the tests as a user without rights, or allow private networks: in a container that \
                             is the capability SYS_ADMIN"
        }
        Open::Service(..) => "run the tests as a user without rights, or these tests apart from the others",
        Open::Mode(_) | Open::Terminal => "start the servers as a user without rights",
    };
    format!(
        "servers of root listen in the network of this machine, {why}: every user of it can connect to them as root \
         and have them write any file; {remedy}; --network=host says that it is meant"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::case::Skip;
    use crate::cli::parse::{Invocation, parse};
    use std::sync::Arc;

    fn settings(line: &str) -> Settings {
        let argv = std::iter::once("mtr").chain(line.split_whitespace()).map(Into::into).collect();
        match parse(argv, &Env::default()).unwrap() {
            Invocation::Run(settings) => *settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_others_are_to_reach_is_not_in_a_private_network() {
        for line in
            ["--start a", "--start-and-exit a", "--start-dirty a", "--extern socket=/s", "--manual-gdb"]
        {
            let error = check(&settings(&format!("--network=private {line}"))).unwrap_err();
            assert!(error.hint_text().is_some(), "{line}");
            check(&settings(line)).unwrap();
        }
        for line in ["", "--valgrind", "--strace", "--start-from=a"] {
            check(&settings(&format!("--network=private {line}"))).unwrap();
            assert!(open_for(&settings(line), Path::new("/"), &[], &Env::default()).is_none(), "{line}");
        }
    }

    #[test]
    fn why_a_run_of_root_is_open() {
        let text = |line: &str| {
            let open = open_for(&settings(line), Path::new("/"), &[], &Env::default()).unwrap();
            warning(&open)
        };
        assert!(text("--start-and-exit a").contains("this machine, for --start-and-exit: every user"));
        for line in ["--gdb", "--client-gdb", "--boot-gdb", "--ddd", "--manual-lldb"] {
            assert!(text(line).contains("for a debugger in a terminal of its own"), "{line}");
        }
        let refused = warning(&Open::Refused(io::Error::from_raw_os_error(libc::EPERM)));
        assert!(refused.contains("SYS_ADMIN") && refused.contains("Operation not permitted"), "{refused}");
    }

    #[test]
    fn a_suite_that_uses_a_service_keeps_the_network_of_the_machine() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("cloud")).unwrap();
        std::fs::write(dir.path().join("cloud/suite.pm"), "return 'no' unless $ENV{S3_ACCESS_KEY};").unwrap();
        let case = |suite: &str, skipped: bool| {
            let mut case = TestCase::for_tests(suite, "t");
            case.suite = Arc::new(Suite { dir: suite.into(), ..(*case.suite).clone() });
            case.skip = skipped.then(|| Skip { comment: "no".into(), disabled: false });
            case
        };
        let mut env = Env::default();
        let needs = |env: &Env, suite: &str, skipped: bool| {
            open_for(&settings(""), dir.path(), &[case(suite, skipped)], env).is_some()
        };
        assert!(!needs(&env, "cloud", false), "no such service");
        env.set("S3_ACCESS_KEY", "minio");
        assert!(needs(&env, "cloud", false));
        assert!(!needs(&env, "cloud", true) && !needs(&env, "ground", false));
    }
}
