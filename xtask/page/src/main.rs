//! Makes the directory that the broker serves as its page: `page-build INDEX.HTML MODULE.WASM OUT`. (And the package for
//! JavaScript: see [`npm`]; and pictures for the README: see [`picture`].)
//!
//! What it does, in this order:
//!
//! 1. The module is split: what the page needs at once, and parts that it loads when they are first needed.
//! 2. wasm-bindgen's library writes the JavaScript glue.
//! 3. Every asset gets a name with a hash of its content, so that a browser may keep it for ever.
//! 4. The `<link data-trunk …>` tags of index.html become what they stand for. The same file serves trunk.
//! 5. A manifest, icons and a service worker make the page installable.
//! 6. Everything that shrinks is written a second and third time, as `.br` and `.gz`.
//!
//! Nothing inline: the page runs under `script-src 'self' 'wasm-unsafe-eval'`.

#![allow(clippy::print_stdout, reason = "a command-line tool")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod html;
mod installable;
mod npm;
mod output;
mod picture;
mod sections;
mod split;

use anyhow::{Context, Result, bail};
use html::{Asset, Kind};
use output::Output;
use std::fs;
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match args.as_slice() {
        [npm, module, sources, out] if npm.as_os_str() == "npm" => npm::build(module, sources, out),
        [picture, from, to] if picture.as_os_str() == "picture" => picture::copy(from, to),
        [index, module, out] => build(index, module, out),
        _ => {
            bail!(
                "usage: page-build INDEX.HTML MODULE.WASM OUT, or page-build npm MODULE.WASM SOURCES OUT, \
                 or page-build picture FROM TO"
            )
        }
    }
}

/// Writes the whole directory beside `out`, then puts it in its place: nobody ever embeds half a page.
fn build(index: &Path, module: &Path, out: &Path) -> Result<()> {
    let source = fs::read_to_string(index).with_context(|| format!("cannot read {}", index.display()))?;
    let base = index.parent().unwrap_or(Path::new("."));
    let mut output = Output::create(&out.with_extension("new"))?;

    let html = html::resolve(&source, |asset| write_asset(asset, base, module, &mut output))?;
    output.write("index.html", html.as_bytes())?;
    if let Some(icon) = html::icon(&source)? {
        installable::write_worker(&base.join(icon), &mut output)?;
    }
    println!("{}", output.summary());
    output.rename_to(out)
}

/// Writes what one `<link data-trunk>` stands for; returns the HTML that takes its place.
fn write_asset(asset: &Asset, base: &Path, module: &Path, output: &mut Output) -> Result<String> {
    match asset.kind {
        Kind::Rust => write_module(module, output),
        Kind::Css => {
            let href = write_file(&base.join(&asset.href), output)?;
            Ok(format!(r#"<link rel="stylesheet" href="./{href}">"#))
        }
        Kind::Icon => {
            let href = write_file(&base.join(&asset.href), output)?;
            let manifest = installable::write_manifest(&base.join(&asset.href), output)?;
            Ok(format!("<link rel=\"icon\" href=\"./{href}\">\n    {manifest}"))
        }
    }
}

fn write_file(path: &Path, output: &mut Output) -> Result<String> {
    let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
    output.write_hashed(stem, extension, &content)
}

/// The module and its glue. The glue starts the module itself: a separate start script would cost a round trip, and
/// an inline one would need an exception in the content security policy.
fn write_module(module: &Path, output: &mut Output) -> Result<String> {
    let compiled = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let split = split::split(&compiled, &module.with_extension("split"), output)?;
    let mut generated = Bindgen::new()
        .input_bytes("tabmq", split.main.clone())
        .web(true)?
        // What the parts take from the first module are exports of the linker.
        .keep_lld_exports(true)
        .demangle(false)
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()?;
    if !generated.npm_dependencies().is_empty() {
        bail!("a crate of the page wants packages from npm, which this build does not have");
    }

    for (name, source) in generated.local_modules() {
        output.write(&format!("snippets/{name}"), source.as_bytes())?;
    }
    for (crate_name, sources) in generated.snippets() {
        for (i, source) in sources.iter().enumerate() {
            output.write(&format!("snippets/{crate_name}/inline{i}.js"), source.as_bytes())?;
        }
    }
    let wasm = output.write_hashed("tabmq", "wasm", &generated.wasm_mut().emit_wasm())?;
    let glue = format!(
        "{}\n__wbg_init({{ module_or_path: new URL('./{wasm}', import.meta.url) }});\n",
        split.join(generated.js())?
    );
    let script = output.write_hashed("tabmq", "js", glue.as_bytes())?;
    // The module is asked for at once, not when the script has arrived and run.
    Ok(format!(
        r#"<link rel="preload" href="./{wasm}" as="fetch" type="application/wasm" crossorigin>
<script type="module" src="./{script}"></script>"#
    ))
}
