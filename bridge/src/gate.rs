//! How many connections there may be, and how fast they may come, before anybody reads a byte of them.
//!
//! To tell a connection that it is one too many in MQTT's words, its CONNECT has to be read first. A few at a time are
//! told; in a flood the others are closed at once, so that a full broker spends nothing on them but the accept.

use crate::limit::Limit;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Descriptors that are kept for files, and for those who look after the broker.
const RESERVED_DESCRIPTORS: usize = 64;

/// How many refused connections are told so at a time.
const TOLD: usize = 32;

/// Addresses of the past are looked through when so many have gathered.
const FORGET_AT: usize = 10_000;

/// What the gate keeps to; 0 is "no limit" in each, but for `connections`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateConfig {
    /// Connections of all listeners together; 0: as many as the process may have descriptors, less a reserve.
    pub connections: usize,
    /// Connections of one address (of IPv6: one /64 network); 0: half of all.
    pub per_address: usize,
    /// Connections that have not been let in yet; one address may have half of them.
    pub pending: usize,
    /// Connections a second; beyond that accepting waits.
    pub rate: u32,
    /// Connections a second from one address; beyond that they are closed.
    pub rate_per_address: u32,
}

impl Default for GateConfig {
    fn default() -> Self {
        GateConfig { connections: 0, per_address: 0, pending: 10_000, rate: 0, rate_per_address: 0 }
    }
}

/// Counts the connections of all listeners. Cheap to ask; asked once for each connection.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: GateConfig,
    /// How many descriptors the process may have.
    descriptors: usize,
    all: Count,
    /// Connections that are being told that they are refused.
    told: usize,
    addresses: HashMap<IpAddr, Count>,
    rate: Bucket,
    forget_at: usize,
}

#[derive(Clone, Debug)]
struct Count {
    connections: usize,
    pending: usize,
    rate: Bucket,
}

impl Count {
    fn new(now: Instant) -> Self {
        Count { connections: 0, pending: 0, rate: Bucket { tokens: f64::MAX, filled_at: now } }
    }
}

/// What the gate says to a connection.
#[derive(Debug)]
pub enum Entry {
    /// It may come in.
    Admitted(Place),
    /// It may not, because of this limit, and there is time to tell it.
    Refused(Limit, Farewell),
}

/// The place of a refused connection among those that are told so. Dropping it gives it back.
#[derive(Debug)]
pub struct Farewell(Arc<Gate>);

/// One connection's place. Dropping it gives the place back.
#[derive(Debug)]
pub struct Place {
    gate: Arc<Gate>,
    address: IpAddr,
    pending: AtomicBool,
}

impl Gate {
    /// A gate that nobody has passed. `descriptors` is how many files and sockets the process may have open.
    pub fn new(config: GateConfig, descriptors: usize) -> Arc<Gate> {
        let now = Instant::now();
        let state = State {
            config,
            descriptors,
            all: Count::new(now),
            told: 0,
            addresses: HashMap::new(),
            rate: Bucket { tokens: f64::MAX, filled_at: now },
            forget_at: FORGET_AT,
        };
        Arc::new(Gate { state: Mutex::new(state) })
    }

    /// Keeps to another configuration from now on. Who is in stays in.
    pub fn reconfigure(&self, config: GateConfig) {
        self.state.lock().config = config;
    }

    /// How long to wait before the next connection is accepted; `None`: not at all.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let state = &mut *self.state.lock();
        state.rate.wait(state.config.rate, now)
    }

    /// How many connections there are now.
    pub fn connections(&self) -> usize {
        self.state.lock().all.connections
    }

    /// A gate for connections that are not counted.
    pub fn open() -> Arc<Gate> {
        let config = GateConfig { connections: usize::MAX, pending: 0, ..GateConfig::default() };
        Gate::new(config, usize::MAX)
    }

    /// Lets a connection in, or not.
    ///
    /// # Errors
    /// The limit that it would exceed, if there is no time to tell it.
    pub fn ask(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Entry, Limit> {
        self.enter(address, now).map(Entry::Admitted).or_else(|limit| {
            let told = &mut self.state.lock().told;
            if *told >= TOLD {
                return Err(limit);
            }
            *told += 1;
            Ok(Entry::Refused(limit, Farewell(Arc::clone(self))))
        })
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// The limit that it would exceed.
    pub fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Place, Limit> {
        let address = group(address);
        self.state.lock().enter(address, now)?;
        Ok(Place { gate: Arc::clone(self), address, pending: AtomicBool::new(true) })
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let told = &mut self.0.state.lock().told;
        *told = told.saturating_sub(1);
    }
}

impl State {
    fn enter(&mut self, address: IpAddr, now: Instant) -> Result<(), Limit> {
        let config = self.config.clone();
        let connections = match config.connections {
            0 => self.descriptors.saturating_sub(RESERVED_DESCRIPTORS).max(1),
            limit => limit,
        };
        let per_address = match config.per_address {
            0 => connections.div_ceil(2),
            limit => limit,
        };
        let pending = if config.pending == 0 { usize::MAX } else { config.pending };
        if self.addresses.len() >= self.forget_at {
            self.forget(now);
        }
        let count = self.addresses.entry(address).or_insert_with(|| Count::new(now));
        if self.all.connections >= connections {
            return Err(Limit::Connections);
        }
        if count.connections >= per_address {
            return Err(Limit::ConnectionsPerAddress);
        }
        if self.all.pending >= pending || count.pending >= pending.div_ceil(2) {
            return Err(Limit::Pending);
        }
        if count.rate.wait(config.rate_per_address, now).is_some() {
            return Err(Limit::ConnectRatePerAddress);
        }
        count.rate.take();
        self.rate.fill(config.rate, now);
        self.rate.take();
        count.connections += 1;
        count.pending += 1;
        self.all.connections += 1;
        self.all.pending += 1;
        Ok(())
    }

    fn settle(&mut self, address: IpAddr) {
        self.all.pending = self.all.pending.saturating_sub(1);
        if let Some(count) = self.addresses.get_mut(&address) {
            count.pending = count.pending.saturating_sub(1);
        }
    }

    fn leave(&mut self, address: IpAddr) {
        self.all.connections = self.all.connections.saturating_sub(1);
        let Some(count) = self.addresses.get_mut(&address) else { return };
        count.connections = count.connections.saturating_sub(1);
        // Without a rate there is nothing to remember.
        if count.connections == 0 && self.config.rate_per_address == 0 {
            self.addresses.remove(&address);
        }
    }

    /// Drops addresses without connections whose second is over.
    fn forget(&mut self, now: Instant) {
        let second = Duration::from_secs(1);
        self.addresses.retain(|_, count| {
            count.connections > 0 || now.saturating_duration_since(count.rate.filled_at) < second
        });
        self.forget_at = self.addresses.len().saturating_mul(2).max(FORGET_AT);
    }
}

impl Place {
    /// The connection has been let in, or has done what its listener is there for.
    pub fn settle(&self) {
        if self.pending.swap(false, Ordering::Relaxed) {
            self.gate.state.lock().settle(self.address);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.settle();
        self.gate.state.lock().leave(self.address);
    }
}

/// Tokens come in at a rate that is named when it is asked for; there is room for one second.
#[derive(Clone, Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    /// How long until there is a token; `None`: there is one, or no limit.
    fn wait(&mut self, rate: u32, now: Instant) -> Option<Duration> {
        if rate == 0 {
            return None;
        }
        self.fill(rate, now);
        let missing = 1.0 - self.tokens;
        (missing > 0.0).then(|| Duration::from_secs_f64((missing / f64::from(rate)).clamp(0.001, 1.0)))
    }

    fn fill(&mut self, rate: u32, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * f64::from(rate)).min(f64::from(rate));
        self.filled_at = now;
    }

    fn take(&mut self) {
        self.tokens -= 1.0;
    }
}

/// What counts as one address: whoever has an IPv6 address has a whole network of them.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn gate(config: GateConfig) -> (Arc<Gate>, Instant) {
        (Gate::new(config, 1024), Instant::now())
    }

    #[test]
    fn all_and_each_address() {
        let (gate, now) = gate(GateConfig { connections: 3, per_address: 2, ..GateConfig::default() });
        let first = gate.enter(A, now).unwrap();
        let _second = gate.enter(A, now).unwrap();
        assert_eq!(gate.enter(A, now).unwrap_err(), Limit::ConnectionsPerAddress);
        let _third = gate.enter(B, now).unwrap();
        assert_eq!(gate.enter(B, now).unwrap_err(), Limit::Connections);
        drop(first);
        gate.enter(B, now).unwrap();
    }

    #[test]
    fn nothing_set_leaves_descriptors_and_half_for_others() {
        let (gate, now) = gate(GateConfig { pending: 0, ..GateConfig::default() });
        let half: Vec<_> = (0..480).map(|_| gate.enter(A, now).unwrap()).collect();
        assert_eq!(gate.enter(A, now).unwrap_err(), Limit::ConnectionsPerAddress);
        let _rest: Vec<_> = (0..480).map(|_| gate.enter(B, now).unwrap()).collect();
        assert_eq!(gate.enter(IpAddr::from([10, 0, 0, 3]), now).unwrap_err(), Limit::Connections);
        drop(half);
        assert_eq!(gate.state.lock().all.connections, 480);
        assert_eq!(gate.state.lock().addresses.len(), 2, "who is gone is forgotten, but for the last asker");
    }

    #[test]
    fn a_few_are_told_and_the_flood_is_not() {
        let (gate, now) = gate(GateConfig { connections: 1, ..GateConfig::default() });
        let _one = gate.ask(A, now).unwrap();
        let mut told: Vec<_> = (0..TOLD).map(|_| gate.ask(B, now).unwrap()).collect();
        assert!(told.iter().all(|entry| matches!(entry, Entry::Refused(Limit::Connections, _))));
        assert_eq!(gate.ask(B, now).unwrap_err(), Limit::Connections);
        told.pop();
        assert!(gate.ask(B, now).is_ok());
    }

    #[test]
    fn half_open_connections_are_few() {
        let (gate, now) = gate(GateConfig { pending: 4, ..GateConfig::default() });
        let places: Vec<_> = (0..2).map(|_| gate.enter(A, now).unwrap()).collect();
        assert_eq!(gate.enter(A, now).unwrap_err(), Limit::Pending);
        places[0].settle();
        places[0].settle();
        let _third = gate.enter(A, now).unwrap();
        assert_eq!(gate.enter(A, now).unwrap_err(), Limit::Pending);
        let _others = [gate.enter(B, now).unwrap(), gate.enter(B, now).unwrap()];
        assert_eq!(gate.enter(IpAddr::from([10, 0, 0, 3]), now).unwrap_err(), Limit::Pending);
        drop(places);
        assert_eq!(gate.state.lock().all.pending, 3);
    }

    #[test]
    fn rates() {
        let config = GateConfig { rate: 10, rate_per_address: 5, ..GateConfig::default() };
        let (gate, now) = gate(config);
        let enter = |address, now| gate.enter(address, now).map(drop);
        for _ in 0..5 {
            enter(A, now).unwrap();
        }
        assert_eq!(enter(A, now), Err(Limit::ConnectRatePerAddress));
        assert_eq!(gate.wait(now), None);
        for _ in 0..5 {
            enter(B, now).unwrap();
        }
        assert_eq!(gate.wait(now).map(|wait| wait.as_millis()), Some(100));
        let later = now + Duration::from_millis(200);
        assert_eq!(gate.wait(later), None);
        assert_eq!(enter(A, later), Ok(()));
        assert_eq!(enter(A, later), Err(Limit::ConnectRatePerAddress));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_mapped_ipv4_is_ipv4() {
        let address = |text: &str| group(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:0:0:2"));
        assert_ne!(address("2001:db8:0:1::1"), address("2001:db8:0:2::1"));
        assert_eq!(address("::ffff:10.0.0.1"), A);
        assert_eq!(address("::1"), "::1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn addresses_of_the_past_do_not_gather() {
        let (gate, now) = gate(GateConfig { rate_per_address: 100, ..GateConfig::default() });
        for n in 0..50_000_u32 {
            drop(gate.enter(IpAddr::V4(n.into()), now + Duration::from_millis(n.into())).unwrap());
        }
        assert!(gate.state.lock().addresses.len() <= FORGET_AT, "{}", gate.state.lock().addresses.len());
    }
}
