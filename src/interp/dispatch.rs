//! From a command to the function that runs it.

use std::rc::Rc;

use bstr::BString;

use crate::interp::connections;
use crate::interp::connections::{replication, session, shutdown, switch};
use crate::interp::file_commands as files;
use crate::interp::filter_commands as filter;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::interp::{control, exec, extensions, misc, query, timing};
use crate::script::args;
use crate::script::command::{Arguments, Command};

/// Runs a command that is not part of the block structure.
pub(super) fn dispatch(interp: &mut Interp, stored: &Rc<Stored>, kind: Command) -> Done {
    match kind {
        Command::Comment | Command::EmptyLine => Ok(()),
        Command::Sql
        | Command::Query
        | Command::Eval
        | Command::Evalp
        | Command::QueryVertical
        | Command::QueryHorizontal
        | Command::Send
        | Command::SendEval
        | Command::Reap
        | Command::PsPrepare
        | Command::PsBind
        | Command::PsExecute
        | Command::PsClose => query::statement(interp, stored),
        Command::OptimizerTrace => query::optimizer_trace(interp, stored),
        Command::Require => query::require::require(interp, stored),
        Command::Connect => connections::connect(interp, stored),
        Command::Connection => switch::connection(interp, stored),
        Command::Disconnect => switch::disconnect(interp, stored),
        Command::DirtyClose => switch::dirty_close(interp, stored),
        Command::SendQuit => switch::send_quit(interp, stored),
        Command::EnableReconnect => switch::reconnect(interp, true),
        Command::DisableReconnect => switch::reconnect(interp, false),
        Command::Ping => session::ping(interp, stored),
        Command::SendShutdown => session::send_shutdown(interp, stored),
        Command::ResetConnection => session::reset_connection(interp),
        Command::ChangeUser => session::change_user(interp, stored),
        Command::ShutdownServer => shutdown::shutdown_server(interp, stored),
        Command::WaitForSlaveToStop => replication::wait_for_slave_to_stop(interp),
        Command::SaveMasterPos => replication::save_master_pos(interp),
        Command::SyncWithMaster => replication::sync_with_master(interp, stored),
        Command::SyncSlaveWithMaster => replication::sync_slave_with_master(interp, stored),
        Command::Let => control::r#let(interp, stored),
        Command::Inc => control::increase(interp, stored, 1),
        Command::Dec => control::increase(interp, stored, -1),
        Command::Source => control::source(interp, stored),
        Command::Error => control::error(interp, stored),
        Command::Delimiter => control::delimiter(interp, stored),
        // The loop's own.
        Command::If | Command::While | Command::End | Command::Exit => Ok(()),
        Command::Break => control::r#break(interp),
        Command::Die => control::die(interp, stored),
        Command::Skip => control::skip(interp, stored),
        Command::DisableParsing => control::parsing(interp, true),
        Command::EnableParsing => control::parsing(interp, false),
        Command::Echo => misc::echo(interp, stored),
        Command::CharacterSet => misc::character_set(interp, stored),
        Command::ResultFormat => misc::result_format(interp, stored),
        Command::VerticalResults => misc::vertical(interp, true),
        Command::HorizontalResults => misc::vertical(interp, false),
        Command::EnableColumnNames => misc::column_names(interp, true),
        Command::DisableColumnNames => misc::column_names(interp, false),
        Command::EnablePrepareWarnings => misc::prepare_warnings(interp, true),
        Command::DisablePrepareWarnings => misc::prepare_warnings(interp, false),
        Command::EnableNonBlockingApi | Command::DisableNonBlockingApi => Ok(()),
        Command::Result => Err(Stop::die("result, deprecated command")),
        Command::EvalResult => Err(Stop::die("'eval_result' command  is deprecated")),
        Command::ReplaceResult => filter::replace_result(interp, stored),
        Command::ReplaceRegex => filter::replace_regex(interp, stored),
        Command::ReplaceColumn => filter::replace_column(interp, stored),
        Command::ReplaceNumericRound => filter::replace_numeric_round(interp, stored),
        Command::SortedResult => filter::sorted_result(interp),
        Command::LowercaseResult => filter::lowercase_result(interp),
        Command::RemoveFile => files::remove_file(interp, stored),
        Command::RemoveFilesWildcard => files::remove_files_wildcard(interp, stored),
        Command::CopyFile => files::copy_file(interp, stored),
        Command::MoveFile => files::move_file(interp, stored),
        Command::Chmod => files::chmod(interp, stored),
        Command::FileExists => files::file_exists(interp, stored),
        Command::Mkdir => files::mkdir(interp, stored),
        Command::Rmdir => files::rmdir(interp, stored),
        Command::ListFiles => files::list_files(interp, stored),
        Command::ListFilesWriteFile => files::list_files_to(interp, stored, false),
        Command::ListFilesAppendFile => files::list_files_to(interp, stored, true),
        Command::WriteFile => files::write_file(interp, stored, false),
        Command::AppendFile => files::write_file(interp, stored, true),
        Command::WriteLine => files::write_line(interp, stored),
        Command::CatFile => files::cat_file(interp, stored),
        Command::DiffFiles => files::diff_files(interp, stored),
        Command::Exec => exec::exec(interp, stored),
        Command::System => exec::system(interp, stored),
        Command::Perl => exec::perl(interp, stored),
        Command::Sleep => timing::sleep(interp, stored, interp.options.sleep),
        Command::RealSleep => timing::sleep(interp, stored, -1),
        Command::StartTimer => timing::start(interp),
        Command::EndTimer => timing::end(interp),
        Command::Assert => extensions::assert(interp, stored),
        Command::Expr => extensions::expr(interp, stored),
        Command::QueryAttributes => extensions::query_attributes(interp, stored),
        Command::EnableAbortOnError
        | Command::DisableAbortOnError
        | Command::EnableConnectLog
        | Command::DisableConnectLog
        | Command::EnableInfo
        | Command::DisableInfo
        | Command::EnableSessionTrackInfo
        | Command::DisableSessionTrackInfo
        | Command::EnableMetadata
        | Command::DisableMetadata
        | Command::EnablePsProtocol
        | Command::DisablePsProtocol
        | Command::EnablePs2Protocol
        | Command::DisablePs2Protocol
        | Command::EnableViewProtocol
        | Command::DisableViewProtocol
        | Command::EnableCursorProtocol
        | Command::DisableCursorProtocol
        | Command::EnableServiceConnection
        | Command::DisableServiceConnection
        | Command::EnableQueryLog
        | Command::DisableQueryLog
        | Command::EnableResultLog
        | Command::DisableResultLog
        | Command::EnableWarnings
        | Command::DisableWarnings => match Property::of(kind) {
            Some((property, on)) => misc::property(interp, stored, property, on),
            None => Ok(()),
        },
    }
}

impl Interp {
    /// The arguments of a command of class A, expanded (mysqltest §3.3).
    ///
    /// # Errors
    /// Wrong arguments.
    pub fn arguments(&mut self, stored: &Stored) -> Done<Vec<BString>> {
        let Some(Arguments::List { separator, args, parentheses: _ }) =
            stored.command.get().spec().map(|spec| spec.arguments)
        else {
            return Ok(Vec::new());
        };
        let known = if stored.command.get() == Command::CatFile && !self.flavour.cat_file_takes_lines {
            1
        } else {
            args.len()
        };
        let args = &args[..known];
        let text = stored.text.borrow();
        let rest = &text[stored.arguments..];
        let values = args::parse(rest, args, separator, &stored.word, self.charset, &mut self.variables)
            .map_err(|error| Stop::Die(error.message))?;
        Ok(values.into_iter().map(BString::from).collect())
    }

    /// The argument of a command with just one.
    ///
    /// # Errors
    /// Wrong arguments.
    pub fn argument(&mut self, stored: &Stored) -> Done<BString> {
        Ok(self.arguments(stored)?.into_iter().next().unwrap_or_default())
    }
}
