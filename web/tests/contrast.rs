//! The colours of both themes: text is readable (WCAG 2.2, 1.4.3: 4.5 to 1), borders of fields are visible (1.4.11:
//! 3 to 1). Reckoned from the variables of the style sheet; axe looks at what is in fact on the page.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail")]

use std::collections::HashMap;

const SHEET: &str = include_str!("../styles.css");

/// What is written in which colours on what.
const TEXT: &[(&str, &[&str])] = &[
    ("text", &["bg", "panel", "raised", "accent-soft", "fresh", "warn-soft", "bad-soft"]),
    ("dim", &["bg", "panel", "raised", "accent-soft"]),
    ("accent", &["panel", "raised", "accent-soft"]),
    ("accent-text", &["accent"]),
    ("good", &["panel", "raised"]),
    ("warn", &["panel", "raised", "warn-soft"]),
    ("bad", &["panel", "raised", "bad-soft"]),
    ("key", &["raised"]),
    ("string", &["raised"]),
    ("number", &["raised"]),
    ("word", &["raised"]),
];

/// What must be seen, and need not be read.
const SHAPES: &[(&str, &[&str])] = &[("line-strong", &["panel", "raised"]), ("accent", &["bg"])];

#[test]
fn text_is_readable_and_fields_are_visible() {
    let light = variables(":root {");
    let dark = variables(":root[data-theme=\"dark\"] {");
    for (theme, colours) in [("light", light), ("dark", dark)] {
        for (pairs, least) in [(TEXT, 4.5), (SHAPES, 3.0)] {
            for (front, backs) in pairs {
                for back in *backs {
                    let ratio = contrast(colours[*front], colours[*back]);
                    assert!(ratio >= least, "{theme}: {front} on {back} is {ratio:.2} to 1, not {least}");
                }
            }
        }
    }
}

#[test]
fn the_formula_is_that_of_wcag() {
    let near = |a: f64, b: f64| (a - b).abs() < 0.01;
    assert!(near(contrast([0, 0, 0], [255, 255, 255]), 21.0));
    // The known edge: #767676 on white is 4.54 to 1.
    assert!(near(contrast([0x76; 3], [255; 3]), 4.54));
}

/// The colours of the first block that begins with `head`.
fn variables(head: &str) -> HashMap<&'static str, [u8; 3]> {
    let (_, block) = SHEET.split_once(head).expect("the block of a theme");
    let (block, _) = block.split_once('}').expect("its end");
    let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
    lines.map(|(name, value)| (name, hex(value.trim_end_matches(';')))).collect()
}

fn hex(digits: &str) -> [u8; 3] {
    let full: String = match digits.len() {
        3 => digits.chars().flat_map(|c| [c, c]).collect(),
        _ => digits.to_owned(),
    };
    let channel = |at: usize| {
        let pair = full.get(at..at + 2).unwrap_or_else(|| panic!("not a colour: {digits}"));
        u8::from_str_radix(pair, 16).expect("hexadecimal")
    };
    [channel(0), channel(2), channel(4)]
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance([red, green, blue]: [u8; 3]) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}
