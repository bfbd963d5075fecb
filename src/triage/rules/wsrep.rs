//! Galera: the provider library, and what it or the server refuses of a cluster.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::catalogue::{WSREP_PROVIDER, WSREP_REFUSED};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::rules::state_transfer;
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[provider, refused];

/// Errors of Galera and of the server about it.
fn errors<'a>(scene: &Scene<'a>) -> Vec<Entry<'a>> {
    // A server that gives up for another reason ends its part in the cluster as well, and complains of that.
    let gave_up = scene.since_ready().find(|entry| entry.message == "Aborting").map(|entry| entry.line);
    let errors =
        scene.since_ready().filter(|entry| entry.level == Level::Error && entry.subsystem == "WSREP");
    errors.filter(|entry| gave_up.is_none_or(|line| entry.line < line)).collect()
}

/// The library could not be loaded, or is no Galera library.
fn provider<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let errors = errors(scene);
    let about = |entry: &&Entry<'a>| {
        entry.says("wsrep_load()")
            || entry.says("dlopen")
            || entry.says("Failed to load wsrep library")
            || entry.says("interface version mismatch")
    };
    let lines: Vec<Entry<'a>> = errors.iter().filter(about).copied().take(3).collect();
    let first = *lines.first()?;
    let given = scene.given("wsrep-provider");
    let path = given.map(|given| given.value).filter(|path| !path.is_empty());
    // `dlopen(): PATH: why`, where PATH is the library or one that it needs.
    let refused = first.after("dlopen(): ").and_then(|rest| rest.split_once_str(": "));
    let why = refused.map(|(_, why)| why.as_bstr());
    let other = refused
        .map(|(refused, _)| refused.as_bstr())
        .filter(|refused| path.is_some_and(|path| path != *refused));
    let missing = why.is_some_and(|why| why.contains_str("No such file"));
    let library = path.map(|path| format!(" {path}")).unwrap_or_default();
    let says = |words: &str| lines.iter().any(|entry| entry.says(words));
    let mut text = match why {
        _ if other.is_some_and(|_| missing) => {
            format!("the Galera library{library} needs {}, which is not there", other.unwrap_or_default())
        }
        _ if missing => format!("the Galera library{library} is not there"),
        Some(why) => format!("the Galera library{library} cannot be loaded: {why}"),
        None if says("version") => {
            format!("the Galera library{library} is for another version of the server")
        }
        None => format!("{} is no Galera library", path.unwrap_or(BStr::new("what --wsrep-provider names"))),
    };
    if let Some(given) = &given {
        text += &format!(": {}", scene.written(given));
    }
    let fix = if missing {
        "install it, or set WSREP_PROVIDER to libgalera_smm.so (libgalera_enterprise_smm.so)"
    } else {
        "set WSREP_PROVIDER to the libgalera_smm.so that belongs to this server"
    };
    Some(Finding::new(WSREP_PROVIDER, text).quoting(lines).blaming(given).fix(fix))
}

/// What is said at the end whatever the reason is.
const LATE: [&str; 4] =
    ["Failed to create a new provider", "Failed to load provider", "wsrep::connect", "gcs connect failed"];

/// A reason, the option that it is about, and what to do.
struct Reason {
    words: &'static [&'static str],
    option: &'static str,
    fix: &'static str,
}

const REASONS: [Reason; 9] = [
    Reason {
        words: &["Only binlog_format"],
        option: "binlog-format",
        fix: "set binlog_format=ROW in the configuration of the test: in an option file it chooses combinations",
    },
    Reason {
        words: &["Unrecognized parameter", "Invalid value", "Bad value", "parameter '"],
        option: "wsrep-provider-options",
        fix: "correct the options of the provider",
    },
    Reason {
        words: &["Backend not supported", "Socket type not supported", "Invalid backend URI"],
        option: "wsrep-cluster-address",
        fix: "write gcomm://HOST:PORT,…; gcomm:// alone begins a new cluster",
    },
    Reason {
        words: &["failed to reach primary view", "failed to open gcomm backend", "Failed to open channel"],
        option: "wsrep-cluster-address",
        fix: "start the first node before (gcomm:// alone begins a new cluster), and see whether its address and \
              port are right",
    },
    Reason {
        words: &["state file"],
        option: "wsrep-data-home-dir",
        fix: "make the directory, and let the server's user write there",
    },
    Reason {
        words: &["may not be safe to bootstrap"],
        option: "wsrep-new-cluster",
        fix: "begin the cluster with the node that went last, or set safe_to_bootstrap: 1 in its grastate.dat",
    },
    Reason {
        words: &["SST", "State transfer", "wsrep_sst_"],
        option: "wsrep-sst-method",
        fix: "see whether the programs of the SST method are installed, and its login is right",
    },
    Reason {
        words: &["listen", "bind", "Address already in use"],
        option: "wsrep-provider-options",
        fix: "choose other ports with --port-base, or end what listens there",
    },
    Reason {
        words: &[
            "innodb_autoinc_lock_mode",
            "wsrep_on",
            "log_bin",
            "query cache",
            "isn't supported",
            "not supported",
        ],
        option: "wsrep-on",
        fix: "change the option that a cluster does not allow",
    },
];

fn refused<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if provider(scene).is_some() || state_transfer::RULES.iter().any(|rule| rule(scene).is_some()) {
        return None;
    }
    let errors = errors(scene);
    let late = |entry: &Entry<'a>| LATE.iter().any(|words| entry.says(words));
    let first = *errors.iter().find(|entry| !late(entry)).or(errors.first())?;
    let known = REASONS
        .iter()
        .find(|reason| errors.iter().take(4).any(|entry| reason.words.iter().any(|words| entry.says(words))));
    let given: Option<Given<'a>> = known.and_then(|reason| scene.given(reason.option));
    let said = without_place(first.message);
    let mut text = BString::from(format!("Galera refuses to start: {said}"));
    if let Some(given) = &given {
        text.extend_from_slice(format!(": {}", scene.written(given)).as_bytes());
    }
    let others = scene
        .errors()
        .any(|entry| entry.subsystem != "WSREP" && entry.line < first.line && entry.level == Level::Error);
    let finding =
        Finding::new(WSREP_REFUSED, text).quoting(errors.iter().take(4).copied()).blaming(given).fix(
            known.map_or("see the lines of WSREP in the error log".to_owned(), |reason| {
                match reason.option {
                    "wsrep-provider-options" => scene.or_remove(reason.fix, given),
                    _ => reason.fix.to_owned(),
                }
            }),
        );
    // What went wrong before may be the reason for it.
    Some(if known.is_some() && !others { finding } else { finding.likely() })
}

/// The message without the place in Galera's source: `./gcs/src/gcs_backend.cpp:gcs_backend_init():98: `.
fn without_place(message: &BStr) -> &BStr {
    let Some((place, rest)) = message.split_once_str(": ") else { return message };
    let source = place.contains_str(".cpp:") || place.contains_str(".hpp:") || place.contains_str(".c:");
    if source { rest.as_bstr() } else { message }
}

#[cfg(test)]
mod tests {
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S085",
            &["--wsrep-on=1", "--wsrep-provider=/nosuch.so"],
            "t 0 [ERROR] WSREP: wsrep_load(): dlopen(): /nosuch.so: cannot open shared object file: No such file or \
             directory\nt 0 [ERROR] WSREP: Failed to create a new provider '/nosuch.so' with options '': Failed to \
             load wsrep library\nt 0 [ERROR] WSREP: Failed to load provider\nt 0 [ERROR] Aborting",
            Some("--wsrep-provider=/nosuch.so"),
            "the Galera library /nosuch.so is not there: --wsrep-provider=/nosuch.so (x.opt:2)",
        ),
        // 10.3: another program name and wording.
        (
            "MTR-S085",
            &["--wsrep_provider=/lib/g.so"],
            "2018-01-01 0:00:00 0 [ERROR] WSREP: wsrep_load(): dlopen(): /lib/g.so: invalid ELF header\n\
             2018-01-01 0:00:00 0 [ERROR] WSREP: wsrep_load(/lib/g.so) failed: Invalid argument (22). Reverting to no \
             provider.",
            Some("--wsrep_provider=/lib/g.so"),
            "cannot be loaded: invalid ELF header",
        ),
        (
            "MTR-S085",
            &["--wsrep_provider=/lib/ha_archive.so"],
            "t 0 [ERROR] WSREP: Failed to create a new provider '/lib/ha_archive.so' with options '': Failed to load \
             wsrep library\nt 0 [ERROR] WSREP: Failed to load provider",
            Some("--wsrep_provider=/lib/ha_archive.so"),
            "/lib/ha_archive.so is no Galera library",
        ),
        (
            "MTR-S085",
            &["--wsrep_provider=/lib/g.so"],
            "t 0 [ERROR] WSREP: wsrep_load(): dlopen(): libboost_x.so: cannot open shared object file: No such file or \
             directory",
            Some("--wsrep_provider=/lib/g.so"),
            "the Galera library /lib/g.so needs libboost_x.so, which is not there",
        ),
        (
            "MTR-S086",
            &["--wsrep-cluster-address=bad://x"],
            "t 0 [ERROR] WSREP: ./gcs/src/gcs_backend.cpp:gcs_backend_init():98: Backend not supported: bad://x\n\
             t 0 [ERROR] WSREP: gcs connect failed: Socket type not supported\n\
             t 0 [ERROR] WSREP: wsrep::connect(bad://x) failed: 7\nt 0 [ERROR] Aborting",
            Some("--wsrep-cluster-address=bad://x"),
            "Backend not supported: bad://x: --wsrep-cluster-address=bad://x (x.opt:1) / write gcomm://",
        ),
        (
            "MTR-S086",
            &["--wsrep-provider-options=nosuch=1"],
            "t 0 [ERROR] WSREP: Unrecognized parameter 'nosuch'\n\
             t 0 [ERROR] WSREP: Failed to create a new provider '/g.so' with options 'nosuch=1': Failed to initialize \
             wsrep provider\nt 0 [ERROR] WSREP: Failed to load provider",
            Some("--wsrep-provider-options=nosuch=1"),
            "Galera refuses to start: Unrecognized parameter 'nosuch'",
        ),
        (
            "MTR-S086",
            &[],
            "t 0 [ERROR] WSREP: Only binlog_format= 'ROW' is currently supported. Configured value: 'MIXED'. Please \
             adjust your configuration.",
            None,
            "binlog_format=ROW",
        ),
    ];

    #[test]
    fn every_vector() {
        check(VECTORS);
    }

    #[test]
    fn warnings_of_a_cluster_are_no_cause() {
        let log = "t 0 [Warning] WSREP: Could not open state file for reading: '/v/grastate.dat'\n\
                   t 0 [Note] WSREP: wsrep_load(): loading provider library '/g.so'\nt 0 [ERROR] Aborting";
        assert!(codes(&failed(1, &["--wsrep-on=1"], log)).iter().all(|code| !code.starts_with("MTR-S08")));
    }
}
