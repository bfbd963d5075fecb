//! `sleep` and the timer (mysqltest §6.9).

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::rc::Rc;
use std::time::Duration;

use bstr::ByteSlice;

use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::args;
use crate::sys::streams::complain;

/// `sleep SECONDS`; `fixed` takes its place if it is not negative.
pub(super) fn sleep(interp: &mut Interp, stored: &Rc<Stored>, fixed: i32) -> Done {
    let text = interp.argument(stored)?;
    if !text.first().is_some_and(u8::is_ascii_digit) {
        return Err(Stop::Die(
            [b"Invalid argument to ", &stored.word[..], b" \"", &text, b"\""].concat().into(),
        ));
    }
    let digits = |text: &[u8]| text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let whole = digits(&text);
    let length = match text[whole..].strip_prefix(b".") {
        Some(fraction) => whole + 1 + digits(fraction),
        None => whole,
    };
    args::trailing_junk(&text[length..], &interp.delimiter, interp.charset)?;
    let seconds: f64 = std::str::from_utf8(&text[..length]).ok().and_then(|t| t.parse().ok()).unwrap_or(0.0);
    let seconds = if fixed >= 0 { f64::from(fixed) } else { seconds };
    interp.flush()?;
    if let Ok(time) = Duration::try_from_secs_f64(seconds) {
        // A fixed time is meant.
        let quick = interp.options.quick_waits && fixed < 0;
        std::thread::sleep(if quick { interp.waits.pause(time) } else { time });
    }
    Ok(())
}

/// The permission bits of the timer file, before the process's umask.
const FILE_MODE: u32 = 0o660;

/// `start_timer`: the elapsed time counts from here.
pub(super) fn start(interp: &mut Interp) -> Done {
    interp.started = std::time::Instant::now();
    Ok(())
}

/// `end_timer`: writes the timer file now.
pub(super) fn end(interp: &mut Interp) -> Done {
    interp.write_timer()
}

impl Interp {
    /// Writes the milliseconds since the start into the timer file, if there is one; once only.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_timer(&mut self) -> Done {
        let Some(file) = self.options.timer_file.take() else { return Ok(()) };
        let elapsed = self.started.elapsed().as_millis().to_string();
        let mut how = OpenOptions::new();
        how.write(true).create(true).truncate(true).mode(FILE_MODE);
        let written = how.open(file.to_os_str_lossy()).and_then(|mut to| to.write_all(elapsed.as_bytes()));
        written.map_err(|error| {
            // The reference's library complains first, with the bell.
            let text = error.to_string();
            let cause = text.split(" (os error").next().unwrap_or_default();
            let errno = error.raw_os_error().unwrap_or(0);
            complain(&format!("\x07mariadb-test: File '{file}' not found (Errcode: {errno} \"{cause}\")"));
            Stop::Die(
                format!("Could not open '{file}' for writing, errno: {}", error.raw_os_error().unwrap_or(0))
                    .into(),
            )
        })
    }
}
