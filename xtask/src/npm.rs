//! `cargo xtask npm`: the page's client as a package for JavaScript, ready for `npm publish` or `npm install DIRECTORY`.

use crate::build::{cargo_for_pages, target_directory};
use crate::command::{self, Context, Result, cargo};
use crate::setup;
use std::fs;
use std::path::PathBuf;

/// Builds the package and returns its directory.
pub(crate) fn package() -> Result<PathBuf> {
    setup::wasm_target()?;
    let target = target_directory()?;
    eprintln!("==> the client for JavaScript: Rust to WebAssembly");
    command::run(&mut cargo_for_pages(["build", "--package", "tabmq-client"]))?;
    let module = target.join(setup::WASM).join("page").join("tabmq_client.wasm");
    let (root, out) = (command::workspace_root(), target.join("npm").join("tabmq-client"));
    let parent = out.parent().unwrap_or(&target);
    fs::create_dir_all(parent).context(format!("create {}", parent.display()))?;
    let mut page_build = cargo(["run", "--quiet", "--package", "page-build", "--", "npm"]);
    command::run(page_build.arg(&module).arg(root.join("web/npm/package")).arg(&out))?;
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(root.join(licence), out.join(licence)).context(format!("copy {licence}"))?;
    }
    Ok(out)
}
