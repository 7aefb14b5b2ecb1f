//! Bytes of a peer: see `tests/fuzz-targets/src/decode.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tabmq_fuzz_targets::decode::run(data));
