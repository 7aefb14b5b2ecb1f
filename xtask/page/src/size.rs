//! What the page's files weigh: `page-build size DIRECTORY`.

use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The first paint may need so many bytes over the wire, compressed with brotli, before topics and messages are seen.
pub(crate) const LIMIT_BYTES: u64 = 90_000;

/// Prints a table.
///
/// # Errors
/// The first paint needs more than [`LIMIT_BYTES`].
pub(crate) fn report(page: &Path) -> Result<()> {
    let html = fs::read_to_string(page.join("index.html")).context("cannot read index.html")?;
    let first = named(&html);
    let mut rows = Vec::new();
    for name in files(page)? {
        let plain = length(&page.join(&name))?;
        let wire = length(&page.join(format!("{name}.br"))).unwrap_or(plain);
        rows.push(Row {
            is_first: name == "index.html" || first.contains(&name.as_str()),
            name,
            plain,
            wire,
        });
    }
    rows.sort_by_key(|row| (!row.is_first, std::cmp::Reverse(row.wire)));
    println!("{}", table(&rows));
    let needed: u64 = rows.iter().filter(|row| row.is_first).map(|row| row.wire).sum();
    ensure!(
        needed <= LIMIT_BYTES,
        "the first paint needs {needed} bytes over the wire, {LIMIT_BYTES} are allowed. `cargo xtask profile` moves what it \
         does not run into the rest; if that is not enough, something new is in the way of the first message"
    );
    println!("the first paint needs {needed} bytes over the wire, of {LIMIT_BYTES} that are allowed");
    Ok(())
}

/// A file: its bytes on the disk, and over the wire.
struct Row {
    name: String,
    is_first: bool,
    plain: u64,
    wire: u64,
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("{:>9} {:>9}  {:<6} file\n", "bytes", "brotli", "when");
    for Row { name, is_first, plain, wire } in rows {
        let when = if *is_first { "first" } else { "later" };
        let _ = writeln!(table, "{plain:>9} {wire:>9}  {when:<6} {name}");
    }
    table
}

/// The files that index.html names: a browser fetches all of them at once, but for what is marked for later.
fn named(html: &str) -> Vec<&str> {
    let tags = html.split('<').filter(|tag| !tag.contains("data-rel"));
    let values = tags.flat_map(|tag| tag.split(['"', ' ', '\n']));
    values.filter_map(|value| value.strip_prefix("./")).collect()
}

/// All files, without those that are compressed variants.
fn files(page: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(page).with_context(|| format!("cannot read {}", page.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.ends_with(".br") && !name.ends_with(".gz") {
            files.push(name);
        }
    }
    Ok(files)
}

fn length(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_html_names_is_first() {
        let html = "<link rel=\"stylesheet\" href=\"./a.css\">\n<link data-rel=\"stylesheet\" href=\"./b.png\">\
                    <script type=\"module\" src=\"./c.js\"></script>";
        assert_eq!(named(html), ["a.css", "c.js"]);
    }
}
