//! zlib compression: packets travel in frames with a header of their own.

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress, Status};

use crate::client::wire::channel::{Failure, MAX_PAYLOAD};
use crate::client::wire::stream::Stream;

/// Bytes before a frame: its length (3), its number, its length before compression (3).
const HEADER: usize = 7;
/// Shorter frames are not worth the effort.
const MIN_LENGTH: usize = 150;
/// Bytes read from the stream at once.
const BUFFER: usize = 16 * 1024;

/// The compressed side of a channel.
#[derive(Debug)]
pub(in crate::client) struct Compression {
    /// Bytes of packets that have been unpacked, and how many of them are taken.
    plain: Vec<u8>,
    taken: usize,
    /// Bytes read from the stream, and how many of them are taken.
    raw: Vec<u8>,
    raw_taken: usize,
    sequence: u8,
}

impl Compression {
    /// Nothing sent or received yet.
    pub fn new() -> Self {
        Compression { plain: Vec::new(), taken: 0, raw: Vec::new(), raw_taken: 0, sequence: 0 }
    }

    /// Starts a new exchange: the next frame out has number 0.
    pub fn start(&mut self) {
        self.sequence = 0;
    }

    /// Whether bytes wait that the channel has not got yet.
    pub fn has_buffered(&self) -> bool {
        self.taken < self.plain.len() || self.raw_taken < self.raw.len()
    }

    /// Reads at least one byte of packets; 0 is the end of the stream.
    ///
    /// # Errors
    /// The stream is lost, or a frame cannot be unpacked.
    pub fn read(&mut self, stream: &mut Stream, into: &mut [u8]) -> Result<usize, Failure> {
        while self.taken == self.plain.len() {
            if !self.read_frame(stream)? {
                return Ok(0);
            }
        }
        let rest = &self.plain[self.taken..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }

    /// Unpacks the next frame; false at the end of the stream.
    fn read_frame(&mut self, stream: &mut Stream) -> Result<bool, Failure> {
        if !self.fill(stream, HEADER)? {
            return Ok(false);
        }
        let header = &self.raw[self.raw_taken..self.raw_taken + HEADER];
        let length = u24(&header[..3]);
        let plain_length = u24(&header[4..]);
        self.sequence = header[3].wrapping_add(1);
        if !self.fill(stream, HEADER + length)? {
            return Ok(false);
        }
        let start = self.raw_taken + HEADER;
        let frame = &self.raw[start..start + length];
        self.plain.clear();
        self.taken = 0;
        if plain_length == 0 {
            self.plain.extend_from_slice(frame);
        } else {
            self.plain.reserve(plain_length);
            let done = Decompress::new(true).decompress_vec(frame, &mut self.plain, FlushDecompress::Finish);
            if !matches!(done, Ok(Status::StreamEnd)) || self.plain.len() != plain_length {
                return Err(Failure::Malformed);
            }
        }
        self.raw_taken = start + length;
        Ok(true)
    }

    /// Makes `count` raw bytes available; false at the end of the stream.
    fn fill(&mut self, stream: &mut Stream, count: usize) -> Result<bool, Failure> {
        if self.raw.len() - self.raw_taken < count {
            self.raw.drain(..self.raw_taken);
            self.raw_taken = 0;
        }
        while self.raw.len() - self.raw_taken < count {
            let start = self.raw.len();
            self.raw.resize(start + BUFFER, 0);
            let got = stream.read(&mut self.raw[start..]);
            self.raw.truncate(start + got.as_ref().copied().unwrap_or(0));
            if got? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Packs `packets` into frames and writes them. Returns the number of the next frame, with which the
    /// server goes on counting packets too.
    ///
    /// # Errors
    /// The stream is lost.
    pub fn write(&mut self, stream: &mut Stream, packets: &[u8]) -> Result<u8, Failure> {
        let mut out = Vec::with_capacity(packets.len() / 2 + HEADER);
        for part in packets.chunks(MAX_PAYLOAD) {
            let packed = if part.len() < MIN_LENGTH { None } else { pack(part) };
            let (body, plain_length) = match &packed {
                Some(packed) => (packed.as_slice(), part.len()),
                None => (part, 0),
            };
            out.extend_from_slice(&(body.len() as u32).to_le_bytes()[..3]);
            out.push(self.sequence);
            out.extend_from_slice(&(plain_length as u32).to_le_bytes()[..3]);
            out.extend_from_slice(body);
            self.sequence = self.sequence.wrapping_add(1);
        }
        stream.write_all(&out)?;
        Ok(self.sequence)
    }
}

/// `part` compressed, if that makes it shorter.
fn pack(part: &[u8]) -> Option<Vec<u8>> {
    let mut packed = Vec::with_capacity(part.len());
    let status = Compress::new(Level::default(), true).compress_vec(part, &mut packed, FlushCompress::Finish);
    (matches!(status, Ok(Status::StreamEnd)) && packed.len() < part.len()).then_some(packed)
}

fn u24(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn pair() -> (Stream, Stream) {
        let (a, b) = UnixStream::pair().unwrap();
        (Stream::new(a), Stream::new(b))
    }

    fn read_all(side: &mut Compression, stream: &mut Stream, length: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < length {
            let mut part = [0; 1000];
            let count = side.read(stream, &mut part).unwrap();
            assert!(count > 0);
            all.extend_from_slice(&part[..count]);
        }
        all
    }

    #[test]
    fn short_and_long_frames_come_back() {
        let (mut one, mut other) = pair();
        let (mut a, mut b) = (Compression::new(), Compression::new());
        let long: Vec<u8> = b"select ".repeat(10_000);
        let noise: Vec<u8> = (0..1000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        for packets in [&b"x"[..], &long, &noise] {
            a.start();
            assert_eq!(a.write(&mut one, packets), Ok(1));
            assert_eq!(read_all(&mut b, &mut other, packets.len()), packets);
            assert!(!b.has_buffered());
        }
    }

    #[test]
    fn a_frame_that_lies_is_malformed() {
        for frame in [&b"\x03\0\0\0\x05\0\0abc"[..], b"\x08\0\0\0\xff\xff\xff\x78\x9c\x4b\x04\0\0\x62\0"] {
            let (one, other) = UnixStream::pair().unwrap();
            (&one).write_all(frame).unwrap();
            let mut side = Compression::new();
            assert_eq!(side.read(&mut Stream::new(other), &mut [0; 10]), Err(Failure::Malformed));
        }
    }
}
