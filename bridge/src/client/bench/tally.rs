//! What is counted while a run goes on, by many tasks at once.

use hdrhistogram::Histogram;
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// The longest latency that is told from a longer one, in nanoseconds: ten minutes.
const LONGEST_NS: u64 = 600_000_000_000;

/// The shortest latency that is told from a shorter one, in nanoseconds.
const SHORTEST_NS: u64 = 1000;

/// Significant decimal digits.
const DIGITS: u8 = 3;

/// How many histograms the tasks share; each is locked once for what one read brought.
const SHARDS: usize = 16;

/// What one publisher has done. Written by its task, read by all.
#[derive(Debug, Default)]
pub(super) struct PublisherTally {
    pub(super) sent: AtomicU64,
    /// Payloads only.
    pub(super) bytes: AtomicU64,
    /// How many copies of what was sent must arrive.
    pub(super) expected: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    /// Acknowledged with an error.
    pub(super) refused: AtomicU64,
    /// When the last message was sent.
    pub(super) last_ns: AtomicU64,
}

/// What one read brought, in numbers.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) received: u64,
    pub(super) bytes: u64,
    pub(super) duplicates: u64,
    pub(super) late: u64,
    /// Not of this run.
    pub(super) foreign: u64,
}

/// What one subscriber has seen. Written by its task, read by all.
#[derive(Debug, Default)]
pub(super) struct SubscriberTally {
    pub(super) received: AtomicU64,
    /// Payloads only.
    pub(super) bytes: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) foreign: AtomicU64,
    /// When the last message came.
    pub(super) last_ns: AtomicU64,
}

impl SubscriberTally {
    pub(super) fn add(&self, batch: &Batch, now_ns: u64) {
        // One writer: a load and a store are enough.
        let add = |counter: &AtomicU64, n: u64| counter.store(counter.load(Relaxed) + n, Relaxed);
        add(&self.received, batch.received);
        add(&self.bytes, batch.bytes);
        add(&self.duplicates, batch.duplicates);
        add(&self.late, batch.late);
        add(&self.foreign, batch.foreign);
        self.last_ns.store(now_ns, Relaxed);
    }
}

/// How many messages are on their way, for publishers that must not run ahead.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Not counted unless somebody wants to know: these two are what all tasks would wait for.
    enabled: bool,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Flow {
    pub(super) fn new(enabled: bool) -> Self {
        Flow { enabled, ..Flow::default() }
    }

    /// So many copies are to arrive.
    pub(super) fn sent(&self, copies: u64) {
        if self.enabled {
            self.sent.fetch_add(copies, Relaxed);
        }
    }

    /// So many have arrived.
    pub(super) fn received(&self, copies: u64) {
        if self.enabled {
            self.received.fetch_add(copies, Relaxed);
        }
    }

    /// What has not arrived yet is not expected any more.
    pub(super) fn forget(&self) {
        self.received.store(self.sent.load(Relaxed), Relaxed);
    }

    pub(super) fn on_their_way(&self) -> u64 {
        self.sent.load(Relaxed).saturating_sub(self.received.load(Relaxed))
    }
}

/// Latencies, in as many histograms as keep tasks from waiting for each other.
#[derive(Debug)]
pub(super) struct Latencies(Vec<Mutex<Histogram<u64>>>);

impl Latencies {
    pub(super) fn new() -> Result<Self, String> {
        let shards: Result<Vec<_>, String> = (0..SHARDS).map(|_| Ok(Mutex::new(histogram()?))).collect();
        Ok(Latencies(shards?))
    }

    /// Where task number `number` records.
    pub(super) fn lock(&self, number: u32) -> Recorder<'_> {
        Recorder(self.0.get(number as usize % SHARDS).map(|shard| shard.lock()))
    }

    /// All of them together.
    pub(super) fn sum(&self) -> Result<Histogram<u64>, String> {
        let mut sum = histogram()?;
        for shard in &self.0 {
            sum.add(&*shard.lock()).map_err(|error| error.to_string())?;
        }
        Ok(sum)
    }
}

/// One task's turn to record.
pub(super) struct Recorder<'a>(Option<MutexGuard<'a, Histogram<u64>>>);

impl Recorder<'_> {
    /// Something was due at `due_ns` and is there at `now_ns`.
    pub(super) fn add(&mut self, now_ns: u64, due_ns: u64) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(now_ns.saturating_sub(due_ns));
        }
    }
}

fn histogram() -> Result<Histogram<u64>, String> {
    Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, DIGITS).map_err(|error| error.to_string())
}
