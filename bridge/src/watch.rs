//! Files that are read again when they change: certificates, users, access rules.
//!
//! Polling sees what file watchers do not: a symbolic link further up that leads elsewhere, which is how certbot and
//! Kubernetes change files. What is written in place, or consists of several files, is not replaced in one instant, so a
//! change counts only when it has been the same twice.

use std::path::Path;
use std::time::{Duration, SystemTime};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// What files were like: when each was changed, and its length in bytes; `None` where it cannot be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<(SystemTime, u64)>>);

/// What a look at the files has brought.
#[derive(Debug)]
pub(crate) enum Look<T> {
    /// They are as they were.
    AsBefore,
    /// They are like this; perhaps something is still being written.
    Changing(Stamp),
    /// They have changed, and this became of it.
    Changed(T),
}

impl Stamp {
    /// What these files are like now. To be taken before they are read: what changes meanwhile is read again.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Stamp {
        let stamp = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Stamp(files.into_iter().map(stamp).collect())
    }

    /// Compares the files as they are (`self`) with what they were when they were read, and at the last look.
    pub(crate) fn compare(self, read: &Stamp, last_seen: Option<&Stamp>) -> Look<Stamp> {
        match () {
            () if self == *read => Look::AsBefore,
            () if last_seen == Some(&self) => Look::Changed(self),
            () => Look::Changing(self),
        }
    }
}

/// Calls `look` again and again with what it has seen last, on a thread where it may read files, and hands to `told` what
/// became of a change. Runs for ever.
pub(crate) async fn forever<T: Send + 'static>(
    look: impl Fn(Option<&Stamp>) -> Look<T> + Clone + Send + 'static,
    told: impl Fn(T),
) {
    let mut last_seen = None;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (look, seen) = (look.clone(), last_seen.take());
        match tokio::task::spawn_blocking(move || look(seen.as_ref())).await {
            Ok(Look::Changing(stamp)) => last_seen = Some(stamp),
            Ok(Look::Changed(result)) => told(result),
            Ok(Look::AsBefore) | Err(_) => {} // an error: the runtime is shutting down
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_it_has_been_the_same_twice() {
        let path = std::env::temp_dir().join(format!("tabmq-watch-{:x}", fastrand::u64(..)));
        let look = || Stamp::of([path.as_path()]);
        let read = look();
        assert!(matches!(look().compare(&read, None), Look::AsBefore));
        std::fs::write(&path, "a").unwrap();
        let Look::Changing(first) = look().compare(&read, None) else { panic!("not seen") };
        std::fs::write(&path, "ab").unwrap();
        let Look::Changing(second) = look().compare(&read, Some(&first)) else { panic!("too early") };
        let Look::Changed(changed) = look().compare(&read, Some(&second)) else { panic!("not counted") };
        assert!(matches!(look().compare(&changed, None), Look::AsBefore));
        // A file that is gone has changed as well.
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(look().compare(&changed, None), Look::Changing(_)));
    }
}
