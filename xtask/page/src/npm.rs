//! The package for JavaScript: `page-build npm MODULE.WASM SOURCES OUT`.
//!
//! wasm-bindgen's glue and the module, beside the hand-written files of `web/npm/package`.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// What package.json says in place of the version: one place says it, the workspace's Cargo.toml.
const VERSION: &str = "VERSION";

/// Writes the whole directory beside `out`, then puts it in its place.
pub(crate) fn build(module: &Path, sources: &Path, out: &Path) -> Result<()> {
    let directory = out.with_extension("new");
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let write = |name: &str, content: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    };

    let mut generated = Bindgen::new()
        .input_path(module)
        .out_name("tabmq_client")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()?;
    let has_snippets = generated.snippets().values().any(|snippets| !snippets.is_empty());
    if has_snippets || !generated.local_modules().is_empty() || !generated.npm_dependencies().is_empty() {
        bail!("a crate of the package wants files of its own, which index.js does not know");
    }
    write("tabmq_client.js", generated.js().as_bytes())?;
    write("tabmq_client_bg.wasm", &generated.wasm_mut().emit_wasm())?;

    for entry in fs::read_dir(sources).with_context(|| format!("cannot read {}", sources.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a file without a name")?;
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        match name {
            "package.json" => {
                let text = String::from_utf8(content).context("package.json is not UTF-8")?;
                write(name, text.replace(VERSION, env!("CARGO_PKG_VERSION")).as_bytes())?;
            }
            _ => write(name, &content)?,
        }
    }

    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("cannot remove {}", out.display()))?;
    }
    fs::rename(&directory, out).with_context(|| format!("cannot write {}", out.display()))
}
