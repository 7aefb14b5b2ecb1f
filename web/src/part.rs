//! What is loaded when it is first needed, for those who use it. What there is to load is in [`lazy`](crate::lazy).

use std::cell::Cell;
use std::future::Future;

/// A part that can be loaded.
pub trait Part: Copy + 'static {
    /// Loads it; what is loaded already comes at once.
    fn load() -> impl Future<Output = Result<Self, LoadError>>;
    /// Where it is kept.
    fn slot() -> &'static std::thread::LocalKey<Cell<Option<Self>>>;

    /// The part, if it is there.
    fn loaded() -> Option<Self> {
        Self::slot().get()
    }

    /// The part, loaded if it is not there yet.
    ///
    /// # Errors
    /// It could not be fetched. The next call tries again.
    fn get() -> impl Future<Output = Result<Self, LoadError>> {
        async {
            let part = Self::load().await?;
            Self::slot().set(Some(part));
            Ok(part)
        }
    }
}

/// A part could not be fetched; the browser's console says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadError;

#[cfg(feature = "split")]
impl From<wasm_split_helpers::SplitLoaderError> for LoadError {
    fn from(_: wasm_split_helpers::SplitLoaderError) -> Self {
        LoadError
    }
}
