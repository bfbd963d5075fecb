//! `--help` and `--version`: our own words, the options from the table.

use std::fmt::Write as _;

use bstr::{BStr, BString, ByteVec};

use crate::interp::state::options::Options;
use crate::interp::tool::defaults::GROUPS;
use crate::interp::tool::table::{Id, Kind, OPTIONS};

/// The text of `--version`.
pub fn version(program: &BStr) -> BString {
    let mut text = BString::from(program);
    text.push_str("  Ver 3.5, the script language of MariaDB 10.11 (mtr-rs ");
    text.push_str(env!("CARGO_PKG_VERSION"));
    text.push_str(")\n");
    text
}

/// The text of `--help`: what the program does, its options, and the values they have now.
pub fn help(program: &BStr, files: &[BString], options: &Options) -> BString {
    let mut text = version(program);
    text.push_str("\nRuns a script of the mysqltest language and compares its output with an expected result.\n\nUsage: ");
    text.push_str(program);
    text.push_str(" [OPTIONS] [database] < test_file\n\nOption files:");
    for file in files {
        text.push(b' ');
        text.push_str(file);
    }
    text.push_str(" ~/.my.cnf\nTheir groups: ");
    text.push_str(GROUPS.join(" "));
    text.push_str(
        "\n\nBefore all others:\n  \
         --no-defaults             no option files\n  \
         --defaults-file=FILE      this option file alone\n  \
         --defaults-extra-file=FILE\n                            this one too, after the global ones\n  \
         --defaults-group-suffix=TEXT\n                            also the groups with this at their end\n  \
         --print-defaults          show the arguments that would be used\n\nOptions:\n",
    );
    for entry in OPTIONS {
        let mut left = String::from("  ");
        if entry.letter != 0 {
            let _ = write!(left, "-{}, ", entry.letter as char);
        }
        left.push_str("--");
        left.push_str(&entry.name.replace('_', "-"));
        left.push_str(match entry.kind {
            Kind::Plain | Kind::Switch | Kind::Boolean => "",
            Kind::Disabled => "[=TEXT]",
            Kind::Signed { .. } | Kind::Unsigned { .. } => "=N",
            Kind::Text => "=TEXT",
            Kind::OptionalText => "[=TEXT]",
        });
        let line = if left.len() < 27 {
            format!("{left:<28}{}\n", entry.help)
        } else {
            format!("{left}\n{:<28}{}\n", "", entry.help)
        };
        text.push_str(line);
    }
    text.push_str(
        "\nOf mtr-rs:\n  \
         --explain                 after a failure show its place and the last commands\n  \
         --position-file=FILE      tell in FILE where the script is\n  \
         --quick-waits             sleeps of loops that wait begin short\n  \
         --check FILE...           look for errors of form in scripts, run nothing\n\nValues now:\n",
    );
    for entry in OPTIONS {
        if let Some(value) = shown(options, entry.id) {
            text.push_str(format!("{:<34}", entry.name.replace('_', "-")));
            text.push_str(&value);
            text.push(b'\n');
        }
    }
    text
}

/// The value of an option as the help shows it; none for those without one.
fn shown(options: &Options, id: Id) -> Option<BString> {
    let on = |on: bool| Some(BString::from(if on { "TRUE" } else { "FALSE" }));
    let text = |text: &Option<BString>| Some(text.clone().unwrap_or_else(|| "(No default value)".into()));
    let number = |number: i64| Some(BString::from(number.to_string()));
    match id {
        Id::Help
        | Id::Version
        | Id::Debug
        | Id::Password
        | Id::Protocol
        | Id::Record
        | Id::ServerArg
        | Id::ServerFile
        | Id::TestFile
        | Id::TimerFile
        | Id::Tmpdir => None,
        Id::Basedir => Some(options.basedir.clone()),
        Id::CharacterSetsDir => text(&options.character_sets_dir),
        Id::Compress => on(options.compress),
        Id::ContinueOnError => on(options.continue_on_error),
        Id::CursorProtocol => on(options.cursor_protocol),
        Id::Database => text(&options.database),
        Id::DebugCheck => on(options.debug_check),
        Id::DebugInfo => on(options.debug_info),
        Id::Host => text(&options.host),
        Id::Prologue => text(&options.prologue),
        Id::Logdir => Some(options.logdir.clone()),
        Id::MarkProgress => on(options.mark_progress),
        Id::MaxConnectRetries => number(options.max_connect_retries.into()),
        Id::MaxConnections => number(i64::try_from(options.max_connections).unwrap_or(i64::MAX)),
        Id::Port => number(options.port.into()),
        Id::PsProtocol => on(options.ps_protocol),
        Id::NonBlockingApi => on(options.non_blocking_api),
        Id::Quiet | Id::Silent => on(options.silent),
        Id::ResultFile => text(&options.result_file),
        Id::ResultFormatVersion => number(options.result_format_version.into()),
        Id::Sleep => number(options.sleep.into()),
        Id::Socket => text(&options.socket),
        Id::SpProtocol => on(options.sp_protocol),
        Id::Ssl => on(options.ssl),
        Id::SslCa => text(&options.tls.ca),
        Id::SslCapath => text(&options.tls.capath),
        Id::SslCert => text(&options.tls.cert),
        Id::SslCipher => text(&options.tls.cipher),
        Id::SslKey => text(&options.tls.key),
        Id::SslCrl => text(&options.tls.crl),
        Id::SslCrlpath => text(&options.tls.crlpath),
        Id::TlsVersion => text(&options.tls.version),
        Id::SslVerifyServerCert => on(options.tls.verify),
        Id::TailLines => number(i64::try_from(options.tail_lines).unwrap_or(i64::MAX)),
        Id::User => text(&options.user),
        Id::Verbose => on(options.verbose),
        Id::ViewProtocol => on(options.view_protocol),
        Id::ConnectTimeout => number(options.connect_timeout.into()),
        Id::WaitForPosTimeout => number(options.wait_for_pos_timeout.into()),
        Id::PluginDir => text(&options.plugin_dir),
        Id::OverlayDir => text(&options.overlay_dir),
        Id::SuiteDir => text(&Some(options.suite_dir.clone())),
    }
}
