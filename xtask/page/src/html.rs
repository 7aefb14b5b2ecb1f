//! The `<link data-trunk …>` tags of index.html.

use anyhow::{Context, Result, bail};

/// What a tag asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The WebAssembly module.
    Rust,
    /// A style sheet.
    Css,
    /// The page's icon.
    Icon,
}

/// One tag.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asset {
    /// What it asks for.
    pub(crate) kind: Kind,
    /// The source, relative to index.html.
    pub(crate) href: String,
}

/// Replaces every `<link data-trunk …>` by what `write` returns for it. Comments are left out.
pub(crate) fn resolve(html: &str, mut write: impl FnMut(&Asset) -> Result<String>) -> Result<String> {
    let html = without_comments(html)?;
    let mut resolved = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(start) = rest.find("<link") {
        let (before, tag_on) = rest.split_at(start);
        let end = tag_on.find('>').context("a <link> without its '>'")? + 1;
        let (tag, behind) = tag_on.split_at(end);
        resolved.push_str(before);
        match parse(tag)? {
            Some(asset) => resolved.push_str(&write(&asset).with_context(|| format!("for {tag}"))?),
            None => resolved.push_str(tag),
        }
        rest = behind;
    }
    resolved.push_str(rest);
    if resolved.contains("<script>") || resolved.contains("<style") {
        bail!("inline scripts and styles are refused by the broker's content security policy: use files");
    }
    Ok(resolved)
}

/// The page's icon, if there is one.
pub(crate) fn icon(html: &str) -> Result<Option<String>> {
    let mut icon = None;
    resolve(html, |asset| {
        if asset.kind == Kind::Icon {
            icon = Some(asset.href.clone());
        }
        Ok(String::new())
    })?;
    Ok(icon)
}

fn parse(tag: &str) -> Result<Option<Asset>> {
    if !tag.split_ascii_whitespace().any(|word| word == "data-trunk") {
        return Ok(None);
    }
    let kind = match attribute(tag, "rel") {
        Some("rust") => Kind::Rust,
        Some("css") => Kind::Css,
        Some("icon") => Kind::Icon,
        other => bail!("page-build knows rel=\"rust\", \"css\" and \"icon\", but not {other:?} in {tag}"),
    };
    let href = attribute(tag, "href").with_context(|| format!("no href in {tag}"))?;
    Ok(Some(Asset { kind, href: href.to_owned() }))
}

/// The value of ` name="…"`.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = tag.split_once(&format!(" {name}=\""))?;
    behind.split_once('"').map(|(value, _)| value)
}

fn without_comments(html: &str) -> Result<String> {
    let mut kept = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = comment.split_once("-->").context("a comment without its '-->'")?.1.trim_start_matches('\n');
    }
    kept.push_str(rest);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> Result<String> {
        resolve(html, |asset| Ok(format!("[{:?} {}]", asset.kind, asset.href)))
    }

    #[test]
    fn tags_are_replaced() {
        let check = |html: &str, expected: &str| assert_eq!(shown(html).unwrap(), expected);
        check(r#"<p><link data-trunk rel="css" href="a/b.css" /></p>"#, "<p>[Css a/b.css]</p>");
        check("<link data-trunk\n  rel=\"rust\" href=\"web/Cargo.toml\">", "[Rust web/Cargo.toml]");
        check(r#"<link rel="manifest" href="m"><b>"#, r#"<link rel="manifest" href="m"><b>"#);
        check("a<!-- <link data-trunk> -->\nb", "ab");
    }

    #[test]
    fn what_cannot_be_resolved_is_an_error() {
        let check = |html: &str, word: &str| {
            let error = shown(html).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        };
        check(r#"<link data-trunk rel="sass" href="a">"#, "sass");
        check(r#"<link data-trunk rel="css">"#, "href");
        check("<script>alert(1)</script>", "inline");
        check("<style>p{}</style>", "inline");
        check("<!-- for ever", "comment");
        check("<link rel=", "'>'");
    }
}
