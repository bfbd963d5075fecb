//! Debuggers and tracers around servers and scripts, as a table (spec §12.5).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use super::context::Context;
use super::vardir::WorkerDirs;
use crate::cli::settings::DebuggerChoice;
use crate::error::{Error, Result};
use crate::server::instance::StartedWith;

/// One debugger: how it is called. Placeholders are those of the user's own arguments as well:
/// `{exe}`, `{args}`, `{input}`, `{script}`, `{log}`, `{vardir}`, `{options}`.
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
    Debugger { name: "dbx", xterm: true, command: "dbx -c {dbx} {options} {exe}", script: None },
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
        command: "gdb -x {script} {exe}",
        script: Some(
            "shell valgrind --tool=memcheck --show-reachable=yes --leak-check=yes --num-callers=16 --quiet \
             --suppressions={tests}/valgrind.supp --vgdb-error=0 {options} {exe} {args} \
             --loose-wait-for-pos-timeout=1500 &\nshell sleep 1\ntarget remote | vgdb",
        ),
    },
];

/// The program and arguments that run a server under a debugger.
pub fn wrap(
    choice: &DebuggerChoice,
    with: &StartedWith,
    group: &BStr,
    dirs: &WorkerDirs,
    ctx: &Context,
) -> Result<(PathBuf, Vec<OsString>)> {
    let mut args: Vec<BString> = with.args.iter().map(|option| option.text.clone()).collect();
    args.push("--loose-debug-gdb".into());
    args.push("--loose-skip-stack-trace".into());
    build(choice, &with.program, &args, &group.to_str_lossy(), dirs, ctx)
}

/// The program and arguments that run the script engine under a debugger.
pub fn wrap_client(
    choice: &DebuggerChoice,
    program: &Path,
    args: Vec<OsString>,
    dirs: &WorkerDirs,
    ctx: &Context,
) -> Result<(PathBuf, Vec<OsString>)> {
    let args: Vec<BString> = args.iter().map(|arg| arg.as_bytes().into()).collect();
    build(choice, program, &args, "client", dirs, ctx)
}

fn build(
    choice: &DebuggerChoice,
    program: &Path,
    args: &[BString],
    kind: &str,
    dirs: &WorkerDirs,
    ctx: &Context,
) -> Result<(PathBuf, Vec<OsString>)> {
    let Some(debugger) = DEBUGGERS.iter().find(|debugger| debugger.name == choice.name) else {
        return Err(Error::new(format!("there is no debugger '{}' on this system", choice.name)));
    };
    if debugger.name == "rr" {
        check_perf_events()?;
    }
    let own: Vec<&[u8]> = choice.args.split(|byte| *byte == b';').filter(|part| !part.is_empty()).collect();
    let (options, lines) = match own.split_first() {
        Some((first, rest)) if first.starts_with(b"-") => (*first, rest.to_vec()),
        _ => (&b""[..], own.clone()),
    };
    if debugger.script.is_none() && !lines.is_empty() {
        return Err(Error::new(format!(
            "{} is not using a script file, nowhere to write the script\n{}",
            debugger.name,
            bstr::join("\n", &lines).as_bstr()
        )));
    }
    let script_file = dirs.var_tmp().join(format!("{}init.{kind}", debugger.name));
    let log_file = dirs.log().join(format!("{kind}.{}", debugger.name));
    let fill = |text: &[u8]| -> BString {
        let mut text = text.to_vec();
        let quoted = bstr::join(" ", args.iter().map(quote));
        for (name, value) in [
            ("{args}", quoted.as_slice()),
            ("{input}", b"/dev/null"),
            ("{script}", script_file.as_os_str().as_bytes()),
            ("{log}", log_file.as_os_str().as_bytes()),
            ("{vardir}", dirs.var.as_os_str().as_bytes()),
            ("{tests}", ctx.layout.test_dir.as_os_str().as_bytes()),
            ("{exe}", program.as_os_str().as_bytes()),
            ("{options}", options),
        ] {
            text = text.replace(name, value);
        }
        text.into()
    };
    if let Some(script) = debugger.script {
        let mut text = fill(script.as_bytes());
        text.push(b'\n');
        for line in lines {
            text.extend_from_slice(&fill(line));
            text.push(b'\n');
        }
        std::fs::write(&script_file, text).map_err(|error| Error::io("write", &script_file, error))?;
    }
    let mut argv: Vec<OsString> = Vec::new();
    if debugger.xterm {
        argv.extend(["xterm", "-title", kind, "-e"].map(OsString::from));
    }
    for word in debugger.command.split_ascii_whitespace() {
        match word {
            // Each argument stays one, whatever blanks it has.
            "{args}" => argv.extend(args.iter().map(|arg| OsStr::from_bytes(arg).to_os_string())),
            "{options}" => argv.extend(options.fields().map(|word| OsStr::from_bytes(word).to_os_string())),
            "{dbx}" => argv
                .push(OsStr::from_bytes(&fill(b"stop in main; run {exe} {args} < {input}")).to_os_string()),
            word => argv.push(OsStr::from_bytes(&fill(word.as_bytes())).to_os_string()),
        }
    }
    let program = argv.remove(0);
    let found = which::which(&program).map_err(|_| {
        Error::new(format!("{} is not installed", program.display()))
            .hint(format!("--{} needs it on PATH", choice.name))
    })?;
    Ok((found, argv))
}

/// A word as a debugger's script wants it.
fn quote(word: &BString) -> Vec<u8> {
    if word.find_byteset(b" ;>").is_some() { [b"\"", word.as_slice(), b"\""].concat() } else { word.to_vec() }
}

fn check_perf_events() -> Result<()> {
    let file = Path::new("/proc/sys/kernel/perf_event_paranoid");
    let level = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    if level.is_some_and(|level| level > 1) {
        return Err(Error::new("rr requires kernel.perf_event_paranoid <= 1").at(file, None));
    }
    Ok(())
}

/// The command of a `--manual-X` debugger, for a user who starts the server in another window.
pub fn manual(choice: &DebuggerChoice, group: &BStr, program: &Path, args: &[OsString]) -> Error {
    let mut text = BString::from(program.as_os_str().as_bytes());
    for arg in args {
        text.push(b' ');
        text.extend_from_slice(&quote(&arg.as_bytes().into()));
    }
    Error::new(format!("To start {} for {group}, type in another window:\n{text}", choice.name))
}
