//! What the fuzz targets of `tests/fuzz` do with their inputs. Here, because that package needs a nightly toolchain and a
//! fuzzer: so every build compiles it, and every `cargo test` runs the committed corpora.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is a finding")]

pub mod broker;
pub mod decode;

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrary::{Arbitrary, Unstructured};
    use std::fs;
    use std::path::Path;

    /// The files of a corpus in order, with their names.
    fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
        files.sort();
        assert!(files.len() > 100, "{} files of {name}", files.len());
        files
    }

    /// Says which file it was, if it fails.
    struct Name(String);

    impl Drop for Name {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the finding is {}", self.0);
            }
        }
    }

    #[test]
    fn the_corpus_of_decode() {
        for (name, bytes) in corpus("decode") {
            let name = Name(name);
            decode::run(&bytes);
            drop(name);
        }
    }

    #[test]
    fn the_corpus_of_broker() {
        for (name, bytes) in corpus("broker") {
            let name = Name(name);
            // As the fuzzer does.
            broker::run(broker::Input::arbitrary_take_rest(Unstructured::new(&bytes)).unwrap());
            drop(name);
        }
    }
}
