//! The module taken apart: what is needed at once, and what the page loads when it is first needed.
//!
//! The points at which it is split are marked in `web/src/lazy.rs`. The splitter writes the first module, one module for
//! each part, and a script that loads them; wasm-bindgen then sees the first module only.

use crate::output::Output;
use crate::sections::{with_merged_data, without_custom_sections};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use wasm_split_cli_support::{Options, transform};

/// The name under which the first module asks for its loader.
const LOADER: &str = "./__wasm_split.js";

/// Starts the page, and loads the rest and the parts.
const OUR_LOADER: &str = include_str!("loader.js");

/// What stands in it for the modules' names.
const REST: &str = "./REST";
const FIRST: &str = "./FIRST";

/// With this wasm-bindgen's own loader begins, of which nothing is needed.
const GLUE_LOADER: &str = "async function __wbg_load(";

/// Functions of wasm-bindgen's that our loader has, too, and shorter.
const REPLACED: [&str; 2] = ["debugString", "passStringToWasm0"];

/// A module without its parts, and what loads them.
pub(crate) struct Split {
    /// The first module, for wasm-bindgen.
    pub(crate) main: Vec<u8>,
    /// By the name of what loads a part: the files that it needs.
    parts: BTreeMap<String, Vec<String>>,
}

/// How the functions that load parts begin.
const LOAD_PART: &str = "__wasm_split_load_";

/// Splits `module` and writes the parts. `work` is a directory for the splitter's own files.
pub(crate) fn split(module: &[u8], work: &Path, output: &mut Output) -> Result<Split> {
    if work.exists() {
        fs::remove_dir_all(work).with_context(|| format!("cannot remove {}", work.display()))?;
    }
    fs::create_dir_all(work).with_context(|| format!("cannot create {}", work.display()))?;
    let main_path = work.join("main.wasm");
    let mut options = Options::new(module);
    options.output_dir = work;
    options.main_out_path = &main_path;
    options.link_name = LOADER;
    let parts = transform(options).map_err(|error| anyhow!("cannot split the module: {error:?}"))?;

    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut files = HashMap::new();
    for path in &parts.split_modules {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a part without a name")?;
        let part = with_merged_data(&without_custom_sections(&read(path)?)?, 0)?;
        files.insert(stem.to_owned(), output.write_hashed_for_later(stem, "wasm", &part)?);
    }
    let mut loaders = BTreeMap::new();
    for (part, stems) in &parts.prefetch_map {
        let names =
            stems.iter().map(|stem| files.get(stem).cloned().with_context(|| format!("no file {stem}")));
        loaders.insert(part.clone(), names.collect::<Result<_>>()?);
    }
    let main = read(&main_path)?;
    fs::remove_dir_all(work).with_context(|| format!("cannot remove {}", work.display()))?;
    Ok(Split { main, parts: loaders })
}

impl Split {
    /// The files of each part, as JSON. The script needs it when the rest has come, not before.
    pub(crate) fn list(&self) -> String {
        let parts = self.parts.iter().map(|(name, files)| {
            let files: Vec<String> = files.iter().map(|file| format!("\"./{file}\"")).collect();
            format!("\"{LOAD_PART}{name}\":[{}]", files.join(","))
        });
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    }

    /// wasm-bindgen's script with our loader in the place of its own, as one script: a second one would be one more
    /// request.
    pub(crate) fn join(&self, glue: &str) -> Result<String> {
        if !glue.contains(LOADER) {
            bail!("the module was built without its split points: is the feature `split` on?");
        }
        let glue = without_replaced(glue)?;
        let (before, _) = glue
            .split_once(GLUE_LOADER)
            .context("wasm-bindgen writes another loader than the one that we know")?;
        // One object stands for the splitter's loader, which wasm-bindgen imports under many names.
        let ours = before.lines().filter(|line| !line.contains(LOADER));
        let joined: String = ours.flat_map(|line| [line, "\n"]).chain([OUR_LOADER]).collect();
        for place in [LOADER, REST, FIRST] {
            if !OUR_LOADER.contains(place) {
                bail!("the loader has no place for {place}");
            }
        }
        let lines =
            joined.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with("//"));
        Ok(lines.flat_map(|line| [line, "\n"]).collect())
    }
}

/// wasm-bindgen's script without what our loader replaces.
fn without_replaced(glue: &str) -> Result<String> {
    // What takes a text needs to make memory, and no longer to make it longer.
    let mut glue = glue.replace(", wasm.__wbindgen_realloc)", ")");
    for function in REPLACED {
        let start = format!("\nfunction {function}(");
        if OUR_LOADER.contains(&start)
            && let Some((before, after)) = glue.split_once(&start)
        {
            // All that is inside of functions has space before it.
            let end = after.match_indices('\n').find(|(at, _)| after.get(at + 1..).is_some_and(begins));
            let (end, _) = end.with_context(|| format!("{function} does not end"))?;
            glue = format!("{before}{}", after.get(end..).unwrap_or_default());
        } else {
            bail!("wasm-bindgen or our loader has no function {function}");
        }
    }
    Ok(glue)
}

/// Whether a line begins here that is not inside of a function.
fn begins(text: &str) -> bool {
    ["function ", "const ", "let "].iter().any(|word| text.starts_with(word))
}

/// The script with the names of the modules.
pub(crate) fn with_files(script: &str, first: &str, rest: &str) -> String {
    script.replacen(REST, &format!("./{rest}"), 1).replacen(FIRST, &format!("./{first}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_scripts_become_one() {
        let split = Split {
            main: Vec::new(),
            parts: [("a".to_owned(), vec!["chunk-1.wasm".to_owned(), "a-2.wasm".to_owned()])].into(),
        };
        let glue = format!(
            "import * as i1 from \"./__wasm_split.js\"\nimport * as i2 from \"./__wasm_split.js\"\nlet wasm;\n\
             function debugString(value) {{\n\n  theirs();\n}}\nfunction passStringToWasm0(text) {{\n  theirs();\n}}\n\
             const all = {{\n\"./__wasm_split.js\": i1,\n\"./__wasm_split.js\": i2,\n}};\n\
             f(text, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);\n  {GLUE_LOADER}\n"
        );
        assert_eq!(split.list(), r#"{"__wasm_split_load_a":["./chunk-1.wasm","./a-2.wasm"]}"#);
        let joined = with_files(&split.join(&glue).unwrap(), "tabmq-3.wasm", "rest-4.wasm");
        let expected = "let wasm;\nconst all = {\n};\nf(text, wasm.__wbindgen_malloc);\nconst REST";
        assert!(joined.starts_with(expected), "{joined}");
        for name in ["\"./rest-4.wasm\"", "\"./tabmq-3.wasm\""] {
            assert!(joined.contains(name), "{joined}");
        }
        assert!(!joined.contains(GLUE_LOADER));
        assert!(split.join("nothing").unwrap_err().to_string().contains("feature"));
        assert!(split.join(&glue.replace("debugString", "describe")).is_err());
        assert!(split.join(&glue.replace(GLUE_LOADER, "another")).is_err());
    }
}
