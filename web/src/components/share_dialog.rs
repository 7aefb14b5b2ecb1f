//! The address of what is seen: to copy, and as a QR code for a phone.

use super::modal::Modal;
use super::parts::button;
use crate::browser;
use crate::i18n::{Lang, Text};
use crate::state::{Action, View};
use qrcodegen::{QrCode, QrCodeEcc};
use yew::prelude::*;

/// White around the code, in modules, as the standard wants it.
const QUIET: i32 = 4;

/// See [`ShareDialog`].
#[derive(Properties, PartialEq)]
pub(super) struct ShareProps {
    pub(super) view: View,
    pub(super) on: Callback<Action>,
}

/// The dialog.
#[component]
pub(super) fn ShareDialog(props: &ShareProps) -> Html {
    let lang = props.view.read().ui.look.lang;
    let on = &props.on;
    let link = browser::address();
    let local = matches!(browser::origin().1.as_str(), "127.0.0.1" | "localhost" | "[::1]");
    html! {
        <Modal title={lang.t(Text::Share)} test="share" on_close={on.reform(|()| Action::Dialog(None))}>
            <p class="hint">{ lang.t(Text::ShareHint) }</p>
            if local {
                <p class="hint warn" data-test="share-local">{ lang.t(Text::ShareLocal) }</p>
            }
            <input type="text" class="mono" readonly={true} data-test="share-link" aria-label={lang.t(Text::Link)} value={link.clone()} />
            { code(lang, &link) }
            <div class="buttons">
                { button(lang.t(Text::Close), "share-close", "", on.reform(|_| Action::Dialog(None))) }
                { button(lang.t(Text::CopyLink), "share-copy", "primary", on.reform(|_| Action::CopyLink)) }
            </div>
        </Modal>
    }
}

fn code(lang: Lang, link: &str) -> Html {
    let Ok(code) = QrCode::encode_text(link, QrCodeEcc::Medium) else {
        return html! { <p class="hint">{ lang.t(Text::LinkTooLong) }</p> };
    };
    let side = code.size() + 2 * QUIET;
    html! {
        <div class="qr" data-test="qr"><svg role="img" aria-label={lang.t(Text::QrCode)} viewBox={format!("0 0 {side} {side}")}
            shape-rendering="crispEdges">
            <path class="light" d={format!("M0 0h{side}v{side}H0z")} />
            <path class="dark" d={dark(&code)} />
        </svg></div>
    }
}

/// The dark modules as runs.
fn dark(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let start = x;
            while code.get_module(x, y) {
                x += 1;
            }
            if x > start {
                let run = x - start;
                path += &format!("M{} {}h{run}v1h-{run}z", start + QUIET, y + QUIET);
            }
            x += 1;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawing_is_the_code() {
        let code = QrCode::encode_text("http://127.0.0.1:8083/#topic=a", QrCodeEcc::Medium).unwrap();
        // Draws the path again, module by module.
        let mut drawn = std::collections::BTreeSet::new();
        for run in dark(&code).split('M').skip(1) {
            let numbers: Vec<i32> =
                run.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
            drawn.extend((0..numbers[2]).map(|i| (numbers[0] + i - QUIET, numbers[1] - QUIET)));
        }
        for (x, y) in (0..code.size()).flat_map(|x| (0..code.size()).map(move |y| (x, y))) {
            assert_eq!(drawn.contains(&(x, y)), code.get_module(x, y), "{x} {y}");
        }
    }
}
