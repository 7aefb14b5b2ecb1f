//! Parts of the page that are modules of their own, loaded when they are first needed.
//!
//! The page is one program. `cargo xtask` builds it with the feature `split`: what only the functions marked here lead to
//! is moved to modules beside the first one, and the first call loads them. Without the feature (natively, and under
//! trunk) the same functions are simply called.
//!
//! A part is entered through plain function pointers, so that the page can call it in the middle of rendering once it
//! is there. Nothing outside may name what the pointers lead to: then it would be needed at once.

use crate::components::{DetailProps, render_detail};
use std::cell::Cell;
use std::future::Future;
use yew::Html;

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

/// What looks into one topic and one message.
#[derive(Clone, Copy, Debug)]
pub struct Details {
    /// Renders the detail pane.
    pub pane: fn(&DetailProps) -> Html,
}

impl Part for Details {
    fn load() -> impl Future<Output = Result<Self, LoadError>> {
        load_details()
    }

    fn slot() -> &'static std::thread::LocalKey<Cell<Option<Self>>> {
        thread_local!(static SLOT: Cell<Option<Details>> = const { Cell::new(None) });
        &SLOT
    }
}

/// Defines `async fn $load() -> Result<$part, LoadError>`, split from the page where the page is split.
macro_rules! part {
    ($load:ident in $module:ident: $part:ident { $($field:ident: $value:expr),* $(,)? }) => {
        #[cfg(feature = "split")]
        #[wasm_split_helpers::wasm_split($module, fallible)]
        fn $load() -> Result<$part, LoadError> {
            Ok($part { $($field: $value),* })
        }

        #[cfg(not(feature = "split"))]
        async fn $load() -> Result<$part, LoadError> {
            Ok($part { $($field: $value),* })
        }
    };
}

part!(load_details in details: Details { pane: render_detail });
