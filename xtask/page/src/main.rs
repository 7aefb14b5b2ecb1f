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

mod flow;
mod html;
mod imports;
mod installable;
mod module;
mod names;
mod npm;
mod outline;
mod output;
mod picture;
mod pieces;
mod plan;
mod profile;
mod relocations;
mod script;
mod sections;
mod size;
mod split;
mod stages;
mod styles;
mod switch;

use anyhow::{Context, Result, bail};
use html::{Asset, Kind};
use imports::Imports;
use module::Module;
use names::Names;
use output::Output;
use plan::Plan;
use profile::Later;
use relocations::Constants;
use std::fs;
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

const USAGE: &str = "usage: page-build INDEX.HTML MODULE.WASM OUT
       page-build count INDEX.HTML MODULE.WASM OUT       a page that tells which of its code runs
       page-build record INDEX.HTML MODULE.WASM RAN   what it told becomes web/later.txt
       page-build size OUT                               what its files weigh
       page-build npm MODULE.WASM SOURCES OUT
       page-build picture FROM TO";

fn main() -> Result<()> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (command, rest) = args.split_first().context(USAGE)?;
    match (command.to_str(), rest) {
        (Some("npm"), [module, sources, out]) => npm::build(module, sources, out),
        (Some("size"), [page]) => size::report(page),
        (Some("picture"), [from, to]) => picture::copy(from, to),
        (Some("count"), [index, module, out]) => build(&Paths::new(index, module, true), out),
        (Some("record"), [index, module, ran]) => record(&Paths::new(index, module, false), ran),
        (_, [module, out]) => build(&Paths::new(command, module, false), out),
        _ => bail!(USAGE),
    }
}

/// What a page is made from.
struct Paths<'p> {
    index: &'p Path,
    module: &'p Path,
    /// Functions that the first paint does without.
    later: PathBuf,
    /// Whether the page is to count its calls.
    counts: bool,
}

impl<'p> Paths<'p> {
    fn new(index: &'p Path, module: &'p Path, counts: bool) -> Self {
        Paths { index, module, later: index.with_file_name("web").join("later.txt"), counts }
    }

    /// What the first paint does without.
    fn later(&self) -> Result<Later> {
        let text = fs::read_to_string(&self.later)
            .with_context(|| format!("cannot read {}", self.later.display()))?;
        Later::read(&text).with_context(|| format!("in {}", self.later.display()))
    }

    fn base(&self) -> &'p Path {
        self.index.parent().unwrap_or(Path::new("."))
    }
}

/// Writes the whole directory beside `out`, then puts it in its place: nobody ever embeds half a page.
fn build(paths: &Paths<'_>, out: &Path) -> Result<()> {
    let source =
        fs::read_to_string(paths.index).with_context(|| format!("cannot read {}", paths.index.display()))?;
    let mut output = Output::create(&out.with_extension("new"))?;

    let html = html::resolve(&source, |asset| write_asset(asset, paths, &mut output))?;
    output.write("index.html", html.as_bytes())?;
    if let Some(icon) = html::icon(&source)? {
        installable::write_worker(&paths.base().join(icon), &mut output)?;
    }
    println!("{}", output.summary());
    output.rename_to(out)
}

/// Writes down what of a page that counts has not run.
fn record(paths: &Paths<'_>, ran: &Path) -> Result<()> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let work = paths.module.with_extension("split");
    let split =
        split::split(&read(paths.module)?, &work, &mut Output::create(&work.with_extension("parts"))?)?;
    let bound = bind(split.main)?.wasm_mut().emit_wasm();
    let index = String::from_utf8(read(paths.index)?)?;
    let mut styles = String::new();
    html::resolve(&index, |asset| {
        if let Kind::Css = asset.kind {
            styles = String::from_utf8(read(&paths.base().join(&asset.href))?)?;
        }
        Ok(String::new())
    })?;
    let later = Later::record(&Module::parse(&bound)?, &styles, &String::from_utf8(read(ran)?)?)?;
    fs::write(&paths.later, later.write()).with_context(|| format!("cannot write {}", paths.later.display()))
}

/// Writes what one `<link data-trunk>` stands for; returns the HTML that takes its place.
fn write_asset(asset: &Asset, paths: &Paths<'_>, output: &mut Output) -> Result<String> {
    let base = paths.base();
    match asset.kind {
        Kind::Rust => write_module(paths, output),
        Kind::Css => {
            let path = base.join(&asset.href);
            let source =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let (first, whole) = match paths.counts {
                true => (styles::count(&source), String::new()),
                false => styles::divide(&source, &paths.later()?),
            };
            let first = output.write_hashed("styles", "css", first.as_bytes())?;
            let whole = output.write_hashed_for_later("styles-whole", "css", whole.as_bytes())?;
            Ok(format!(
                "<link rel=\"stylesheet\" href=\"./{first}\">\n    <link data-rel=\"stylesheet\" href=\"./{whole}\">"
            ))
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
fn write_module(paths: &Paths<'_>, output: &mut Output) -> Result<String> {
    let compiled =
        fs::read(paths.module).with_context(|| format!("cannot read {}", paths.module.display()))?;
    let split = split::split(&compiled, &paths.module.with_extension("split"), output)?;
    let mut generated = bind(split.main.clone())?;
    for (name, source) in generated.local_modules() {
        output.write(&format!("snippets/{name}"), source.as_bytes())?;
    }
    for (crate_name, sources) in generated.snippets() {
        for (i, source) in sources.iter().enumerate() {
            output.write(&format!("snippets/{crate_name}/inline{i}.js"), source.as_bytes())?;
        }
    }
    let mut bound = generated.wasm_mut().emit_wasm();
    let mut later = paths.later()?;
    if paths.counts {
        (bound, later) = (profile::count(&bound)?, Later::default());
    }
    let module = Module::parse(&bound)?;
    let script = split.join(generated.js())?;
    let constants = Constants::read(&compiled)?;
    let plan = Plan::new(&module, &later, &constants, &script)?;
    let Imports { described, script } = Imports::new(&script, |import| plan.is_rest_only(&module, import));
    let names = Names::new(&module, &script, described);
    let stages = stages::divide(&module, &plan, &constants, &names)?;
    let first = output.write_hashed("tabmq", "wasm", &stages.first)?;
    let rest = output.write_hashed_for_later(
        "rest",
        "wasm",
        &sections::with_note(&stages.rest, "parts", &split.list()),
    )?;
    let mut script = split::with_files(&names.script(&script), &first, &rest);
    if paths.counts {
        script = profile::listening(&script)?;
    }
    let script = output.write_hashed("tabmq", "js", script::shorten(&script)?.as_bytes())?;
    // The module is asked for at once, not when the script has arrived and run.
    Ok(format!(
        r#"<link rel="preload" href="./{first}" as="fetch" type="application/wasm" crossorigin>
<script type="module" src="./{script}"></script>"#
    ))
}

fn bind(module: Vec<u8>) -> Result<wasm_bindgen_cli_support::Output> {
    let generated = Bindgen::new()
        .input_bytes("tabmq", module)
        .web(true)?
        // Browsers that know references to JavaScript's values know this, too.
        .encode_into(EncodeInto::Always)
        // What the parts take from the first module are exports of the linker.
        .keep_lld_exports(true)
        .demangle(false)
        .typescript(false)
        .omit_default_module_path(true)
        // Names say what the first paint needs; they are left out afterwards.
        .remove_name_section(false)
        .remove_producers_section(true)
        .generate_output()?;
    if !generated.npm_dependencies().is_empty() {
        bail!("a crate of the page wants packages from npm, which this build does not have");
    }
    Ok(generated)
}
