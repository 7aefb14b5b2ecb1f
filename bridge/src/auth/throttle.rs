//! Who has failed too often waits: brute force gets nowhere, and a device with a wrong password costs little.
//!
//! Failures are counted for each address and for each user name. The first few are free; each one after them doubles the
//! time in which no further attempt is looked at. Counted are passwords, not attempts: a device that tries the same wrong
//! password again and again has learnt nothing by it, and does not lock out its neighbours behind the same router. Nor can
//! a stranger lock somebody out: who has logged in from an address lately is measured there by his own failures alone.
//!
//! All tables are bounded. Time is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The most addresses, user names, and pairs of them that are remembered.
const MAX_ENTRIES: usize = 10_000;
/// How many different wrong passwords are free.
const FREE_BY_ADDRESS: u32 = 20;
const FREE_BY_USER: u32 = 5;
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// After this time without a failure all is forgotten.
const MEMORY: Duration = Duration::from_secs(900);
/// How long somebody who has logged in from an address is known there.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// Wrong passwords that are remembered, so that they count once.
const REMEMBERED: usize = 8;

/// The failures of late.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    by_address: HashMap<IpAddr, Failures>,
    by_user: HashMap<Box<str>, Failures>,
    known: HashMap<(Box<str>, IpAddr), Known>,
}

/// Somebody who has logged in from an address.
#[derive(Debug)]
struct Known {
    at: Instant,
    /// Only what came under this name from this address.
    failures: Failures,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
    /// Nothing is looked at before.
    until: Instant,
    tried: [u64; REMEMBERED],
    next: usize,
}

/// What is to be done with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look at it.
    Look,
    /// It has failed before, and would again.
    KnownToFail,
    /// Not before this time is over.
    Wait(Duration),
}

impl Throttle {
    /// What to do with an attempt of `user` from `address`; `attempt` is a keyed hash of all that was shown.
    pub(crate) fn ask(&self, user: &str, address: IpAddr, attempt: u64, now: Instant) -> Verdict {
        let address = network(address);
        let (by_address, by_user) = (self.by_address.get(&address), self.by_user.get(user));
        let has_tried = |failures: &Failures| failures.is_recent(now) && failures.tried.contains(&attempt);
        if by_address.is_some_and(has_tried) {
            return Verdict::KnownToFail;
        }
        let known = self.known.get(&(user.into(), address)).filter(|known| now < known.at + KNOWN_FOR);
        let until = match known {
            Some(known) => Some(known.failures.until),
            None => [by_address, by_user].into_iter().flatten().map(|failures| failures.until).max(),
        };
        match until.and_then(|until| until.checked_duration_since(now)).filter(|wait| !wait.is_zero()) {
            Some(wait) => Verdict::Wait(wait),
            None => Verdict::Look,
        }
    }

    /// The attempt was wrong.
    pub(crate) fn failed(&mut self, user: &str, address: IpAddr, attempt: u64, now: Instant) {
        let address = network(address);
        entry(&mut self.by_address, address, now).count(attempt, FREE_BY_ADDRESS, now);
        // Without a name there is nobody to protect.
        if !user.is_empty() {
            entry(&mut self.by_user, user.into(), now).count(attempt, FREE_BY_USER, now);
        }
        if let Some(known) = self.known.get_mut(&(user.into(), address)) {
            known.failures.count(attempt, FREE_BY_USER, now);
        }
    }

    /// The attempt was right.
    pub(crate) fn succeeded(&mut self, user: &str, address: IpAddr, now: Instant) {
        let key = (user.into(), network(address));
        if self.known.len() >= MAX_ENTRIES && !self.known.contains_key(&key) {
            forget_oldest(&mut self.known, |known| known.at);
        }
        let known = self.known.entry(key).or_insert_with(|| Known { at: now, failures: Failures::none(now) });
        known.at = now;
    }

    /// Passwords have changed: what was wrong may be right.
    pub(crate) fn forget_attempts(&mut self) {
        for failures in self.by_address.values_mut().chain(self.by_user.values_mut()) {
            failures.tried = [0; REMEMBERED];
        }
    }
}

impl Failures {
    fn is_recent(&self, now: Instant) -> bool {
        now < self.last + MEMORY
    }

    fn count(&mut self, attempt: u64, free: u32, now: Instant) {
        if !self.is_recent(now) {
            *self = Failures::none(now);
        }
        self.last = now;
        if self.tried.contains(&attempt) {
            return;
        }
        if let Some(slot) = self.tried.get_mut(self.next % REMEMBERED) {
            *slot = attempt;
        }
        self.next = (self.next + 1) % REMEMBERED;
        self.count = self.count.saturating_add(1);
        if let Some(excess) = self.count.checked_sub(free).filter(|excess| *excess > 0) {
            let seconds = 1_u64.checked_shl(excess - 1).unwrap_or(u64::MAX).max(1);
            self.until = now + Duration::from_secs(seconds).min(MAX_WAIT);
        }
    }

    fn none(now: Instant) -> Failures {
        Failures { count: 0, last: now, until: now, tried: [0; REMEMBERED], next: 0 }
    }
}

fn entry<K: Hash + Eq + Clone>(table: &mut HashMap<K, Failures>, key: K, now: Instant) -> &mut Failures {
    if table.len() >= MAX_ENTRIES && !table.contains_key(&key) {
        table.retain(|_, failures| failures.is_recent(now));
        if table.len() >= MAX_ENTRIES {
            forget_oldest(table, |failures| failures.last);
        }
    }
    table.entry(key).or_insert_with(|| Failures::none(now))
}

/// Makes room: of some entries the oldest goes. The order of a hash table is as good as chance.
fn forget_oldest<K: Hash + Eq + Clone, V>(table: &mut HashMap<K, V>, age: impl Fn(&V) -> Instant) {
    let oldest = table.iter().take(16).min_by_key(|(_, value)| age(value)).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        table.remove(&oldest);
    }
}

/// Whose address it is: of IPv6 addresses everybody has at least 2^64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn number(n: u64) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(n as u32))
    }

    #[test]
    fn brute_force_is_slowed() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let mut now = start;
        // From a new address each time, for the limit of the user to be the one that counts.
        for attempt in 1..100 {
            while let Verdict::Wait(time) = throttle.ask("admin", number(attempt), attempt, now) {
                now += time;
            }
            throttle.failed("admin", number(attempt), attempt, now);
        }
        // 94 attempts beyond the free ones: 1 + 2 + 4 + … + 256 s, and then 300 s for each.
        assert!(now - start > Duration::from_secs(24_000), "{:?}", now - start);
    }

    #[test]
    fn an_address_waits_whatever_names_it_tries() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for attempt in 1..=u64::from(FREE_BY_ADDRESS) {
            assert_eq!(throttle.ask(&attempt.to_string(), HERE, attempt, now), Verdict::Look);
            throttle.failed(&attempt.to_string(), HERE, attempt, now);
        }
        assert_eq!(throttle.ask("x", HERE, 100, now), Verdict::Look);
        throttle.failed("x", HERE, 100, now);
        assert_eq!(throttle.ask("y", HERE, 101, now), Verdict::Wait(Duration::from_secs(1)));
        assert_eq!(throttle.ask("y", THERE, 101, now), Verdict::Look);
        assert_eq!(throttle.ask("y", HERE, 101, now + Duration::from_secs(1)), Verdict::Look);
    }

    #[test]
    fn the_same_wrong_password_counts_once() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..1000 {
            throttle.failed("device", HERE, 7, now);
        }
        assert_eq!(throttle.ask("device", HERE, 7, now), Verdict::KnownToFail);
        assert_eq!(throttle.ask("device", HERE, 8, now), Verdict::Look);
        throttle.forget_attempts();
        assert_eq!(throttle.ask("device", HERE, 7, now), Verdict::Look);
    }

    #[test]
    fn nobody_can_lock_out_who_is_known() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        throttle.succeeded("admin", HERE, now);
        for attempt in 1..100 {
            throttle.failed("admin", THERE, attempt, now);
        }
        assert_eq!(throttle.ask("admin", HERE, 1000, now), Verdict::Look);
        assert!(matches!(throttle.ask("admin", THERE, 1000, now), Verdict::Wait(_)));
        // His own failures count.
        for attempt in 200..210 {
            throttle.failed("admin", HERE, attempt, now);
        }
        assert!(matches!(throttle.ask("admin", HERE, 1000, now), Verdict::Wait(_)));
        // And after a while everybody may try again.
        assert_eq!(throttle.ask("admin", THERE, 1000, now + MAX_WAIT), Verdict::Look);
    }

    #[test]
    fn tables_are_bounded() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for n in 1..=(MAX_ENTRIES as u64 + 500) {
            throttle.failed(&n.to_string(), number(n), n, now);
            throttle.succeeded(&n.to_string(), number(n), now);
        }
        let sizes = (throttle.by_address.len(), throttle.by_user.len(), throttle.known.len());
        assert_eq!(sizes, (MAX_ENTRIES, MAX_ENTRIES, MAX_ENTRIES));
    }

    #[test]
    fn neighbours_in_ipv6_are_one() {
        let (one, other): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        assert_eq!(network(one), network(other));
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), HERE);
    }
}
