//! What the servers of a test need of memory, and whether it is there.

use bstr::{BStr, ByteSlice};

use crate::case::{ServerOption, TestCase};
use crate::error::Error;
use crate::plan::admission::Admission;
use crate::run::setup::gate::Answer;
use crate::triage::quantity;

use super::{BringUpFailure, ServerSet};

/// Options whose values are memory that a server takes as a whole, each name with `-`.
const BUFFERS: [&str; 6] = [
    "innodb-buffer-pool-size",
    "key-buffer-size",
    "aria-pagecache-buffer-size",
    "innodb-log-buffer-size",
    "query-cache-size",
    "rocksdb-block-cache-size",
];

impl ServerSet {
    /// Whether the servers that `case` needs and that do not run may be started.
    pub(super) fn ask_for_memory(&self, case: &TestCase) -> Result<(), BringUpFailure> {
        let missing: Vec<(usize, u64)> = (0..self.servers.len())
            .filter(|i| !self.servers[*i].is_running())
            .map(|i| (i, self.buffers_of(i, case)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let answer = self.ctx.memory.ask(self.events.worker(), &missing);
        match answer.admission {
            Admission::Granted => Ok(()),
            Admission::Later { others } => Err(BringUpFailure::NoRoom(refused(missing.len(), &answer), others)),
            Admission::Never => Err(BringUpFailure::Setup(refused(missing.len(), &answer).hint(
                "give the machine, the container or the control group more memory, or the servers smaller buffers",
            ))),
        }
    }

    /// The bytes of the buffers that the server at `i` has for `case`.
    fn buffers_of(&self, i: usize, case: &TestCase) -> u64 {
        let group = &self.servers[i].group;
        let options = self.options_for(case, group);
        let common = self.config.as_ref().and_then(|config| config.file().group("mysqld"));
        let of_file = common.into_iter().chain([group.group()]).flat_map(|group| &group.options);
        let of_file =
            of_file.map(|option| (option.name.as_bstr(), option.value.as_ref().map(|v| v.as_bstr())));
        buffers(of_file.chain(options.iter().filter_map(setting)))
    }

    /// Remembers what the server at `i`, which runs, has taken.
    pub(super) fn learn_cost(&self, i: usize) {
        let server = &self.servers[i];
        let (Some(pid), Some(with)) = (server.process().map(|child| child.pid()), &server.started) else {
            return;
        };
        self.ctx.memory.learn(pid, buffers(with.args.iter().filter_map(setting)));
    }
}

/// Name and value of `--name=value`.
fn setting(option: &ServerOption) -> Option<(&BStr, Option<&BStr>)> {
    let (name, value) = option.text.strip_prefix(b"--")?.split_once_str("=")?;
    Some((name.as_bstr(), Some(value.as_bstr())))
}

/// The sum of [`BUFFERS`] among options; of one that is given twice the last one counts.
fn buffers<'o>(options: impl Iterator<Item = (&'o BStr, Option<&'o BStr>)>) -> u64 {
    let mut sizes = [0; BUFFERS.len()];
    for (name, value) in options {
        let name = name.replace(b"_", b"-");
        let name = name.strip_prefix(b"loose-").unwrap_or(&name);
        if let Some(at) = BUFFERS.iter().position(|known| known.as_bytes() == name)
            && let Some(size) = value.and_then(quantity::parse_at_most)
        {
            sizes[at] = size;
        }
    }
    sizes.iter().fold(0, |sum: u64, size| sum.saturating_add(*size))
}

fn refused(servers: usize, answer: &Answer) -> Error {
    let plural = if servers == 1 { "a server" } else { &format!("{servers} servers") };
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let mut text =
        format!("there is not enough memory for {plural}: about {} MiB are needed", mib(answer.cost));
    if let Some(available) = &answer.available {
        let by = available.limited_by.display();
        text.push_str(&format!(
            ", and {} MiB are left, servers that are being started included ({by})",
            available.bytes >> 20
        ));
    }
    Error::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_found_however_they_are_written() {
        let sum = |options: &[(&str, &str)]| {
            buffers(options.iter().map(|(name, value)| (BStr::new(name), Some(BStr::new(value)))))
        };
        assert_eq!(
            sum(&[("innodb_buffer_pool_size", "8M"), ("loose-innodb-buffer-pool-size", "1g")]),
            1 << 30
        );
        assert_eq!(sum(&[("key_buffer_size", "1K"), ("query-cache-size", "10"), ("port", "5")]), 1034);
        assert_eq!(sum(&[("key_buffer_size", "lots"), ("key-buffer-size", "-1")]), 0);
        assert_eq!(sum(&[("key_buffer_size", "99999999T")]), u64::MAX);
    }
}
