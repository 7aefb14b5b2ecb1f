//! What the browser offers, in the page's own words. Whatever a browser may refuse (storage, clipboard) is refused in
//! silence here: the page works without it.

use crate::state::query::Pair;
use crate::state::{BrokerInfo, Clock, File};
use bytes::Bytes;
use js_sys::{Array, Date, Function, Promise, Reflect, Uint8Array};
use std::cell::Cell;
use tabmq_shared::Time;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, Document, Element, HtmlAnchorElement, HtmlCanvasElement, HtmlDocument,
    HtmlElement, HtmlTextAreaElement, Storage, Url, Window,
};

/// The window. A page without one does not exist.
#[expect(clippy::expect_used, reason = "a page without a window does not exist")]
pub fn window() -> Window {
    web_sys::window().expect("a window")
}

/// The document.
#[expect(clippy::expect_used, reason = "a window without a document does not exist")]
pub fn document() -> Document {
    window().document().expect("a document")
}

#[wasm_bindgen]
extern "C" {
    /// In one call: the clock is asked with every frame of the connection.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// The client's clock: milliseconds since the page was opened, never backwards.
pub fn now() -> Time {
    Time::from_millis(whole(performance_now()))
}

thread_local! {
    /// The last minute in which the zone was asked for, and how far it is from UTC, in minutes: zones change at a full
    /// minute, and asking costs more than the rest of [`clock`].
    static ZONE: Cell<(u64, i32)> = const { Cell::new((u64::MAX, 0)) };
}

/// The wall clock.
pub fn clock() -> Clock {
    let unix_ms = whole(Date::now());
    let minute = unix_ms / 60_000;
    let (asked, mut offset_min) = ZONE.get();
    if asked != minute {
        #[expect(clippy::cast_possible_truncation, reason = "a zone is at most a day from UTC")]
        let offset = -Date::new_0().get_timezone_offset() as i32;
        offset_min = offset;
        ZONE.set((minute, offset_min));
    }
    Clock { unix_ms, offset_min }
}

/// 64 bits that nobody else has: milliseconds and the generator of the browser.
pub fn random() -> u64 {
    whole(js_sys::Math::random() * 9_007_199_254_740_992.0) ^ whole(Date::now()).rotate_left(48)
}

/// Bytes that nobody can guess. Unlike `crypto.subtle` they are there on plain `http:` as well.
///
/// # Errors
/// The browser has none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    let filled = window().crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes));
    filled.map(|_| bytes).map_err(|_| "the browser has no random numbers".to_owned())
}

/// The address bar: the query, without its `?`.
pub fn query() -> String {
    window().location().search().unwrap_or_default().trim_start_matches('?').to_owned()
}

/// The address bar: the fragment, without its `#`.
pub fn fragment() -> String {
    window().location().hash().unwrap_or_default().trim_start_matches('#').to_owned()
}

/// Changes the fragment in the address bar. As a step it is a new entry in the browser's history.
pub fn set_fragment(fragment: &str, is_step: bool) {
    set_address(&query(), fragment, is_step);
}

/// Scheme, host name and port of the page's address.
pub fn origin() -> (String, String, String) {
    let location = window().location();
    let part = |part: Result<String, JsValue>| part.unwrap_or_default();
    (part(location.protocol()), part(location.hostname()), part(location.port()))
}

/// Scheme, host name and port of the page's address in one text, as brokers know it.
pub fn origin_text() -> String {
    window().location().origin().unwrap_or_default()
}

/// Changes the query in the address bar, without loading the page again.
pub fn set_query(query: &str) {
    set_address(query, &fragment(), false);
}

/// Opens the page once more, with this query.
pub fn open_tab(query: &str) {
    let url = format!("{}?{query}", window().location().pathname().unwrap_or_default());
    // Without an opener, a new tab does not begin with a copy of this one's storage.
    let _ = window().open_with_url_and_target_and_features(&url, "_blank", "noopener");
}

fn set_address(query: &str, fragment: &str, is_step: bool) {
    let path = window().location().pathname().unwrap_or_default();
    let part = |mark: &str, text: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
    let url = path + &part("?", query) + &part("#", fragment);
    if let Ok(history) = window().history() {
        let _ = match is_step {
            true => history.push_state_with_url(&JsValue::NULL, "", Some(&url)),
            false => history.replace_state_with_url(&JsValue::NULL, "", Some(&url)),
        };
    }
}

/// Puts text on the clipboard; whether it is there.
pub async fn copy(text: &str) -> bool {
    let navigator = window().navigator();
    if Reflect::get(&navigator, &"clipboard".into()).is_ok_and(|clipboard| clipboard.is_object()) {
        let written = wasm_bindgen_futures::JsFuture::from(navigator.clipboard().write_text(text)).await;
        if written.is_ok() {
            return true;
        }
    }
    copy_selection(text) == Some(true)
}

/// The old way: over plain HTTP to another host, browsers have no clipboard object.
fn copy_selection(text: &str) -> Option<bool> {
    let document = document();
    let area: HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    area.set_value(text);
    document.body()?.append_child(&area).ok()?;
    area.select();
    let copied = document.dyn_into::<HtmlDocument>().ok()?.exec_command("copy");
    area.remove();
    copied.ok()
}

/// The storage that lives as long as the tab.
pub fn tab_storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// The storage that all tabs share.
pub fn shared_storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// What is kept under this name.
pub fn read(storage: Option<Storage>, name: &str) -> Option<String> {
    storage?.get_item(name).ok().flatten()
}

/// Keeps this under this name, if the browser lets it and there is room; whether it is kept.
pub fn keep(storage: Option<Storage>, name: &str, value: &str) -> bool {
    storage.is_some_and(|storage| storage.set_item(name, value).is_ok())
}

/// Takes what is kept under this name.
pub fn take(storage: Option<Storage>, name: &str) -> Option<String> {
    let value = read(storage.clone(), name);
    if let Some(storage) = storage {
        let _ = storage.remove_item(name);
    }
    value
}

/// The first language of the browser.
pub fn language() -> String {
    window().navigator().language().unwrap_or_default()
}

/// Where there is likely no keyboard, and no wheel: fingers point, or the page is laid out for a telephone.
pub const BY_TOUCH: &str = "(pointer: coarse), (max-width: 899px)";

/// Whether a media query holds.
pub fn matches_media(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Puts the keyboard's focus on the first element with this name for scripts.
pub fn focus(name: &str) {
    let found = document().query_selector(&format!("[data-test=\"{name}\"]")).ok().flatten();
    if let Some(element) = found.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// A point a little to the right of an element's lower left corner, in CSS pixels of the window.
pub fn below(element: &Element) -> (i32, i32) {
    let rect = element.get_bounding_client_rect();
    #[expect(clippy::cast_possible_truncation, reason = "no window is wider than 2^31 pixels")]
    let point = (rect.left() as i32 + 24, rect.bottom() as i32);
    point
}

/// Width and height of what can be seen of the page, in CSS pixels.
pub fn window_size() -> (i32, i32) {
    let window = window();
    #[expect(clippy::cast_possible_truncation, reason = "no window is wider than 2^31 pixels")]
    let whole = |size: Result<JsValue, JsValue>| size.ok().and_then(|px| px.as_f64()).unwrap_or(0.0) as i32;
    (whole(window.inner_width()), whole(window.inner_height()))
}

/// Whether the tab can be seen.
pub fn is_visible() -> bool {
    document().visibility_state() == web_sys::VisibilityState::Visible
}

/// Calls `f` on each event of this name, for as long as the page lives.
pub fn listen(target: &web_sys::EventTarget, name: &str, f: impl FnMut() + 'static) {
    let closure = Closure::<dyn FnMut()>::new(f);
    let _ = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    closure.forget();
}

/// Calls `f` with each event of this name, for as long as the page lives.
pub fn listen_to<E: JsCast + 'static>(
    target: &web_sys::EventTarget,
    name: &str,
    mut f: impl FnMut(E) + 'static,
) {
    let closure = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| f(event.unchecked_into()));
    let _ = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    closure.forget();
}

/// Calls `f` once what was just said is painted.
pub fn after_paint(f: impl FnOnce() + 'static) {
    let then = Closure::once_into_js(move || gloo_timers::callback::Timeout::new(0, f).forget());
    let _ = window().request_animation_frame(then.unchecked_ref());
}

/// The address of what is seen.
pub fn address() -> String {
    window().location().href().unwrap_or_default()
}

/// Has the page's files kept for a start without its broker. Only a page that was built for it has a manifest and a
/// worker (trunk's has none), and only a secure address may have one.
pub fn keep_page() {
    let has_manifest = document().query_selector("link[rel=manifest]").is_ok_and(|link| link.is_some());
    let navigator = window().navigator();
    let Ok(container) = Reflect::get(&navigator, &"serviceWorker".into()) else { return };
    if !has_manifest || !container.is_object() {
        return;
    }
    // Not while the page has better things to fetch.
    gloo_timers::callback::Timeout::new(3_000, move || {
        let register = Reflect::get(&container, &"register".into()).ok();
        let register = register.and_then(|register| register.dyn_into::<Function>().ok());
        let promise = register.and_then(|register| register.call1(&container, &"./sw.js".into()).ok());
        if let Some(promise) = promise.and_then(|promise| promise.dyn_into::<Promise>().ok()) {
            // A browser that refuses keeps nothing, and the page works without.
            wasm_bindgen_futures::spawn_local(async move {
                let _ = JsFuture::from(promise).await;
            });
        }
    })
    .forget();
}

/// Says to the page's scripts that something has happened.
pub fn say(name: &str) {
    if let Ok(event) = web_sys::Event::new(name) {
        let _ = window().dispatch_event(&event);
    }
}

/// Sets an attribute of the `html` element.
pub fn set_root_attribute(name: &str, value: &str) {
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute(name, value);
    }
}

/// An attribute of the `html` element; empty if it is not there.
pub fn root_attribute(name: &str) -> String {
    document().document_element().and_then(|root| root.get_attribute(name)).unwrap_or_default()
}

/// Sets a style through the object model: the content security policy may forbid style attributes.
pub fn set_style(element: &Element, property: &str, value: &str) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.style().set_property(property, value);
    }
}

/// A variable of the style sheet, as the theme has it.
pub fn style_variable(name: &str) -> String {
    let root = document().document_element();
    let style = root.and_then(|root| window().get_computed_style(&root).ok().flatten());
    style.and_then(|style| style.get_property_value(name).ok()).unwrap_or_default().trim().to_owned()
}

/// An address for these bytes, for as long as it is not given back by [`forget_address`].
pub fn address_of(bytes: &[u8], media_type: &str) -> Option<String> {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let parts = Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &options).ok()?;
    Url::create_object_url_with_blob(&blob).ok()
}

/// Gives an address back.
pub fn forget_address(address: &str) {
    let _ = Url::revoke_object_url(address);
}

/// Saves bytes as a file, as if somebody had clicked a link to it.
pub fn save(file: &File) {
    if let Some(address) = address_of(&file.bytes, file.media_type) {
        save_address(&address, &file.name);
    }
}

/// Saves the picture on a canvas as PNG.
pub fn save_picture(canvas: &HtmlCanvasElement, name: String) {
    let saved = Closure::once_into_js(move |blob: JsValue| {
        if let Some(address) = blob.dyn_ref().and_then(|blob| Url::create_object_url_with_blob(blob).ok()) {
            save_address(&address, &name);
        }
    });
    let _ = canvas.to_blob(saved.unchecked_ref());
}

fn save_address(address: &str, name: &str) {
    let link = document().create_element("a").ok().and_then(|link| link.dyn_into::<HtmlAnchorElement>().ok());
    if let Some(link) = link {
        link.set_href(address);
        link.set_download(name);
        link.click();
    }
    // The browser has begun to read it when this runs, and needs the address no longer.
    let address = address.to_owned();
    gloo_timers::callback::Timeout::new(10_000, move || forget_address(&address)).forget();
}

/// The text of a file that somebody has chosen.
pub async fn text_of(file: &web_sys::File) -> Option<String> {
    JsFuture::from(file.text()).await.ok()?.as_string()
}

/// Reads a file and hands over its name and content; one that cannot be read is not handed over.
pub fn read_file(file: web_sys::File, done: impl FnOnce(String, Bytes) + 'static) {
    wasm_bindgen_futures::spawn_local(async move {
        if let Ok(buffer) = JsFuture::from(file.array_buffer()).await {
            done(file.name(), Uint8Array::new(&buffer).to_vec().into());
        }
    });
}

/// Saves a blob as a file.
pub fn save_blob(name: &str, blob: &Blob) {
    if let Ok(address) = Url::create_object_url_with_blob(blob) {
        save_address(&address, name);
    }
}

/// The objects of a file that holds a JSON array of objects, as names and values: of an array each element is a value of
/// its own, numbers and truth values are taken as they are written. `None` if the file is something else.
pub async fn read_json_objects(file: &web_sys::File) -> Option<Vec<Vec<Pair>>> {
    let objects: Array = js_sys::JSON::parse(&text_of(file).await?).ok()?.dyn_into().ok()?;
    let written = |value: &JsValue| String::from(js_sys::Object::from(value.clone()).to_string());
    let pairs = |object: JsValue| -> Option<Vec<Pair>> {
        let object: js_sys::Object = object.dyn_into().ok()?;
        let entries = js_sys::Object::entries(&object);
        let pairs = entries.iter().flat_map(|entry| {
            let entry = Array::from(&entry);
            let name = entry.get(0).as_string().unwrap_or_default();
            let values = match entry.get(1).dyn_into::<Array>() {
                Ok(values) => values.to_vec(),
                Err(value) => vec![value],
            };
            values.into_iter().map(move |value| (name.clone(), written(&value))).collect::<Vec<_>>()
        });
        Some(pairs.collect())
    };
    Some(objects.iter().filter_map(pairs).collect())
}

/// What the broker at this page's own address says about itself; `None` if it is not a TabMQ.
///
/// `authorization` is the header of that name: without it, one that has users says only that it is one.
pub async fn broker_info(authorization: Option<String>) -> Option<BrokerInfo> {
    let init = web_sys::RequestInit::new();
    let headers = web_sys::Headers::new().ok()?;
    if let Some(authorization) = authorization {
        headers.set("Authorization", &authorization).ok()?;
    }
    init.set_headers(&headers);
    let response = JsFuture::from(window().fetch_with_str_and_init("/api/v1/info", &init)).await.ok()?;
    let response: web_sys::Response = response.dyn_into().ok()?;
    if response.status() == 401 {
        let realm = response.headers().get("WWW-Authenticate").ok().flatten()?;
        return realm.contains("\"TabMQ\"").then(|| BrokerInfo { locked: true, ..BrokerInfo::default() });
    }
    if !response.ok() {
        return None;
    }
    let info = JsFuture::from(response.json().ok()?).await.ok()?;
    let version = field(&info, "version")?.as_string()?;
    let listeners: Array = field(&info, "listeners")?.dyn_into().ok()?;
    let (_, page_host, _) = origin();
    // A listener on every address, or on this machine's own, is reached like the page itself.
    let seen_from_here = |address: &str| {
        let (host, port) = address.rsplit_once(':')?;
        let any = matches!(host, "0.0.0.0" | "[::]" | "127.0.0.1" | "[::1]" | "localhost");
        Some((if any { page_host.clone() } else { host.to_owned() }, port.parse().ok()?))
    };
    let mqtt = listeners.iter().find_map(|listener| {
        let is_mqtt = field(&listener, "kind")?.as_string()? == "mqtt";
        seen_from_here(&field(&listener, "address")?.as_string()?).filter(|_| is_mqtt)
    });
    let upstream = field(&info, "upstream").and_then(|upstream| field(&upstream, "address")?.as_string());
    let behind = upstream.as_ref().and_then(|address| seen_from_here(address.strip_prefix("mqtt://")?));
    Some(BrokerInfo { version, mqtt: mqtt.or(behind), upstream, locked: false })
}

/// The page cannot go on: says so in the console and where somebody will see it.
pub fn show_panic(info: &std::panic::PanicHookInfo<'_>) {
    web_sys::console::error_1(&info.to_string().into());
    let document = document();
    let note = document.create_element("p").ok();
    if let (Some(note), Some(body)) = (note, document.body()) {
        note.set_class_name("panic");
        note.set_text_content(Some("The page has met an error and stopped. Reload it. \u{51fa}\u{9519}\u{ff0c}\u{8bf7}\u{91cd}\u{65b0}\u{52a0}\u{8f7d}\u{9875}\u{9762}\u{3002}"));
        let _ = body.append_child(&note);
    }
}

fn field(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// A number of JavaScript that is known to be whole and not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "said above")]
pub fn whole(n: f64) -> u64 {
    n as u64
}
