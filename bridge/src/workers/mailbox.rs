//! Wake-ups for connections of another thread.
//!
//! ```text
//!            post                     open
//! worker A ------> [ wakers of B's ] ------> worker B: each of them an entry in B's own list
//!                        |
//!                        '-- only if B sleeps: the alarm, one system call
//! ```

use super::here;
use crate::broker::Wake;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

/// One mailbox for each worker.
#[derive(Debug, Default)]
pub struct Mailboxes(Vec<Mailbox>);

#[derive(Debug, Default)]
struct Mailbox {
    /// A hint, so that who is busy need not take the lock to see that there is nothing.
    has_mail: AtomicBool,
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    wakers: Vec<Waker>,
    /// The worker has looked, found nothing, and waits for its sockets.
    asleep: bool,
    /// Ends the worker's sleep.
    alarm: Option<Waker>,
}

/// Where wake-ups are sorted; its capacity is kept.
#[derive(Debug, Default)]
pub struct Sorter(Vec<Vec<Waker>>);

thread_local! {
    /// What a mailbox gets in exchange for its mail, so that neither allocates.
    static EMPTY: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

impl Mailboxes {
    pub(super) fn new(count: usize) -> Self {
        Mailboxes((0..count).map(|_| Mailbox::default()).collect())
    }

    /// Wakes the connections of this thread and those that belong to no worker, posts the others, and looks for mail.
    pub fn deliver(&self, wakes: &mut Vec<Wake>, sorter: &mut Sorter) {
        let here = here();
        sorter.0.resize_with(self.0.len(), Vec::new);
        let mut has_mail = false;
        for Wake { waker, place } in wakes.drain(..) {
            match sorter.0.get_mut(place as usize) {
                Some(list) if place != here => {
                    list.push(waker);
                    has_mail = true;
                }
                _ => waker.wake(),
            }
        }
        if has_mail {
            let mailboxes = self.0.iter().zip(&mut sorter.0);
            mailboxes
                .filter(|(_, wakers)| !wakers.is_empty())
                .for_each(|(mailbox, wakers)| mailbox.post(wakers));
        }
        if let Some(own) = self.0.get(here as usize)
            && own.has_mail.load(Ordering::Relaxed)
        {
            own.open(); // a worker that is always busy never goes to sleep, which is when it looks otherwise
        }
    }

    /// Called by a worker when it has nothing more to do: it either finds something, or is woken by the next mail.
    pub(super) fn before_sleep(&self, place: u32) {
        if let Some(mailbox) = self.0.get(place as usize) {
            mailbox.read(|content| content.asleep = content.wakers.is_empty());
        }
    }

    /// Called by a worker when its sleep has ended.
    pub(super) fn open(&self, place: u32) {
        if let Some(mailbox) = self.0.get(place as usize) {
            mailbox.open();
        }
    }

    /// Tells how the worker's sleep can be ended. To be polled by what its runtime blocks on, before it first sleeps.
    pub(super) async fn move_in(&self, place: u32) {
        poll_fn(|cx| {
            if let Some(mailbox) = self.0.get(place as usize) {
                mailbox.content.lock().alarm = Some(cx.waker().clone());
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Mailbox {
    fn post(&self, wakers: &mut Vec<Waker>) {
        let alarm = {
            let mut content = self.content.lock();
            content.wakers.append(wakers);
            self.has_mail.store(true, Ordering::Relaxed);
            match mem::take(&mut content.asleep) {
                true => content.alarm.clone(),
                false => None,
            }
        };
        if let Some(alarm) = alarm {
            alarm.wake();
        }
    }

    fn open(&self) {
        self.read(|content| content.asleep = false);
    }

    /// Does `first` under the lock, and calls all wakers that are there, without it.
    fn read(&self, first: impl FnOnce(&mut Content)) {
        let mut mail = EMPTY.take();
        {
            let mut content = self.content.lock();
            first(&mut content);
            mem::swap(&mut content.wakers, &mut mail);
            self.has_mail.store(false, Ordering::Relaxed);
        }
        mail.drain(..).for_each(Waker::wake);
        EMPTY.set(mail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake as StdWake;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl StdWake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Counter {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn deliver(mailboxes: &Mailboxes, waker: &Waker, place: u32) {
        let mut wakes = vec![Wake { waker: waker.clone(), place }];
        mailboxes.deliver(&mut wakes, &mut Sorter::default());
        assert!(wakes.is_empty());
    }

    #[test]
    fn who_belongs_to_no_worker_is_woken_at_once() {
        let mailboxes = Mailboxes::new(2);
        let counter = Arc::new(Counter::default());
        deliver(&mailboxes, &Waker::from(counter.clone()), Wake::NO_PLACE);
        deliver(&mailboxes, &Waker::from(counter.clone()), 2);
        assert_eq!(counter.count(), 2);
    }

    #[test]
    fn the_alarm_rings_once_for_all_that_comes_while_the_worker_sleeps() {
        let mailboxes = Mailboxes::new(2);
        let (alarm, counter) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
        mailboxes.0[1].content.lock().alarm = Some(Waker::from(alarm.clone()));
        let waker = Waker::from(counter.clone());

        deliver(&mailboxes, &waker, 1);
        assert_eq!((alarm.count(), counter.count()), (0, 0), "it is awake: it looks before it sleeps");
        mailboxes.before_sleep(1);
        assert_eq!((alarm.count(), counter.count()), (0, 1), "it found something, so it does not sleep");
        mailboxes.before_sleep(1);
        for _ in 0..3 {
            deliver(&mailboxes, &waker, 1);
        }
        assert_eq!((alarm.count(), counter.count()), (1, 1), "now it sleeps");
        mailboxes.open(1);
        assert_eq!((alarm.count(), counter.count()), (1, 4));
    }
}
