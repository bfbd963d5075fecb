//! Host names: the C library's resolver, with its own error numbers.
#![allow(unsafe_code, reason = "getaddrinfo hands out a linked list in C")]

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The addresses of `host` for TCP, in the order to try them. The error is `getaddrinfo`'s: -2 for a
/// name that does not exist, for example.
///
/// # Errors
/// The number that `getaddrinfo` gives.
pub fn resolve(host: &[u8], port: u16) -> Result<Vec<SocketAddr>, i32> {
    let Ok(host) = CString::new(host) else { return Err(libc::EAI_NONAME) };
    // SAFETY: an all-zero addrinfo is a valid value: numbers and null pointers.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = libc::AF_UNSPEC;
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = std::ptr::null_mut();
    // SAFETY: `host` is NUL-terminated, `hints` and `list` outlive the call.
    let failed = unsafe { libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &hints, &mut list) };
    if failed != 0 {
        return Err(failed);
    }
    let mut found = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: the list is valid until freeaddrinfo.
        let entry = unsafe { &*next };
        // SAFETY: the family says which structure `ai_addr` points to.
        match unsafe { entry.ai_addr.as_ref() }.map(|_| entry.ai_family) {
            Some(libc::AF_INET) => {
                // SAFETY: see above.
                let v4 = unsafe { &*entry.ai_addr.cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                found.push(SocketAddr::new(IpAddr::V4(ip), port));
            }
            Some(libc::AF_INET6) => {
                // SAFETY: see above.
                let v6 = unsafe { &*entry.ai_addr.cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                found.push(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into());
            }
            _ => {}
        }
        next = entry.ai_next;
    }
    // SAFETY: `list` came from getaddrinfo and is not used afterwards.
    unsafe { libc::freeaddrinfo(list) };
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are() {
        assert_eq!(resolve(b"127.0.0.1", 3306).unwrap(), ["127.0.0.1:3306".parse().unwrap()]);
        assert_eq!(resolve(b"::1", 1).unwrap(), ["[::1]:1".parse().unwrap()]);
        assert_eq!(resolve(b"a\0b", 1), Err(libc::EAI_NONAME));
    }
}
