//! XML, indented. Nothing is fetched and no entity is expanded.

use crate::MAX_DEPTH;
use crate::problem::{Problem, What};
use quick_xml::Reader;
use quick_xml::events::Event;

/// `text` with one element, text or comment a line, indented by two spaces a level; an element that holds nothing but
/// text stays on one line.
///
/// # Errors
/// It is not well formed.
pub fn pretty(text: &str) -> Result<String, Problem> {
    let mut reader = Reader::from_str(text);
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0usize;
    let mut elements = 0usize;
    // Whether the last thing written was a start tag, or text directly behind one: then the end tag follows on its line.
    let mut inline = false;
    // Text and references (`&lt;`) come apart and belong together.
    let mut joins = false;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|_| {
            let at = usize::try_from(reader.error_position()).unwrap_or(at);
            Problem::new(at, What::Unbalanced)
        })?;
        if joins && !matches!(event, Event::Text(_) | Event::GeneralRef(_)) {
            out.truncate(out.trim_end().len());
        }
        match event {
            Event::Start(tag) => {
                if depth >= MAX_DEPTH {
                    return Err(Problem::new(at, What::TooDeep));
                }
                line(&mut out, depth, &["<", &tag, ">"]);
                (depth, inline, joins) = (depth + 1, true, false);
                elements += 1;
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                match inline {
                    true => out.extend(["</", &*tag, ">"]),
                    false => line(&mut out, depth, &["</", &tag, ">"]),
                }
                (inline, joins) = (false, false);
            }
            Event::Empty(tag) => {
                line(&mut out, depth, &["<", &tag, "/>"]);
                (inline, joins) = (false, false);
                elements += 1;
            }
            Event::Text(words) => {
                let words = if joins { &*words } else { words.trim_start() };
                put_text(&mut out, depth, words, inline || joins);
                joins |= !words.is_empty();
            }
            Event::GeneralRef(name) => {
                put_text(&mut out, depth, &format!("&{};", &*name), inline || joins);
                joins = true;
            }
            Event::CData(words) => {
                line(&mut out, depth, &["<![CDATA[", &words, "]]>"]);
                (inline, joins) = (false, false);
            }
            Event::Comment(words) => {
                line(&mut out, depth, &["<!--", &words, "-->"]);
                (inline, joins) = (false, false);
            }
            Event::Decl(words) => line(&mut out, depth, &["<?", &words, "?>"]),
            Event::PI(words) => line(&mut out, depth, &["<?", &words, "?>"]),
            Event::DocType(words) => line(&mut out, depth, &["<!DOCTYPE ", words.trim_start(), ">"]),
            Event::Eof => break,
        }
    }
    match (depth, elements) {
        (0, 1..) => Ok(out),
        (0, 0) => Err(Problem::new(0, What::Invalid)),
        _ => Err(Problem::new(text.len(), What::Ends)),
    }
}

/// Text on the line of what it follows, or on its own.
fn put_text(out: &mut String, depth: usize, words: &str, on_same_line: bool) {
    match on_same_line {
        _ if words.is_empty() => {}
        true => out.push_str(words),
        false => line(out, depth, &[words]),
    }
}

fn line(out: &mut String, depth: usize, parts: &[&str]) {
    if !out.is_empty() {
        out.push('\n');
    }
    for _ in 0..depth {
        out.push_str("  ");
    }
    out.extend(parts.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented() {
        for (text, expected) in [
            ("<a/>", "<a/>"),
            ("<a><b x='1'>t &lt; u</b><c/></a>", "<a>\n  <b x='1'>t &lt; u</b>\n  <c/>\n</a>"),
            (
                "<?xml version=\"1.0\"?>\n\n<a>\n <b></b>  </a>",
                "<?xml version=\"1.0\"?>\n<a>\n  <b></b>\n</a>",
            ),
            ("<a><!-- c --><![CDATA[<x>]]></a>", "<a>\n  <!-- c -->\n  <![CDATA[<x>]]>\n</a>"),
            ("<a>one<b/>two</a>", "<a>one\n  <b/>\n  two\n</a>"),
            ("<!DOCTYPE a><温度>21</温度>", "<!DOCTYPE a>\n<温度>21</温度>"),
            ("\u{feff}<a/>", "<a/>"),
        ] {
            assert_eq!(pretty(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn entities_stay_what_they_are() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"y\"><!ENTITY z \"&x;&x;\">]><a>&z;</a>";
        assert!(pretty(bomb).unwrap().ends_with("<a>&z;</a>"));
    }

    #[test]
    fn not_well_formed() {
        for text in ["<a><b></a>", "<a", "<a></b>", "plain", "", "<a>"] {
            assert!(pretty(text).is_err(), "{text}");
        }
        assert_eq!(pretty(&"<a>".repeat(100_000)).unwrap_err().what, What::TooDeep);
    }
}
