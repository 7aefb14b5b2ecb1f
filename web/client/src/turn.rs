//! When what has come is looked at, and for how long: a task of its own for what has gathered, right behind what the browser
//! has to do already.

use std::time::Duration;
use tabmq_shared::Time;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageChannel, MessagePort};

/// What has come is looked at for so long in one turn. Then the browser may paint, and answer who clicks.
const TURN: Duration = Duration::from_millis(8);

/// Frames gather until their turn; when there is more than this, in bytes, they are looked at as they come. Then the
/// browser takes no more from the socket than we do, and TCP holds the sender back.
const GATHERED_BYTES: usize = 512 * 1024;

/// Whether a frame is looked at as it comes, with so many bytes waiting, or in the turn that `is_due`.
pub(crate) const fn is_at_once(is_due: bool, waiting_bytes: usize) -> bool {
    !is_due || waiting_bytes > GATHERED_BYTES
}

/// Spends a turn: looks at some of what has come, again and again, while there may be more and there is time. Whether half
/// of the time was needed.
pub(crate) fn spend(now: impl Fn() -> Time, mut look: impl FnMut() -> bool) -> bool {
    let begun = now();
    while look() && now() - begun < TURN {}
    now() - begun >= TURN / 2
}

/// Asks for turns. None comes any more once this is dropped.
///
/// A message to oneself, because it comes as soon as it is its turn: a timer waits four milliseconds when it is set again
/// and again, and a second in a tab that is not seen.
pub(crate) struct Turns {
    asks: MessagePort,
    hears: MessagePort,
    _turn: Closure<dyn FnMut()>,
}

impl Turns {
    /// `None` where there are no such messages.
    pub(crate) fn new(turn: impl Fn() + 'static) -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let turn = Closure::<dyn FnMut()>::new(turn);
        channel.port2().set_onmessage(Some(turn.as_ref().unchecked_ref()));
        Some(Turns { asks: channel.port1(), hears: channel.port2(), _turn: turn })
    }

    /// Asks for one. False if there will be none.
    pub(crate) fn ask(&self) -> bool {
        self.asks.post_message(&wasm_bindgen::JsValue::NULL).is_ok()
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.hears.set_onmessage(None);
        self.hears.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A clock that goes on when something is done.
    #[derive(Default)]
    struct Clock(Cell<u64>);

    impl Clock {
        fn pass_us(&self, us: u64) {
            self.0.set(self.0.get() + us);
        }

        fn now(&self) -> Time {
            Time::ZERO + Duration::from_micros(self.0.get())
        }
    }

    /// How often it was looked in a turn in which each look takes so long and there are so many, and whether it is a flood.
    fn turn(look_us: u64, looks: u32) -> (u32, bool) {
        let (clock, looked) = (Clock::default(), Cell::new(0));
        let is_flood = spend(
            || clock.now(),
            || {
                clock.pass_us(look_us);
                looked.set(looked.get() + 1);
                looked.get() < looks
            },
        );
        (looked.get(), is_flood)
    }

    #[test]
    fn a_turn_ends_with_what_has_come_or_with_its_time() {
        for (look_us, looks, expected) in [
            (100, 1, (1, false)),
            (100, 39, (39, false)),
            (100, 40, (40, true)),
            (100, 80, (80, true)),
            (100, 10_000, (80, true)),
            (7_999, 10_000, (2, true)),
            // What is begun is finished, however long it takes.
            (50_000, 10_000, (1, true)),
        ] {
            assert_eq!(turn(look_us, looks), expected, "{looks} looks of {look_us} us");
        }
    }

    /// A socket that has frames of so many bytes ready, and a client that looks at so many bytes in a millisecond; in between,
    /// the browser paints for as long as it likes. The most that waits, and the longest turn in microseconds.
    fn flood(frame_bytes: usize, bytes_per_ms: usize, frames_between_turns: usize) -> (usize, u64) {
        let clock = Clock::default();
        let (waiting, mut most_bytes, mut longest_us) = (Cell::new(0_usize), 0, 0);
        let take = || {
            let begun_us = clock.0.get();
            spend(
                || clock.now(),
                || {
                    clock.pass_us(1_000);
                    waiting.set(waiting.get().saturating_sub(bytes_per_ms));
                    waiting.get() > 0
                },
            );
            clock.0.get() - begun_us
        };
        for frame in 0..10_000 {
            waiting.set(waiting.get() + frame_bytes);
            most_bytes = most_bytes.max(waiting.get());
            if is_at_once(frame > 0, waiting.get()) || frame % frames_between_turns == 0 {
                longest_us = longest_us.max(take());
            }
        }
        (most_bytes, longest_us)
    }

    #[test]
    fn what_gathers_is_bounded_and_no_turn_is_long() {
        // The turn that was asked for comes late or hardly ever.
        for frames_between_turns in [2, 20, 10_000] {
            for (frame_bytes, bytes_per_ms) in
                [(64 * 1024, 20_000), (64 * 1024, 200_000), (30, 10), (400_000, 100_000)]
            {
                let (most_bytes, longest_us) = flood(frame_bytes, bytes_per_ms, frames_between_turns);
                assert!(most_bytes <= GATHERED_BYTES + frame_bytes, "{most_bytes} bytes waited");
                assert!(longest_us <= 8_000, "a turn of {longest_us} us");
            }
        }
        // And it does gather: a frame by itself costs more than most messages.
        assert!(flood(1_000, 1_000_000, 100).0 >= 99_000);
    }
}
