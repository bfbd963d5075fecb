//! Packets on a stream: lengths, sequence numbers, payloads of 16 MiB and more, buffering.
//!
//! A packet that fits in the read buffer is handed out as a part of it, without a copy.

use std::ops::Range;
use std::time::Duration;

use crate::client::wire::compress::Compression;
use crate::client::wire::options::Tls;
use crate::client::wire::stream::Stream;

/// Payload bytes of a full packet; a payload of this size is continued in the next packet.
pub(in crate::client) const MAX_PAYLOAD: usize = 0xff_ff_ff;

/// Bytes before a payload: its length (3, little-endian) and the sequence number.
const HEADER: usize = 4;

/// Size of the read buffer; longer packets are read straight into a buffer of their own.
const BUFFER: usize = 32 * 1024;

/// How much a packet's own buffer grows before the bytes for it are there.
const STEP: usize = 1 << 20;

/// Capacity above which the buffer of a long packet is given back before the next one.
const KEEP: usize = 16 << 20;

/// Why no packet was read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) enum Failure {
    /// The peer is gone; the system's error number, 0 at the end of the stream.
    Lost(i32),
    /// TLS failed, with OpenSSL's reason.
    Tls(Vec<u8>),
    /// A packet longer than the allowed maximum.
    TooLarge,
    /// Sequence number or compressed frame wrong.
    Malformed,
}

/// Where the last packet read lies.
#[derive(Debug)]
enum Place {
    Buffer(Range<usize>),
    Large,
}

/// One packet-wise connection; may be closed.
#[derive(Debug)]
pub(in crate::client) struct Channel {
    stream: Option<Stream>,
    compression: Option<Box<Compression>>,
    buffer: Vec<u8>,
    filled: Range<usize>,
    large: Vec<u8>,
    place: Place,
    out: Vec<u8>,
    sequence: u8,
    max_packet: usize,
}

impl Channel {
    /// A channel on `stream` that takes packets of up to `max_packet` bytes.
    pub fn new(stream: Stream, max_packet: usize) -> Self {
        Channel {
            stream: Some(stream),
            compression: None,
            buffer: vec![0; BUFFER],
            filled: 0..0,
            large: Vec::new(),
            place: Place::Buffer(0..0),
            out: Vec::new(),
            sequence: 0,
            max_packet,
        }
    }

    /// Whether the stream is still there.
    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Changes the length of the longest packet to send or receive.
    #[cfg(test)]
    pub fn set_max_packet(&mut self, max_packet: usize) {
        self.max_packet = max_packet;
    }

    /// Drops the stream.
    pub fn close(&mut self) {
        self.stream = None;
    }

    /// The stream, if it is still there.
    pub fn stream(&mut self) -> Option<&mut Stream> {
        self.stream.as_mut()
    }

    /// Whether bytes have been read that no packet has taken yet.
    pub fn has_buffered(&self) -> bool {
        !self.filled.is_empty()
            || self.compression.as_ref().is_some_and(|compression| compression.has_buffered())
            || self.stream.as_ref().is_some_and(Stream::has_buffered)
    }

    /// Whether nobody else can read what is sent.
    pub fn is_private(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::is_private)
    }

    /// Starts TLS; `host` is the name the server's certificate must bear if `tls` asks for that.
    ///
    /// # Errors
    /// There is no connection, or the handshake or the check of the certificate fails.
    pub fn start_tls(&mut self, tls: &Tls, host: &[u8]) -> Result<(), Failure> {
        // What came before TLS is nobody's.
        self.filled = 0..0;
        self.stream.as_mut().ok_or(Failure::Lost(0))?.start_tls(tls, host)
    }

    /// Compresses all later packets and takes them compressed.
    pub fn compress(&mut self) {
        self.filled = 0..0;
        self.compression = Some(Box::new(Compression::new()));
    }

    /// Limits the wait of each later read and write; `None` is without limit.
    pub fn set_timeouts(&self, read: Option<Duration>, write: Option<Duration>) {
        if let Some(stream) = &self.stream {
            // A socket without limits works as well.
            let _ = stream.set_timeouts(read, write);
        }
    }

    /// Starts a new exchange: the next packet out has number 0.
    pub fn start(&mut self) {
        self.sequence = 0;
        if let Some(compression) = &mut self.compression {
            compression.start();
        }
    }

    /// The last packet that [`Channel::read`] got.
    pub fn packet(&self) -> &[u8] {
        match &self.place {
            Place::Buffer(range) => &self.buffer[range.clone()],
            Place::Large => &self.large,
        }
    }

    /// Reads the next packet; [`Channel::packet`] is it.
    ///
    /// # Errors
    /// The connection is lost, or the packet has an unexpected number or is too large.
    pub fn read(&mut self) -> Result<(), Failure> {
        let length = self.header()?;
        if length <= BUFFER - HEADER {
            self.fill(length)?;
            let end = self.filled.start + length;
            self.place = Place::Buffer(self.filled.start..end);
            self.filled.start = end;
            return Ok(());
        }
        if self.large.capacity() > KEEP {
            self.large = Vec::new();
        }
        self.large.clear();
        self.place = Place::Large;
        let mut length = length;
        loop {
            if self.large.len() + length > self.max_packet {
                return Err(Failure::TooLarge);
            }
            self.read_large(length)?;
            if length < MAX_PAYLOAD {
                return Ok(());
            }
            length = self.header()?;
        }
    }

    /// Reads a packet's header, notes its number and returns the payload's length.
    fn header(&mut self) -> Result<usize, Failure> {
        self.fill(HEADER)?;
        let at = self.filled.start;
        let [a, b, c, sequence] =
            [self.buffer[at], self.buffer[at + 1], self.buffer[at + 2], self.buffer[at + 3]];
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        // Like the C library's, this side does not check the number, it only counts on from it.
        self.sequence = sequence.wrapping_add(1);
        self.filled.start += HEADER;
        Ok(length)
    }

    /// Makes `count` bytes, at most the buffer's size, available from `filled.start` on.
    fn fill(&mut self, count: usize) -> Result<(), Failure> {
        if self.filled.len() >= count {
            return Ok(());
        }
        self.buffer.copy_within(self.filled.clone(), 0);
        self.filled = 0..self.filled.len();
        while self.filled.len() < count {
            let into = &mut self.buffer[self.filled.end..];
            match pull(&mut self.stream, &mut self.compression, into)? {
                0 => return Err(Failure::Lost(0)),
                more => self.filled.end += more,
            }
        }
        Ok(())
    }

    /// Appends the next `length` bytes to the buffer of the long packet.
    fn read_large(&mut self, length: usize) -> Result<(), Failure> {
        let ready = self.filled.len().min(length);
        self.large.extend_from_slice(&self.buffer[self.filled.start..self.filled.start + ready]);
        self.filled.start += ready;
        let mut left = length - ready;
        while left > 0 {
            let start = self.large.len();
            self.large.resize(start + left.min(STEP), 0);
            let got = pull(&mut self.stream, &mut self.compression, &mut self.large[start..]);
            self.large.truncate(start + got.as_ref().copied().unwrap_or(0));
            match got? {
                0 => return Err(Failure::Lost(0)),
                more => left -= more,
            }
        }
        Ok(())
    }

    /// Sends the concatenation of `parts` as one packet (more than one from 16 MiB on) with one write.
    ///
    /// # Errors
    /// The packet is larger than the server takes, or the connection is lost.
    pub fn write(&mut self, parts: &[&[u8]]) -> Result<(), Failure> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > self.max_packet {
            return Err(Failure::TooLarge);
        }
        self.out.clear();
        self.out.reserve(length + HEADER * (length / MAX_PAYLOAD + 1));
        let mut left = length;
        let mut room = self.write_header(left);
        let mut full = room == MAX_PAYLOAD;
        for part in parts {
            let mut part = *part;
            loop {
                let (now, later) = part.split_at(part.len().min(room));
                self.out.extend_from_slice(now);
                room -= now.len();
                left -= now.len();
                part = later;
                // A full packet is followed by another one, be it empty.
                if room > 0 || !full {
                    break;
                }
                room = self.write_header(left);
                full = room == MAX_PAYLOAD;
            }
        }
        let stream = self.stream.as_mut().ok_or(Failure::Lost(0))?;
        let written = match &mut self.compression {
            Some(compression) => {
                compression.write(stream, &self.out).map(|sequence| self.sequence = sequence)
            }
            None => stream.write_all(&self.out),
        };
        if self.out.capacity() > KEEP {
            self.out = Vec::new();
        }
        written
    }

    /// Puts the header of a payload with `left` bytes to go; returns the payload's length.
    fn write_header(&mut self, left: usize) -> usize {
        let now = left.min(MAX_PAYLOAD);
        let bytes = (now as u32).to_le_bytes();
        self.out.extend_from_slice(&[bytes[0], bytes[1], bytes[2], self.sequence]);
        self.sequence = self.sequence.wrapping_add(1);
        now
    }
}

/// Reads from the stream, through the compression if there is one.
fn pull(
    stream: &mut Option<Stream>,
    compression: &mut Option<Box<Compression>>,
    into: &mut [u8],
) -> Result<usize, Failure> {
    let stream = stream.as_mut().ok_or(Failure::Lost(0))?;
    match compression {
        Some(compression) => compression.read(stream, into),
        None => stream.read(into),
    }
}
