//! Debuggers and tracers around servers, scripts and the bootstrap, as a table (runner §12.5).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice, ByteVec};

use crate::cli::settings::{DebuggerChoice, Settings};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::files;

/// One debugger: how it is called. Placeholders in the table and in the user's own arguments:
/// `{exe}`, `{args}`, `{input}`, `{script}`, `{log}`, `{vardir}`, `{tests}`, `{options}`.
struct Debugger {
    name: &'static str,
    /// Runs in a terminal window of its own.
    xterm: bool,
    command: &'static str,
    script: Option<&'static str>,
}

const DEBUGGERS: [Debugger; 8] = [
    Debugger {
        name: "gdb",
        xterm: true,
        command: "gdb -x {script} {options} {exe}",
        script: Some("set args {args} < {input}"),
    },
    Debugger {
        name: "ddd",
        xterm: false,
        command: "ddd --command {script} {options} {exe}",
        script: Some("set args {args} < {input}"),
    },
    Debugger { name: "dbx", xterm: true, command: "dbx -c {dbx} {options}", script: None },
    Debugger {
        name: "lldb",
        xterm: true,
        command: "lldb -s {script} {options} {exe}",
        script: Some("process launch --stop-at-entry -- {args}"),
    },
    Debugger {
        name: "valgrind",
        xterm: false,
        command: "valgrind --tool=memcheck --show-reachable=yes --leak-check=yes --num-callers=16 --quiet \
                  --suppressions={tests}/valgrind.supp {options} {exe} {args} --loose-wait-for-pos-timeout=1500",
        script: None,
    },
    Debugger {
        name: "strace",
        xterm: false,
        command: "strace -f -o {log} {options} {exe} {args}",
        script: None,
    },
    Debugger {
        name: "rr",
        xterm: false,
        command: "env _RR_TRACE_DIR={log} rr record {options} {exe} {args} --loose-skip-innodb-use-native-aio \
                  --loose-innodb-flush-method=fsync",
        script: None,
    },
    Debugger {
        name: "valgdb",
        xterm: true,
        command: "gdb -x {script} {options} {exe}",
        // The wait is for valgrind's own gdb server, which announces itself to nobody.
        script: Some(
            "python\nimport shlex, subprocess, time\nchild = subprocess.Popen(shlex.split(\"\"\"valgrind --tool=memcheck \
             --show-reachable=yes --leak-check=yes --num-callers=16 --quiet --suppressions={tests}/valgrind.supp \
             --vgdb-error=0 {exe} {args} --loose-wait-for-pos-timeout=1500\"\"\"))\ntime.sleep(2)\n\
             gdb.execute(\"target remote | vgdb --pid=%d\" % child.pid)\nend",
        ),
    },
];

/// Where debug versions of the system's libraries are, for valgrind.
const DEBUG_LIBRARIES: &str = "/usr/lib/debug";

/// What is to run under a debugger.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub args: &'a [BString],
    /// `mysqld.1`, `client` or `bootstrap`: names the window, the debugger's script and its log.
    pub kind: &'a str,
    /// Its standard input.
    pub input: &'a Path,
    /// `VAR`.
    pub var: &'a Path,
    /// The test directory.
    pub test_dir: &'a Path,
}

/// A program under a debugger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// What is executed; no path.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What a person types for the same, without the window.
    pub typed: BString,
}

impl Wrapped {
    /// Where the program is.
    ///
    /// # Errors
    /// It is not on `PATH`.
    pub fn locate(&self) -> Result<PathBuf> {
        which::which(&self.program).map_err(|_| {
            Error::new(format!("{} is not installed", self.program.display()))
                .hint("the debugger, and xterm where it needs a window, must be on PATH")
        })
    }
}

/// Whether servers run in valgrind: their leak reports are collected (runner §10.8).
pub fn valgrind(settings: &Settings) -> bool {
    settings.debugger.as_ref().is_some_and(|choice| choice.name == "valgrind" && !choice.manual)
}

/// All debuggers in use.
pub fn in_use(settings: &Settings) -> impl Iterator<Item = &DebuggerChoice> {
    [&settings.debugger, &settings.client_debugger, &settings.boot_debugger].into_iter().flatten()
}

/// What debuggers need of the whole run, before anything is started.
///
/// # Errors
/// The machine forbids what rr does, or script lines were given to a debugger without a script.
pub fn check(settings: &Settings) -> Result<()> {
    for choice in in_use(settings) {
        let debugger = find(choice)?;
        if debugger.name == "rr" {
            check_perf_events()?;
        }
        let (_, lines) = own_arguments(choice);
        if debugger.script.is_none() && !lines.is_empty() {
            return Err(Error::new(format!(
                "{} is not using a script file, nowhere to write the script\n{}",
                debugger.name,
                bstr::join("\n", &lines).as_bstr()
            )));
        }
    }
    Ok(())
}

/// Error-log lines that a debugger provokes and nobody is to blame for.
pub fn suppressions(settings: &Settings) -> Option<BString> {
    in_use(settings).any(|choice| choice.name == "rr").then(|| "InnoDB: native AIO failed".into())
}

/// What debuggers need in the environment of everything (runner §12.5).
pub fn set_environment(settings: &Settings, env: &mut Env) {
    for choice in in_use(settings) {
        match choice.name.as_str() {
            "valgrind" | "valgdb" if Path::new(DEBUG_LIBRARIES).is_dir() => {
                let mut path = env.get("LD_LIBRARY_PATH").unwrap_or_default().to_os_string();
                if !path.is_empty() {
                    path.push(":");
                }
                path.push(DEBUG_LIBRARIES);
                env.set("LD_LIBRARY_PATH", path);
            }
            "rr" => {
                let mut options = OsString::from("report_objects=1:");
                options.push(env.get("LSAN_OPTIONS").unwrap_or_default());
                env.set("LSAN_OPTIONS", options);
            }
            _ => {}
        }
    }
}

/// The command that runs `target` under a debugger; writes the debugger's script, if it has one.
///
/// # Errors
/// There is no such debugger on this system, or the script cannot be written.
pub fn wrap(choice: &DebuggerChoice, target: Target<'_>) -> Result<Wrapped> {
    let debugger = find(choice)?;
    let (options, lines) = own_arguments(choice);
    let mut args = target.args.to_vec();
    args.extend(["--loose-debug-gdb", "--loose-skip-stack-trace"].map(BString::from));
    let script = target.var.join("tmp").join(format!("{}init.{}", debugger.name, target.kind));
    let log = target.var.join("log").join(format!("{}.{}", target.kind, debugger.name));
    let joined: BString = bstr::join(" ", args.iter().map(|arg| quoted(arg.as_bstr()))).into();
    let fill = |text: &[u8]| {
        substitute(text, |name| match name {
            b"args" => Some(joined.as_bstr()),
            b"input" => Some(path(target.input)),
            b"script" => Some(path(&script)),
            b"log" => Some(path(&log)),
            b"vardir" => Some(path(target.var)),
            b"tests" => Some(path(target.test_dir)),
            b"exe" => Some(path(target.program)),
            b"options" => Some(options),
            _ => None,
        })
    };
    if let Some(start) = debugger.script {
        let mut text = fill(start.as_bytes());
        for line in std::iter::once(&b""[..]).chain(lines) {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        std::fs::write(&script, text).map_err(|error| Error::io("write", &script, error))?;
    }
    let mut words: Vec<BString> = Vec::new();
    for word in debugger.command.split_ascii_whitespace() {
        match word {
            // Each argument stays one, whatever blanks it has.
            "{args}" => words.extend(args.iter().cloned()),
            "{options}" => words.extend(options.fields().map(BString::from)),
            "{dbx}" => words.push(fill(b"stop in main; run {exe} {args} < {input}")),
            word => words.push(fill(word.as_bytes())),
        }
    }
    let typed = bstr::join(" ", words.iter().map(|word| quoted(word.as_bstr()))).into();
    let mut argv: Vec<OsString> = Vec::new();
    if debugger.xterm && !choice.manual {
        argv.extend(["xterm", "-title", target.kind, "-e"].map(OsString::from));
    }
    argv.extend(words.iter().map(|word| OsStr::from_bytes(word).to_os_string()));
    Ok(Wrapped { program: argv.remove(0), args: argv, typed })
}

/// Whether a person sits at a terminal or window that the run does not have: one of the debugger's own, which may be on
/// another machine, or that in which the person starts the debugger.
pub fn needs_terminal(settings: &Settings) -> bool {
    let choices = [&settings.debugger, &settings.client_debugger, &settings.boot_debugger];
    choices.into_iter().flatten().any(|choice| {
        choice.manual || choice.name == "ddd" || find(choice).is_ok_and(|debugger| debugger.xterm)
    })
}

fn find(choice: &DebuggerChoice) -> Result<&'static Debugger> {
    DEBUGGERS
        .iter()
        .find(|debugger| debugger.name == choice.name)
        .ok_or_else(|| Error::new(format!("there is no debugger '{}' on this system", choice.name)))
}

/// The user's arguments: a first one with a dash for the command line, and lines for the script.
fn own_arguments(choice: &DebuggerChoice) -> (&BStr, Vec<&[u8]>) {
    let mut parts: Vec<&[u8]> = choice.args.split(|byte| *byte == b';').collect();
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    match parts.split_first() {
        Some((first, lines)) if first.starts_with(b"-") => (first.as_bstr(), lines.to_vec()),
        _ => (b"".as_bstr(), parts),
    }
}

/// Replaces `{name}` by its value in one pass: values are not looked at again.
fn substitute<'v>(text: &[u8], value: impl Fn(&[u8]) -> Option<&'v BStr>) -> BString {
    let mut result = BString::default();
    let mut rest = text;
    while let Some(start) = rest.find_byte(b'{') {
        let (before, from) = rest.split_at(start);
        result.push_str(before);
        let end = from.find_byte(b'}');
        match end.and_then(|end| Some((end, value(&from[1..end])?))) {
            Some((end, value)) => {
                result.push_str(value);
                rest = &from[end + 1..];
            }
            None => {
                result.push(b'{');
                rest = &from[1..];
            }
        }
    }
    result.push_str(rest);
    result
}

fn path(path: &Path) -> &BStr {
    path.as_os_str().as_bytes().as_bstr()
}

/// A word as a debugger's script wants it.
fn quoted(word: &BStr) -> Vec<u8> {
    if word.find_byteset(b" ;>").is_some() { [b"\"", word.as_bytes(), b"\""].concat() } else { word.to_vec() }
}

fn check_perf_events() -> Result<()> {
    let file = Path::new("/proc/sys/kernel/perf_event_paranoid");
    let level = files::text_of_kernel(file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    if level.is_some_and(|level| level > 1) {
        return Err(Error::new("rr requires kernel.perf_event_paranoid <= 1").at(file, None));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn choice(name: &str, args: &str) -> DebuggerChoice {
        DebuggerChoice { name: name.into(), args: args.into(), manual: false }
    }

    fn typed(choice: &DebuggerChoice) -> (String, Option<String>) {
        let var = tempfile::tempdir().unwrap();
        std::fs::create_dir(var.path().join("tmp")).unwrap();
        let args = ["--a".into(), "--b=c d".into()];
        let target = Target {
            program: Path::new("/sbin/mariadbd"),
            args: &args,
            kind: "mysqld.1",
            input: Path::new("/dev/null"),
            var: var.path(),
            test_dir: Path::new("/t"),
        };
        let wrapped = wrap(choice, target).unwrap();
        let mut line = wrapped.program.into_string().unwrap();
        for arg in wrapped.args {
            line.push('|');
            line.push_str(arg.to_str().unwrap());
        }
        let script = std::fs::read_dir(var.path().join("tmp")).unwrap().next();
        let script = script.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        (line.replace(var.path().to_str().unwrap(), "VAR"), script)
    }

    #[test]
    fn gdb_has_a_window_and_a_script() {
        let (line, script) = typed(&choice("gdb", "-q -nx;b main;run"));
        assert_eq!(line, "xterm|-title|mysqld.1|-e|gdb|-x|VAR/tmp/gdbinit.mysqld.1|-q|-nx|/sbin/mariadbd");
        let expected =
            "set args --a \"--b=c d\" --loose-debug-gdb --loose-skip-stack-trace < /dev/null\nb main\nrun\n";
        assert_eq!(script.unwrap(), expected);
    }

    #[test]
    fn arguments_stay_whole() {
        let (line, script) = typed(&choice("strace", "-e trace=file;"));
        assert_eq!(
            line,
            "strace|-f|-o|VAR/log/mysqld.1.strace|-e|trace=file|/sbin/mariadbd|--a|--b=c d|--loose-debug-gdb|\
             --loose-skip-stack-trace"
        );
        assert_eq!(script, None);
        let (line, _) = typed(&choice("dbx", ""));
        assert!(line.contains("|-c|stop in main; run /sbin/mariadbd --a \"--b=c d\""), "{line}");
    }

    #[test]
    fn a_manual_debugger_has_no_window() {
        let manual = DebuggerChoice { manual: true, ..choice("gdb", ";") };
        let (line, script) = typed(&manual);
        assert_eq!(line, "gdb|-x|VAR/tmp/gdbinit.mysqld.1|/sbin/mariadbd");
        assert!(script.unwrap().ends_with("< /dev/null\n"));
    }

    #[test]
    fn values_are_not_looked_at_again() {
        let value = |name: &[u8]| (name == b"a").then_some(b"{b}".as_bstr());
        assert_eq!(substitute(b"x{a}y{b}{{a}", value), "x{b}y{b}{{b}");
    }

    #[test]
    fn lines_need_a_script() {
        let with = |name: &str, args: &str| Settings {
            boot_debugger: Some(choice(name, args)),
            ..Settings::default()
        };
        let error = check(&with("strace", "b main")).unwrap_err();
        assert!(error.message().starts_with("strace is not using a script file"), "{error}");
        for (name, args) in [("strace", "-x"), ("strace", ";"), ("gdb", "b main")] {
            check(&with(name, args)).unwrap();
        }
    }

    #[test]
    fn debuggers_change_the_environment() {
        let settings = Settings { client_debugger: Some(choice("rr", "")), ..Settings::default() };
        let mut env = Env::default();
        env.set("LSAN_OPTIONS", "x=1");
        set_environment(&settings, &mut env);
        assert_eq!(env.get("LSAN_OPTIONS").unwrap(), "report_objects=1:x=1");
    }
}
