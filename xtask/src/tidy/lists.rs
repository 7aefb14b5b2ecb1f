//! Lists of the page are children of their own.
//!
//! Yew takes `{ for … }` and what stands beside it for one list, which is compared without keys and from its end: with one item
//! more, every element before it is made anew. A field in such an element lost the focus after the first letter.

use super::{Finding, Source};

/// Where a list begins.
const LIST: &str = "{ for ";

/// Every list of the page that has siblings.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let page =
        sources.iter().filter(|source| source.path.starts_with("web/src/") && source.path.ends_with(".rs"));
    page.flat_map(|source| {
        let lists = source.text.match_indices(LIST).map(|(at, _)| at);
        lists.filter(|at| has_siblings(&source.text, *at)).map(|at| Finding {
            path: source.path.clone(),
            line: source.text.get(..at).unwrap_or_default().matches('\n').count() + 1,
            what: "a list beside other children: put it in `<>…</>`, and give its items keys".to_owned(),
        })
    })
    .collect()
}

/// Whether the list at `at` is not all that is between an opening and a closing tag.
fn has_siblings(text: &str, at: usize) -> bool {
    let (before, list) = text.split_at_checked(at).unwrap_or_default();
    let before = before.trim_end();
    // `/>` ends an element without children, `</…>` one that is a sibling.
    let is_first = before.ends_with('>')
        && !before.ends_with("/>")
        && before.rfind('<').is_some_and(|tag| !before.get(tag..).unwrap_or_default().starts_with("</"));
    let after = end_of_braces(list).and_then(|end| list.get(end..)).unwrap_or_default();
    !(is_first && after.trim_start().starts_with("</"))
}

/// Behind the brace that closes the first one of `text`; braces in texts do not count.
fn end_of_braces(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut is_escaped) = (0usize, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = in_text,
            '"' => in_text = !in_text,
            '{' if !in_text => depth += 1,
            '}' if !in_text => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_found() {
        let source = |text: &str| Source { path: "web/src/a.rs".to_owned(), text: text.to_owned() };
        let lines =
            |text: &str| check(&[source(text)]).into_iter().map(|finding| finding.line).collect::<Vec<_>>();
        let alone = "<ul class=\"a\">\n { for rows.map(|row| html! { <li>{ \"}\" }</li> }) }\n</ul>";
        assert_eq!(lines(alone), []);
        assert_eq!(lines("<ul><li /><>{ for rows }</></ul>"), []);
        assert_eq!(lines("<ul>\n<li />\n{ for rows }\n</ul>"), [3], "one before it");
        assert_eq!(lines("<ul>\n<li></li>{ for rows }\n</ul>"), [2], "one with a tag at its end");
        assert_eq!(lines("<ul>\n{ for rows }\n<li />\n</ul>"), [2], "one behind it");
        assert_eq!(lines("<ul>{ for rows }{ more }</ul>"), [1], "an expression behind it");
        assert_eq!(check(&[Source { path: "bridge/a.rs".to_owned(), text: "{ for rows }".to_owned() }]), []);
    }
}
