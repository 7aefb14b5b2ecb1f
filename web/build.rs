//! What the splitter needs to see in the module; see `src/lazy.rs`.

#![allow(clippy::print_stdout, reason = "how build scripts speak")]

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_wasm = env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm");
    if is_wasm && env::var_os("CARGO_FEATURE_SPLIT").is_some() {
        // Which function and which piece of data names which other: without it nothing can be moved.
        println!("cargo:rustc-link-arg-bins=--emit-relocs");
        // The linker would join all constant data to one piece, and one piece stays where it is first needed.
        println!("cargo:rustc-link-arg-bins=--no-merge-data-segments");
    }
}
