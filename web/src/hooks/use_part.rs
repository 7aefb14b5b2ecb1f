//! Parts of the page that are loaded when they are first needed.

use crate::part::Part;
use gloo_timers::callback::Timeout;
use yew::prelude::*;

/// After how long what could not be fetched is tried again by itself, in milliseconds.
const AGAIN_MS: u32 = 5_000;

/// How far a part is.
pub enum Lazy<T> {
    /// On the way, or not wanted yet.
    Loading,
    /// There.
    Ready(T),
    /// It could not be fetched; the callback tries again, as happens after a while by itself: most likely the broker is away.
    Failed(Callback<()>),
}

impl<T> Lazy<T> {
    /// The part, if it is there.
    pub fn ready(self) -> Option<T> {
        match self {
            Lazy::Ready(part) => Some(part),
            _ => None,
        }
    }
}

/// A part, fetched once the component has been painted; the component is rendered again when it is there.
#[hook]
pub fn use_part<T: Part>() -> Lazy<T> {
    use_part_when::<T>(true)
}

/// The same, fetched as soon as it is wanted.
#[hook]
pub fn use_part_when<T: Part>(wanted: bool) -> Lazy<T> {
    let failed = use_state_eq(|| false);
    let attempt = use_state_eq(|| 0u32);
    let update = use_force_update();
    {
        let failed = failed.clone();
        use_effect_with((*attempt, wanted), move |_| {
            if wanted && T::loaded().is_none() {
                wasm_bindgen_futures::spawn_local(async move {
                    match T::get().await {
                        Ok(_) => update.force_update(),
                        Err(_) => failed.set(true),
                    }
                });
            }
        });
    }
    {
        let attempt = attempt.clone();
        use_effect_with((*failed, *attempt, wanted), move |(failed, now, wanted)| {
            let next = *now + 1;
            let again = (*failed && *wanted && T::loaded().is_none())
                .then(|| Timeout::new(AGAIN_MS, move || attempt.set(next)));
            move || drop(again)
        });
    }
    match T::loaded() {
        Some(part) => Lazy::Ready(part),
        None if *failed && wanted => {
            let (failed, attempt) = (failed.setter(), attempt.clone());
            Lazy::Failed(Callback::from(move |()| {
                failed.set(false);
                attempt.set(*attempt + 1);
            }))
        }
        None => Lazy::Loading,
    }
}
