//! The page, then the broker with the page inside.
//!
//! ```text
//! web/ --cargo, wasm32--> tabmq-web.wasm --page-build--> <target>/tabmq-page/ --rust-embed--> <target>/…/tabmq
//! ```

use crate::command::{self, Context, Result, cargo};
use crate::setup;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// How the broker is compiled: a profile of the workspace's Cargo.toml, and its directory in the target directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What is shipped.
    Release,
    /// What the end-to-end tests run: as optimised, but compiled in seconds after a change.
    E2e,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Profile::Release => "release",
            Profile::E2e => "e2e",
        }
    }
}

/// Builds page and broker; what is up to date stays as it is. Returns the binary, with the page inside.
pub(crate) fn broker_with_page(profile: Profile) -> Result<PathBuf> {
    let start = Instant::now();
    setup::wasm_target()?;
    let target = target_directory()?;
    let page = page(&target)?;
    let broker = broker(&target, &page, profile)?;
    // Only when something was done: an unchanged build takes well below this.
    if start.elapsed().as_secs() >= 2 {
        eprintln!("==> built in {:.0} s", start.elapsed().as_secs_f32());
    }
    Ok(broker)
}

/// The same, with rumqttd inside of the gateway, in a place of its own: `<target>/rumqttd/tabmq`. For the tests it is not
/// optimised: it is compiled for little else, and nothing is measured with it.
pub(crate) fn gateway_with_rumqttd(optimised: bool) -> Result<PathBuf> {
    setup::wasm_target()?;
    let target = target_directory()?;
    let page = page(&target)?;
    eprintln!("==> the gateway with rumqttd inside");
    let mut build = cargo(["build", "--package", "tabmq", "--bin", "tabmq", "--features", "rumqttd"]);
    if optimised {
        build.arg("--release");
    }
    command::run(build.env("TABMQ_PAGE_DIR", page))?;
    let name = format!("tabmq{}", std::env::consts::EXE_SUFFIX);
    let built = target.join(if optimised { "release" } else { "debug" }).join(&name);
    let directory = target.join("rumqttd");
    fs::create_dir_all(&directory).context(format!("make {}", directory.display()))?;
    // Away from where people look for the broker.
    fs::rename(&built, directory.join(&name)).context(format!("move {}", built.display()))?;
    Ok(directory.join(name))
}

/// Compiles shared for wasm32 alone, without the page's dependencies and their features.
pub(crate) fn shared_for_wasm() -> Result<()> {
    setup::wasm_target()?;
    command::run(&mut cargo(["build", "--package", "tabmq-shared", "--target", setup::WASM]))
}

/// The target directory as cargo sees it, so that CARGO_TARGET_DIR and configuration files work.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = command::output(&mut cargo(["metadata", "--format-version", "1", "--no-deps"]))?;
    json_string(&metadata, "target_directory")
        .map(PathBuf::from)
        .ok_or_else(|| "`cargo metadata` names no target_directory".into())
}

/// `cargo` for what runs in browsers.
///
/// Names with their type arguments, because the page is divided by functions' names (`xtask/page/src/profile.rs`); and
/// functions that need room on the stack stay by themselves, or all would end in one that the first paint runs. Constants
/// stay by themselves, too, for the same reason.
pub(crate) fn cargo_for_pages<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
    let given = std::env::var(FLAGS).unwrap_or_default();
    let ours = "-Csymbol-mangling-version=v0 -Cllvm-args=-inline-max-stacksize=96 -Cllvm-args=-enable-global-merge=false";
    let mut command = cargo(arguments);
    command.args(["--profile", "page", "--target", setup::WASM]).env(FLAGS, format!("{given} {ours}").trim());
    command
}

/// Compiles the page; returns the module.
fn page_module(target: &Path) -> Result<PathBuf> {
    eprintln!("==> the page: Rust to WebAssembly");
    command::run(&mut cargo_for_pages(["build", "--package", "tabmq-web", "--features", "split"]))?;
    Ok(target.join(setup::WASM).join("page").join("tabmq-web.wasm"))
}

/// Compiles the page and makes the directory that the broker embeds.
fn page(target: &Path) -> Result<PathBuf> {
    let module = page_module(target)?;
    let root = command::workspace_root();
    let out = target.join("tabmq-page");
    let stamp = target.join("tabmq-page.stamp");
    let inputs = page_inputs(&root, &module)?;
    let fingerprint = format!("{:016x}", fingerprint(&inputs)?);
    if out.join("index.html").is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == fingerprint) {
        return Ok(out);
    }

    eprintln!("==> the page: JavaScript glue, names by content, compression");
    let _ = fs::remove_file(&stamp); // a build that is interrupted must not look finished
    let mut page_build = cargo(["run", "--package", "page-build", "--"]);
    command::run(page_build.arg(root.join("index.html")).arg(&module).arg(&out))?;
    fs::write(&stamp, fingerprint).context(format!("write {}", stamp.display()))?;
    Ok(out)
}

/// Builds the page and prints what its files weigh; an error if the first paint needs more than its limit.
pub(crate) fn size() -> Result<()> {
    setup::wasm_target()?;
    let page = page(&target_directory()?)?;
    command::run(cargo(["run", "--quiet", "--package", "page-build", "--", "size"]).arg(&page))
}

/// Shows a page that tells which of its code runs in Chromium, and writes down what the first paint does without: `web/later.txt`.
pub(crate) fn profile() -> Result<()> {
    setup::wasm_target()?;
    setup::test_tools(true)?;
    let (root, target) = (command::workspace_root(), target_directory()?);
    let module = page_module(&target)?;
    let page_build = |command: &str| {
        let mut build = cargo(["run", "--quiet", "--package", "page-build", "--", command]);
        build.arg(root.join("index.html")).arg(&module);
        build
    };
    let (counting, ran) = (target.join("tabmq-page-counting"), target.join("tabmq-page-ran.txt"));
    command::run(page_build("count").arg(&counting))?;
    let broker = broker(&target, &counting, Profile::E2e)?;
    let mut test =
        cargo(["test", "--package", "tabmq-tests", "--features", "tabmq-tests/e2e", "--test", "browser"]);
    test.args(["--", "--ignored", "--exact", "first_paint::what_the_first_paint_runs"]);
    command::run(test.env("TABMQ_BIN", &broker).env("TABMQ_RAN", &ran))?;
    command::run(page_build("record").arg(&ran))
}

/// The broker as it is shipped, but with its functions' names, and without the page; in a place of its own.
pub(crate) fn broker_with_names() -> Result<PathBuf> {
    eprintln!("==> the broker, with names");
    let target = target_directory()?.join("hot");
    let mut build = cargo(["build", "--release", "--package", "tabmq", "--bin", "tabmq", "--target-dir"]);
    command::run(build.arg(&target).env("CARGO_PROFILE_RELEASE_STRIP", "none"))?;
    Ok(target.join("release").join("tabmq"))
}

/// Compiles the broker with the page inside.
fn broker(target: &Path, page: &Path, profile: Profile) -> Result<PathBuf> {
    eprintln!("==> the broker");
    let mut build = cargo(["build", "--profile", profile.name(), "--package", "tabmq", "--bin", "tabmq"]);
    command::run(build.env("TABMQ_PAGE_DIR", page))?;
    Ok(target.join(profile.name()).join(format!("tabmq{}", std::env::consts::EXE_SUFFIX)))
}

/// Every file that the page's directory depends on: the module, HTML, styles, pictures, and the program that makes it.
fn page_inputs(root: &Path, module: &Path) -> Result<Vec<PathBuf>> {
    let mut inputs = vec![module.to_path_buf(), root.join("index.html"), root.join("Cargo.lock")];
    let web = root.join("web");
    inputs.push(web.join("later.txt"));
    for directory in [web.join("styles"), web.join("assets"), root.join("xtask").join("page")] {
        if directory.is_dir() {
            inputs.extend(files_below(&directory)?);
        }
    }
    let styles = web.join("styles.css");
    if styles.is_file() {
        inputs.push(styles);
    }
    Ok(inputs)
}

fn fingerprint(files: &[PathBuf]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(file).context(format!("read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// All files below `directory`, in a stable order.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).context(format!("read {}", dir.display()))? {
            let path = entry.context(format!("read {}", dir.display()))?.path();
            if path.is_dir() { pending.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

/// The string value of the first `"key":"…"` in `json`. Enough for one well-known field, and no parser to compile.
fn json_string(json: &str, key: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
    let mut value = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => value.push(chars.next()?), // a path escapes only `\` and `"`
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_string_of_json() {
        let check = |json: &str, expected: Option<&str>| {
            assert_eq!(json_string(json, "target_directory").as_deref(), expected, "{json}");
        };
        check(r#"{"a":1,"target_directory":"/x/target","b":2}"#, Some("/x/target"));
        check(r#"{"target_directory":"C:\\x \"y\"\\target"}"#, Some("C:\\x \"y\"\\target"));
        check(r#"{"target_directory":"unfinished"#, None);
        check("{}", None);
    }
}
