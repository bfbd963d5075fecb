//! The program: from its arguments to its exit status (mysqltest §12).

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;

use bstr::{BStr, BString, ByteSlice};

use crate::interp::tool::defaults;
use crate::interp::tool::defaults::Places;
use crate::interp::tool::parse;
use crate::interp::tool::parse::{Surroundings, Verdict};
use crate::interp::tool::{apply, help, password, run};
use crate::script::input::Input;
use crate::script::static_check;
use crate::sys::files;
use crate::sys::streams::complain;

/// The standard places of option files, before the one in the home directory.
const GLOBAL_FILES: [&str; 2] = ["/etc/my.cnf", "/etc/mysql/my.cnf"];

/// Exit status of a run that failed in any way.
pub const FAILED: u8 = 1;

/// Runs the program with `args`, the first of which is its name as messages show it; returns its exit status.
pub fn main(args: Vec<OsString>) -> u8 {
    let mut args = args.into_iter().map(|arg| BString::from(arg.into_vec()));
    let program = args.next().unwrap_or_else(|| "mariadb-test".into());
    let args: Vec<BString> = args.collect();
    let mut stderr = std::io::stderr();
    let places = places();
    let Ok(loaded) = defaults::load(&args, &places, &mut stderr) else { return FAILED };
    if loaded.print {
        print(defaults::printed(program.as_bstr(), &loaded.args).as_bstr());
        return 0;
    }
    let surroundings = Surroundings { home: places.home.clone() };
    let parsed = parse::parse(&loaded.args, program.as_bstr(), &surroundings, &mut stderr);
    let mut options = parsed.options;
    options.timer_file =
        options.timer_file.map(|file| apply::in_basedir(&options.basedir, &file, &surroundings));
    let silent = options.silent;
    let status = match parsed.verdict {
        Verdict::Run => {
            if parsed.ask_password {
                options.password = Some(password::ask());
            }
            run::run(options)
        }
        Verdict::Check(files) => return check(&files),
        Verdict::Help => {
            print(help::help(program.as_bstr(), &places.global, &options).as_bstr());
            0
        }
        Verdict::Version => {
            print(help::version(program.as_bstr()).as_bstr());
            0
        }
        Verdict::Usage => {
            print(help::help(program.as_bstr(), &places.global, &options).as_bstr());
            FAILED
        }
        Verdict::Refused => FAILED,
        Verdict::Die(message) => {
            let _ = stderr.write_all(&[b"mysqltest: ", message.as_slice(), b"\n"].concat());
            FAILED
        }
    };
    if !silent {
        print(final_word(status).as_bytes().as_bstr());
    }
    status
}

/// The line that tells the exit status on standard output (mysqltest §12.4).
pub fn final_word(status: u8) -> String {
    match status {
        0 => "ok\n".to_owned(),
        1 => "not ok\n".to_owned(),
        62 => "skipped\n".to_owned(),
        other => format!("unknown exit code: {other}\n"),
    }
}

fn places() -> Places {
    let variable = |name: &str| std::env::var_os(name).map(|value| BString::from(value.into_vec()));
    Places {
        home: variable("HOME"),
        server_home: variable("MARIADB_HOME").or_else(|| variable("MYSQL_HOME")),
        group_suffix: variable("MARIADB_GROUP_SUFFIX").or_else(|| variable("MYSQL_GROUP_SUFFIX")),
        global: GLOBAL_FILES.map(BString::from).to_vec(),
    }
}

/// Tells what is wrong in the form of `files`: `FILE:LINE:COLUMN: MESSAGE` on standard output.
fn check(files: &[BString]) -> u8 {
    let mut status = 0;
    for name in files {
        match files::read(&name.to_path_lossy(), files::MOST_OF_TEXT) {
            Ok(text) => {
                for finding in static_check::check(&Input::new(name.clone(), text)) {
                    let finding = finding.to_string();
                    print([name.as_slice(), b":", finding.as_bytes(), b"\n"].concat().as_bstr());
                    status = FAILED;
                }
            }
            Err(error) => {
                complain(&format!("mtr-rs: cannot read {name}: {error}"));
                status = FAILED;
            }
        }
    }
    status
}

/// Writes to standard output; whoever closed it does not want to know.
fn print(text: &BStr) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text).and_then(|()| stdout.flush());
}
