//! The tables of the configuration file: what has no flag, because there may be several of a kind.
//!
//! A new kind of table is one line in [`Tables`] and a type of its own, in the room that it is about:
//!
//! - `#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]` and
//!   `#[serde(rename_all = "kebab-case", deny_unknown_fields)]`, so that a misspelt key is an error that offers the
//!   nearest name. Without `flatten` and `untagged`: they lose the line.
//! - Fields are of types that cannot be wrong (`#[serde(try_from = "String")]`, or [`super::units`]): then an error
//!   names line and column of the value by itself.
//! - An example in [`EXAMPLES`].
//! - What no single value can tell is asked in [`Tables::check`]; a `toml::Spanned` field keeps its place for that.

use serde::Deserialize;
use std::ops::Range;

/// `[table]`s are fields of their type or `Option`s of it, `[[table]]`s are `Vec`s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tables {}

/// One of each, for `tabmq config example`: lines that begin with `# ` explain, all others are commented out there. A
/// test sees to it that no table is missing.
pub(super) const EXAMPLES: &[&str] = &[];

/// What is wrong in a file, and where.
#[derive(Debug)]
pub(super) struct Mistake {
    /// The place in the text, in bytes; `None`: the file as a whole.
    pub(super) span: Option<Range<usize>>,
    /// A sentence that says what to do.
    pub(super) message: String,
}

impl Tables {
    /// Looks for what no single value can tell.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        Ok(())
    }
}
