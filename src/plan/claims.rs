//! What a test claims for itself alone: ports that its options fix, which two workers cannot both have.

use std::collections::BTreeSet;

use bstr::ByteSlice;

use crate::case::TestCase;

/// The TCP ports that an instance's servers bind whatever the worker's own port range is, in order:
/// those of its options that are numbers (`--loose_handlersocket_port=9998`), and `template_ports`, which
/// its config template fixes. Two instances that share one never run at once.
///
/// Port 0 (none, or any free one) and `report-port` (which is only told to the master) claim nothing;
/// nor does `$MASTER_MYPORT`, which differs from worker to worker.
pub fn fixed_ports(case: &TestCase, template_ports: &[u16]) -> Vec<u16> {
    let options = case.master_opt.iter().chain(&case.slave_opt);
    let claimed = options.filter_map(|option| claimed_port(&option.text));
    let ports: BTreeSet<u16> = claimed.chain(template_ports.iter().copied()).collect();
    ports.into_iter().collect()
}

/// The port that one server option claims. Also good for the options of a config file, written as
/// `--name=value`.
pub fn claimed_port(option: &[u8]) -> Option<u16> {
    let (name, value) = option.strip_prefix(b"--")?.split_once_str("=")?;
    let name = name.replace("_", "-");
    let name = name.strip_prefix(b"loose-").unwrap_or(&name);
    let is_port = name == b"port" || name.ends_with(b"-port");
    if !is_port || name == b"report-port" {
        return None;
    }
    value.to_str().ok()?.trim().parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_port_options_are_claimed() {
        for (option, port) in [
            ("--loose_handlersocket_port=9998", Some(9998)),
            ("--loose-handlersocket-port=9998", Some(9998)),
            ("--extra_port=13000", Some(13000)),
            ("--port=3306", Some(3306)),
            ("--extra-port=0", None),
            ("--report-port=9308", None),
            ("--loose-report_port=9308", None),
            ("--extra-port=$MASTER_EXTRA_PORT", None),
            ("--port=70000", None),
            ("--port", None),
            ("--support=1", None),
            ("--server-id=7", None),
        ] {
            assert_eq!(claimed_port(option.as_bytes()), port, "{option}");
        }
    }
}
