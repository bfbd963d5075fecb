//! Signals of the whole program.

use crossbeam_channel::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{Error, Result};
use crate::run::worker::handle::Notice;
use crate::sys::signals::is_ignored;

/// Signals become notices to the supervisor; the second of the same kind ends the process at once
/// and leaves the cleaning to the guardian. A hangup that is ignored (`nohup`) stays ignored.
///
/// # Errors
/// The system refuses the handlers or the thread.
pub fn watch(notices: Sender<Notice>) -> Result<()> {
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup))
        .map_err(|error| Error::new("cannot handle signals").caused_by(error))?;
    let watch = move || {
        for (count, number) in signals.forever().enumerate() {
            if count > 0 || notices.send(Notice::Signal(number)).is_err() {
                let _ = signal_hook::low_level::emulate_default_handler(number);
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(watch)
        .map(drop)
        .map_err(|error| Error::new("cannot start a thread").caused_by(error))
}
