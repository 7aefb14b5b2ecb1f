//! Time in nanoseconds, and an alarm that is exact to microseconds.

use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A monotonic clock that counts nanoseconds since 1970: within one process differences are exact, and two processes
/// can compare their times as well as their machines agree about the date.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    started: Instant,
    started_ns: u64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { started: Instant::now(), started_ns: nanos(since_1970) }
    }

    pub(super) fn now(&self) -> u64 {
        self.started_ns.saturating_add(nanos(self.started.elapsed()))
    }
}

/// A duration in nanoseconds; 584 years at the most.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Wakes a task at a point of a [`Clock`]. tokio's own timers count milliseconds, which is too coarse for a latency
/// that is measured from the time at which a message was due.
#[derive(Debug)]
pub(super) struct Alarm {
    clock: Clock,
    timer: system::Timer,
    /// What the timer is set to.
    set_to: Option<u64>,
}

impl Alarm {
    /// Must be called inside a tokio runtime.
    pub(super) fn new(clock: Clock) -> io::Result<Self> {
        Ok(Alarm { clock, timer: system::Timer::new()?, set_to: None })
    }

    /// Ready once the clock has reached `at_ns`.
    pub(super) fn poll_at(&mut self, at_ns: u64, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let now = self.clock.now();
            if now >= at_ns {
                self.set_to = None;
                return Poll::Ready(Ok(()));
            }
            if self.set_to != Some(at_ns) {
                self.timer.set(Duration::from_nanos(at_ns - now))?;
                self.set_to = Some(at_ns);
            }
            if self.timer.poll_elapsed(cx)?.is_pending() {
                return Poll::Pending;
            }
            self.set_to = None;
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use rustix::time::{timerfd_create, timerfd_settime};
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll, ready};
    use std::time::Duration;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timer of the kernel as a file descriptor.
    #[derive(Debug)]
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            // Deprecated because a type could hand out another descriptor each time that it is asked; an `OwnedFd`
            // always hands out its own. What takes its place is unsafe.
            #[allow(deprecated)]
            let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
            Ok(Timer(timer))
        }

        pub(super) fn set(&mut self, after: Duration) -> io::Result<()> {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let tv_sec = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
            let it_value = Timespec { tv_sec, tv_nsec: i64::from(after.subsec_nanos().max(1)) };
            let spec = Itimerspec { it_interval: zero, it_value };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &spec)?;
            Ok(())
        }

        /// Ready once for each time that it was set.
        pub(super) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            loop {
                let mut guard = ready!(self.0.poll_read_ready(cx))?;
                let mut count = [0; 8];
                match rustix::io::read(self.0.get_ref(), &mut count) {
                    Ok(_) => return Poll::Ready(Ok(())),
                    Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                    Err(error) => return Poll::Ready(Err(error.into())),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;
    use tokio::time::{Instant, Sleep, sleep};

    /// tokio's timer: exact to a millisecond or two.
    #[derive(Debug)]
    pub(super) struct Timer(Pin<Box<Sleep>>);

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Timer(Box::pin(sleep(Duration::ZERO))))
        }

        pub(super) fn set(&mut self, after: Duration) -> io::Result<()> {
            self.0.as_mut().reset(Instant::now() + after);
            Ok(())
        }

        pub(super) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.as_mut().poll(cx).map(Ok)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_alarm_rings_at_its_time_and_can_be_set_again() {
        let clock = Clock::new();
        let mut alarm = Alarm::new(clock).unwrap();
        let past = clock.now() - 1;
        std::future::poll_fn(|cx| alarm.poll_at(past, cx)).await.unwrap();
        for wait_ns in [300_000, 2_000_000] {
            let at = clock.now() + wait_ns;
            std::future::poll_fn(|cx| alarm.poll_at(at, cx)).await.unwrap();
            assert!(clock.now() >= at);
        }
    }
}
