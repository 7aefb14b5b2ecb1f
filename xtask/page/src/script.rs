//! The page's script made shorter, as far as that is simple and compressors do not do it by themselves.

use crate::names::words;
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;

/// How wasm-bindgen's list of imports begins and ends. Its keys are the numbers of [`crate::names::Names`].
const IMPORTS: &str = "const import0 = {\n__proto__: null,\n";
const IMPORTS_END: &str = "\n};\n";

/// From this length on a name gets a shorter one.
const LONG_NAME: usize = 9;

/// The same script, shorter. Its lines have no space at their beginnings, and no comments.
pub(crate) fn shorten(script: &str) -> Result<String> {
    let script = without_keys(script)?.replace("\r\n", "\n");
    Ok(joined(&renamed(&returning(&script))))
}

/// Imports as an array: they are numbered in the order in which they stand.
fn without_keys(script: &str) -> Result<String> {
    let (before, after) =
        script.split_once(IMPORTS).context("wasm-bindgen's imports are not where they were")?;
    let (imports, after) = after.split_once(IMPORTS_END).context("wasm-bindgen's imports do not end")?;
    let mut array = String::new();
    let mut next = 0;
    for line in imports.lines() {
        let entry = line.split_once(": ").filter(|(key, _)| key.bytes().all(|byte| byte.is_ascii_digit()));
        match entry {
            Some((key, value)) => {
                ensure!(key == format!("{next}"), "import {key} where {next} was expected");
                next += 1;
                array.push_str(value);
            }
            None => array.push_str(line),
        }
        array.push('\n');
    }
    Ok(format!("{before}const import0 = [\n{array}];\n{after}"))
}

/// Without the variable that wasm-bindgen keeps each result in.
fn returning(script: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut returning = String::new();
    for line in script.lines() {
        let result = lines.last().and_then(|last| last.strip_prefix("const ret = "));
        if let Some(result) = result.filter(|_| line == "return ret;") {
            let result = format!("return {result}\n");
            lines.pop();
            lines.drain(..).for_each(|line| returning.extend([line, "\n"]));
            returning.push_str(&result);
        } else {
            lines.push(line);
        }
    }
    lines.drain(..).for_each(|line| returning.extend([line, "\n"]));
    returning
}

/// With short names for what is declared outside of functions, and for wasm-bindgen's parameters.
fn renamed(script: &str) -> String {
    let mut names = HashMap::new();
    for line in script.lines() {
        let declared = ["function ", "async function ", "const ", "let "]
            .iter()
            .find_map(|word| words(line.strip_prefix(word)?).next())
            .map(|(_, name)| name);
        // Declared inside of functions as well: the same name for both does no harm.
        if let Some(name) = declared.filter(|name| name.len() >= LONG_NAME && !names.contains_key(name)) {
            names.insert(name, format!("_{}", names.len()));
        }
    }
    let short = |word: &str| match word.strip_prefix("arg") {
        Some(number) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(format!("${number}"))
        }
        _ => names.get(word).cloned(),
    };
    let mut shortened = String::new();
    for (_, word) in words(script) {
        // A member of something may be called as a variable is.
        match short(word).filter(|_| !shortened.ends_with('.') || shortened.ends_with("...")) {
            Some(short) => shortened.push_str(&short),
            None => shortened.push_str(word),
        }
    }
    shortened
}

/// Without the ends of lines that mean nothing.
fn joined(script: &str) -> String {
    let mut joined = String::new();
    for line in script.lines() {
        if line.starts_with('}') && joined.ends_with('\n') {
            joined.pop();
        }
        joined.push_str(line);
        if !line.ends_with(['{', '[', ';', ',', '(']) {
            joined.push('\n');
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_an_array() {
        let script = "const import0 = {\n__proto__: null,\n0: function(arg0) {\nconst ret = arg0.id;\nreturn ret;\n},\n\
                      1: somethingLong,\n};\nfunction somethingLong(arg0) {\nreturn { ret: arg0 };\n}\n";
        let expected =
            "const import0 = [function($0) {return $0.id;},_0,];function _0($0) {return { ret: $0 };}\n";
        assert_eq!(shorten(script).unwrap(), expected);
        assert!(shorten("nothing").is_err());
        assert!(shorten(&script.replace("1: some", "2: some")).is_err(), "another order");
    }

    #[test]
    fn only_whole_names_are_replaced() {
        let script = "let longEnough = 1;\nconst short = longEnough2 + x.arguments + longEnough;\n\
                      x.longEnough = [...longEnough];\n";
        let expected =
            "let _0 = 1;\nconst short = longEnough2 + x.arguments + _0;\nx.longEnough = [..._0];\n";
        assert_eq!(renamed(script), expected);
    }
}
