//! Where the result goes.
use std::io::Write;

use crate::interp::stop::Stop;
use crate::script::reader::Reader;

/// The log.
#[derive(Debug, Default)]
pub struct Output;

impl Output {
    /// Appends to the log.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Stop::die(error.to_string()))
    }

    /// Writes a line of progress.
    pub fn progress(&mut self, _command: usize, _reader: &Reader) -> Result<(), Stop> {
        Ok(())
    }
}
