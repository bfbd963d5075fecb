//! Questions for names, handed on from a private network to the name servers of the machine.
//!
//! A network that nobody else is in has no name server, and the C library then says "try again later" of a name that
//! the machine would call unknown. A server remembers the one for a host and not the other, so that tests see it
//! (`main.mysql_client_test`). [`Relay`] listens in the private network at the addresses of the machine's own name servers;
//! what it is asked it asks them, from the network of the machine. UDP only: a longer answer ends at 64 KiB.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::deadline::deadline_after;
use super::{files, poll};

/// Where the C library reads which name servers there are (`resolv.conf(5)`).
const SETTINGS: &str = "/etc/resolv.conf";

/// The port of name servers.
const PORT: u16 = 53;

/// The most name servers that the C library asks (`MAXNS`).
const MOST_SERVERS: usize = 3;

/// How long an answer is waited for. The C library asks again after 5 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most questions without an answer; more are not handed on.
const MOST_QUESTIONS: usize = 256;

/// The length of the head of a question, in bytes.
const HEADER: usize = 12;

/// The name servers of this machine, as far as they have addresses that a private network can have as well.
pub fn of_machine() -> Vec<SocketAddr> {
    match files::read(Path::new(SETTINGS), files::MOST_OF_SETTINGS) {
        Ok(text) => from_settings(&String::from_utf8_lossy(&text)),
        Err(_) => from_settings(""),
    }
}

fn from_settings(text: &str) -> Vec<SocketAddr> {
    let named: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next()).flatten()
        })
        .take(MOST_SERVERS)
        .collect();
    if named.is_empty() {
        return vec![(Ipv4Addr::LOCALHOST, PORT).into()];
    }
    // An address with a zone (`fe80::1%eth0`) belongs to an interface of the machine, and does not parse.
    named.iter().filter_map(|word| Some((word.parse::<IpAddr>().ok()?, PORT).into())).collect()
}

/// The sockets in the private network, and whom each of them stands for.
#[derive(Debug)]
pub struct Relay {
    inside: Vec<(UdpSocket, SocketAddr)>,
}

/// A question that was handed on.
struct Question {
    /// Connected to the name server, in the network of the machine.
    outside: UdpSocket,
    /// Who asked, and by which of the sockets.
    asker: SocketAddr,
    by: usize,
    /// Its head, for the case that there is no answer.
    head: [u8; HEADER],
    until: Instant,
}

impl Relay {
    /// Listens at the addresses of `servers` in the network of the calling thread. Those where it cannot are left out.
    pub fn listen(servers: &[SocketAddr]) -> Self {
        let listen = |server: &SocketAddr| {
            let socket = UdpSocket::bind(server).ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, *server))
        };
        Relay { inside: servers.iter().filter_map(listen).collect() }
    }

    /// Hands questions on from a thread of its own, which stays in the network that the calling thread is in now, until
    /// the process ends.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(self) -> io::Result<()> {
        if !self.inside.is_empty() {
            std::thread::Builder::new().name("nameservers".into()).spawn(move || self.run())?;
        }
        Ok(())
    }

    fn run(self) -> io::Result<()> {
        let mut open: Vec<Question> = Vec::new();
        let mut text = vec![0; 1 << 16];
        loop {
            let fds: Vec<BorrowedFd<'_>> = self
                .inside
                .iter()
                .map(|(socket, _)| socket.as_fd())
                .chain(open.iter().map(|question| question.outside.as_fd()))
                .collect();
            let first = open.iter().map(|question| question.until).min();
            let ready = poll::readable(&fds, first)?;
            let (asked, answered): (Vec<usize>, Vec<usize>) =
                ready.into_iter().partition(|index| *index < self.inside.len());
            // From behind, as each of them moves those that follow.
            for index in answered.into_iter().rev() {
                let question = open.remove(index - self.inside.len());
                match question.outside.recv(&mut text) {
                    Ok(length) => self.answer(&question, &text[..length]),
                    Err(_) => self.answer(&question, &no_answer(question.head)),
                }
            }
            open.retain(|question| question.until > Instant::now());
            for by in asked {
                let (socket, server) = &self.inside[by];
                let Ok((length, asker)) = socket.recv_from(&mut text) else { continue };
                let Some(head) = text[..length].first_chunk::<HEADER>().copied() else { continue };
                if open.len() == MOST_QUESTIONS {
                    continue;
                }
                match hand_on(*server, &text[..length]) {
                    Ok(outside) => {
                        open.push(Question { outside, asker, by, head, until: deadline_after(PATIENCE) });
                    }
                    Err(_) => {
                        let _ = socket.send_to(&no_answer(head), asker);
                    }
                }
            }
        }
    }

    fn answer(&self, question: &Question, text: &[u8]) {
        // Whoever asked may be gone.
        let _ = self.inside[question.by].0.send_to(text, question.asker);
    }
}

/// Asks `server`, from the network of the calling thread.
fn hand_on(server: SocketAddr, text: &[u8]) -> io::Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    socket.send(text)?;
    Ok(socket)
}

/// What a name server says that cannot find out (`SERVFAIL`), to the question with this head: the C library then asks
/// the next one, as it does where nobody answers.
fn no_answer(mut head: [u8; HEADER]) -> [u8; HEADER] {
    head[2] |= 0x80;
    head[3] = (head[3] & 0xf0) | 2;
    // The question is not repeated, and nothing else follows.
    head[4..].fill(0);
    head
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_the_c_library_does() {
        let text = "# nameserver 192.0.2.9\nsearch nameserver\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 x\n\
                    nameserver fe80::1%eth0\nnameserver 192.0.2.4\n";
        let expected: Vec<SocketAddr> =
            vec!["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()];
        assert_eq!(from_settings(text), expected);
        assert_eq!(from_settings("domain example\n"), ["127.0.0.1:53".parse().unwrap()]);
    }
}
