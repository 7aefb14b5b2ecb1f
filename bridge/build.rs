//! Tells the compiler where the page to embed is: `TABMQ_PAGE_DIR`, which `cargo xtask` sets.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-env-changed=TABMQ_PAGE_DIR");
    let page = match std::env::var_os("TABMQ_PAGE_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        // Without it the broker is complete but for its page, and says so in its place.
        None => {
            let dir = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("no-page");
            std::fs::create_dir_all(&dir)?;
            dir
        }
    };
    println!("cargo::rerun-if-changed={}", page.display());
    println!("cargo::rustc-env=TABMQ_PAGE_DIR={}", page.display());
    Ok(())
}
