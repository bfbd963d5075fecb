//! Servers that answer slowly, endlessly or not at all.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::{Finished, Site, program};

/// A MariaDB server's greeting: version 10.11.19-MariaDB, thread 5, no TLS, no compression.
const GREETING: &[u8] = b"\x0a5.5.5-10.11.19-MariaDB\0\x05\0\0\0moc&0^hr\0\
    \xde\xf7\x08\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0$Wm>,a%2h;-l\0mysql_native_password\0";

/// Nothing changed, autocommit.
const OK: &[u8] = b"\0\0\0\x02\0\0\0";

/// A column `1` of integers.
const COLUMN: &[u8] = b"\x03def\0\0\0\x011\0\0\x0c\x3f\0\x01\0\0\0\x03\x81\0\0\0\0";

/// The end of columns or rows.
const END: &[u8] = b"\xfe\0\0\x02\0";

/// The server's end of a connection.
pub(super) struct Peer {
    stream: UnixStream,
    sequence: u8,
}

/// Sending is over: the client is gone.
struct Gone;

impl Peer {
    fn raw(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.stream.write_all(bytes).map_err(|_| Gone)
    }

    fn send(&mut self, packet: &[u8]) -> Result<(), Gone> {
        let length = (packet.len() as u32).to_le_bytes();
        let header = [length[0], length[1], length[2], self.sequence];
        self.sequence = self.sequence.wrapping_add(1);
        self.raw(&[&header, packet].concat())
    }

    fn receive(&mut self) -> Result<Vec<u8>, Gone> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).map_err(|_| Gone)?;
        let mut packet =
            vec![0; usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16];
        self.stream.read_exact(&mut packet).map_err(|_| Gone)?;
        self.sequence = header[3].wrapping_add(1);
        Ok(packet)
    }

    fn log_in(&mut self) -> Result<(), Gone> {
        self.send(GREETING)?;
        self.receive()?;
        self.send(OK)
    }

    /// Logs the client in and finds everything it says right.
    pub(super) fn log_in_and_answer(&mut self) {
        let _ = self.log_in().and_then(|()| -> Result<(), Gone> {
            loop {
                self.receive()?;
                self.send(OK)?;
            }
        });
    }

    /// Logs the client in and answers its first command like this.
    fn answer(&mut self, how: impl FnOnce(&mut Peer) -> Result<(), Gone>) {
        let _ = self.log_in().and_then(|()| self.receive()).and_then(|_| how(self));
    }

    fn begin_rows(&mut self) -> Result<(), Gone> {
        [b"\x01", COLUMN, END].into_iter().try_for_each(|packet| self.send(packet))
    }
}

/// A server that plays the same script on every connection.
pub(super) struct Server(PathBuf);

impl Server {
    /// Where it listens.
    pub(super) fn socket(&self) -> &Path {
        &self.0
    }
}

/// Starts one. Its threads end with the tests.
pub(super) fn serve(site: &Site, script: impl Fn(&mut Peer) + Send + Sync + Clone + 'static) -> Server {
    let path = site.path("lies");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = script.clone();
            std::thread::spawn(move || script(&mut Peer { stream, sequence: 0 }));
        }
    });
    Server(path)
}

/// A run whose checks ask that server, with bounded memory and a minute for the test.
fn checked(script: impl Fn(&mut Peer) + Send + Sync + Clone + 'static) -> Finished {
    let site = Site::fake();
    site.test_file("bad.test", "exit 0\n").test_file("bad.opt", "--fake=listens\n");
    let server = serve(&site, script);
    let run = site.run().args(["--check-testcases", "--warnings", "--testcase-timeout=1", "--force", "bad"]);
    let run = run.env("FAKE_SOCKET", server.socket());
    let run = run.through(&["sh", "-c", "ulimit -v 1200000 && exec \"$@\"", "sh"]).finish();
    run.exits(1).verdict("main.bad", "fail");
    run
}

/// What the interpreter makes of that server, with bounded memory.
fn interpreted(text: &str, script: impl Fn(&mut Peer) + Send + Sync + Clone + 'static) -> Output {
    let site = Site::fake();
    let server = serve(&site, script);
    site.file("x.test", text);
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "100", "sh", "-c", "ulimit -v 2500000 && exec \"$@\"", "sh"]);
    command.arg(program()).args(["mysqltest", "--no-defaults", "--user=root"]);
    command.arg(format!("--socket={}", server.socket().display()));
    command.arg(format!("--test-file={}", site.path("x.test").display()));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    output
}

fn said(output: &Output, text: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(text), "not said: {text:?}\n{told}");
}

#[test]
fn that_sends_rows_without_end_fails_the_check() {
    let run = checked(|peer| {
        peer.answer(|peer| {
            peer.begin_rows()?;
            let row = [&[0xfd, 0, 0, 1][..], &[b'x'; 0x1_0000]].concat();
            loop {
                peer.send(&row)?;
            }
        });
    });
    run.says("has more than 64 MiB");
}

#[test]
fn that_sends_empty_rows_without_end_fails_the_check() {
    let run = checked(|peer| {
        peer.answer(|peer| {
            peer.begin_rows()?;
            loop {
                peer.send(b"\xfb")?;
            }
        });
    });
    run.says("has more than 64 MiB");
}

#[test]
fn that_sends_results_without_end_fails_the_check() {
    checked(|peer| {
        peer.answer(|peer| {
            loop {
                // More results follow.
                peer.send(b"\0\0\0\x0a\0\0\0")?;
            }
        });
    });
}

#[test]
fn that_sends_a_packet_without_end_fails_the_check() {
    let run = checked(|peer| {
        peer.answer(|peer| {
            peer.begin_rows()?;
            let full = vec![b'x'; 0xff_ff_ff];
            loop {
                peer.send(&full)?;
            }
        });
    });
    run.says("has more than 64 MiB");
}

#[test]
fn that_announces_columns_without_measure_fails_the_check() {
    checked(|peer| {
        peer.answer(|peer| {
            peer.send(b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f")?;
            loop {
                peer.send(COLUMN)?;
            }
        });
    });
}

#[test]
fn that_closes_in_the_middle_fails_the_check() {
    for part in [&b""[..], b"\x05", b"\x05\0\0\x01", b"\x05\0\0\x01ab"] {
        checked(move |peer| peer.answer(|peer| peer.raw(part)));
    }
    checked(|peer| drop(peer.raw(&GREETING[..20])));
}

#[test]
fn that_counts_wrong_or_talks_nonsense_fails_the_check() {
    checked(|peer| {
        peer.answer(|peer| {
            peer.sequence = 77;
            peer.send(b"\x05")?;
            peer.send(b"nonsense")
        });
    });
    checked(|peer| drop(peer.raw(&[0xff; 4096])));
    checked(|peer| {
        // An error packet of an error that only clients have.
        peer.answer(|peer| peer.send(b"\xff\xdd\x07#HY000Lost"));
    });
}

/// Each byte and each row comes before a limit for single waits would be over.
#[test]
#[ignore = "takes long"]
fn that_says_a_little_again_and_again_ends_with_the_tests_time() {
    let slowly = |peer: &mut Peer, byte: u8| -> Result<(), Gone> {
        loop {
            peer.raw(&[byte])?;
            std::thread::sleep(Duration::from_millis(500));
        }
    };
    let run = checked(move |peer| {
        peer.answer(|peer| {
            peer.begin_rows()?;
            loop {
                peer.send(b"\x011")?;
                std::thread::sleep(Duration::from_millis(500));
            }
        });
    });
    run.says("expired after 60 seconds");
    checked(move |peer| {
        let _: Result<(), Gone> = peer.raw(b"\xff\xff\xff\0").and_then(|()| slowly(peer, b'x'));
    });
    checked(move |peer| peer.answer(|peer| slowly(peer, 1)));
    // Reports of progress are no answer.
    checked(|peer| {
        peer.answer(|peer| {
            loop {
                peer.send(b"\xff\xff\xff\x01\x01\x02\x10\x10\x10\x01a")?;
                std::thread::sleep(Duration::from_millis(500));
            }
        });
    });
}

#[test]
#[ignore = "takes long"]
fn that_never_answers_ends_with_the_tests_time() {
    checked(|peer| {
        let _ = peer.receive();
        std::thread::sleep(Duration::from_secs(600));
    });
    checked(|peer| {
        peer.answer(|_| {
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        })
    });
}

#[test]
fn that_sends_rows_without_end_ends_the_script() {
    let output = interpreted("select 1;\n", |peer| {
        peer.answer(|peer| {
            peer.begin_rows()?;
            let row = [&[0xfd, 0, 0, 1][..], &[b'x'; 0x1_0000]].concat();
            loop {
                peer.send(&row)?;
            }
        });
    });
    said(&output, "The result of the command has more than 256 MiB");
}

#[test]
fn that_announces_columns_without_measure_ends_the_script() {
    for count in [&b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"[..], b"\xfd\0\0\x02"] {
        let output = interpreted("select 1;\n", move |peer| {
            peer.answer(|peer| {
                peer.send(count)?;
                loop {
                    peer.send(COLUMN)?;
                }
            });
        });
        said(&output, "2027");
    }
}

#[test]
fn that_defines_columns_without_measure_ends_the_script() {
    let output = interpreted("select 1;\n", |peer| {
        peer.answer(|peer| {
            peer.send(b"\xfc\xff\xff")?;
            let long = [&b"\x03def\0\0\0\xfd\0\0\x10"[..], &vec![b'x'; 0x10_0000], &COLUMN[8..]].concat();
            loop {
                peer.send(&long)?;
            }
        });
    });
    said(&output, "2027");
}

/// What a test may ask for is not refused.
#[test]
fn that_sends_much_is_heard_out() {
    let site = Site::fake();
    let server = serve(&site, |peer| {
        peer.answer(|peer| {
            peer.begin_rows()?;
            let row = [&[0xfd, 0, 0, 1][..], &[b'x'; 0x1_0000]].concat();
            for _ in 0..1000 {
                peer.send(&row)?;
            }
            peer.send(END)?;
            peer.receive().map(drop)
        });
    });
    site.file("x.test", "select 1;\n");
    let mut command = Command::new(program());
    command.args(["mysqltest", "--no-defaults", "--user=root", "--silent"]);
    command.arg(format!("--socket={}", server.socket().display()));
    command.arg(format!("--test-file={}", site.path("x.test").display()));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.len() > 65_000_000, "{}", output.stdout.len());
}
