//! A picture of the page, made small: a browser writes its screenshots fast, and with millions of colours to choose from.

use anyhow::{Context, Result, ensure};
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Transformations};
use std::collections::HashMap;
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

/// The same picture, compressed as well as possible; if nothing is transparent, in the colours of a [`palette`].
fn shrink(content: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(Cursor::new(content));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let size = reader.output_buffer_size().context("it is too large")?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels)?;
    pixels.truncate(info.buffer_size());
    let (mut color, mut colors) = (info.color_type, Vec::new());
    if let Some(opaque) = opaque(color, &pixels) {
        (colors, pixels) = palette(&opaque);
        color = ColorType::Indexed;
    }
    // Flat areas and text: which filter is best, only trying tells.
    let mut best: Option<Vec<u8>> = None;
    for filter in [Filter::NoFilter, Filter::Sub, Filter::Up, Filter::Adaptive] {
        let mut written = Vec::new();
        let mut encoder = Encoder::new(&mut written, info.width, info.height);
        encoder.set_color(color);
        if color == ColorType::Indexed {
            encoder.set_palette(colors.as_flattened());
        }
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

/// The pixels' colours, if nothing is transparent.
fn opaque(color: ColorType, pixels: &[u8]) -> Option<Vec<Color>> {
    let bytes = match color {
        ColorType::Rgb => 3,
        ColorType::Rgba if pixels.iter().skip(3).step_by(4).all(|alpha| *alpha == u8::MAX) => 4,
        _ => return None,
    };
    Some(pixels.chunks_exact(bytes).filter_map(|pixel| pixel.first_chunk::<3>()).copied().collect())
}

/// Red, green and blue.
type Color = [u8; 3];

/// At most 256 colours, and which of them each pixel has: those that there are, or so few of them that none of the others is
/// further away than need be. Text has thousands at the edges of its letters, which nobody tells apart.
fn palette(pixels: &[Color]) -> (Vec<Color>, Vec<u8>) {
    let mut counts = HashMap::<Color, usize>::new();
    for pixel in pixels {
        *counts.entry(*pixel).or_default() += 1;
    }
    let mut by_count: Vec<(Color, usize)> = counts.into_iter().collect();
    by_count.sort_by_key(|(color, count)| (std::cmp::Reverse(*count), *color));
    let chosen = (0..).find_map(|step| choose(&by_count, step)).unwrap_or_default();
    let places: HashMap<Color, u8> = by_count
        .iter()
        .map(|(color, _)| (*color, nearest(&chosen, *color).map_or(0, |(place, _)| place)))
        .collect();
    (chosen, pixels.iter().map(|pixel| places.get(pixel).copied().unwrap_or_default()).collect())
}

/// Colours of which each is further than `step` from the others, the most frequent first; `None` if they are more than 256.
fn choose(by_count: &[(Color, usize)], step: u32) -> Option<Vec<Color>> {
    let mut chosen = Vec::new();
    for (color, _) in by_count {
        if nearest(&chosen, *color).is_none_or(|(_, distance)| distance > step * step) {
            chosen.push(*color);
        }
        if chosen.len() > 256 {
            return None;
        }
    }
    Some(chosen)
}

/// Which of these is nearest, and the square of how far it is.
fn nearest(colors: &[Color], color: Color) -> Option<(u8, u32)> {
    let distance = |other: &Color| -> u32 {
        other.iter().zip(color).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    (0..=u8::MAX).zip(colors.iter().map(distance)).min_by_key(|(_, distance)| *distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(content: &[u8]) -> (ColorType, Vec<u8>) {
        let mut decoder = Decoder::new(Cursor::new(content));
        decoder.set_transformations(Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().color_type, pixels)
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
        assert_eq!(color, ColorType::Indexed);
        let expected: Vec<u8> = (0..64u8).flat_map(|n| [n, n / 2, 255 - n]).collect();
        assert_eq!(small, expected);
        let (color, small) = pixels(&shrink(&written(7)).unwrap());
        assert_eq!((color, &small), (ColorType::Rgba, &pixels(&written(7)).1));
        assert!(shrink(b"GIF89a").is_err());
    }

    #[test]
    fn too_many_colors_become_their_neighbours() {
        let many: Vec<Color> = (0..=255u8).flat_map(|n| [[n, 0, 0], [n, 0, 1], [0, n, 255]]).collect();
        let (colors, places) = palette(&many);
        assert!(colors.len() <= 256 && places.len() == many.len());
        for (pixel, place) in many.iter().zip(places) {
            let shown = colors[usize::from(place)];
            assert!(pixel.iter().zip(shown).all(|(a, b)| a.abs_diff(b) <= 4), "{pixel:?} as {shown:?}");
        }
    }
}
