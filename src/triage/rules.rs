//! The rules for failed starts: one function each, tried in the order of [`RULES`]; the first that knows wins.
//!
//! The texts are those of MariaDB 10.11, seen on servers that were made to fail that way. Not seen on a failing
//! server: `sanitizer`, `aio`, `too-many-files`, `missing-plugin` on its own, `missing-library` (another program's
//! text), an assertion in `crash`, `Unable to lock` of InnoDB in `data-locked`.

use bstr::{BStr, BString, ByteSlice};

use super::argument::{find, find_word, name, without_blanks};
use super::start::{ExitKind, StartEvidence, signal_name};
use crate::tree::case::ServerOption;

/// What a rule looks at.
pub struct Scene<'a> {
    /// Everything known.
    pub evidence: &'a StartEvidence,
    /// The log of this start, line by line.
    pub lines: &'a [&'a BStr],
}

/// What a rule found.
#[derive(Debug, Default)]
pub struct Finding<'a> {
    /// The cause in one line.
    pub cause: BString,
    /// The lines that say so.
    pub lines: Vec<&'a BStr>,
    /// Index of the argument to blame.
    pub argument: Option<usize>,
    /// What to do.
    pub hint: Option<String>,
}

/// A way in which a start fails.
pub struct Rule {
    /// Its name, unique.
    pub name: &'static str,
    /// Looks for it.
    pub find: for<'a> fn(&Scene<'a>) -> Option<Finding<'a>>,
}

/// All rules: what kills a server comes before what it only complains of.
pub const RULES: &[Rule] = &[
    Rule { name: "sanitizer", find: sanitizer },
    Rule { name: "crash", find: crash },
    Rule { name: "missing-library", find: missing_library },
    Rule { name: "stray-word", find: stray_word },
    Rule { name: "bad-value", find: bad_value },
    Rule { name: "unknown-option", find: unknown_option },
    Rule { name: "ambiguous-option", find: ambiguous_option },
    Rule { name: "missing-value", find: missing_value },
    Rule { name: "port-in-use", find: port_in_use },
    Rule { name: "socket-in-use", find: socket_in_use },
    Rule { name: "bad-address", find: bad_address },
    Rule { name: "data-locked", find: data_locked },
    Rule { name: "disk-full", find: disk_full },
    Rule { name: "too-many-files", find: too_many_files },
    Rule { name: "permission", find: permission },
    Rule { name: "missing-directory", find: missing_directory },
    Rule { name: "missing-system-tables", find: missing_system_tables },
    Rule { name: "tls", find: tls },
    Rule { name: "wsrep-provider", find: wsrep_provider },
    Rule { name: "aio", find: aio },
    Rule { name: "innodb", find: innodb },
    Rule { name: "aria", find: aria },
    Rule { name: "unknown-engine", find: unknown_engine },
    Rule { name: "missing-plugin", find: missing_plugin },
    Rule { name: "killed", find: killed },
    Rule { name: "timeout", find: timeout },
    Rule { name: "first-error", find: first_error },
];

/// The first rule that knows, and what it found.
pub fn judge<'a>(scene: &Scene<'a>) -> (&'static str, Finding<'a>) {
    let known = RULES.iter().find_map(|rule| Some((rule.name, (rule.find)(scene)?)));
    known.unwrap_or_else(|| {
        let cause = "unknown: the error log does not say".into();
        ("unknown", Finding { cause, ..Finding::default() })
    })
}

impl<'a> Scene<'a> {
    /// The first line that contains one of the needles.
    fn line(&self, needles: &[&str]) -> Option<&'a BStr> {
        self.lines.iter().copied().find(|line| needles.iter().any(|needle| line.contains_str(needle)))
    }

    /// The first line of level ERROR that contains one of the needles.
    fn error(&self, needles: &[&str]) -> Option<&'a BStr> {
        let fits = |line: &&BStr| {
            line.contains_str("[ERROR]") && needles.iter().any(|needle| line.contains_str(needle))
        };
        self.lines.iter().copied().find(fits)
    }

    fn argument(&self, option: &str) -> Option<usize> {
        find(&self.evidence.argv, option.as_bytes(), None)
    }

    /// Where an option may come from that is not on the command line.
    fn not_an_argument(&self) -> Option<String> {
        let file = self.evidence.argv.iter().find_map(|o| o.text.strip_prefix(b"--defaults-file="))?;
        Some(format!("it is not an argument: look for it in {}", file.as_bstr()))
    }
}

/// The text between `open` and the next `close` after it.
fn between<'a>(line: &'a [u8], open: &str, close: &str) -> Option<&'a BStr> {
    let (_, rest) = line.split_once_str(open)?;
    let (found, _) = rest.split_once_str(close)?;
    Some(found.as_bstr())
}

/// The message of a line, without time, thread and level.
fn message(line: &BStr) -> &BStr {
    line.split_once_str("[ERROR] ").map_or(line, |(_, message)| message.as_bstr())
}

fn says<'a>(line: &'a BStr) -> Finding<'a> {
    Finding { cause: message(line).to_owned(), lines: vec![line], ..Finding::default() }
}

impl<'a> Finding<'a> {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn argument(mut self, argument: Option<usize>) -> Self {
        self.argument = argument;
        self
    }
}

fn sanitizer<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let needles = ["Sanitizer: ", "Sanitizer:DEADLYSIGNAL", ": runtime error: "];
    let at = scene.lines.iter().position(|line| needles.iter().any(|needle| line.contains_str(needle)))?;
    let summary = scene.lines[at..].iter().copied().find(|line| line.starts_with(b"SUMMARY: "));
    let frames = scene.lines[at..].iter().copied().filter(|line| line.trim_start().starts_with(b"#")).take(8);
    let mut finding = says(scene.lines[at]);
    finding.lines.extend(frames);
    finding.lines.extend(summary);
    Some(finding.hint("the server's sanitizer stopped it; the whole report is in the error log"))
}

fn crash<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let said = scene.line(&["got signal ", "got exception "]);
    let died = match scene.evidence.exit {
        ExitKind::Signal(signal) if ![libc::SIGKILL, libc::SIGTERM, libc::SIGINT].contains(&signal) => {
            Some(signal_name(signal))
        }
        _ => None,
    };
    let assertion = scene.line(&["Assertion `", "Assertion failure"]);
    let cause = match (assertion, said, died) {
        (Some(line), ..) => format!("the server crashed: {}", message(line)),
        (None, Some(line), _) => {
            format!("the server crashed: {}", message(line).trim_end_with(|c| c == ' ' || c == ';').as_bstr())
        }
        (None, None, Some(signal)) => format!("the server crashed with {signal}"),
        (None, None, None) => return None,
    };
    let mut lines: Vec<_> = assertion.into_iter().chain(said).collect();
    lines.extend(scene.lines.iter().copied().filter(is_frame).take(10));
    let hint =
        "a crash at start is a bug of the server or of what it was given; core file and stack follow if kept";
    Some(Finding { cause: cause.into(), lines, argument: None, hint: Some(hint.to_owned()) })
}

/// A stack frame of the server's own handler, `mariadbd(name+0x2e)[0x55…]` or `file.c:29(name)[0x7f…]`, without
/// the frames of the handler.
fn is_frame(line: &&BStr) -> bool {
    let handler = ["my_print_stacktrace", "handle_fatal_signal", "__restore_rt"];
    line.ends_with(b"]") && line.contains_str(")[0x") && !handler.iter().any(|name| line.contains_str(name))
}

fn missing_library<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if let Some(line) = scene.line(&["error while loading shared libraries", "symbol lookup error"]) {
        return Some(says(line).hint("install the library, or set LD_LIBRARY_PATH to its directory"));
    }
    let (ExitKind::Status(status @ (126 | 127)), true) = (scene.evidence.exit, scene.lines.is_empty()) else {
        return None;
    };
    let program = scene.evidence.executable.display();
    let cause = format!("{program} could not be run (status {status})").into();
    let hint = format!("see whether it is executable and finds its libraries: ldd {program}");
    Some(Finding { cause, hint: Some(hint), ..Finding::default() })
}

fn stray_word<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.line(&["Too many arguments (first extra is '"])?;
    let (_, rest) = line.split_once_str("(first extra is '")?;
    let word = rest.rfind("')").map_or(rest, |end| &rest[..end]);
    let argv = &scene.evidence.argv;
    let at = find_word(argv, word);
    let hint = match at.and_then(|at| without_blanks(argv, at)) {
        Some(joined) => blanks_hint(argv, joined.as_bstr()),
        None if word.starts_with(b"#") => "an option file has no comments: remove it".to_owned(),
        None => {
            "an option begins with --, and its value follows = in the same word; quote a value with blanks"
                .to_owned()
        }
    };
    let cause = format!("the word '{}' is not an option", word.as_bstr()).into();
    Some(Finding { cause, lines: vec![line], argument: at, hint: Some(hint) })
}

/// Says how to write `joined`, and which other options of the command line have blanks around their `=`.
fn blanks_hint(argv: &[ServerOption], joined: &BStr) -> String {
    let mut hint = format!("write {joined} without blanks: an option file is split into words at blanks");
    for (i, option) in argv.iter().enumerate().filter(|(_, option)| option.text == "=") {
        match without_blanks(argv, i) {
            Some(other) if other != joined => hint += &format!("; likewise {other} ({})", option.origin),
            _ => {}
        }
    }
    hint
}

fn bad_value<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let argv = &scene.evidence.argv;
    if let Some(line) = scene.error(&["Error while setting value '"]) {
        let (_, rest) = line.split_once_str("Error while setting value '")?;
        let (value, option) = rest.rsplit_once_str("' to '")?;
        let option = option.trim_end_with(|c| c == '\'').as_bstr();
        let at = find(argv, option, Some(value));
        let why = scene.error(&["Unknown suffix", "Incorrect ", "Invalid "]);
        let hint = match at {
            Some(at) => without_blanks(argv, at)
                .filter(|_| value.starts_with(b"="))
                .map(|joined| blanks_hint(argv, joined.as_bstr())),
            None => scene.not_an_argument(),
        };
        let cause = format!("'{}' is no value for '{option}'", value.as_bstr()).into();
        let lines = why.into_iter().chain([line]).collect();
        return Some(Finding { cause, lines, argument: at, hint });
    }
    let line = scene
        .error(&["Unknown locale: '"])
        .or_else(|| scene.line(&["Character set '", "Unknown character set", "Unknown collation"]))?;
    let value = between(line, "'", "'")?;
    let at = argv.iter().rposition(|option| option.text.ends_with(value));
    Some(says(line).argument(at))
}

fn unknown_option<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["unknown option '", "unknown variable '"])?;
    let (kind, word) = match between(line, "unknown option '", "'") {
        Some(word) => ("option", word),
        None => {
            let (_, rest) = line.split_once_str("unknown variable '")?;
            ("variable", rest.trim_end_with(|c| c == '\'').as_bstr())
        }
    };
    let option = word.split_once_str("=").map_or(word, |(name, _)| name.as_bstr());
    let value = word.split_once_str("=").map(|(_, value)| value);
    let at = find(&scene.evidence.argv, option, value);
    let bare = option.trim_start_with(|c| c == '-').as_bstr();
    let mut finding = Finding {
        cause: format!("the server does not know the {kind} '{word}'").into(),
        lines: vec![line],
        argument: at,
        hint: None,
    };
    // The variables of a plugin are unknown where its library could not be loaded; then that is the cause.
    let library = scene.error(&["Can't open shared library '"]);
    let plugin = library.and_then(|line| between(line, "library '", "'")).map(plugin_name);
    finding.hint = match (library, plugin, at) {
        (Some(library), Some(plugin), _) if !plugin.is_empty() && name(bare).starts_with(&plugin) => {
            finding.lines.insert(0, library);
            Some(format!("it belongs to the plugin '{plugin}', whose library could not be loaded"))
        }
        (_, _, Some(_)) => Some(format!(
            "correct the name, or write --loose-{bare} if servers without it are to start all the same"
        )),
        (_, _, None) => scene.not_an_argument(),
    };
    Some(finding)
}

/// `handlersocket` of `/usr/lib/mysql/plugin/handlersocket.so`, `connect` of `ha_connect.so`; `_` as `-`.
fn plugin_name(library: &BStr) -> BString {
    let file = library.rsplit_once_str("/").map_or(library.as_bytes(), |(_, file)| file);
    let stem = file.strip_suffix(b".so").unwrap_or(file);
    name(stem.strip_prefix(b"ha_").unwrap_or(stem))
}

fn ambiguous_option<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["ambiguous option '"])?;
    let word = between(line, "ambiguous option '", "'")?;
    let candidates = between(line, "' (", ")").unwrap_or_default();
    let at = find(&scene.evidence.argv, word, None);
    let cause = format!("the option '{word}' is ambiguous").into();
    let hint = Some(format!("write one of these in full: {candidates}"));
    Some(Finding { cause, lines: vec![line], argument: at, hint })
}

fn missing_value<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["requires an argument"])?;
    let option = between(line, "option '", "'")?;
    let at = find(&scene.evidence.argv, option, None);
    Some(says(line).argument(at).hint(format!("write {option}=VALUE")))
}

fn port_in_use<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["Bind on TCP/IP port. Got error: 98"])?;
    let which = scene.error(&["another server running on port"]);
    let port = which.and_then(|line| between(line, "on port: ", " ")).unwrap_or_default();
    let cause = format!("the TCP port {port} is in use").into();
    let lines = std::iter::once(line).chain(which).collect();
    let hint = "end the process that holds it (ss -ltnp tells), or choose other ports with --port-base";
    Some(Finding { cause, lines, argument: scene.argument("port"), hint: Some(hint.to_owned()) })
}

fn socket_in_use<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["already listening on the socket file", "Bind on unix socket"])?;
    let hint = "end the server that listens there, or use another --vardir";
    Some(says(line).argument(scene.argument("socket")).hint(hint))
}

fn bad_address<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&[
        "Can't create IP socket",
        "No TCP address could be bound to",
        "Bind on TCP/IP port. Got error",
    ])?;
    let files = scene.error(&["errno: 24"]);
    if let Some(line) = files {
        return Some(says(line).hint("the limit of open files is too low for a server: raise ulimit -n"));
    }
    Some(says(line).argument(scene.argument("bind-address")))
}

fn data_locked<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["Can't lock aria control file", "InnoDB: Unable to lock "])?;
    let hint = "another server uses this data directory: end it, or use another --vardir";
    Some(says(line).argument(scene.argument("datadir")).hint(hint))
}

fn disk_full<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.line(&[
        "No space left on device",
        "Errcode: 28",
        "failed with error 28",
        "errno: 28",
        "Disk is full",
    ])?;
    let hint = "make room, or point --vardir (or --mem) to a file system with more space";
    Some(says(line).hint(hint))
}

fn too_many_files<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["Errcode: 24", "errno: 24", "Too many open files"])?;
    Some(says(line).hint("the limit of open files is too low for a server: raise ulimit -n"))
}

fn permission<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line =
        scene.line(&["Errcode: 13", "errno: 13", "must be writable", "\"Permission denied\"", "error 13"])?;
    let user = "the server's user may not use that file: look at its owner and mode, and at --user";
    Some(says(line).argument(scene.argument("datadir")).hint(user))
}

fn missing_directory<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if let Some(line) = scene.line(&["Can't change dir to '"]) {
        return Some(says(line).argument(scene.argument("datadir")));
    }
    if let Some(line) = scene.error(&["Unable to create temporary file"]) {
        return Some(says(line).argument(scene.argument("tmpdir")).hint("see whether tmpdir exists"));
    }
    let line = scene.error(&["Errcode: 2 "])?;
    let path = between(line, "'", "'")?;
    // The option whose value is this path or its beginning (`log-bin` names files by their common part).
    let blamed = scene.evidence.argv.iter().rposition(|option| {
        option.text.split_once_str("=").is_some_and(|(_, value)| !value.is_empty() && path.starts_with(value))
    });
    // A file that is missing is the cause only where the server was told of it.
    blamed.map(|at| says(line).argument(Some(at)).hint("see whether the directory exists"))
}

fn missing_system_tables<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["Can't open and lock privilege tables"])?;
    let hint = "the data directory has no system tables: look at the bootstrap's log (log/bootstrap.log)";
    Some(says(line).argument(scene.argument("datadir")).hint(hint))
}

fn tls<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["SSL error: "])?;
    let at = ["ssl-cert", "ssl-key", "ssl-ca"].iter().find_map(|option| scene.argument(option));
    Some(says(line).argument(at).hint("see whether the files of --ssl-ca, --ssl-cert and --ssl-key exist"))
}

fn wsrep_provider<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["wsrep_load(): dlopen()", "Failed to load provider"])?;
    let hint = "set WSREP_PROVIDER to the Galera library";
    Some(says(line).argument(scene.argument("wsrep-provider")).hint(hint))
}

fn aio<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["Cannot initialize AIO", "io_setup()", "io_uring", "Linux Native AIO"])?;
    let hint = "raise fs.aio-max-nr and ulimit -l, allow io_uring in the container, or use \
                --mysqld=--innodb-use-native-aio=0";
    Some(says(line).hint(hint))
}

fn innodb<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let failed = scene.error(&[
        "Plugin 'InnoDB' registration as a STORAGE ENGINE failed",
        "Plugin 'InnoDB' init function returned error",
    ])?;
    let line = scene.error(&["InnoDB: "]).unwrap_or(failed);
    let option = ["innodb_page_size", "innodb_data_file_path", "innodb_undo_tablespaces"]
        .into_iter()
        .find(|option| line.contains_str(option))
        .or_else(|| line.contains_str("wrong space ID").then_some("innodb-page-size"));
    let finding = says(line).argument(option.and_then(|option| scene.argument(option)));
    let text = "InnoDB does not take the files in the data directory: options that shape them (page size, data file \
                path, checksums) need a data directory made with them";
    Some(finding.hint(text))
}

fn aria<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["when trying to use aria control file", "Aria engine is not enabled"])?;
    Some(says(line).argument(scene.argument("datadir")))
}

fn unknown_engine<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["Unknown/unsupported storage engine: "])?;
    let at =
        scene.argument("default-storage-engine").or_else(|| scene.argument("default-tmp-storage-engine"));
    Some(says(line).argument(at).hint("the engine is not built in, not loaded, or failed to start"))
}

fn missing_plugin<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.error(&["Can't open shared library '", "Couldn't load plugin"])?;
    let at = ["plugin-load-add", "plugin-load"].iter().find_map(|option| scene.argument(option));
    Some(
        says(line).argument(at).hint("see whether the library is in --plugin-dir and belongs to this server"),
    )
}

fn killed<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let ExitKind::Signal(signal) = scene.evidence.exit else { return None };
    let finding = Finding {
        cause: format!("killed from outside with {}", signal_name(signal)).into(),
        ..Finding::default()
    };
    Some(match signal {
        libc::SIGKILL => {
            finding.hint("short of memory? the kernel's log (dmesg) names victims of the OOM killer")
        }
        _ => finding,
    })
}

fn timeout<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if !scene.evidence.timeout {
        return None;
    }
    let last = scene.lines.iter().copied().rev().find(|line| !line.trim().is_empty());
    let cause = match last {
        Some(_) => "the server took longer than the start timeout; its last words are below",
        None => "the server took longer than the start timeout and said nothing",
    };
    let hint = "raise MTR_START_TIMEOUT if the machine is slow".to_owned();
    Some(Finding { cause: cause.into(), lines: last.into_iter().collect(), argument: None, hint: Some(hint) })
}

fn first_error<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let telling = |line: &&BStr| {
        (line.contains_str("[ERROR]") && !line.ends_with(b"[ERROR] Aborting"))
            || line.starts_with(b"mariadbd: ")
            || line.starts_with(b"mysqld: ")
    };
    scene.lines.iter().copied().find(telling).map(says)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::triage::argument::tests::argv;

    /// A start that failed: rule, exit, arguments, log, the argument to blame, words of cause or hint.
    type Vector =
        (&'static str, ExitKind, &'static [&'static str], &'static str, Option<&'static str>, &'static str);

    const FAILED: ExitKind = ExitKind::Status(1);

    const VECTORS: &[Vector] = &[
        (
            "unknown-option",
            ExitKind::Status(2),
            &["--bar", "--loose-foo", "--foo"],
            "t 0 [ERROR] mariadbd: unknown option '--foo'\nt 0 [ERROR] Aborting",
            Some("--foo"),
            "the server does not know the option '--foo'",
        ),
        (
            "unknown-option",
            ExitKind::Status(7),
            &["--foo_bar=x", "--loose-zap=1"],
            "t 0 [Warning] mariadbd: unknown variable 'loose-zap=1'\nt 0 [ERROR] mariadbd: unknown variable 'foo-bar=x'",
            Some("--foo_bar=x"),
            "write --loose-foo-bar",
        ),
        (
            "unknown-option",
            ExitKind::Status(7),
            &["--plugin-load-add=nosuch.so", "--nosuch_var=1"],
            "t 0 [ERROR] mariadbd: Can't open shared library '/usr/lib/mysql/plugin/nosuch.so' (errno: 2, cannot open \
             shared object file: No such file or directory)\nt 0 [ERROR] Couldn't load plugins from 'nosuch.so'.\n\
             t 0 [ERROR] mariadbd: unknown variable 'nosuch_var=1'",
            Some("--nosuch_var=1"),
            "belongs to the plugin 'nosuch'",
        ),
        (
            "unknown-option",
            ExitKind::Status(7),
            &["--defaults-file=/v/my.cnf"],
            "t 0 [ERROR] mariadbd: unknown variable 'nosuch=1'",
            None,
            "look for it in /v/my.cnf",
        ),
        (
            "ambiguous-option",
            FAILED,
            &["--innodb-buffer-pool=8M"],
            "t 0 [ERROR] mariadbd: ambiguous option '--innodb-buffer-pool=8M' (innodb-buffer-pool-size, \
             innodb-buffer-pool-load-at-startup)\nt 0 [ERROR] Unknown/unsupported storage engine: InnoDB",
            Some("--innodb-buffer-pool=8M"),
            "innodb-buffer-pool-size, innodb-buffer-pool-load",
        ),
        (
            "missing-value",
            ExitKind::Status(5),
            &["--server-id=5", "--general-log-file"],
            "t 0 [ERROR] mariadbd: option '--general_log_file' requires an argument",
            Some("--general-log-file"),
            "write --general_log_file=VALUE",
        ),
        (
            "stray-word",
            FAILED,
            &["--loose_handlersocket_port", "=", "9998"],
            "t 0 [Warning] mariadbd: unknown option '--loose_handlersocket_port'\n\
             mariadbd: Too many arguments (first extra is '=').\nt 0 [ERROR] Aborting",
            Some("="),
            "write --loose_handlersocket_port=9998 without blanks",
        ),
        (
            "stray-word",
            FAILED,
            &["--log-bin", "9998"],
            "mariadbd: Too many arguments (first extra is '9998').\nt 0 [ERROR] Aborting",
            Some("9998"),
            "an option begins with --",
        ),
        (
            "bad-value",
            ExitKind::Status(9),
            &["--loose_handlersocket_port", "=", "9998", "--open_files_limit", "=", "65535"],
            "t 0 [ERROR] Unknown suffix '=' used for variable 'open_files_limit' (value '='). Legal suffix characters \
             are: K, M, G, T, P, E\nt 0 [ERROR] mariadbd: Error while setting value '=' to 'open_files_limit'",
            Some("--open_files_limit"),
            "write --open_files_limit=65535 without blanks: an option file is split into words at blanks; likewise \
             --loose_handlersocket_port=9998 (x.opt:2)",
        ),
        (
            "bad-value",
            ExitKind::Status(13),
            &["--sql-mode=ANSI", "--sql_mode=NOSUCH"],
            "t 0 [ERROR] mariadbd: Error while setting value 'NOSUCH' to 'sql_mode'",
            Some("--sql_mode=NOSUCH"),
            "'NOSUCH' is no value for 'sql_mode'",
        ),
        (
            "bad-value",
            FAILED,
            &["--character-set-server=klingon"],
            "mariadbd: Character set 'klingon' is not a compiled character set and is not specified in the '/x' file",
            Some("--character-set-server=klingon"),
            "klingon",
        ),
        (
            "port-in-use",
            FAILED,
            &["--port=19000"],
            "t 0 [ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use\n\
             t 0 [ERROR] Do you already have another server running on port: 19000 ?\nt 0 [ERROR] Aborting",
            Some("--port=19000"),
            "the TCP port 19000 is in use",
        ),
        (
            "socket-in-use",
            FAILED,
            &["--socket=/v/s"],
            "t 0 [ERROR] Another process is already listening on the socket file '/v/s'. Aborting.",
            Some("--socket=/v/s"),
            "already listening",
        ),
        (
            "bad-address",
            FAILED,
            &["--bind-address=not.a.host.invalid"],
            "t 0 [ERROR] Can't create IP socket: Name or service not known",
            Some("--bind-address=not.a.host.invalid"),
            "Name or service not known",
        ),
        (
            "bad-address",
            FAILED,
            &[],
            "t 0 [ERROR] Failed to create a socket for IPv4 '127.0.0.1': errno: 24.\n\
             t 0 [ERROR] No TCP address could be bound to",
            None,
            "limit of open files",
        ),
        (
            "too-many-files",
            FAILED,
            &[],
            "t 0 [ERROR] mariadbd: File './x' not found (Errcode: 24 \"Too many open files\")",
            None,
            "limit of open files",
        ),
        (
            "data-locked",
            ExitKind::Running,
            &["--datadir=/d"],
            "t 0 [ERROR] mariadbd: Can't lock aria control file '/d/aria_log_control' for exclusive use, error: 11. \
             Will retry for 30 seconds",
            Some("--datadir=/d"),
            "another server uses this data directory",
        ),
        (
            "disk-full",
            FAILED,
            &[],
            "t 0 [ERROR] InnoDB: preallocating 41943040 bytes for file ./ib_logfile101 failed with error 28\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            None,
            "make room",
        ),
        (
            "permission",
            FAILED,
            &["--datadir=/root/x"],
            "mariadbd: Can't change dir to '/root/x/' (Errcode: 13 \"Permission denied\")\nt 0 [ERROR] Aborting",
            Some("--datadir=/root/x"),
            "owner and mode",
        ),
        (
            "permission",
            FAILED,
            &[],
            "t 0 [ERROR] InnoDB: The data file './ibdata1' must be writable\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            None,
            "must be writable",
        ),
        (
            "missing-directory",
            FAILED,
            &["--datadir=/nonexist"],
            "mariadbd: Can't change dir to '/nonexist/' (Errcode: 2 \"No such file or directory\")",
            Some("--datadir=/nonexist"),
            "Can't change dir",
        ),
        (
            "missing-directory",
            FAILED,
            &["--log-bin=/nonexist/y"],
            "t 0 [ERROR] mariadbd: File '/nonexist/y.index' not found (Errcode: 2 \"No such file or directory\")",
            Some("--log-bin=/nonexist/y"),
            "/nonexist/y.index",
        ),
        (
            "missing-directory",
            FAILED,
            &["--tmpdir=/nonexist"],
            "t 0 [ERROR] InnoDB: Unable to create temporary file; errno: 2\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            Some("--tmpdir=/nonexist"),
            "tmpdir",
        ),
        (
            "missing-system-tables",
            FAILED,
            &[],
            "t 0 [ERROR] Could not open mysql.plugin table: \"Table 'mysql.plugin' doesn't exist\". Some plugins may be \
             not loaded\nt 0 [ERROR] Fatal error: Can't open and lock privilege tables: Table 'mysql.db' doesn't exist",
            None,
            "bootstrap",
        ),
        (
            "tls",
            FAILED,
            &["--ssl-cert=/nonexist"],
            "t 0 [ERROR] Failed to setup SSL\nt 0 [ERROR] SSL error: SSL_CTX_set_default_verify_paths failed",
            Some("--ssl-cert=/nonexist"),
            "--ssl-key",
        ),
        (
            "wsrep-provider",
            FAILED,
            &["--wsrep-provider=/nonexist.so"],
            "t 0 [ERROR] WSREP: wsrep_load(): dlopen(): /nonexist.so: cannot open shared object file: No such file or \
             directory\nt 0 [ERROR] WSREP: Failed to load provider",
            Some("--wsrep-provider=/nonexist.so"),
            "WSREP_PROVIDER",
        ),
        (
            "aio",
            FAILED,
            &[],
            "t 0 [Warning] mariadbd: io_uring_queue_init() failed with ENOMEM\n\
             t 0 [ERROR] InnoDB: Cannot initialize AIO sub-system\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            None,
            "--innodb-use-native-aio=0",
        ),
        (
            "port-in-use",
            FAILED,
            &[],
            "t 0 [Warning] mariadbd: io_uring_queue_init() failed with ENOMEM: try larger memory locked limit\n\
             create_uring failed: falling back to libaio\n\
             t 0 [ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use",
            None,
            "in use",
        ),
        (
            "innodb",
            FAILED,
            &["--innodb-data-file-path=ibdata1:99M"],
            "t 0 [ERROR] InnoDB: The data file './ibdata1' is of a different size 768 pages than the 6336 pages \
             specified by innodb_data_file_path\nt 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.\n\
             t 0 [ERROR] Unknown/unsupported storage engine: InnoDB",
            Some("--innodb-data-file-path=ibdata1:99M"),
            "different size 768 pages",
        ),
        (
            "aria",
            FAILED,
            &[],
            "t 0 [ERROR] mariadbd: Got error 'Size of control file is smaller than expected' when trying to use aria \
             control file '/d/aria_log_control'\nt 0 [ERROR] Plugin 'Aria' registration as a STORAGE ENGINE failed.",
            None,
            "Size of control file is smaller",
        ),
        (
            "unknown-engine",
            FAILED,
            &["--default-storage-engine=nosuch"],
            "t 0 [ERROR] Unknown/unsupported storage engine: nosuch\nt 0 [ERROR] Aborting",
            Some("--default-storage-engine=nosuch"),
            "nosuch",
        ),
        (
            "missing-plugin",
            FAILED,
            &["--plugin-load-add=nosuch.so"],
            "t 0 [ERROR] Couldn't load plugins from 'nosuch.so'.\nt 0 [ERROR] Aborting",
            Some("--plugin-load-add=nosuch.so"),
            "--plugin-dir",
        ),
        (
            "crash",
            ExitKind::Signal(libc::SIGSEGV),
            &[],
            "261123 13:15:33 [ERROR] mariadbd got signal 11 ;\naddr2line: 'mariadbd': No such file\n\
             mariadbd(my_print_stacktrace+0x2e)[0x55f205d2987e]\nlinux/poll.c:29(__GI___poll)[0x7f652731a26f]",
            None,
            "the server crashed: mariadbd got signal 11",
        ),
        ("crash", ExitKind::Signal(libc::SIGABRT), &[], "", None, "SIGABRT"),
        ("killed", ExitKind::Signal(libc::SIGKILL), &[], "t 0 [Note] Starting", None, "OOM killer"),
        (
            "sanitizer",
            FAILED,
            &[],
            "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x60\n    #0 0x5 in f /x.cc:1\n\
             SUMMARY: AddressSanitizer: heap-use-after-free /x.cc:1 in f\nt 0 [ERROR] mariadbd got signal 6 ;",
            None,
            "heap-use-after-free",
        ),
        (
            "missing-library",
            ExitKind::Status(127),
            &[],
            "./l: error while loading shared libraries: libnsx.so: cannot open shared object file: No such file or \
             directory",
            None,
            "LD_LIBRARY_PATH",
        ),
        ("missing-library", ExitKind::Status(127), &[], "", None, "could not be run"),
        ("timeout", ExitKind::Running, &[], "t 0 [Note] InnoDB: still at it", None, "MTR_START_TIMEOUT"),
        (
            "first-error",
            FAILED,
            &[],
            "t 0 [ERROR] Something new\nt 0 [ERROR] Aborting",
            None,
            "Something new",
        ),
        ("unknown", FAILED, &[], "t 0 [Note] all well", None, "does not say"),
    ];

    #[test]
    fn every_vector_finds_its_rule_argument_and_words() {
        for (rule, exit, words, log, blamed, said) in VECTORS {
            let evidence = StartEvidence {
                group: "mysqld.1".into(),
                lived: Duration::from_millis(140),
                exit: *exit,
                executable: "/usr/sbin/mariadbd".into(),
                argv: argv(words),
                log_since_start: (*log).into(),
                timeout: *exit == ExitKind::Running,
                bootstrap: false,
            };
            let lines: Vec<_> = evidence.log_since_start.lines().map(ByteSlice::as_bstr).collect();
            let (found, finding) = judge(&Scene { evidence: &evidence, lines: &lines });
            assert_eq!(found, *rule, "{log}");
            let argument = finding.argument.map(|at| evidence.argv[at].text.to_string());
            assert_eq!(argument.as_deref(), *blamed, "{log}");
            let told = format!("{} / {}", finding.cause, finding.hint.unwrap_or_default());
            assert!(told.contains(said), "{told}");
        }
    }

    #[test]
    fn every_rule_has_a_name_of_its_own_and_a_vector() {
        for (i, rule) in RULES.iter().enumerate() {
            assert!(RULES[..i].iter().all(|other| other.name != rule.name), "{} twice", rule.name);
            assert!(VECTORS.iter().any(|vector| vector.0 == rule.name), "{} has no vector", rule.name);
        }
    }

    #[test]
    fn the_stack_of_a_crash_is_shown_without_the_handler() {
        assert!(is_frame(&b"linux/poll.c:29(__GI___poll)[0x7f652731a26f]".as_bstr()));
        assert!(!is_frame(&b"mariadbd(my_print_stacktrace+0x2e)[0x55f205d2987e]".as_bstr()));
        assert!(!is_frame(&b"libc_sigaction.c:0(__restore_rt)[0x7f652725a050]".as_bstr()));
        assert!(!is_frame(&b"addr2line: 'mariadbd': No such file".as_bstr()));
    }
}
