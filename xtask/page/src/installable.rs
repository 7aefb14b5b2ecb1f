//! What makes the page installable: a manifest, icons as pictures, and a service worker that keeps the page's files.

use crate::output::Output;
use anyhow::{Context, Result, bail};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::fs;
use std::path::Path;

/// Beside the icon that index.html names: one that systems may cut to any shape, and the service worker.
const MASKABLE: &str = "icon-maskable.svg";
const WORKER: &str = "sw.js";

/// The mark in the service worker's source at which the list of files is put.
const LIST: &str = "/* FILES */";
const VERSION: &str = "VERSION";

/// Writes icons and manifest; returns the HTML that names them, for when the page is whole (see `loader.js`). `icon` is the page's icon.
pub(crate) fn write_manifest(icon: &Path, output: &mut Output) -> Result<String> {
    let plain = fs::read(icon).with_context(|| format!("cannot read {}", icon.display()))?;
    let path = icon.with_file_name(MASKABLE);
    let maskable = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut icons = Vec::new();
    for (svg, stem, purpose, sides) in
        [(&plain, "icon", "any", [192, 512]), (&maskable, "icon-maskable", "maskable", [192, 512])]
    {
        for side in sides {
            let name = output.write_hashed_for_later(&format!("{stem}-{side}"), "png", &png(svg, side)?)?;
            icons.push(format!(
                r#"    {{ "src": "./{name}", "sizes": "{side}x{side}", "type": "image/png", "purpose": "{purpose}" }}"#
            ));
        }
    }
    // Apple's systems take no transparent icons.
    let apple = output.write_hashed_for_later("icon-apple", "png", &png(&maskable, 180)?)?;
    let manifest = format!(
        r##"{{
  "id": "./",
  "name": "TabMQ",
  "short_name": "TabMQ",
  "description": "An MQTT client in this tab, beside your devices",
  "start_url": "./",
  "scope": "./",
  "display": "standalone",
  "theme_color": "#1d5fd1",
  "background_color": "#f3f4f6",
  "categories": ["developer", "utilities"],
  "icons": [
{}
  ]
}}
"##,
        icons.join(",\n")
    );
    let manifest = output.write_hashed_for_later("manifest", "webmanifest", manifest.as_bytes())?;
    Ok(format!(
        r#"<link data-rel="manifest" href="./{manifest}">
    <link data-rel="apple-touch-icon" href="./{apple}">"#
    ))
}

/// Writes the service worker for all files that were written before, which must be all but pictures of icons.
pub(crate) fn write_worker(icon: &Path, output: &mut Output) -> Result<()> {
    let path = icon.with_file_name(WORKER);
    let source = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let worker = worker(&source, output.names(), output.version())?;
    output.write_for_later(WORKER, worker.as_bytes())
}

fn worker(source: &str, names: &[String], version: u64) -> Result<String> {
    if !source.contains(LIST) || !source.contains(VERSION) {
        bail!("the service worker has no place for its version and its list of files");
    }
    // Icons are the system's, not the page's; `./` is index.html as browsers ask for it.
    let wanted = names.iter().filter(|name| !name.ends_with(".png") && *name != "index.html");
    let list: Vec<String> =
        std::iter::once("\"./\"".to_owned()).chain(wanted.map(|name| format!("\"{name}\""))).collect();
    Ok(source.replacen(VERSION, &format!("{version:016x}"), 1).replacen(LIST, &list.join(", "), 1))
}

/// A picture of an icon, `side` pixels wide and high.
fn png(svg: &[u8], side: u32) -> Result<Vec<u8>> {
    let tree = Tree::from_data(svg, &Options::default()).context("an icon is not SVG")?;
    let mut pixels = Pixmap::new(side, side).context("an icon without pixels")?;
    #[expect(clippy::cast_precision_loss, reason = "icons have hundreds of pixels")]
    let side = side as f32;
    let scale = Transform::from_scale(side / tree.size().width(), side / tree.size().height());
    resvg::render(&tree, scale, &mut pixels.as_mut());
    pixels.encode_png().context("cannot write a PNG")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: &[u8] = br##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><path d="M0 0h1v2H0z" fill="#f00"/></svg>"##;

    #[test]
    fn icons_are_drawn() {
        let picture = Pixmap::decode_png(&png(SQUARE, 10).unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (10, 10));
        let at = |x| picture.pixel(x, 5).map(|p| (p.red(), p.alpha())).unwrap();
        assert_eq!((at(1), at(8)), ((255, 255), (0, 0)));
        assert!(png(b"no picture", 10).is_err());
    }

    #[test]
    fn the_worker_keeps_what_the_page_needs() {
        let names = ["a-1.js", "icon-2.png", "index.html"].map(str::to_owned);
        let worker = worker("const V = \"VERSION\"; const F = [/* FILES */];", &names, 0xab).unwrap();
        assert_eq!(worker, "const V = \"00000000000000ab\"; const F = [\"./\", \"a-1.js\"];");
        assert!(super::worker("nothing", &names, 0).is_err());
    }
}
