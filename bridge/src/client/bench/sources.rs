//! The addresses of this machine from which clients connect.
//!
//! A connection is known by both of its addresses and ports, and whoever ends it first keeps its port for a while
//! (TIME-WAIT, RFC 9293, section 3.6.1). So from one address to one port Linux makes some 28,000 connections at a time, and
//! 14,000 a second that come and go; that would be measured, and not the broker. Devices have an address each.

use super::super::target::Target;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// How many addresses of this machine are taken without having been named.
const OF_THIS_MACHINE: usize = 1000;

/// The first of them. All of 127.0.0.0/8 is this machine, on Linux without further ado.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Sources {
    /// Empty: the system chooses.
    addresses: Vec<IpAddr>,
    next: AtomicUsize,
}

impl Sources {
    /// Those that were named; otherwise, those that the way to `target` allows.
    pub(super) fn new(named: &[IpAddr], target: &Target) -> Self {
        let is_this_machine = target.host.parse().is_ok_and(|host: Ipv4Addr| host.is_loopback());
        let addresses = match named {
            [] if is_this_machine && cfg!(target_os = "linux") => (FIRST.to_bits()..)
                .take(OF_THIS_MACHINE)
                .map(|bits| Ipv4Addr::from_bits(bits).into())
                .collect(),
            named => named.to_vec(),
        };
        Sources { addresses, next: AtomicUsize::new(0) }
    }

    /// The one for the next connection; `None`: the system chooses.
    pub(super) fn next(&self) -> Option<IpAddr> {
        let turn = self.next.fetch_add(1, Relaxed).checked_rem(self.addresses.len())?;
        self.addresses.get(turn).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(named: &[&str], host: &str, count: usize) -> Vec<String> {
        let named: Vec<IpAddr> = named.iter().map(|address| address.parse().unwrap()).collect();
        let sources = Sources::new(&named, &Target::tcp(host, 1883));
        (0..count).filter_map(|_| sources.next()).map(|address| address.to_string()).collect()
    }

    #[test]
    fn they_take_turns() {
        assert_eq!(turns(&["10.0.0.1", "::1"], "h", 3), ["10.0.0.1", "::1", "10.0.0.1"]);
        assert_eq!(turns(&["10.0.0.1"], "127.0.0.1", 2), ["10.0.0.1", "10.0.0.1"]);
        assert!(turns(&[], "h", 2).is_empty());
        assert!(turns(&[], "::1", 2).is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn to_this_machine_from_many() {
        let mut all = turns(&[], "127.0.0.1", OF_THIS_MACHINE + 1);
        assert_eq!((all[0].as_str(), all[OF_THIS_MACHINE - 1].as_str()), ("127.1.0.1", "127.1.3.232"));
        assert_eq!(all.pop().unwrap(), "127.1.0.1");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), OF_THIS_MACHINE);
    }
}
