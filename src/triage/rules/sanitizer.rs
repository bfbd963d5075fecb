//! Sanitizers: their reports, their runtimes, and their options where there is none.

use bstr::{BString, ByteSlice};

use crate::triage::catalogue::{RUN_SANITIZER, Rank, SANITIZER_ABSENT, SANITIZER_ORDER};
use crate::triage::evidence::{LogPart, Stage};
use crate::triage::finding::Rule;
use crate::triage::finding::{Finding, Quote};
use crate::triage::sanitizer::parse::{reports, reports_in};
use crate::triage::sanitizer::presence::has;
use crate::triage::sanitizer::report::{SanitizerReport, Tool, distinct};
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[order, address, undefined, memory, thread, leak, absent];

/// Those about reports.
pub const REPORTS: &[Rule] = &[address, undefined, memory, thread, leak];

/// Reports about the server itself in its log and in the files of its process. Those of its children (programs that
/// look up symbols, scripts) are left out: they are about other programs.
pub fn own_reports(scene: &Scene<'_>) -> Vec<SanitizerReport> {
    let evidence = scene.evidence;
    let log = &evidence.log;
    let told = log.text.contains_str("Sanitizer") || log.text.contains_str("runtime error: ");
    let mut all = if told { reports_in(&scene.log, &log.path) } else { Vec::new() };
    for file in &evidence.sanitizer_files {
        let part = LogPart { path: file.path.clone(), first_line: 1, text: file.text.clone() };
        all.extend(reports(&part));
    }
    let own = own_pids(scene);
    all.retain(|report| report.pid.is_none_or(|pid| own.is_empty() || own.contains(&pid)));
    all
}

/// The process of the server, as the system and as the server itself calls it: they differ in a debugger.
fn own_pids(scene: &Scene<'_>) -> Vec<i32> {
    let said = scene.line_with_all(&["Starting M", " as process "]).and_then(|entry| {
        let digits = entry.after(" as process ")?;
        digits.split(|byte| !byte.is_ascii_digit()).next()?.to_str().ok()?.parse().ok()
    });
    scene.evidence.pid.into_iter().chain(said).collect()
}

fn found<'a>(scene: &Scene<'a>, tool: Tool) -> Option<Finding<'a>> {
    let all: Vec<SanitizerReport> =
        own_reports(scene).into_iter().filter(|report| report.tool == tool).collect();
    let all = distinct(all);
    let (report, count) = all.first()?;
    let cause = match scene.evidence.stage {
        Stage::Bootstrap | Stage::Start => tool.cause(),
        Stage::Running | Stage::Stopped => RUN_SANITIZER,
    };
    let mut finding = Finding::new(cause, report.in_short());
    finding.quotes = report.quotes();
    if *count > 1 {
        finding = finding.seen(format!("the same report {count} times"));
    }
    for (other, count) in all.iter().skip(1) {
        let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
        finding.quotes.push(Quote {
            file: Some(other.file.clone()),
            line: Some(other.line),
            text: format!("{}{times}", other.in_short()).into(),
        });
    }
    if let Some(test) = &scene.evidence.test {
        finding = finding.attributed(test, scene.evidence.stage);
    }
    let whole = format!("the whole report: {}:{}", report.file.display(), report.line);
    let fix = match report.place() {
        Some(place) => format!("look at {place}; {whole}"),
        None => whole,
    };
    Some(finding.fix(fix).ranked(rank(scene, report)))
}

/// A report does not end every server: where the server went on and gave up for another reason, that is the cause.
/// Memory that a server did not free when it gave up is no cause either.
fn rank(scene: &Scene<'_>, report: &SanitizerReport) -> Option<Rank> {
    let gave_up = scene.errors().find(|entry| entry.message == "Aborting");
    match (report.tool, gave_up) {
        (Tool::Leak, Some(_)) => Some(Rank::Consequence),
        (Tool::Undefined | Tool::Thread, Some(_)) => Some(Rank::Setback),
        _ => None,
    }
}

fn address<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    found(scene, Tool::Address)
}

fn leak<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let finding = found(scene, Tool::Leak)?;
    if finding.text.contains_str("fatal error") {
        let fix = "LeakSanitizer needs ptrace, which containers and debuggers forbid: allow it \
                   (--cap-add=SYS_PTRACE), or set ASAN_OPTIONS=detect_leaks=0";
        return Some(finding.fix(fix));
    }
    Some(finding)
}

fn undefined<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    found(scene, Tool::Undefined)
}

fn memory<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    found(scene, Tool::Memory)
}

fn thread<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    found(scene, Tool::Thread)
}

/// A library with a sanitizer was loaded into a program without: its runtime comes too late, or not at all.
fn order<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let fatal = scene.line(&[
        "runtime does not come first in initial library list",
        "linked against incompatible ASan runtimes",
        "Interceptors are not working. This may be because AddressSanitizer is loaded too late",
    ]);
    let refused = || {
        let line = scene.line(&["cannot allocate memory in static TLS block"]);
        line.filter(|entry| entry.raw.contains_str("san.so"))
    };
    let missing = || {
        scene.log.iter().copied().find(|entry| {
            let symbol = entry.after("undefined symbol: ");
            symbol
                .is_some_and(|symbol| SYMBOLS.iter().any(|(prefix, _)| symbol.starts_with(prefix.as_bytes())))
        })
    };
    let entry = fatal.or_else(refused).or_else(missing)?;
    // The runtime ends the process at once; where it cannot be loaded the server goes on without the plugin.
    let rank = if fatal.is_some() { Rank::Death } else { Rank::Setback };
    let tool = tool_of(&entry.raw.to_str_lossy());
    let plugin = blamed_plugin(scene, &entry.message.to_str_lossy());
    let what = match &plugin {
        Some((name, Some(argument))) => format!("'{name}', loaded by {},", scene.cite(*argument)),
        Some((name, None)) => format!("'{name}'"),
        None => "a library that the server loads".to_owned(),
    };
    let text =
        format!("{what} was built with {}, the server was not: the runtime comes too late", tool.name());
    let fix = format!(
        "use a server and plugins built alike, or preload the runtime: --mysqld-env=LD_PRELOAD=$(gcc \
         -print-file-name=lib{}.so)",
        tool.short_name()
    );
    let finding = Finding::new(SANITIZER_ORDER, text).quoting([entry]).blaming(plugin.and_then(|p| p.1));
    Some(finding.fix(fix).ranked(Some(rank)))
}

/// Symbols that code built with a sanitizer needs.
const SYMBOLS: [(&str, Tool); 6] = [
    ("__asan_", Tool::Address),
    ("__lsan_", Tool::Leak),
    ("__ubsan_", Tool::Undefined),
    ("__msan_", Tool::Memory),
    ("__tsan_", Tool::Thread),
    ("__sanitizer_", Tool::Address),
];

fn tool_of(line: &str) -> Tool {
    let by_symbol = SYMBOLS.iter().find(|(prefix, _)| line.contains(prefix)).map(|(_, tool)| *tool);
    let by_library =
        || Tool::ALL.into_iter().find(|tool| line.contains(&format!("lib{}.so", tool.short_name())));
    by_symbol.or_else(by_library).unwrap_or(Tool::Address)
}

/// The plugin to blame, and the argument that loads it: the one that the line names, the one known to need a
/// runtime, or the only one there is.
fn blamed_plugin(scene: &Scene<'_>, line: &str) -> Option<(BString, Option<usize>)> {
    let plugins = &scene.evidence.plugins;
    let needs = |plugin: &&crate::triage::evidence::PluginFile| {
        plugin.elf.as_ref().is_some_and(|elf| !elf.sanitizers.is_empty())
    };
    if let Some(plugin) = plugins.iter().find(needs) {
        let name = plugin.path.file_name().map(|name| name.as_encoded_bytes()).unwrap_or_default();
        return Some((name.into(), loader(scene, name)));
    }
    if let Some((_, rest)) = line.split_once("shared library '") {
        let path = rest.split('\'').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        return Some((name.into(), loader(scene, name.as_bytes())));
    }
    let mut loaders = (0..scene.evidence.argv.len()).filter(|at| loads_plugin(scene, *at));
    let at = loaders.next()?;
    let value = scene.evidence.argv[at].text.split_once_str("=")?.1;
    (loaders.next().is_none() && !value.contains_str(";")).then(|| (value.into(), Some(at)))
}

fn loads_plugin(scene: &Scene<'_>, at: usize) -> bool {
    let text = scene.evidence.argv[at].text.replace("_", "-");
    text.starts_with(b"--plugin-load") || text.starts_with(b"--loose-plugin-load")
}

fn loader(scene: &Scene<'_>, name: &[u8]) -> Option<usize> {
    let stem = name.strip_suffix(b".so").unwrap_or(name);
    (0..scene.evidence.argv.len())
        .rev()
        .find(|at| loads_plugin(scene, *at) && scene.evidence.argv[*at].text.contains_str(stem))
}

/// The user asks for a sanitizer that is not there: nothing will be found.
fn absent<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let evidence = scene.evidence;
    let program = evidence.elf.as_ref()?;
    let preload = evidence.environment.iter().find(|(name, _)| name == "LD_PRELOAD");
    let preload = preload.map(|(_, value)| value.as_bstr()).unwrap_or_default();
    let wants = |tool: &Tool| {
        let variable = tool.variable();
        let set = evidence.environment.iter().any(|(name, value)| name == variable && !value.is_empty());
        set && !has(program, preload, *tool)
    };
    let tool = Tool::ALL.into_iter().find(wants)?;
    let variable = tool.variable();
    let text =
        format!("{variable} is set, but {} was built without {}", evidence.program.display(), tool.name());
    let value = evidence.environment.iter().find(|(name, _)| name == variable).map(|(_, value)| value);
    let seen = format!("{variable}={}", value.map(|value| value.to_string()).unwrap_or_default());
    let fix = format!("build the server with -fsanitize={}, or preload the runtime", tool.flag());
    Some(Finding::new(SANITIZER_ABSENT, text).seen(seen).fix(fix))
}

#[cfg(test)]
mod tests {
    use crate::triage::evidence::{ElfFacts, Evidence, ExitKind, TextFile};
    use crate::triage::testing::{Vector, check, codes, failed};

    const MSAN: &str = "==9==WARNING: MemorySanitizer: use-of-uninitialized-value\n    #0 0x4 in h /b/y.cc:3\n\
                        SUMMARY: MemorySanitizer: use-of-uninitialized-value /b/y.cc:3 in h\nExiting\n";

    const VECTORS: &[Vector] = &[
        (
            "MTR-S096",
            &[],
            MSAN,
            None,
            "MemorySanitizer: use-of-uninitialized-value in h (b/y.cc:3) / look at h",
        ),
        (
            "MTR-S093",
            &[],
            "t 0 [Note] Starting MariaDB 11.8.2 source revision x as process 9\n==9==ERROR: AddressSanitizer: global-buffer-overflow \
             on address 0x1 at pc 0x2\nREAD of size 8 at 0x1 thread T0\n    #0 0x4 in k /b/y.cc:3\nt 0 [ERROR] mariadbd got signal 6 ;\n",
            None,
            "AddressSanitizer: global-buffer-overflow: READ of size 8 in k (b/y.cc:3)",
        ),
        // A leak of a server that gave up is not why it did.
        (
            "MTR-S003",
            &["--x"],
            "t 0 [ERROR] mariadbd: unknown option '--x'\nt 0 [ERROR] Aborting\n==9==ERROR: LeakSanitizer: detected memory leaks\n\
             Direct leak of 8 byte(s) in 1 object(s) allocated from:\n    #0 0x4 in k /b/y.cc:3\n",
            Some("--x"),
            "--x",
        ),
        (
            "MTR-S094",
            &[],
            "==9==LeakSanitizer has encountered a fatal error.\n==9==HINT: LeakSanitizer does not work under ptrace (strace, gdb, etc)\n",
            None,
            "LeakSanitizer needs ptrace",
        ),
        (
            "MTR-S098",
            &["--plugin-load-add=ha_x.so"],
            "==7==Your application is linked against incompatible ASan runtimes.\n",
            Some("--plugin-load-add=ha_x.so"),
            "'ha_x.so', loaded by --plugin-load-add=ha_x.so (x.opt:1), was built with AddressSanitizer",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_and_words() {
        check(VECTORS);
    }

    #[test]
    fn reports_of_other_processes_are_none_of_the_servers() {
        let mut evidence = failed(1, &[], MSAN);
        assert_eq!(codes(&evidence), ["MTR-S096"]);
        evidence.pid = Some(10);
        assert_eq!(codes(&evidence), ["MTR-S104"]);
        evidence.sanitizer_files =
            vec![TextFile { path: "/x/msan.10".into(), text: MSAN.replace("==9==", "==10==").into() }];
        assert_eq!(codes(&evidence), ["MTR-S096"]);
    }

    #[test]
    fn a_sanitizer_that_is_not_there_is_seen() {
        let mut evidence = Evidence {
            elf: Some(ElfFacts::default()),
            environment: vec![("TSAN_OPTIONS".into(), "history_size=7".into())],
            ..failed(1, &[], "t 0 [ERROR] Something new")
        };
        assert_eq!(codes(&evidence), ["MTR-S099"]);
        evidence.environment.push(("LD_PRELOAD".into(), "/x/libtsan.so.2".into()));
        assert_eq!(codes(&evidence), ["MTR-S103"]);
        evidence.exit = ExitKind::Signal(11);
        assert_eq!(codes(&evidence), ["MTR-S090"]);
    }
}
