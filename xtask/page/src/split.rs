//! The module taken apart: what is needed at once, and what the page loads when it is first needed.
//!
//! The points at which it is split are marked in `web/src/lazy.rs`. The splitter writes the first module, one module for
//! each part, and a script that loads them; wasm-bindgen then sees the first module only.

use crate::output::Output;
use crate::sections::{with_merged_data, without_custom_sections};
use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::path::Path;
use wasm_split_cli_support::{Options, transform};

/// The name under which the first module asks for its loader.
const LOADER: &str = "./__wasm_split.js";

/// Constants of the first module that are no further apart than this become one piece.
const GAP_BYTES: u8 = 64;

/// A module without its parts, and what loads them.
pub(crate) struct Split {
    /// The first module, for wasm-bindgen.
    pub(crate) main: Vec<u8>,
    /// The script that loads the parts; see [`join`].
    loader: String,
}

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
    let mut loader = String::from_utf8(read(&work.join(LOADER))?).context("the loader is not UTF-8")?;
    for path in &parts.split_modules {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a part without a name")?;
        let name = output.write_hashed_for_later(
            stem,
            "wasm",
            &with_merged_data(&without_custom_sections(&read(path)?)?, 0)?,
        )?;
        let (plain, hashed) = (format!("\"./{stem}.wasm\""), format!("\"./{name}\""));
        if !loader.contains(&plain) {
            bail!("the splitter's script does not load {stem}");
        }
        loader = loader.replace(&plain, &hashed);
    }
    let main = with_merged_data(&read(&main_path)?, GAP_BYTES)?;
    fs::remove_dir_all(work).with_context(|| format!("cannot remove {}", work.display()))?;
    Ok(Split { main, loader })
}

impl Split {
    /// wasm-bindgen's script and the loader as one script. They import each other, and names by content cannot be
    /// mutual; besides, it is one request less.
    pub(crate) fn join(&self, glue: &str) -> Result<String> {
        let is_import = |line: &&str| line.starts_with("import ") && line.contains(LOADER);
        if !glue.lines().any(|line| is_import(&line)) {
            bail!("the module was built without its split points: is the feature `split` on?");
        }

        let mut exports = Vec::new();
        let mut body = String::new();
        for line in self.loader.lines().filter(|line| !line.starts_with("import { initSync }")) {
            let line = match line.strip_prefix("export const ") {
                Some(rest) => {
                    exports.push(rest.split_whitespace().next().unwrap_or_default());
                    format!("const {rest}")
                }
                None => line.to_owned(),
            };
            body.push_str(&line);
            body.push('\n');
        }
        // One object stands for the loader, under each of the names that wasm-bindgen imports it by.
        body.push_str(&format!("const parts = {{ {} }};\n", exports.join(", ")));
        let mut joined = String::with_capacity(glue.len() + body.len());
        for line in glue.lines() {
            if !is_import(&line) {
                joined.push_str(line);
            } else {
                let name = line.strip_prefix("import * as ").and_then(|rest| rest.split_whitespace().next());
                let name = name.with_context(|| format!("not an import of the loader: {line}"))?;
                joined.push_str(&std::mem::take(&mut body));
                joined.push_str(&format!("const {name} = parts;"));
            }
            joined.push('\n');
        }
        Ok(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_scripts_become_one() {
        let split = Split {
            main: Vec::new(),
            loader:
                "import { initSync } from \"./main.js\";\nlet x;\nexport const a = 1;\nexport const b = 2;\n"
                    .into(),
        };
        let glue = "import * as i1 from \"./__wasm_split.js\"\nimport * as i2 from \"./__wasm_split.js\"\nuse(i1, i2);\n";
        let joined = "let x;\nconst a = 1;\nconst b = 2;\nconst parts = { a, b };\nconst i1 = parts;\n\
                      const i2 = parts;\nuse(i1, i2);\n";
        assert_eq!(split.join(glue).unwrap(), joined);
        assert!(split.join("nothing").unwrap_err().to_string().contains("feature"));
    }
}
