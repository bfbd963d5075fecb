//! The program itself: whether it can be run, by whom, and with the files of its installation.

use bstr::{BStr, ByteSlice};

use crate::triage::catalogue::{
    CHARSET_DIR, MESSAGE_FILE, NOT_A_PROGRAM, NOT_EXECUTABLE, ROOT, SHARED_LIBRARY, UNKNOWN_USER,
    WRONG_MACHINE,
};
use crate::triage::evidence::{ExitKind, ProgramFile};
use crate::triage::files::{Access, absolute, denied_by};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[
    root,
    unknown_user,
    message_file,
    charset_directory,
    shared_library,
    loader_missing,
    wrong_machine,
    not_executable,
    not_a_program,
];

/// `Please consult the Knowledge Base to find out how to run mysqld as root!`, and what other versions name.
fn root<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line_with_all(&["how to run ", " as root"])?;
    let argv = &scene.evidence.argv;
    // The runner adds the option itself, unless one is there that begins like it.
    let like = argv
        .iter()
        .rposition(|option| option.text.starts_with(b"--user") && !option.text.starts_with(b"--user="));
    let (text, fix) = match like {
        Some(at) => (
            format!(
                "the server refuses to run as root: it got no --user=root, because the runner takes {} for it",
                scene.cite(at)
            ),
            format!(
                "add --user=root to that place, or write --loose-{}",
                argv[at].text.trim_start_with(|c| c == '-').as_bstr()
            ),
        ),
        None => (
            "the server refuses to run as root without --user".to_owned(),
            "run the tests as another user, or add --user=root to the options".to_owned(),
        ),
    };
    Some(Finding::new(ROOT, text).quoting([entry]).blaming(like).fix(fix))
}

/// `Can't change to run as user 'x'.  Please check that the user exists!`
fn unknown_user<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["change to run as user '"])?;
    let user = entry.between("run as user '", "'")?;
    let blame = scene.blame(b"user", Some(user));
    let text = format!("there is no user '{user}'{}", blame.place());
    let fix = format!("name a user that exists, or make it: useradd --system {user}");
    let fix = scene.or_remove(fix, blame);
    Some(Finding::new(UNKNOWN_USER, text).quoting([entry]).blaming(blame).fix(fix))
}

/// A file of messages that is not there, cut, or of another version. The server has its English messages built in and
/// goes on without a file of them; it ends without those of the language it was told to speak.
fn message_file<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["messagefile '", "message file '", "Could not load error messages for "])?;
    let given_up = scene.line(&["Could not load error messages for "]);
    let dir = scene.blame(b"lc-messages-dir", None);
    let dir = if dir.is_known() { dir } else { scene.blame(b"language", None) };
    let language = scene.blame(b"lc-messages", None);
    let file = entry.quoted().into_iter().find(|word| word.contains(&b'/'));
    let why = if entry.says("ncompatible") || entry.says("had only") {
        "is of another version"
    } else if entry.says("Can't read") {
        "cannot be read"
    } else {
        "is not there"
    };
    let what = match (file, given_up.and_then(|entry| entry.after("error messages for "))) {
        (Some(file), Some(spoken)) => {
            format!("the file of messages '{file}' {why}, and the server is to speak {spoken}")
        }
        (Some(file), None) => format!("the file of messages '{file}' {why}"),
        (None, spoken) => {
            format!("the server has no messages for {}", spoken.unwrap_or(BStr::new("its language")))
        }
    };
    let fix = "let --lc-messages-dir name the share directory of this very server, which has a directory for each language; or \
               leave out --lc-messages";
    let blame = if scene.own(dir).is_some() { dir } else { language };
    let closed = file.and_then(|file| denied_by(scene, &absolute(scene, file), Access::Read));
    let (text, fix) = match closed {
        Some((why, fix)) => {
            (format!("{what}{}: {why}", blame.place()).replace("is not there", "cannot be read"), fix)
        }
        None => (format!("{what}{}", blame.place()), scene.or_remove(fix, blame)),
    };
    let entries =
        [Some(entry), given_up.filter(|given_up| given_up.line != entry.line)].into_iter().flatten();
    let finding = Finding::new(MESSAGE_FILE, text).quoting(entries).blaming(blame).fix(fix);
    let last = scene.errors().filter(|error| error.message != "Aborting").last();
    let fatal = given_up.is_some() || last.is_none_or(|last| last.line <= entry.line);
    Some(if fatal { finding } else { finding.likely() })
}

/// A character set of an installation whose directory is elsewhere.
fn charset_directory<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = scene.line(&["is not specified in the '"])?;
    let index = entry.between("is not specified in the '", "'")?;
    let dir = scene.path("character-sets-dir")?;
    let closed = denied_by(scene, &dir.path.join("Index.xml"), Access::Read);
    if dir.directory && closed.is_none() {
        return None;
    }
    if !index.starts_with(dir.path.as_os_str().as_encoded_bytes()) {
        return None;
    }
    let charset = *entry.quoted().first()?;
    let blame = scene.blame(b"character-sets-dir", None);
    let (why, opened) = match closed {
        Some((why, fix)) => (format!("cannot be used, as {why}"), Some(fix)),
        None => ("is not there".to_owned(), None),
    };
    let text = format!(
        "the directory of character sets '{}'{} {why}, and '{charset}' is not built in",
        dir.path.display(),
        blame.place()
    );
    if let Some(fix) = opened {
        return Some(Finding::new(CHARSET_DIR, text).quoting([entry]).blaming(blame).fix(fix));
    }
    let fix = "name the directory that has Index.xml: share/mysql/charsets of the installation";
    let mut fix = scene.or_remove(fix, blame);
    let wanted = scene.blame_value(&["character-set-server", "default-character-set"], charset);
    if let Some(own) = scene.own(wanted) {
        fix += &format!(" and {own}{}", wanted.place());
    }
    Some(Finding::new(CHARSET_DIR, text).quoting([entry]).blaming(blame).fix(fix))
}

/// The loader's words: a library that is not there, a symbol or version that it does not have.
fn shared_library<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let program = scene.evidence.program.display();
    let words = [
        "error while loading shared libraries: ",
        "symbol lookup error: ",
        "' not found (required by ",
        "Error loading shared library ",
        "Error relocating ",
    ];
    // The loader speaks for itself; what the server tells of a plugin's library is another matter.
    let own_words =
        |entry: &Entry<'_>| entry.level == Level::None && words.iter().any(|words| entry.says(words));
    let entry = scene.log.iter().copied().find(own_words)?;
    let text = match missing_library(&entry) {
        Some((library, why)) => format!("the server needs the shared library '{library}': {why}"),
        None if entry.says("undefined symbol: ") => {
            let symbol = entry.after("undefined symbol: ").unwrap_or_default();
            format!("the server needs the symbol '{symbol}', which none of its shared libraries has")
        }
        None => {
            let version = entry.between("version `", "'").unwrap_or_default();
            format!("the server needs '{version}', and the system's libraries are older")
        }
    };
    let fix = format!(
        "install the package that has it, or set LD_LIBRARY_PATH to its directory; ldd {program} lists them all"
    );
    let finding = Finding::new(SHARED_LIBRARY, text).quoting([entry]).fix(fix);
    // A script that the server runs may lack one as well, and the server lives.
    let own =
        entry.raw.contains_str(scene.evidence.program.file_name().unwrap_or_default().as_encoded_bytes());
    let first = scene
        .log
        .iter()
        .filter(|other| !other.raw.trim().is_empty() && !other.is_command())
        .all(|other| other.line >= entry.line);
    Some(if own || first { finding } else { finding.likely() })
}

fn missing_library<'a>(entry: &Entry<'a>) -> Option<(&'a BStr, &'a BStr)> {
    let rest = entry
        .after("error while loading shared libraries: ")
        .or_else(|| entry.after("Error loading shared library "))?;
    let (library, why) = rest.split_once_str(": ").unwrap_or((rest, b"it is not there"));
    Some((library.as_bstr(), why.as_bstr()))
}

/// The program file, where the system refused to run it with this error.
fn refused<'a>(scene: &Scene<'a>) -> Option<(i32, &'a ProgramFile)> {
    let ExitKind::NotRun(number) = scene.evidence.exit else { return None };
    Some((number, scene.evidence.program_file.as_ref()?))
}

fn is_elf(file: &ProgramFile) -> bool {
    file.head.starts_with(b"\x7fELF")
}

fn loader_missing<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (_, file) = refused(scene).filter(|(number, file)| *number == libc::ENOENT && is_elf(file))?;
    let loader = file.interpreter.as_ref().filter(|_| file.interpreter_missing)?.display();
    let text = format!(
        "the server {} needs the loader '{loader}', which is not there",
        scene.evidence.program.display()
    );
    let fix = "install the C library that it was built for, or use a server that was built for this system";
    Some(Finding::new(SHARED_LIBRARY, text).seen(format!("{loader} does not exist")).fix(fix))
}

/// Machines as ELF numbers them and `uname -m` names them.
const MACHINES: [(u16, &str); 10] = [
    (2, "sparc"),
    (3, "i686"),
    (8, "mips"),
    (20, "ppc"),
    (21, "ppc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
];

fn wrong_machine<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let file = scene.evidence.program_file.as_ref().filter(|file| is_elf(file))?;
    let bytes: [u8; 2] = file.head.get(18..20)?.try_into().ok()?;
    let number =
        if file.head.get(5) == Some(&2) { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
    let machine =
        MACHINES.iter().find(|(known, _)| *known == number).map_or("another machine", |(_, name)| name);
    let own = std::env::consts::ARCH;
    let told = match scene.evidence.exit {
        ExitKind::NotRun(libc::ENOEXEC) => true,
        // A shell tried to make sense of it; or an emulator ran it, and it lacks something else.
        ExitKind::Status(2 | 126 | 127) if machine != own => false,
        _ => return None,
    };
    let program = scene.evidence.program.display();
    let text = match machine == own {
        false => format!("the server {program} is a program for {machine}, and this machine is {own}"),
        true => format!("the server {program} is a damaged program for {machine}"),
    };
    let fix = format!("use a server that was built for {own}; file {program} tells what this one is");
    let finding =
        Finding::new(WRONG_MACHINE, text).seen(format!("ELF machine {number} ({machine})")).fix(fix);
    Some(if told { finding } else { finding.likely() })
}

fn not_executable<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (number, file) = refused(scene)?;
    let program = scene.evidence.program.display();
    let mode = format!("{program} has mode {:04o}", file.mode);
    if number == libc::ETXTBSY {
        let text = format!("the server {program} may not be executed now: somebody is writing it");
        return Some(
            Finding::new(NOT_EXECUTABLE, text).seen(mode).fix("wait until the build or the copy has ended"),
        );
    }
    if ![libc::EACCES, libc::EPERM].contains(&number) || file.directory {
        return None;
    }
    if file.mode & 0o111 == 0 {
        let text = format!("the server {program} may not be executed");
        return Some(Finding::new(NOT_EXECUTABLE, text).seen(mode).fix(format!("chmod a+x {program}")));
    }
    let text = format!("the server {program} may not be executed by this user or from this file system");
    let fix = "see that the user may search every directory above it, and that its file system is not mounted with noexec";
    Some(Finding::new(NOT_EXECUTABLE, text).seen(mode).fix(fix).likely())
}

fn not_a_program<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let file = scene.evidence.program_file.as_ref()?;
    let program = scene.evidence.program.display();
    let program_at_all = is_elf(file) || file.head.starts_with(b"#!");
    let (why, seen) = match scene.evidence.exit {
        ExitKind::NotRun(libc::EACCES) if file.directory => {
            ("is a directory", format!("{program} is a directory"))
        }
        ExitKind::NotRun(libc::ENOENT) if !file.exists => {
            ("is not there", format!("{program} does not exist"))
        }
        ExitKind::NotRun(libc::ENOENT) if !is_elf(file) && file.interpreter_missing => {
            ("is a script whose interpreter is not there", first_line(file))
        }
        ExitKind::NotRun(libc::ENOEXEC) if file.head.is_empty() => {
            ("is an empty file", format!("{program} has 0 bytes"))
        }
        ExitKind::NotRun(libc::ENOEXEC) if !program_at_all => ("is no program", first_line(file)),
        // A shell tried to make sense of it, as `execvp` has it try.
        ExitKind::Status(0) if file.exists && file.head.is_empty() && !file.directory => {
            ("is an empty file", format!("{program} has 0 bytes"))
        }
        ExitKind::Status(2 | 126 | 127) if file.exists && !program_at_all && !file.directory => {
            ("is no program", first_line(file))
        }
        _ => return None,
    };
    let text = format!("the server {program} {why}");
    let fix = "name the installation whose server is to be tested with --basedir=DIR";
    Some(Finding::new(NOT_A_PROGRAM, text).seen(seen).fix(fix))
}

/// How a file begins, for people.
fn first_line(file: &ProgramFile) -> String {
    let line = file.head.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(60).flat_map(char::escape_debug).collect();
    format!("it begins with '{shown}'")
}

#[cfg(test)]
mod tests {
    use crate::triage::evidence::{Evidence, ExitKind, PathFact, ProgramFile, System};
    use crate::triage::rules::judge::diagnose;
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S060",
            &[],
            "mariadbd: Please consult the Knowledge Base to find out how to run mysqld as root!\nt 0 [ERROR] Aborting",
            None,
            "add --user=root",
        ),
        (
            "MTR-S060",
            &["--userstat=1"],
            "t 0 [ERROR] Fatal error: Please read \"Security\" section of the manual to find out how to run mysqld as root!",
            Some("--userstat=1"),
            "because the runner takes --userstat=1 (x.opt:1) for it",
        ),
        (
            "MTR-S061",
            &["--user=nosuch"],
            "mariadbd: Can't change to run as user 'nosuch'.  Please check that the user exists!\nt 0 [ERROR] Aborting",
            Some("--user=nosuch"),
            "there is no user 'nosuch' (x.opt:1)",
        ),
        (
            "MTR-S061",
            &["--user=x"],
            "t 0 [ERROR] Fatal error: Can't change to run as user 'x' ;  Please check that the user exists!",
            Some("--user=x"),
            "useradd",
        ),
        (
            "MTR-S062",
            &["--lc-messages-dir=/n", "--lc-messages=de_DE"],
            "t 0 [ERROR] Can't find messagefile '/n/errmsg.sys'\n\
             t 0 [ERROR] Could not load error messages for german\nt 0 [ERROR] Aborting",
            Some("--lc-messages-dir=/n"),
            "'/n/errmsg.sys' is not there, and the server is to speak german (x.opt:1)",
        ),
        (
            "MTR-S062",
            &["--lc-messages=de_DE"],
            "t 0 [ERROR] Incompatible header in messagefile '/n/german/errmsg.sys'. Probably from another version of \
             MariaDB\nt 0 [ERROR] Aborting",
            Some("--lc-messages=de_DE"),
            "'/n/german/errmsg.sys' is of another version",
        ),
        (
            "MTR-S062",
            &["--language=/n"],
            "181123 18:00:00 [ERROR] An old style --language value with language specific part detected: /n\n\
             181123 18:00:00 [ERROR] Error message file '/n/errmsg.sys' had only 481 error messages, but it should \
             contain at least 858 error messages.\n181123 18:00:00 [ERROR] Aborting",
            Some("--language=/n"),
            "is of another version",
        ),
        (
            "MTR-S064",
            &[],
            "/usr/sbin/mariadbd: error while loading shared libraries: libnsx.so.1: cannot open shared object file: No \
             such file or directory",
            None,
            "the server needs the shared library 'libnsx.so.1': cannot open shared object file",
        ),
        (
            "MTR-S064",
            &[],
            "/usr/sbin/mariadbd: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by \
             /usr/sbin/mariadbd)",
            None,
            "needs 'GLIBC_2.38', and the system's libraries are older",
        ),
        (
            "MTR-S064",
            &[],
            "/usr/sbin/mariadbd: symbol lookup error: /usr/sbin/mariadbd: undefined symbol: io_uring_queue_init",
            None,
            "the symbol 'io_uring_queue_init'",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    fn refused(number: i32, mode: u32, head: &[u8]) -> Evidence {
        let file = ProgramFile { exists: true, mode, head: head.into(), ..ProgramFile::default() };
        Evidence { exit: ExitKind::NotRun(number), program_file: Some(file), ..failed(1, &[], "") }
    }

    #[test]
    fn what_the_system_refuses_to_run() {
        let mut elf = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x15\0";
        let cause = |evidence: &Evidence| {
            let diagnosis = diagnose(evidence);
            format!("{} {}", diagnosis.code, diagnosis.cause)
        };
        assert!(
            cause(&refused(libc::ENOEXEC, 0o755, &elf))
                .starts_with("MTR-S065 the server /usr/sbin/mariadbd is a program for ppc64")
        );
        elf[5] = 2;
        elf[18..20].copy_from_slice(&[0, 22]);
        assert!(cause(&refused(libc::ENOEXEC, 0o755, &elf)).contains("s390x"));
        assert_eq!(
            cause(&refused(libc::EACCES, 0o644, b"x")),
            "MTR-S066 the server /usr/sbin/mariadbd may not be executed"
        );
        assert_eq!(codes(&refused(libc::EACCES, 0o755, b"x")), ["MTR-S066"]);
        assert_eq!(codes(&refused(libc::ETXTBSY, 0o755, b"x")), ["MTR-S066"]);
        assert_eq!(
            cause(&refused(libc::ENOEXEC, 0o755, b"hello\n")),
            "MTR-S067 the server /usr/sbin/mariadbd is no program"
        );
        assert!(cause(&refused(libc::ENOEXEC, 0o755, b"")).contains("is an empty file"));
        let mut script = refused(libc::ENOENT, 0o755, b"#!/no/sh\n");
        if let Some(file) = &mut script.program_file {
            file.interpreter_missing = true;
        }
        assert!(cause(&script).contains("whose interpreter is not there"));
        let mut loader = refused(libc::ENOENT, 0o755, &elf);
        if let Some(file) = &mut loader.program_file {
            file.interpreter_missing = true;
            file.interpreter = Some("/lib/ld-x.so.2".into());
        }
        assert_eq!(
            cause(&loader),
            "MTR-S064 the server /usr/sbin/mariadbd needs the loader '/lib/ld-x.so.2', which is not there"
        );
        let gone = Evidence { program_file: Some(ProgramFile::default()), ..refused(libc::ENOENT, 0, b"") };
        assert!(cause(&gone).ends_with("is not there"));
    }

    #[test]
    fn a_directory_of_character_sets_that_is_not_there() {
        let log = "mariadbd: Character set 'mine' is not a compiled character set and is not specified in the \
                   '/n/Index.xml' file\nt 0 [ERROR] Aborting";
        let words = ["--character-sets-dir=/n", "--character-set-server=mine"];
        let fact = |directory| PathFact {
            option: "character-sets-dir",
            path: "/n".into(),
            exists: directory,
            directory,
            mode: 0,
            gid: 0,
            uid: 0,
        };
        let with = |directory| {
            let system = System { paths: vec![fact(directory)], ..System::default() };
            Evidence { system, ..failed(1, &words, log) }
        };
        assert_eq!(codes(&with(false)), ["MTR-S063"]);
        assert_eq!(codes(&with(true)), ["MTR-S017"]);
    }

    #[test]
    fn a_library_that_a_script_lacks_is_not_the_server_s() {
        let log = "t 0 [Note] x\nrsync: error while loading shared libraries: libx.so: cannot open shared object file";
        let diagnosis = diagnose(&failed(1, &[], log));
        assert_eq!(diagnosis.confidence, crate::triage::finding::Confidence::Likely);
    }
}
