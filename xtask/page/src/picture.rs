//! A picture of the page, as small as it gets without losing anything: a browser writes its screenshots fast, not small.

use anyhow::{Context, Result, ensure};
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Transformations};
use std::fs;
use std::io::Cursor;
use std::path::Path;

/// The largest picture of the README, in bytes.
const MAX_BYTES: usize = 150_000;

/// Reads the picture at `from` and writes it to `to`.
///
/// # Errors
/// It is no picture, or more than [`MAX_BYTES`] are left of it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let small = shrink(&content).with_context(|| format!("{} is no picture", from.display()))?;
    println!("{}: {} bytes, of {}", to.display(), small.len(), content.len());
    ensure!(small.len() <= MAX_BYTES, "{} is larger than {MAX_BYTES} bytes", to.display());
    fs::write(to, small).with_context(|| format!("cannot write {}", to.display()))
}

/// The same picture, without transparency if there is none, compressed as well as possible.
fn shrink(content: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(Cursor::new(content));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let size = reader.output_buffer_size().context("it is too large")?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels)?;
    pixels.truncate(info.buffer_size());
    let mut color = info.color_type;
    if color == ColorType::Rgba && pixels.iter().skip(3).step_by(4).all(|alpha| *alpha == u8::MAX) {
        pixels = pixels.chunks_exact(4).flat_map(|pixel| pixel.iter().take(3).copied()).collect();
        color = ColorType::Rgb;
    }
    // Flat areas and text: which filter is best, only trying tells.
    let mut best: Option<Vec<u8>> = None;
    for filter in [Filter::NoFilter, Filter::Sub, Filter::Up, Filter::Adaptive] {
        let mut written = Vec::new();
        let mut encoder = Encoder::new(&mut written, info.width, info.height);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::High);
        encoder.set_filter(filter);
        encoder.write_header()?.write_image_data(&pixels)?;
        if best.as_ref().is_none_or(|best| written.len() < best.len()) {
            best = Some(written);
        }
    }
    best.context("nothing was tried")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(content: &[u8]) -> (ColorType, Vec<u8>) {
        let mut reader = Decoder::new(Cursor::new(content)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.color_type, pixels)
    }

    fn written(alpha: u8) -> Vec<u8> {
        let pixels: Vec<u8> = (0..64u8).flat_map(|n| [n, n / 2, 255 - n, alpha]).collect();
        let mut content = Vec::new();
        let mut encoder = Encoder::new(&mut content, 8, 8);
        encoder.set_color(ColorType::Rgba);
        encoder.set_compression(Compression::NoCompression);
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        content
    }

    #[test]
    fn every_pixel_stays() {
        let (color, small) = pixels(&shrink(&written(255)).unwrap());
        assert_eq!(color, ColorType::Rgb);
        let expected: Vec<u8> = (0..64u8).flat_map(|n| [n, n / 2, 255 - n]).collect();
        assert_eq!(small, expected);
        let (color, small) = pixels(&shrink(&written(7)).unwrap());
        assert_eq!((color, &small), (ColorType::Rgba, &pixels(&written(7)).1));
        assert!(shrink(b"GIF89a").is_err());
    }
}
