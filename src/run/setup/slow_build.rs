//! Servers that are slow by the way they were built, and how much more time they get.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use bstr::{BStr, ByteSlice as _};

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::tree::layout::Layout;
use crate::tree::probe::ServerFacts;
use crate::triage::collect::elf;
use crate::triage::sanitizer::presence::has;
use crate::triage::sanitizer::report::Tool;

/// How much longer a Debug build may take: assertions, DBUG and checks of locks and memory are in it.
const DEBUG: u32 = 2;

/// What makes a server slow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlowBuild {
    /// What time-outs are multiplied by; 1 for a build that is not slow.
    pub factor: u32,
    /// Why: `a Debug build`, `AddressSanitizer`.
    pub why: Vec<String>,
}

/// How much longer a program with this sanitizer may take: what its authors call typical.
fn factor(tool: Tool) -> u32 {
    match tool {
        Tool::Leak => 1,
        Tool::Address | Tool::Undefined => 2,
        Tool::Memory => 3,
        Tool::Thread => 5,
    }
}

/// `LD_PRELOAD` of the servers: that of `--mysqld-env`, else the caller's.
pub fn preloaded<'a>(settings: &'a Settings, env: &'a Env) -> &'a BStr {
    let given = settings.server_variables().rfind(|(name, _)| *name == "LD_PRELOAD").map(|(_, value)| value);
    given
        .map(OsStr::as_bytes)
        .or_else(|| env.get("LD_PRELOAD").map(OsStr::as_bytes))
        .unwrap_or_default()
        .as_bstr()
}

/// What the server of the run is, by its variables (DBUG) and by the runtimes of sanitizers that it is linked with or
/// that are preloaded. Of several sanitizers the slowest counts.
pub fn slow_build(layout: &Layout, facts: &ServerFacts, settings: &Settings, env: &Env) -> SlowBuild {
    let mut why = Vec::new();
    if settings.using_extern() {
        // It runs where its file may not be, and nobody waits for its start.
        return SlowBuild { factor: 1, why };
    }
    let mut times = 1;
    if facts.is_debug_build() {
        times *= DEBUG;
        why.push("a Debug build".to_owned());
    }
    let program = elf::facts(&layout.mariadbd).unwrap_or_default();
    let is_there = |tool: &Tool| match tool {
        // Its checks are compiled in; the runtime of another sanitizer has it and does nothing.
        Tool::Undefined => program.sanitizers.contains(&"ubsan"),
        _ => has(&program, preloaded(settings, env), *tool),
    };
    let tools: Vec<Tool> = Tool::ALL.into_iter().filter(is_there).filter(|tool| factor(*tool) > 1).collect();
    times *= tools.iter().copied().map(factor).max().unwrap_or(1);
    why.extend(tools.iter().map(|tool| tool.name().to_owned()));
    SlowBuild { factor: times, why }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn judged(debug: bool, preload: &str) -> (u32, String) {
        let layout = Layout { mariadbd: std::env::current_exe().unwrap(), ..Layout::default() };
        let mut facts = ServerFacts::default();
        if debug {
            facts.variables.insert("debug-dbug".into(), String::new());
        }
        let mut env = Env::default();
        env.set("LD_PRELOAD", preload);
        let build = slow_build(&layout, &facts, &Settings::default(), &env);
        (build.factor, build.why.join(", "))
    }

    #[test]
    fn facts_make_a_build_slow() {
        assert_eq!(judged(false, "/x/libtcmalloc.so"), (1, String::new()));
        assert_eq!(judged(true, ""), (2, "a Debug build".into()));
        assert_eq!(judged(false, "/x/libasan.so.8"), (2, "AddressSanitizer".into()));
        assert_eq!(judged(true, "/x/libtsan.so.2"), (10, "a Debug build, ThreadSanitizer".into()));
    }
}
