//! What the dialog of recordings and the strip below the head have in common.

use crate::i18n::{Lang, Text};
use crate::state::Action;
use crate::state::recording::Sink;
use crate::state::tape::TapeAction;
use tabmq_shared::replay::Options;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// Speeds in hundredths, with what is said of them.
const SPEEDS: [(u32, &str); 7] =
    [(10, "0.1×"), (50, "0.5×"), (100, "1×"), (200, "2×"), (1000, "10×"), (10_000, "100×"), (0, "")];

/// A choice of speed.
pub(super) fn speed(lang: Lang, options: &Options, on: &Callback<Action>) -> Html {
    let onchange = {
        let options = options.clone();
        on.reform(move |event: Event| {
            let value =
                event.target_dyn_into::<HtmlSelectElement>().and_then(|select| select.value().parse().ok());
            let speed = value.unwrap_or(options.speed);
            Action::Tape(TapeAction::Options(Options { speed, ..options.clone() }))
        })
    };
    html! {
        <select data-test="replay-speed" aria-label={lang.t(Text::Speed)} {onchange}>
            { for SPEEDS.map(|(speed, name)| html! {
                <option value={speed.to_string()} selected={speed == options.speed}>
                    { if speed == 0 { lang.t(Text::AtOnce) } else { name } }
                </option>
            }) }
        </select>
    }
}

/// Where a recording goes, in words.
pub(super) fn sink_words(lang: Lang, sink: Sink) -> &'static str {
    lang.t(match sink {
        Sink::Opening => Text::SinkOpening,
        Sink::File => Text::SinkFile,
        Sink::Blob => Text::SinkBlob,
        Sink::Failed => Text::SinkFailed,
    })
}
