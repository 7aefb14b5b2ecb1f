//! The directory that is written: plain files, and beside each its compressed variants.

use anyhow::{Context, Result};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Below this a compressed variant is not worth its header lines.
const MIN_COMPRESSED_BYTES: usize = 200;

/// A directory under construction.
pub(crate) struct Output {
    directory: PathBuf,
    /// The names of what was written, without compressed variants.
    names: Vec<String>,
    /// A hash over names and contents.
    version: u64,
    plain_bytes: usize,
    brotli_bytes: usize,
    /// Of these, what is fetched only when it is needed.
    later_bytes: usize,
}

impl Output {
    /// An empty directory; what was there is removed.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        if directory.exists() {
            fs::remove_dir_all(directory)
                .with_context(|| format!("cannot remove {}", directory.display()))?;
        }
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Output {
            directory: directory.to_path_buf(),
            names: Vec::new(),
            version: fnv1a(b""),
            plain_bytes: 0,
            brotli_bytes: 0,
            later_bytes: 0,
        })
    }

    /// Writes `stem-HASH.extension` and returns that name.
    pub(crate) fn write_hashed(&mut self, stem: &str, extension: &str, content: &[u8]) -> Result<String> {
        let name = format!("{stem}-{:016x}.{extension}", fnv1a(content));
        self.write(&name, content)?;
        Ok(name)
    }

    /// The same for what is not part of the first paint.
    pub(crate) fn write_hashed_for_later(
        &mut self,
        stem: &str,
        extension: &str,
        content: &[u8],
    ) -> Result<String> {
        let name = format!("{stem}-{:016x}.{extension}", fnv1a(content));
        self.write_for_later(&name, content)?;
        Ok(name)
    }

    /// Writes what is not part of the first paint.
    pub(crate) fn write_for_later(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let before = self.brotli_bytes;
        self.write(name, content)?;
        self.later_bytes += self.brotli_bytes - before;
        Ok(())
    }

    /// Writes `name`, and `name.br` and `name.gz` where they are smaller.
    pub(crate) fn write(&mut self, name: &str, content: &[u8]) -> Result<()> {
        self.write_plain(name, content)?;
        let mut over_the_wire = content.len();
        if content.len() >= MIN_COMPRESSED_BYTES {
            let brotli = brotli(content)?;
            if brotli.len() < content.len() {
                over_the_wire = brotli.len();
                self.write_plain(&format!("{name}.br"), &brotli)?;
            }
            let gzip = gzip(content)?;
            if gzip.len() < content.len() {
                self.write_plain(&format!("{name}.gz"), &gzip)?;
            }
        }
        self.names.push(name.to_owned());
        self.version ^= fnv1a(name.as_bytes()).rotate_left(1) ^ fnv1a(content);
        self.plain_bytes += content.len();
        self.brotli_bytes += over_the_wire;
        Ok(())
    }

    /// The names of what was written, without compressed variants.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Another number for other files.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// What was written, in one line.
    pub(crate) fn summary(&self) -> String {
        let Output { plain_bytes, brotli_bytes, later_bytes, .. } = self;
        let files = self.names.len();
        let first = brotli_bytes - later_bytes;
        format!(
            "page: {files} files, {plain_bytes} bytes; over the wire (brotli) {first} at first, {later_bytes} when needed"
        )
    }

    /// Replaces `directory` by this one.
    pub(crate) fn rename_to(self, directory: &Path) -> Result<()> {
        if directory.exists() {
            fs::remove_dir_all(directory)
                .with_context(|| format!("cannot remove {}", directory.display()))?;
        }
        fs::rename(&self.directory, directory)
            .with_context(|| format!("cannot write {}", directory.display()))
    }

    fn write_plain(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut compressed, &params)
        .context("cannot compress with brotli")?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    encoder.finish().context("cannot compress with gzip")
}

/// FNV-1a, 64 bits: names that differ when contents do. Nobody attacks the page's own build.
fn fnv1a(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn hash_is_fnv1a() {
        // The published test vectors of the function.
        let check =
            |content: &str, expected: u64| assert_eq!(fnv1a(content.as_bytes()), expected, "{content}");
        check("", 0xcbf2_9ce4_8422_2325);
        check("a", 0xaf63_dc4c_8601_ec8c);
        check("foobar", 0x8594_4171_f739_67e8);
    }

    #[test]
    fn compressed_variants_hold_the_same_bytes() {
        let content = "one two three ".repeat(1_000).into_bytes();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*gzip(&content).unwrap()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, content);
        unpacked.clear();
        brotli::BrotliDecompress(&mut &*brotli(&content).unwrap(), &mut unpacked).unwrap();
        assert_eq!(unpacked, content);
    }
}
