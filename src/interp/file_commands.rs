//! The file commands as a script gives them (mysqltest §6.5).

use std::io::Write;
use std::rc::Rc;

use bstr::{BString, ByteSlice};

use crate::interp::files::{self, Failure, NotWritable, Sandbox};
use crate::interp::state::errors::CommandError;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::common::integer::atoi;

/// The name in front of what the file layer says: the one the reference is installed under.
const PROGRAM: &[u8] = b"mariadb-test";

/// The arguments of a command whose row in the table declares `N` of them; one that was not given is empty.
fn arguments<const N: usize>(interp: &mut Interp, stored: &Stored) -> Done<[BString; N]> {
    let mut values = interp.arguments(stored)?.into_iter();
    Ok(std::array::from_fn(|_| values.next().unwrap_or_default()))
}

/// A pattern, if one was given.
fn pattern(text: &BString) -> Option<&[u8]> {
    (!text.is_empty()).then_some(text.as_slice())
}

/// `remove_file F`: `disable_warnings` silences the file layer.
pub fn remove_file(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [path] = arguments(interp, stored)?;
    interp.sandbox().check(&path)?;
    let removed = files::remove(&path);
    let told = interp.is(Property::Warnings);
    interp.end_file_command(stored, removed, told)
}

/// `remove_files_wildcard D [PATTERN]`.
pub fn remove_files_wildcard(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [directory, wanted] = arguments(interp, stored)?;
    interp.sandbox().check_tree(&directory)?;
    let (warnings, removed) = files::remove_matching(&directory, pattern(&wanted));
    for warning in warnings {
        tell(&warning);
    }
    interp.end_file_command(stored, removed, true)
}

/// `copy_file A B`.
pub fn copy_file(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [from, to] = arguments(interp, stored)?;
    interp.sandbox().check(&to)?;
    interp.end_file_command(stored, files::copy(&from, &to), true)
}

/// `move_file A B`: `disable_warnings` silences the file layer.
pub fn move_file(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [from, to] = arguments(interp, stored)?;
    interp.sandbox().check_both(&from, &to)?;
    let moved = files::move_file(&from, &to);
    let told = interp.is(Property::Warnings);
    interp.end_file_command(stored, moved, told)
}

/// `chmod OCTAL F`.
pub fn chmod(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [mode, path] = arguments(interp, stored)?;
    interp.sandbox().check(&path)?;
    let Some(mode) = files::parse_mode(&mode) else {
        return Err(Stop::die("You must write a 4 digit octal number for mode"));
    };
    interp.end_file_command(stored, files::set_mode(&path, mode), true)
}

/// `file_exists F`.
pub fn file_exists(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [path] = arguments(interp, stored)?;
    interp.end_file_command(stored, files::exists(&path), true)
}

/// `mkdir D`.
pub fn mkdir(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [path] = arguments(interp, stored)?;
    interp.sandbox().check(&path)?;
    interp.end_file_command(stored, files::create_directory(&path, interp.modes), true)
}

/// `rmdir D`: only a failure is held against `--error`.
pub fn rmdir(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [path] = arguments(interp, stored)?;
    interp.sandbox().check_tree(&path)?;
    match files::remove_tree(&path) {
        Ok(()) => Ok(()),
        failed => interp.end_file_command(stored, failed, true),
    }
}

/// `list_files D [PATTERN]`: each name passes the filters.
pub fn list_files(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [directory, wanted] = arguments(interp, stored)?;
    let (lines, listed) = interp.lines_of(&directory, &wanted)?;
    interp.out.extend_from_slice(&lines);
    interp.end_file_command(stored, listed, true)
}

/// `list_files_write_file F D [PATTERN]` and, with `append`, `list_files_append_file`: here, too, each name
/// passes the filters.
pub fn list_files_to(interp: &mut Interp, stored: &Rc<Stored>, append: bool) -> Done {
    let [path, directory, wanted] = arguments(interp, stored)?;
    interp.sandbox().check(&path)?;
    let (lines, listed) = interp.lines_of(&directory, &wanted)?;
    interp.end_file_command(stored, listed, true)?;
    // A listing that failed, where the test survives that, leaves an empty file.
    interp.put_file(&path, &lines, append)
}

/// `write_line TEXT F`.
pub fn write_line(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [mut line, path] = arguments(interp, stored)?;
    interp.sandbox().check(&path)?;
    line.push(b'\n');
    interp.put_file(&path, &line, false)
}

/// `cat_file F`.
pub fn cat_file(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [path, lines] = arguments(interp, stored)?;
    let read = files::read(&path).map(|mut content| {
        if let Some(lines) = usize::try_from(atoi(&lines)).ok().filter(|lines| *lines > 0) {
            content.truncate(content.lines_with_terminator().take(lines).map(<[u8]>::len).sum());
        }
        let (filters, out) = (&mut interp.filters, &mut interp.out);
        files::output_pieces(&mut content, |piece| filters.apply(piece, out))
    });
    match read {
        Ok(put) => {
            put?;
            interp.end_file_command(stored, Ok(()), true)
        }
        Err(failure) => interp.end_file_command(stored, Err(failure), true),
    }
}

/// `diff_files A B`: files that differ are shown, unless the difference is expected.
pub fn diff_files(interp: &mut Interp, stored: &Rc<Stored>) -> Done {
    let [first, second] = arguments(interp, stored)?;
    let mut contents = Vec::with_capacity(2);
    for path in [&first, &second] {
        contents.push(files::read(path).map_err(|failure| match failure.errno {
            libc::EINVAL => Stop::die("Out of memory when allocating data for result"),
            _ => Stop::Die(
                [&b"command \"diff_files\" failed, file '"[..], path, b"' does not exist"].concat().into(),
            ),
        })?);
    }
    let error = files::compare(&contents[0], &contents[1]);
    if error != 0 && !interp.command_error_expected(stored, error)? {
        interp.out.extend_from_slice(&files::unified(&first, &contents[0], &second, &contents[1]));
        // It is to be seen also if the difference ends the test.
        interp.flush()?;
    }
    interp.handle_command(stored, Some(CommandError { error, my_errno: interp.my_errno, errno: -1 }))
}

/// `write_file F [END [eval]]` and, with `append`, `append_file`: the lines behind the command go to a file
/// (mysqltest §6.6).
///
/// In a block that does not run, of a loop that may come back, all is checked and the lines are read, but
/// nothing is written.
pub fn write_file(interp: &mut Interp, stored: &Rc<Stored>, append: bool) -> Done {
    let [path, end, how] = arguments(interp, stored)?;
    interp.sandbox().check(&path)?;
    if !how.is_empty() && !how.eq_ignore_ascii_case(b"eval") {
        let word: &[u8] = if append { b"append_file" } else { b"write_file" };
        let text = [b"Invalid argument '", how.as_slice(), b"' to '", word, b"', only 'eval' is allowed"];
        return Err(Stop::Die(text.concat().into()));
    }
    if !append && files::exists(&path).is_ok() {
        return Err(Stop::Die([b"File already exist: '", path.as_slice(), b"'"].concat().into()));
    }
    let content = interp.here_document(stored, &end)?;
    if !interp.runs() {
        return Ok(());
    }
    match how.is_empty() {
        true => interp.put_file(&path, content, append),
        false => {
            let content = interp.expand(content)?;
            interp.put_file(&path, &content, append)
        }
    }
}

impl Interp {
    /// Where the script may change files, going by the environment as it is now.
    fn sandbox(&self) -> Sandbox<'_> {
        Sandbox {
            vardir: self.variables.from_env("MYSQLTEST_VARDIR"),
            tmpdir: self.variables.from_env("MYSQL_TMP_DIR"),
        }
    }

    /// The names in a directory, filtered and each on a line, and whether it could be read.
    fn lines_of(&mut self, directory: &BString, wanted: &BString) -> Done<(Vec<u8>, Result<(), Failure>)> {
        let mut lines = Vec::new();
        let listed = files::list(directory, pattern(wanted));
        for name in listed.iter().flatten() {
            self.filters.apply(name, &mut lines)?;
            lines.push(b'\n');
        }
        Ok((lines, listed.map(drop)))
    }

    /// Writes a file; a relative name starts at the base directory.
    fn put_file(&mut self, path: &BString, content: &[u8], append: bool) -> Done {
        let path = match path.starts_with(b"/") {
            true => path.clone(),
            false => [self.options.basedir.as_slice(), path].concat().into(),
        };
        let put = if append { crate::interp::files::append } else { crate::interp::files::write };
        put(&path, content, self.modes).map_err(|NotWritable { failure, message }| {
            failure.message.iter().for_each(tell);
            Stop::Die(message)
        })
    }

    /// The lines behind the command at hand up to `end`, `EOF` if that is empty; read once and kept with
    /// the command.
    pub(in crate::interp) fn here_document<'s>(
        &mut self,
        stored: &'s Stored,
        end: &[u8],
    ) -> Done<&'s BString> {
        const LONGEST_END: usize = 16;
        if let Some(content) = stored.document.get() {
            return Ok(content);
        }
        let end = if end.is_empty() { b"EOF" } else { end };
        if end.len() > LONGEST_END {
            return Err(Stop::Die(format!("Max delimiter length({LONGEST_END}) exceeded").into()));
        }
        let content = self.reader.here_document(end)?;
        Ok(stored.document.get_or_init(|| content.into()))
    }

    /// Ends a file command; what the file layer says goes to standard error if it is to be `told`.
    fn end_file_command(&mut self, stored: &Stored, done: Result<(), Failure>, told: bool) -> Done {
        let Err(failure) = done else { return self.handle_command(stored, None) };
        if failure.remembered {
            self.my_errno = failure.errno;
        }
        if let Some(message) = failure.message.filter(|_| told) {
            tell(&message);
        }
        let facts = CommandError { error: 1, my_errno: self.my_errno, errno: failure.errno };
        self.handle_command(stored, Some(facts))
    }
}

/// Writes what the file layer says to standard error, with a bell in front.
pub(in crate::interp) fn tell(message: &BString) {
    let line = [b"\x07", PROGRAM, b": ", message.as_bytes(), b"\n"].concat();
    // There is no other place to complain.
    let _ = std::io::stderr().write_all(&line);
}
