//! A network of the process's own: a network name space (`network_namespaces(7)`) with nothing but a loopback interface.
//!
//! What listens there can be reached only by processes that are in it: by those that this one starts from then on. The
//! addresses of the machine are given to the loopback interface, so that a name or an address of this machine leads to
//! the run's own servers and not nowhere. Names are looked up as on the machine (`sys/nameservers.rs`).
#![allow(unsafe_code, reason = "interfaces and their addresses have C interfaces only")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, bind, recv, send, socket};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::deadline::deadline_after;
use super::files;
use super::nameservers::{self, Relay};
use super::poll;

/// Settings below `/proc/sys/net` that decide what a test sees of the network; a new one begins with the kernel's own.
const SETTINGS: [&str; 5] = [
    "core/somaxconn",
    "ipv4/ip_local_port_range",
    "ipv6/bindv6only",
    "ipv6/conf/all/disable_ipv6",
    "ipv6/conf/lo/disable_ipv6",
];

/// The index of the loopback interface, in every network.
const LOOPBACK: u32 = 1;

/// How long a route may take, at the most.
const ROUTE_PATIENCE: Duration = Duration::from_secs(5);

/// The flag of a route to an address of this machine (`RTF_LOCAL`).
const LOCAL_ROUTE: u32 = 0x8000_0000;

/// The length of the head of a netlink message, in bytes.
const HEADER: usize = 16;

/// Takes the calling thread, and every thread and process that it starts from now on, to a network of its own. Called
/// from the main thread before the first thread of the run is started, it takes the whole process. Nothing has changed
/// where it fails.
///
/// # Errors
/// This process must not make one (`EPERM` without the capability `CAP_SYS_ADMIN`), the kernel cannot, or the loopback
/// interface does not come up.
pub fn enter_private() -> io::Result<()> {
    enter_with(nameservers::of_machine())
}

/// [`enter_private`], on a machine whose name servers are `servers`.
fn enter_with(servers: Vec<SocketAddr>) -> io::Result<()> {
    // Made by a thread that then ends: whatever goes wrong there, this thread has stayed where it was.
    let made = std::thread::Builder::new().name("network".into()).spawn(move || make(&servers))?;
    let (network, relay) =
        made.join().map_err(|_| io::Error::other("the thread that made the network panicked"))??;
    // Before this thread moves: the relay stays in the network of the machine.
    relay.start()?;
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}

/// Takes the calling thread to a new network, and makes that usable.
fn make(servers: &[SocketAddr]) -> io::Result<(File, Relay)> {
    let mut addresses = own_addresses()?;
    addresses.extend(servers.iter().map(SocketAddr::ip).filter(|address| !address.is_loopback()));
    let settings = SETTINGS.map(|name| (name, files::of_kernel(setting(name)).ok()));
    // SAFETY: the flag is unsafe to use only where file descriptors are unshared, which this does not.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET)? };
    for (name, value) in settings {
        // `/proc/sys` may be read-only, as in most containers: the kernel's own settings are usable as well.
        if let Some(value) = value {
            let _ = std::fs::write(setting(name), value);
        }
    }
    bring_up_loopback()?;
    let changes = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    bind(&changes, &SocketAddrNetlink::new(0, libc::RTMGRP_IPV6_ROUTE as u32))?;
    for address in &addresses {
        // A kind of address that this kernel does not have here is one that nobody can listen on.
        if add_address(*address).is_ok() {
            await_route(*address, changes.as_fd())?;
        }
    }
    let relay = Relay::listen(servers);
    Ok((File::open("/proc/thread-self/ns/net")?, relay))
}

fn setting(name: &str) -> std::path::PathBuf {
    Path::new("/proc/sys/net").join(name)
}

/// The addresses of this machine's interfaces, but for those that every loopback interface has and those that mean
/// something on one link only.
fn own_addresses() -> io::Result<BTreeSet<IpAddr>> {
    let mut list = std::ptr::null_mut();
    // SAFETY: `list` outlives the call.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = BTreeSet::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: the list is valid until freeifaddrs.
        let entry = unsafe { &*next };
        // SAFETY: an address that is there has a family, which says which structure it is.
        match unsafe { entry.ifa_addr.as_ref() }.map(|address| i32::from(address.sa_family)) {
            Some(libc::AF_INET) => {
                // SAFETY: see above.
                let v4 = unsafe { &*entry.ifa_addr.cast::<libc::sockaddr_in>() };
                found.insert(IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr))));
            }
            Some(libc::AF_INET6) => {
                // SAFETY: see above.
                let v6 = unsafe { &*entry.ifa_addr.cast::<libc::sockaddr_in6>() };
                found.insert(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)));
            }
            _ => {}
        }
        next = entry.ifa_next;
    }
    // SAFETY: `list` came from getifaddrs and is not used afterwards.
    unsafe { libc::freeifaddrs(list) };
    found.retain(|address| match address {
        IpAddr::V4(v4) => !v4.is_loopback(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    });
    Ok(found)
}

fn bring_up_loopback() -> io::Result<()> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let mut request = request_for("lo");
    call(socket.as_fd(), libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: the call has written the flags.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    call(socket.as_fd(), libc::SIOCSIFFLAGS, &mut request)
}

/// Waits until `address` can be connected to: the kernel adds the route by which an IPv6 address is this machine's some
/// time after the address. `changes` becomes readable with each change of routes.
fn await_route(address: IpAddr, changes: BorrowedFd<'_>) -> io::Result<()> {
    let IpAddr::V6(v6) = address else { return Ok(()) };
    let deadline = deadline_after(ROUTE_PATIENCE);
    while !has_local_route(v6) && !poll::readable(&[changes], Some(deadline))?.is_empty() {
        let mut change = [0; 8192];
        // Changes that were lost (`ENOBUFS`) are changes as well.
        let _ = recv(changes, &mut change[..], RecvFlags::DONTWAIT);
    }
    Ok(())
}

/// Whether packets to `address` are delivered here, as `/proc/net/ipv6_route` has it: the destination is the first word
/// of a line, its flags are the ninth.
fn has_local_route(address: Ipv6Addr) -> bool {
    let Ok(routes) = files::text_of_kernel("/proc/thread-self/net/ipv6_route") else { return true };
    let destination: String = address.octets().iter().map(|byte| format!("{byte:02x}")).collect();
    routes.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        let flags = |word: &str| u32::from_str_radix(word, 16).unwrap_or(0);
        words.next() == Some(&destination) && words.nth(7).is_some_and(|word| flags(word) & LOCAL_ROUTE != 0)
    })
}

/// Gives the loopback interface `address`, by a message of `rtnetlink(7)`. Other calls have an IPv6 address looked for on
/// the link first, and it cannot be used until that is over.
fn add_address(address: IpAddr) -> io::Result<()> {
    let (family, bytes) = match address {
        IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec()),
    };
    let bits = (bytes.len() * 8) as u8;
    let mut body = vec![family as u8, bits, libc::IFA_F_NODAD as u8, libc::RT_SCOPE_UNIVERSE];
    body.extend(LOOPBACK.to_ne_bytes());
    for kind in [libc::IFA_LOCAL, libc::IFA_ADDRESS] {
        body.extend((4 + bytes.len() as u16).to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(&bytes);
    }
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut message = (HEADER as u32 + body.len() as u32).to_ne_bytes().to_vec();
    message.extend(libc::RTM_NEWADDR.to_ne_bytes());
    message.extend((flags as u16).to_ne_bytes());
    // A number of the message and one of the sender, which nobody asks for.
    message.extend([0; 8]);
    message.extend(body);
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0; 1024];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    match answer[..length]
        .get(HEADER..HEADER + 4)
        .and_then(|code| code.try_into().ok())
        .map(i32::from_ne_bytes)
    {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A request about the interface `name`, which must be shorter than 16 bytes; nothing else in it is set.
fn request_for(name: &str) -> libc::ifreq {
    // SAFETY: numbers and bytes may all be zero.
    let mut request: libc::ifreq = unsafe { MaybeUninit::zeroed().assume_init() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

/// `ioctl`; `request` must be what `what` reads and writes.
fn call<T>(socket: BorrowedFd<'_>, what: libc::c_ulong, request: &mut T) -> io::Result<()> {
    // SAFETY: the callers above pair each number with its structure, which outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), what as _, std::ptr::from_mut(request)) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::skip;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    /// In a thread of its own, as a network belongs to a thread.
    fn in_private(what: impl FnOnce() + Send + 'static) {
        in_private_with(nameservers::of_machine(), what);
    }

    fn in_private_with(servers: Vec<SocketAddr>, what: impl FnOnce() + Send + 'static) {
        if !skip::root_is_there("to make a network") {
            return;
        }
        let entered = std::thread::spawn(|| enter_with(servers).map(|()| what())).join().unwrap();
        match entered.map_err(|error| error.kind()) {
            Err(io::ErrorKind::PermissionDenied) => skip::skip("this root must not make a network"),
            entered => entered.unwrap(),
        }
    }

    #[test]
    fn what_listens_in_it_is_found_only_there() {
        let outside = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = outside.local_addr().unwrap();
        in_private(move || {
            assert!(TcpStream::connect(taken).is_err(), "a service of the machine is reached");
            let inside = TcpListener::bind(taken).unwrap();
            TcpStream::connect(taken).unwrap();
            let child = std::process::Command::new("cat").arg("/proc/self/net/tcp").output().unwrap();
            let port = format!(":{:04X} ", taken.port());
            assert!(String::from_utf8_lossy(&child.stdout).contains(&port), "a child is elsewhere");
            drop(inside);
        });
        assert!(TcpStream::connect(taken).is_ok(), "this thread has moved, too");
    }

    #[test]
    fn it_has_the_addresses_of_the_machine() {
        let addresses: Vec<IpAddr> = own_addresses()
            .unwrap()
            .into_iter()
            .chain(["127.0.0.1", "127.0.1.1", "::1"].map(|text| text.parse().unwrap()))
            .filter(|address| TcpListener::bind((*address, 0)).is_ok())
            .collect();
        in_private(move || {
            for address in addresses {
                let listener = TcpListener::bind((address, 0)).unwrap();
                TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            }
        });
    }

    #[test]
    fn names_are_asked_for_as_on_the_machine() {
        let question = [&[0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x01x\0\0\x01\0\x01"].concat();
        let answers = UdpSocket::bind("127.0.0.1:0").unwrap();
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let servers = vec![answers.local_addr().unwrap(), silent.local_addr().unwrap()];
        // Nobody listens there any more: the machine is told so at once.
        drop(silent);
        std::thread::spawn(move || {
            let mut text = [0; 512];
            let (length, asker) = answers.recv_from(&mut text).unwrap();
            text[2] |= 0x80;
            text[3] = 3;
            answers.send_to(&text[..length], asker).unwrap();
        });
        in_private_with(servers.clone(), move || {
            let ask = |server: SocketAddr| {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_read_timeout(Some(ROUTE_PATIENCE)).unwrap();
                socket.send_to(&question, server).unwrap();
                let mut text = [0; 512];
                let (length, by) = socket.recv_from(&mut text).unwrap();
                assert_eq!((by, &text[..2], text[2]), (server, &question[..2], 0x81));
                (text[3], length)
            };
            assert_eq!(ask(servers[0]), (3, question.len()), "the name is unknown");
            assert_eq!(ask(servers[1]), (2, 12), "nobody can find out");
        });
    }
}
