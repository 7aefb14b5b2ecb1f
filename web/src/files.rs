//! Files of messages: written piece by piece while messages come, read piece by piece as they are needed.
//!
//! Where the browser has the File System Access API and the page a secure address, a recording goes into a file on the
//! disk as it grows. Elsewhere its pieces are handed to the browser as blobs, which it keeps on its own disk when there
//! are many, and become a download at the end. The page says which of the two it is.

use crate::browser;
use crate::state::ConnectionId;
use crate::state::recording::Sink;
use crate::state::tape::{FileInfo, TapeAction};
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Blob;

/// So much of a file is read at a time, in bytes.
const PIECE_BYTES: u64 = 256 * 1024;

/// So many chosen files are remembered: what is remembered of each is a handle, not its content.
const MAX_FILES: usize = 64;

/// Where a recording goes.
enum Place {
    /// A `FileSystemWritableFileStream`.
    Stream(JsValue),
    /// Pieces of what becomes a download of this name.
    Blobs(String, Vec<Blob>),
}

type Places = Rc<RefCell<Vec<(ConnectionId, Place)>>>;

/// The files of this page.
#[derive(Default)]
pub struct Files {
    chosen: RefCell<Vec<(u32, web_sys::File)>>,
    places: Places,
}

impl Files {
    /// Finds a place for a connection's recording. Must be called while the browser still counts a click, since it asks
    /// the user.
    pub fn open(&self, id: ConnectionId, name: String, report: impl Fn(TapeAction) + 'static) {
        self.places.borrow_mut().retain(|(known, _)| *known != id);
        let places = self.places.clone();
        let picker = Reflect::get(&browser::window(), &"showSaveFilePicker".into()).unwrap_or_default();
        let asked = picker.dyn_into::<Function>().ok().and_then(|picker| {
            let options = Object::new();
            Reflect::set(&options, &"suggestedName".into(), &name.as_str().into()).ok()?;
            picker.call1(&browser::window(), &options).ok()
        });
        spawn_local(async move {
            let (place, sink) = match asked {
                Some(asked) => match stream(asked).await {
                    Ok(stream) => (Place::Stream(stream), Sink::File),
                    Err(error) if is_abort(&error) => return report(TapeAction::Cancelled),
                    Err(_) => (Place::Blobs(name, Vec::new()), Sink::Blob),
                },
                None => (Place::Blobs(name, Vec::new()), Sink::Blob),
            };
            places.borrow_mut().push((id, place));
            report(TapeAction::Sink(sink));
        });
    }

    /// Writes the next piece.
    pub fn write(&self, id: ConnectionId, text: &str, report: impl Fn(TapeAction) + 'static) {
        let len = text.len() as u64;
        let mut places = self.places.borrow_mut();
        let written = match places.iter_mut().find(|(known, _)| *known == id) {
            Some((_, Place::Stream(stream))) => call(stream, "write", &[text.into()]).and_then(promise),
            Some((_, Place::Blobs(_, blobs))) => {
                Blob::new_with_str_sequence(&Array::of1(&text.into())).map(|blob| {
                    blobs.push(blob);
                    Promise::resolve(&JsValue::UNDEFINED)
                })
            }
            None => return,
        };
        spawn_local(async move {
            let outcome = match written {
                Ok(promise) => JsFuture::from(promise).await.map(drop),
                Err(error) => Err(error),
            };
            report(match outcome {
                Ok(()) => TapeAction::Written(len),
                Err(_) => TapeAction::Sink(Sink::Failed),
            });
        });
    }

    /// The recording is complete.
    pub fn close(&self, id: ConnectionId, report: impl Fn(TapeAction) + 'static) {
        let mut places = self.places.borrow_mut();
        let Some(index) = places.iter().position(|(known, _)| *known == id) else { return };
        match places.remove(index).1 {
            Place::Stream(stream) => spawn_local(async move {
                let closed = match call(&stream, "close", &[]).and_then(promise) {
                    Ok(promise) => JsFuture::from(promise).await,
                    Err(error) => Err(error),
                };
                if closed.is_err() {
                    report(TapeAction::Sink(Sink::Failed));
                }
            }),
            Place::Blobs(name, blobs) => {
                let parts: Array = blobs.iter().collect();
                if let Ok(blob) = Blob::new_with_blob_sequence(&parts) {
                    browser::save_blob(&name, &blob);
                }
            }
        }
    }

    /// Remembers a file that was chosen.
    pub fn choose(&self, file: web_sys::File) -> FileInfo {
        let mut chosen = self.chosen.borrow_mut();
        let id = chosen.last().map_or(1, |(last, _)| last.wrapping_add(1));
        if chosen.len() >= MAX_FILES {
            chosen.remove(0);
        }
        let info = FileInfo { id, name: file.name(), size: browser::whole(file.size()) };
        chosen.push((id, file));
        info
    }

    /// Reads the next piece of a file that was chosen.
    pub fn read(&self, file: u32, from: u64, report: impl Fn(TapeAction) + 'static) {
        let chosen = self.chosen.borrow();
        let piece = chosen.iter().find(|(known, _)| *known == file).and_then(|(_, file)| {
            #[expect(clippy::cast_precision_loss, reason = "a file of 2^53 bytes does not exist")]
            file.slice_with_f64_and_f64(from as f64, from.saturating_add(PIECE_BYTES) as f64).ok()
        });
        spawn_local(async move {
            let buffer = match piece {
                Some(piece) => JsFuture::from(piece.array_buffer()).await.ok(),
                None => None,
            };
            report(match buffer {
                Some(buffer) => TapeAction::Read(Uint8Array::new(&buffer).to_vec().into()),
                None => TapeAction::Unreadable,
            });
        });
    }
}

/// The stream into the file that was picked.
async fn stream(asked: JsValue) -> Result<JsValue, JsValue> {
    let handle = JsFuture::from(promise(asked)?).await?;
    JsFuture::from(promise(call(&handle, "createWritable", &[])?)?).await
}

fn promise(value: JsValue) -> Result<Promise, JsValue> {
    value.dyn_into()
}

/// Calls a method that web-sys has only behind unstable flags.
fn call(object: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &method.into())?.dyn_into()?;
    function.apply(object, &arguments.iter().collect::<Array>())
}

/// Whether the user has closed the browser's dialog.
fn is_abort(error: &JsValue) -> bool {
    error.dyn_ref::<js_sys::Error>().is_some_and(|error| error.name() == "AbortError")
}
