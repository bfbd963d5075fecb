//! Programs that are run to their end, which has to come within a time, and whose output may be only so long.

use std::io::{self, PipeReader, Read as _};
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::deadline::deadline_after;
use super::{orphans, poll};

/// The most bytes that a program may write to each of its streams where its output is taken into memory: 16 MiB.
pub const MOST_OF_OUTPUT: usize = 16 << 20;

/// How long a program may take to say what it is: far longer than any does.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program to its end; its standard input is what `command` says. It has a process group of its own, which is
/// killed at its end.
///
/// # Errors
/// It cannot be started. It has not ended within `patience` ([`io::ErrorKind::TimedOut`]), or writes more than
/// [`MOST_OF_OUTPUT`]: it is killed then.
pub fn output(command: &mut Command, patience: Duration) -> io::Result<Output> {
    let ((stdout, theirs), (stderr, their_errors)) = (io::pipe()?, io::pipe()?);
    command.stdout(theirs).stderr(their_errors);
    let mut heard = [Vec::new(), Vec::new()];
    let mut too_much = false;
    let status = run(command, vec![stdout, stderr], patience, &mut |stream, text| {
        heard[stream].extend_from_slice(text);
        too_much = heard[stream].len() > MOST_OF_OUTPUT;
        if too_much { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if too_much {
        let text = format!("it wrote more than {} MiB, and was killed", MOST_OF_OUTPUT >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let [stdout, stderr] = heard;
    Ok(Output { status, stdout, stderr })
}

/// Runs a program as [`output`] does, and hands on what it writes to both streams, piece by piece, until `heard` breaks
/// off: then it is killed.
///
/// # Errors
/// It cannot be started, or has not ended within `patience` ([`io::ErrorKind::TimedOut`]).
pub fn watch(
    command: &mut Command,
    patience: Duration,
    heard: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<ExitStatus> {
    let (said, theirs) = io::pipe()?;
    command.stdout(theirs.try_clone()?).stderr(theirs);
    run(command, vec![said], patience, &mut |_, text| heard(text))
}

type Hear<'h> = &'h mut dyn FnMut(usize, &[u8]) -> ControlFlow<()>;

fn run(
    command: &mut Command,
    streams: Vec<PipeReader>,
    patience: Duration,
    heard: Hear<'_>,
) -> io::Result<ExitStatus> {
    for stream in &streams {
        rustix::io::ioctl_fionbio(stream, true)?;
    }
    let spawned = orphans::spawn_registered(command.process_group(0), true);
    // The ends of the pipes that the program has are its own alone.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned?;
    let ended = attend(&child, streams, deadline_after(patience), heard);
    // Until it is reaped no other group can have its number.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let status = child.wait();
    orphans::unregister(child.id().cast_signed());
    match ended? {
        true => status,
        false => {
            let text = format!("it did not end within {} s, and was killed", patience.as_secs_f64().ceil());
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        }
    }
}

/// Listens until the program ends or `heard` has enough. False where neither comes before the deadline.
fn attend(child: &Child, streams: Vec<PipeReader>, deadline: Instant, heard: Hear<'_>) -> io::Result<bool> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let mut streams: Vec<(usize, PipeReader)> = streams.into_iter().enumerate().collect();
    let mut piece = vec![0; 64 << 10];
    loop {
        let fds: Vec<BorrowedFd<'_>> = std::iter::once(process.as_fd())
            .chain(streams.iter().map(|(_, stream)| stream.as_fd()))
            .collect();
        let ready = poll::readable(&fds, Some(deadline))?;
        if ready.is_empty() {
            return Ok(false);
        }
        let has_ended = ready.contains(&0);
        let mut closed = Vec::new();
        for (number, stream) in &mut streams {
            // What an ended program has written is all there; of one that runs, one piece at a time.
            loop {
                match stream.read(&mut piece) {
                    Ok(0) => closed.push(*number),
                    Ok(length) => {
                        if heard(*number, &piece[..length]).is_break() {
                            return Ok(true);
                        }
                        if has_ended && Instant::now() < deadline {
                            continue;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                break;
            }
        }
        if has_ended {
            return Ok(true);
        }
        streams.retain(|(number, _)| !closed.contains(number));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(100);

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    #[test]
    fn what_was_written_comes_with_the_status() {
        let got = output(&mut sh("echo out; echo err >&2; exit 3"), LONG).unwrap();
        assert_eq!(
            (&got.stdout[..], &got.stderr[..], got.status.code()),
            (&b"out\n"[..], &b"err\n"[..], Some(3))
        );
        let much = output(&mut sh("head -c 3000000 /dev/zero"), LONG).unwrap();
        assert_eq!(much.stdout.len(), 3_000_000);
        assert!(output(&mut Command::new("/no/such/program"), LONG).is_err());
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let refused = output(&mut sh("sleep 600 & sleep 600"), Duration::from_millis(50)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        assert_eq!(refused.to_string(), "it did not end within 1 s, and was killed");
        // Closed streams are no end.
        let refused = output(&mut sh("exec >&- 2>&-; sleep 600"), Duration::from_millis(50)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn what_it_leaves_in_its_group_is_not_waited_for() {
        let got = output(&mut sh("sleep 600 & echo done"), LONG).unwrap();
        assert_eq!(got.stdout, b"done\n");
    }

    #[test]
    fn output_without_end_is_cut_off() {
        let refused = output(&mut sh("exec cat /dev/zero"), LONG).unwrap_err();
        assert_eq!(refused.to_string(), "it wrote more than 16 MiB, and was killed");
    }

    #[test]
    fn who_has_heard_enough_breaks_off() {
        let mut text = Vec::new();
        let status = watch(&mut sh("echo one; echo enough >&2; sleep 600"), LONG, &mut |piece| {
            text.extend_from_slice(piece);
            if text.ends_with(b"enough\n") { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(text, b"one\nenough\n");
        assert!(!status.unwrap().success());
    }
}
