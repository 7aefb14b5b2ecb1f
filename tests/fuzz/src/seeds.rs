//! Writes the codec's table of packet vectors as a corpus for `decode`: one file for each packet and version.
//!
//! `cargo +nightly run --manifest-path tests/fuzz/Cargo.toml --bin seeds -- DIRECTORY`

#![allow(dead_code, reason = "a part of the tables is for the codec's tests alone")]

#[path = "../../../shared/tests/support/cases.rs"]
mod cases;
#[path = "../../../shared/tests/support/wire.rs"]
mod wire;

use std::path::PathBuf;
use tabmq_shared::codec::Sender;
use tabmq_shared::packet::Version;

fn main() -> std::io::Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).expect("a directory"));
    std::fs::create_dir_all(&directory)?;
    let mut number = 0;
    for case in cases::all() {
        for version in case.versions {
            // The first byte is what the target takes it for.
            let version = match version {
                Version::V31 => 0,
                Version::V311 => 1,
                Version::V5 => 2,
            };
            let sender = if case.sender == Sender::Client { 0 } else { 3 };
            let mut bytes = vec![version + sender];
            bytes.extend(wire::bytes(&case.wire));
            std::fs::write(directory.join(format!("case-{number:04}")), bytes)?;
            number += 1;
        }
    }
    println!("{number} files in {}", directory.display());
    Ok(())
}
