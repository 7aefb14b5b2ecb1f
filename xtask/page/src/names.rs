//! Short names between the modules and the script: wasm-bindgen's own are long, and their hashes do not compress.

use crate::module::Module;
use std::collections::{BTreeSet, HashMap};
use wasmparser::ExternalKind;

/// What wasm-bindgen calls the script, as the modules import it, and what we call it.
const SCRIPT: (&str, &str) = ("./tabmq_bg.js", "j");

/// From where imports come whose names say what they do: see `imports.rs`.
const DESCRIBED: &str = "d";

/// What parts import under its own name: see `split.rs`.
const KEPT: [&str; 2] = ["memory", "__indirect_function_table"];
const KEPT_PREFIX: &str = "__wasm_split";

/// What starts the program is called by the script under another name.
const START: &str = "main";

/// New names by old ones.
#[derive(Debug, Default)]
pub(crate) struct Names {
    imports: HashMap<String, String>,
    described: HashMap<String, String>,
    exports: HashMap<String, String>,
}

impl Names {
    /// For what `module` takes from the script and gives to it. What is `described` is not in the script.
    pub(crate) fn new(module: &Module<'_>, script: &str, described: Vec<(String, String)>) -> Self {
        let described: HashMap<String, String> = described.into_iter().collect();
        let used = used(script);
        // In the script's order, so that it can be an array.
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (at, (_, word)) in words(script).enumerate() {
            places.entry(word).or_insert(at);
        }
        let imports = module.imports.iter().filter(|import| import.module == SCRIPT.0);
        let mut imports: Vec<&str> =
            imports.map(|import| import.name).filter(|name| !described.contains_key(*name)).collect();
        imports.sort_by_key(|name| places.get(name).copied().unwrap_or(usize::MAX));
        imports.dedup();
        // Numbers: an object's keys may be numbers, and nothing else in the script is called so.
        let imports = (0..).zip(imports).map(|(at, name)| (name.to_owned(), format!("{at}")));
        let is_free = |name: &&str| !is_for_parts(name) && used.contains(name);
        let exports = module.exports.iter().map(|export| export.name).filter(is_free);
        let exports = (0..).zip(exports).map(|(at, name)| (name.to_owned(), format!("e{at}")));
        Names { imports: imports.collect(), described, exports: exports.collect() }
    }

    /// An import's module and name.
    pub(crate) fn import<'n>(&'n self, module: &'n str, name: &'n str) -> (&'n str, &'n str) {
        if module != SCRIPT.0 {
            return (module, name);
        }
        match (self.imports.get(name), self.described.get(name)) {
            (Some(short), _) => (SCRIPT.1, short),
            (None, Some(description)) => (DESCRIBED, description),
            (None, None) => (module, name),
        }
    }

    /// An export's name; `None` if nobody uses it.
    pub(crate) fn export<'n>(&'n self, name: &'n str, kind: ExternalKind) -> Option<&'n str> {
        match self.exports.get(name) {
            Some(short) => Some(short),
            None if is_for_parts(name) => Some(name),
            None => (kind == ExternalKind::Func && name == START).then_some(name),
        }
    }

    /// The script with these names.
    pub(crate) fn script(&self, script: &str) -> String {
        let script = script.replace(SCRIPT.0, SCRIPT.1);
        words(&script)
            .map(|(is_word, text)| match self.imports.get(text).or_else(|| self.exports.get(text)) {
                Some(short) if is_word => short,
                _ => text,
            })
            .collect()
    }
}

fn is_for_parts(name: &str) -> bool {
    KEPT.contains(&name) || name.starts_with(KEPT_PREFIX)
}

/// Whether somebody takes an export of this name, where these words are the script's.
pub(crate) fn is_kept(name: &str, used: &BTreeSet<&str>) -> bool {
    is_for_parts(name) || name == START || used.contains(name)
}

/// All words of a script.
pub(crate) fn used(script: &str) -> BTreeSet<&str> {
    words(script).filter(|(is_word, _)| *is_word).map(|(_, word)| word).collect()
}

/// The script's words and what is between them.
pub(crate) fn words(script: &str) -> impl Iterator<Item = (bool, &str)> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$';
    let mut rest = script;
    std::iter::from_fn(move || {
        let is_word = rest.chars().next().map(is_part)?;
        let end = rest.find(|letter| is_part(letter) != is_word).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(end);
        rest = behind;
        Some((is_word, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_as_a_whole() {
        let names = Names {
            imports: [("__wbg_now_0".to_owned(), "7".to_owned())].into(),
            described: [("__wbg_fill_1".to_owned(), "call o - fill".to_owned())].into(),
            exports: [("__wbindgen_free".to_owned(), "e1".to_owned())].into(),
        };
        let script = "\"./tabmq_bg.js\": { __wbg_now_0: f, __wbg_now_01: g }; wasm.__wbindgen_free(1)";
        assert_eq!(names.script(script), "\"j\": { 7: f, __wbg_now_01: g }; wasm.e1(1)");
        assert_eq!(names.import("./tabmq_bg.js", "__wbg_now_0"), ("j", "7"));
        assert_eq!(names.import("rest", "__wbg_now_0"), ("rest", "__wbg_now_0"));
        assert_eq!(names.import("./tabmq_bg.js", "__wbg_fill_1"), ("d", "call o - fill"));
        assert_eq!(names.export("__wbindgen_free", ExternalKind::Func), Some("e1"));
        assert_eq!(names.export("__heap_base", ExternalKind::Global), None);
    }
}
