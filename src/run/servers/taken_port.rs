//! A port of a server that did not start, taken by a process outside of the run.

use bstr::ByteSlice;

use crate::config::ports;
use crate::config::server_group::ServerGroup;
use crate::run::servers::set::ServerSet;

/// The port that kept the server at `i` from starting, if that is one of the worker's range and no running server of
/// the worker has it: somebody who does not know of the locks listens there. `None` where the user chose the ports,
/// because there are no others then.
pub fn taken_port(set: &ServerSet, i: usize) -> Option<u16> {
    let settings = &set.context().settings;
    if settings.port_base.is_some() || settings.build_thread.is_some() || set.servers[i].is_running() {
        return None;
    }
    let others: Vec<u16> =
        set.running().into_iter().flat_map(|other| ports_of(&set.servers[other].group)).collect();
    let range = set.lease().base..=set.lease().last();
    let mut own = ports_of(&set.servers[i].group).into_iter();
    own.find(|port| range.contains(port) && !others.contains(port) && ports::is_taken(*port))
}

/// The ports that a server listens on, as far as the names of its options tell.
fn ports_of(group: &ServerGroup) -> Vec<u16> {
    let listens = |name: &[u8]| {
        let name = name.strip_prefix(b"loose-").or(name.strip_prefix(b"loose_")).unwrap_or(name);
        name == b"port"
            || (name.ends_with(b"port") && !name.starts_with(b"report") && !name.starts_with(b"master"))
    };
    let options = group.group().options.iter().filter(|option| listens(&option.name));
    options.filter_map(|option| option.value.as_ref()?.to_str().ok()?.trim().parse().ok()).collect()
}
