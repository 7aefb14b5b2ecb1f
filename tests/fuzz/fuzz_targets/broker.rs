//! Three clients: see `tests/fuzz-targets/src/broker.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: tabmq_fuzz_targets::broker::Input| tabmq_fuzz_targets::broker::run(input));
