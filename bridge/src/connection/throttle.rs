//! How fast a client may send, and how long it may take nothing.
//!
//! Who is too fast is not read from for a while: its TCP window fills, and it slows down by itself. Nothing is lost, and
//! it works in every version of MQTT. (The other way, DISCONNECT with 0x96, exists in 5.0 only, and makes a client that
//! is too fast come back and be just as fast.)

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tabmq_shared::packet::Packet;
use tokio::time::{Instant, Sleep};

use crate::broker::{Limit, Limits};

/// What a second of the rate is worth.
const SECOND: Duration = Duration::from_secs(1);

/// What keeps a connection back. Most have nothing of it, most of the time, so it is one pointer for both.
#[derive(Default)]
pub(super) struct Brakes {
    /// If there is a limit.
    throttle: Option<Throttle>,
    /// While what is written is not taken.
    stall: Option<Stall>,
}

impl Brakes {
    /// Those that are there from the beginning.
    pub(super) fn new(limits: &Limits) -> Option<Box<Brakes>> {
        let throttle = Throttle::new(limits)?;
        Some(Box::new(Brakes { throttle: Some(throttle), stall: None }))
    }

    /// How fast the client may send, if there is a limit.
    pub(super) fn throttle(brakes: &mut Option<Box<Brakes>>) -> Option<&mut Throttle> {
        brakes.as_mut()?.throttle.as_mut()
    }

    /// What watches over the client that takes nothing, if that is so.
    pub(super) fn stall(brakes: &mut Option<Box<Brakes>>) -> Option<&mut Stall> {
        brakes.as_mut()?.stall.as_mut()
    }

    /// The same, from now on if it is not there yet.
    pub(super) fn begin_stall(brakes: &mut Option<Box<Brakes>>, timeout: Duration) -> &mut Stall {
        brakes.get_or_insert_default().stall.get_or_insert_with(|| Stall::new(timeout))
    }

    /// All is taken.
    pub(super) fn end_stall(brakes: &mut Option<Box<Brakes>>) {
        if let Some(both) = brakes {
            both.stall = None;
            if both.throttle.is_none() {
                *brakes = None;
            }
        }
    }
}

/// Two token buckets, each with room for one second.
pub(super) struct Throttle {
    messages: Option<Bucket>,
    bytes: Option<Bucket>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Throttle {
    /// `None` if there is no limit.
    fn new(limits: &Limits) -> Option<Throttle> {
        let now = Instant::now();
        let bucket = |rate: u32| (rate > 0).then(|| Bucket { rate, tokens: rate.into(), filled_at: now });
        let throttle =
            Throttle { messages: bucket(limits.message_rate), bytes: bucket(limits.byte_rate), pause: None };
        (throttle.messages.is_some() || throttle.bytes.is_some()).then_some(throttle)
    }

    /// Ready while the client may be read from. At the beginning of a pause `count` is told which limit it is.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>, count: impl Fn(Limit)) -> Poll<()> {
        loop {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.pause = None;
            }
            let now = Instant::now();
            let buckets = [(&mut self.messages, Limit::MessageRate), (&mut self.bytes, Limit::ByteRate)];
            let waits =
                buckets.into_iter().filter_map(|(bucket, limit)| Some((bucket.as_mut()?.wait(now)?, limit)));
            let Some((wait, limit)) = waits.max_by_key(|(wait, _)| *wait) else { return Poll::Ready(()) };
            count(limit);
            self.pause = Some(Box::pin(tokio::time::sleep(wait)));
        }
    }

    /// How many bytes may be read now; at least one.
    pub(super) fn bytes(&self) -> usize {
        let tokens = self.bytes.as_ref().map_or(i64::MAX, |bucket| bucket.tokens);
        usize::try_from(tokens).unwrap_or(1).max(1)
    }

    /// Bytes were read.
    pub(super) fn take_bytes(&mut self, bytes: usize) {
        if let Some(bucket) = &mut self.bytes {
            bucket.take(bytes);
        }
    }

    /// A packet was decoded; false: it was the last one for now. Acknowledgements do not count, they answer us.
    pub(super) fn take_packet(&mut self, packet: &Packet) -> bool {
        let answers =
            matches!(packet, Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_));
        match &mut self.messages {
            Some(bucket) if !answers => {
                bucket.take(1);
                bucket.tokens > 0
            }
            _ => true,
        }
    }
}

/// Tokens come in at `rate` a second, up to `rate` of them. Below zero is debt.
struct Bucket {
    rate: u32,
    tokens: i64,
    filled_at: Instant,
}

impl Bucket {
    fn take(&mut self, tokens: usize) {
        self.tokens = self.tokens.saturating_sub(i64::try_from(tokens).unwrap_or(i64::MAX));
    }

    /// How long until there is a token.
    fn wait(&mut self, now: Instant) -> Option<Duration> {
        let rate = i64::from(self.rate);
        let nanos_each = 1_000_000_000 / u64::from(self.rate);
        let elapsed =
            u64::try_from(now.saturating_duration_since(self.filled_at).as_nanos()).unwrap_or(u64::MAX);
        let new = elapsed.checked_div(nanos_each).unwrap_or(u64::MAX);
        self.tokens = self.tokens.saturating_add(i64::try_from(new).unwrap_or(i64::MAX)).min(rate);
        // What is left of the time counts for the next token.
        self.filled_at += Duration::from_nanos(new.saturating_mul(nanos_each).min(elapsed));
        let missing = u64::try_from(1_i64.saturating_sub(self.tokens)).unwrap_or(0);
        // Not all of a long debt at once: the configuration may change, and a clock may jump.
        (missing > 0).then(|| Duration::from_nanos(missing.saturating_mul(nanos_each)).min(SECOND))
    }
}

/// Watches over a connection that does not take what is written.
pub(super) struct Stall {
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    progress: bool,
}

impl Stall {
    fn new(timeout: Duration) -> Self {
        Stall { timeout, timer: Box::pin(tokio::time::sleep(timeout)), progress: false }
    }

    /// Something was written.
    pub(super) fn progress(&mut self) {
        self.progress = true;
    }

    /// Ready with an error once nothing has been written for as long as that may be.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if !std::mem::take(&mut self.progress) {
                let what = format!("it took nothing of what waits for it for {} s", self.timeout.as_secs());
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            self.timer.as_mut().reset(Instant::now() + self.timeout);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(message_rate: u32, byte_rate: u32) -> Limits {
        Limits { message_rate, byte_rate, ..Limits::default() }
    }

    #[test]
    fn no_limit_costs_nothing() {
        assert!(Throttle::new(&limits(0, 0)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_gets_its_rate_and_a_second_in_advance() {
        let mut throttle = Throttle::new(&limits(10, 0)).unwrap();
        let start = Instant::now();
        let pauses = std::cell::Cell::new(0);
        for _ in 0..50 {
            let count = |limit| {
                assert_eq!(limit, Limit::MessageRate);
                pauses.set(pauses.get() + 1);
            };
            std::future::poll_fn(|cx| throttle.poll_ready(cx, count)).await;
            throttle.take_packet(&Packet::PingReq);
        }
        let elapsed = start.elapsed();
        assert!((3900..4300).contains(&elapsed.as_millis()), "{elapsed:?}");
        assert!((35..=45).contains(&pauses.get()), "{}", pauses.get());
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_paid_back_in_steps_of_a_second_at_most() {
        let mut throttle = Throttle::new(&limits(0, 1000)).unwrap();
        let start = Instant::now();
        throttle.take_bytes(6000);
        assert_eq!(throttle.bytes(), 1);
        std::future::poll_fn(|cx| throttle.poll_ready(cx, |_| ())).await;
        let elapsed = start.elapsed();
        assert!((5000..5200).contains(&elapsed.as_millis()), "{elapsed:?}");
        tokio::time::sleep(Duration::from_secs(100)).await;
        std::future::poll_fn(|cx| throttle.poll_ready(cx, |_| ())).await;
        assert_eq!(throttle.bytes(), 1000, "not more than a second's worth is saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn progress_postpones_the_end() {
        let mut stall = Stall::new(Duration::from_secs(60));
        let start = Instant::now();
        stall.progress();
        std::future::poll_fn(|cx| stall.poll(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 120);
    }
}
