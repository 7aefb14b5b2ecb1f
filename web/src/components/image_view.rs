//! A payload that is a picture.

use crate::browser;
use crate::i18n::{Lang, Text};
use bytes::Bytes;
use web_sys::HtmlImageElement;
use yew::prelude::*;

/// See [`ImageView`].
#[derive(Properties, PartialEq)]
pub(super) struct ImageViewProps {
    pub(super) lang: Lang,
    pub(super) media_type: &'static str,
    pub(super) bytes: Bytes,
}

/// A picture. It comes from an address of its own, in an `img`: an SVG cannot run scripts there, nor fetch anything.
#[component]
pub(super) fn ImageView(props: &ImageViewProps) -> Html {
    let address = use_state_eq(|| None::<String>);
    let size = use_state_eq(|| None::<(u32, u32)>);
    let broken = use_state_eq(|| false);
    {
        let (address, broken) = (address.setter(), broken.setter());
        use_effect_with((props.bytes.clone(), props.media_type), move |(bytes, media_type)| {
            let made = browser::address_of(bytes, media_type);
            address.set(made.clone());
            broken.set(false);
            move || {
                if let Some(made) = made {
                    browser::forget_address(&made);
                }
            }
        });
    }
    let onload = {
        let size = size.setter();
        move |event: Event| {
            let image = event.target_dyn_into::<HtmlImageElement>();
            size.set(image.map(|image| (image.natural_width(), image.natural_height())));
        }
    };
    let onerror = {
        let broken = broken.setter();
        move |_: Event| broken.set(true)
    };
    let lang = props.lang;
    let measures = size.map(|(width, height)| format!(" · {width} × {height}")).unwrap_or_default();
    html! {
        <figure class="picture" data-test="payload-view">
            if *broken {
                <p class="cut" role="alert">{ lang.t(Text::PictureBroken) }</p>
            } else if let Some(address) = &*address {
                <img src={address.clone()} alt={lang.t(Text::PictureAlt)} data-test="picture" {onload} {onerror} />
            }
            <figcaption>{ props.media_type }{ measures }</figcaption>
        </figure>
    }
}
