//! Protobuf: with a schema that is compiled here, or field by field as the bytes tell it.

mod raw;
mod schema;

pub use raw::decode as decode_raw;
pub use schema::{Schema, SourceFile};

use crate::{Problem, Tree};
use std::cell::RefCell;
use std::rc::Rc;

/// The full names of the messages in a schema.
///
/// # Errors
/// It cannot be compiled.
pub fn messages_of(files: &[SourceFile]) -> Result<Vec<String>, Problem> {
    compiled(files).map(|schema| schema.messages().to_vec())
}

/// `bytes` as a message of a schema.
///
/// # Errors
/// The schema cannot be compiled, has no such message, or the bytes are not one.
pub fn decode_with(files: &[SourceFile], message: &str, bytes: &[u8]) -> Result<Tree, Problem> {
    compiled(files)?.decode(message, bytes)
}

/// The schema, compiled when it is another one than last time.
fn compiled(files: &[SourceFile]) -> Result<Rc<Schema>, Problem> {
    type Last = Option<(Vec<SourceFile>, Result<Rc<Schema>, Problem>)>;
    thread_local!(static LAST: RefCell<Last> = const { RefCell::new(None) });
    LAST.with_borrow_mut(|last| {
        if let Some((known, schema)) = last
            && *known == files
        {
            return schema.clone();
        }
        let schema = Schema::compile(files).map(Rc::new);
        *last = Some((files.to_vec(), schema.clone()));
        schema
    })
}
