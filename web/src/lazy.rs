//! Parts of the page that are modules of their own, loaded when they are first needed.
//!
//! The page is one program. `cargo xtask` builds it with the feature `split`: what only the functions marked here lead to
//! is moved to modules beside the first one, and the first call loads them. Without the feature (natively, and under
//! trunk) the same functions are simply called.
//!
//! A part is entered through plain function pointers, so that the page can call it in the middle of rendering once it
//! is there. Nothing outside may name what the pointers lead to: then it would be needed at once.

use crate::api;
use crate::charts;
use crate::components::{
    ChartPanelProps, DetailProps, ExtraProps, LazyDialogProps, PayloadViewProps, PlaceProps, TalkProps,
    render_charts, render_detail, render_dialog, render_extra, render_payload, render_place, render_talk,
};
use crate::desk;
use crate::i18n::Lang;
use crate::part::{LoadError, Part};
use crate::payload::Coding;
use crate::payload::decoders::{Decoded, Decoders, Schemas};
use crate::scram;
use crate::state::Action;
use crate::state::charts::Charting;
use crate::state::desk::{Desking, Sealed};
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use tabmq_decoders::diff::diff;
use tabmq_decoders::guess::on_closer_look;
use tabmq_decoders::packing::Packing;
use tabmq_decoders::protobuf::{decode_raw, decode_with, messages_of};
use tabmq_decoders::{cbor, msgpack, sparkplug, xml};
use tabmq_shared::client::Authentication;
use yew::Html;

/// What looks into one topic and one message, and the charts.
#[derive(Clone, Copy, Debug)]
pub struct Details {
    /// Renders the detail pane.
    pub pane: fn(&DetailProps) -> Html,
    /// Renders one payload.
    pub payload: fn(&PayloadViewProps) -> Html,
    /// Renders the charts.
    pub charts: fn(&ChartPanelProps) -> Html,
    /// Makes the charts of a connection.
    pub new_charts: fn() -> Box<dyn Charting>,
}

fn decode(coding: Coding, payload: &[u8], births: &[&[u8]]) -> Decoded {
    match coding {
        Coding::Cbor => cbor::decode(payload),
        Coding::MessagePack => msgpack::decode(payload),
        Coding::Sparkplug => sparkplug::decode(payload, births),
    }
}

/// Dialogs that are seldom needed.
#[derive(Clone, Copy, Debug)]
pub struct Extras {
    /// Renders one of them.
    pub dialog: fn(&ExtraProps) -> Html,
}

/// What is asked about connections and subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct Dialogs {
    /// Renders a dialog.
    pub dialog: fn(&LazyDialogProps) -> Html,
}

/// Where to say what was answered.
pub type Answer = Rc<dyn Fn(Action)>;

/// SCRAM-SHA-256: a browser has its own cryptography for pages of `https:` only.
#[derive(Clone, Copy, Debug)]
pub struct Scram {
    /// Shows user name and password by it, and tells in this language what goes wrong.
    pub client: fn(&str, &str, Lang) -> Box<dyn Authentication>,
}

/// The views of the broker's inside, and what asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Views {
    /// Renders a view.
    pub page: fn(&PlaceProps) -> Html,
    /// Renders who has sent a message and who gets it.
    pub talk: fn(&TalkProps) -> Html,
    /// Makes the desk.
    pub new_desk: fn() -> Box<dyn Desking>,
    /// Does what the desk wants done; what comes of it is said to the callback.
    pub run: fn(&Sealed, Answer),
}

/// Makes a [`Part`]; its module is split from the page where the page is split.
macro_rules! part {
    ($part:ident, $module:ident, $load:ident: { $($field:ident: $value:expr),* $(,)? }) => {
        #[cfg(feature = "split")]
        #[wasm_split_helpers::wasm_split($module, fallible)]
        fn $load() -> Result<$part, LoadError> {
            Ok($part { $($field: $value),* })
        }

        #[cfg(not(feature = "split"))]
        async fn $load() -> Result<$part, LoadError> {
            Ok($part { $($field: $value),* })
        }

        impl Part for $part {
            fn load() -> impl Future<Output = Result<Self, LoadError>> {
                $load()
            }

            fn slot() -> &'static std::thread::LocalKey<Cell<Option<Self>>> {
                thread_local!(static SLOT: Cell<Option<$part>> = const { Cell::new(None) });
                &SLOT
            }
        }
    };
}

part!(Details, details, load_details: {
    pane: render_detail,
    payload: render_payload,
    charts: render_charts,
    new_charts: charts::new,
});
part!(Dialogs, dialogs, load_dialogs: { dialog: render_dialog });
part!(Decoders, decoders, load_decoders: {
    unpack: Packing::unpack,
    guess: on_closer_look,
    decode: decode,
    protobuf: decode_raw,
    xml: xml::pretty,
    diff: diff,
});
part!(Schemas, schemas, load_schemas: { messages: messages_of, decode: decode_with });
part!(Views, views, load_views: {
    page: render_place,
    talk: render_talk,
    new_desk: desk::new,
    run: api::run,
});
part!(Scram, scram, load_scram: { client: scram::client });
part!(Extras, extras, load_extras: { dialog: render_extra });

/// Natively everything is there: for tests.
#[cfg(all(test, not(feature = "split")))]
pub(crate) fn load_now<P: Part>() -> P {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(P::get()).poll(&mut context) {
        std::task::Poll::Ready(Ok(part)) => part,
        _ => panic!("nothing is fetched here"),
    }
}
