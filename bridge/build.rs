//! Tells the compiler where the page to embed is: `TABMQ_PAGE_DIR`, which `cargo xtask` sets; and the linker, which
//! functions are to be side by side.

use std::env;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    order_functions();
    println!("cargo::rerun-if-env-changed=TABMQ_PAGE_DIR");
    let page = match env::var_os("TABMQ_PAGE_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        // Without it the broker is complete but for its page, and says so in its place.
        None => {
            let dir = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("no-page");
            std::fs::create_dir_all(&dir)?;
            dir
        }
    };
    println!("cargo::rerun-if-changed={}", page.display());
    println!("cargo::rustc-env=TABMQ_PAGE_DIR={}", page.display());
    Ok(())
}

/// What a message runs lies side by side (xtask/src/bench/hot.rs says why). Only where it is shipped from, and by the linker that
/// Rust chooses itself: those that people choose (mold, for one) may not know such scripts.
fn order_functions() {
    println!("cargo::rerun-if-changed=hot.ld");
    let is = |name, value| env::var(name).is_ok_and(|is| is == value);
    let chosen = env::var_os("RUSTC_LINKER").is_some()
        || env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"));
    if is("CARGO_CFG_TARGET_OS", "linux") && is("PROFILE", "release") && !chosen {
        let directory = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-T{directory}/hot.ld");
    }
}
