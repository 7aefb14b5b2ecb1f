//! A tree: folded and unfolded, searched, its numbers charted.

use super::icon::Icon;
use super::parts::typed;
use crate::format;
use crate::i18n::{Lang, Text};
use crate::payload::readable;
use std::collections::BTreeMap;
use std::rc::Rc;
use tabmq_decoders::Tree;
use tabmq_decoders::tree::{Key, Node, Value, literal};
use yew::prelude::*;

/// So many lines are shown, and so many more on demand.
const LINES: usize = 400;

/// A tree with more nodes than this opens with its first levels only.
const OPEN_NODES: usize = 300;

/// Nodes of a large tree are open above this depth.
const OPEN_DEPTH: usize = 2;

/// With fewer nodes than this there is nothing to search.
const SEARCH_NODES: usize = 8;

/// More of a single value is not shown in its line, in characters.
const VALUE_CHARS: usize = 2_000;

/// See [`TreeView`].
#[derive(Properties, PartialEq)]
pub(super) struct TreeViewProps {
    pub(super) lang: Lang,
    pub(super) tree: Rc<Tree>,
    /// A number was chosen, with the pointer there; `None`: numbers cannot be charted.
    pub(super) on_number: Option<Callback<(usize, MouseEvent)>>,
}

/// A tree.
#[component]
pub(super) fn TreeView(props: &TreeViewProps) -> Html {
    let (lang, tree) = (props.lang, &props.tree);
    // What somebody has opened or closed, by the node's place: the next message usually has the same shape.
    let toggled = use_state_eq(BTreeMap::<usize, bool>::new);
    let needle = use_state_eq(String::new);
    let lines = use_state_eq(|| LINES);
    let is_large = tree.nodes.len() > OPEN_NODES;
    let is_open =
        |i: usize, node: &Node| toggled.get(&i).copied().unwrap_or(!is_large || node.depth < OPEN_DEPTH);
    let found = use_memo((tree.clone(), (*needle).clone()), |(tree, needle)| find(tree, needle));
    let places = use_memo(tree.clone(), |tree| places(tree));
    let visible = visible(tree, found.as_ref().as_ref(), is_open);
    let more = visible.len().saturating_sub(*lines);
    let rows = visible.iter().take(*lines).filter_map(|&i| {
        let node = tree.nodes.get(i)?;
        let open = found.is_some() || is_open(i, node);
        let toggle = {
            let toggled = toggled.clone();
            Callback::from(move |_: MouseEvent| {
                let mut next = (*toggled).clone();
                next.insert(i, !open);
                toggled.set(next);
            })
        };
        let is_hit = found.as_ref().as_ref().is_some_and(|found| found.hits.binary_search(&i).is_ok());
        let place = places.get(i).copied().unwrap_or_default();
        Some(line(props, i, node, Fold { place, open, is_hit }, toggle))
    });
    let show_more = {
        let lines = lines.clone();
        move |_: MouseEvent| lines.set(*lines + LINES)
    };
    let search = {
        let needle = needle.clone();
        move |event: InputEvent| needle.set(typed(&event))
    };
    html! {
        <>
            if tree.nodes.len() >= SEARCH_NODES {
                <div class="tree-tools">
                    <input type="search" class="filter" data-test="tree-search" value={(*needle).clone()} oninput={search}
                        placeholder={lang.t(Text::FindInPayload)} aria-label={lang.t(Text::FindInPayload)} />
                    if let Some(found) = &*found {
                        <span class="count" role="status" data-test="tree-found" data-count={found.hits.len().to_string()}>
                            { lang.fill(Text::Found, &[("n", &format::thousands(found.hits.len() as u64))]) }
                        </span>
                    }
                    { fold_all(props, &toggled) }
                </div>
            }
            <div class="payload-view tree" data-test="payload-view" role="tree" aria-label={lang.t(Text::Payload)} tabindex="0">
                { for rows }
            </div>
            if more > 0 {
                <button type="button" class="button" data-test="tree-more" onclick={show_more}>
                    { lang.fill(Text::MoreLines, &[("n", &format::thousands(more as u64))]) }
                </button>
            }
        </>
    }
}

/// Opens everything, or closes everything below the root.
fn fold_all(props: &TreeViewProps, toggled: &UseStateHandle<BTreeMap<usize, bool>>) -> Html {
    let set = |open: bool| {
        let (tree, toggled) = (props.tree.clone(), toggled.clone());
        Callback::from(move |_: MouseEvent| {
            let containers = tree.nodes.iter().enumerate().filter(|(_, node)| node.value.is_container());
            toggled.set(containers.map(|(i, _)| (i, open || i == 0)).collect());
        })
    };
    let lang = props.lang;
    html! {
        <>
            { super::parts::icon_button(Icon::Unfold, lang.t(Text::UnfoldAll), "tree-unfold", set(true)) }
            { super::parts::icon_button(Icon::Fold, lang.t(Text::FoldAll), "tree-fold", set(false)) }
        </>
    }
}

/// Where a text occurs.
#[derive(Debug, PartialEq)]
struct Found {
    /// Nodes, ascending.
    hits: Vec<usize>,
    /// These and all above them, ascending.
    shown: Vec<usize>,
}

/// Where `needle` occurs in names and values, in whatever case; `None` if there is nothing to look for.
fn find(tree: &Tree, needle: &str) -> Option<Found> {
    let needle = needle.trim().to_lowercase();
    if needle.is_empty() {
        return None;
    }
    let mut found = Found { hits: Vec::new(), shown: Vec::new() };
    // The node and all above it.
    let mut path: Vec<usize> = Vec::new();
    for (i, node) in tree.nodes.iter().enumerate() {
        path.truncate(node.depth);
        path.push(i);
        let contains = |text: &str| text.to_lowercase().contains(&needle);
        let in_key = matches!(&node.key, Key::Name(text) | Key::Other(text) if contains(text));
        let in_value = match &node.value {
            Value::Object(_) | Value::List(_) => false,
            Value::Text(text) | Value::Number(text) | Value::Word(text) => contains(text),
            bytes => contains(&literal(bytes)),
        };
        if in_key || in_value {
            found.hits.push(i);
            let known = found.shown.last().map_or(0, |last| last + 1);
            found.shown.extend(path.iter().filter(|i| **i >= known));
        }
    }
    Some(found)
}

/// The nodes that have a line.
fn visible(tree: &Tree, found: Option<&Found>, is_open: impl Fn(usize, &Node) -> bool) -> Vec<usize> {
    if let Some(found) = found {
        return found.shown.clone();
    }
    let mut visible = Vec::new();
    let mut i = 0;
    while let Some(node) = tree.nodes.get(i) {
        visible.push(i);
        i = if node.value.is_container() && !is_open(i, node) { node.end } else { i + 1 };
    }
    visible
}

/// For each node its place among those of the same parent, from 1 on, and how many they are.
fn places(tree: &Tree) -> Vec<(usize, usize)> {
    let mut places = vec![(1, 1); tree.nodes.len()];
    // The nodes of the level, down to where the walk is.
    let mut open: Vec<Vec<usize>> = Vec::new();
    let mut close = |level: Vec<usize>| {
        for (place, id) in level.iter().enumerate() {
            if let Some(slot) = places.get_mut(*id) {
                *slot = (place + 1, level.len());
            }
        }
    };
    for (i, node) in tree.nodes.iter().enumerate() {
        while open.len() > node.depth + 1 {
            open.pop().into_iter().for_each(&mut close);
        }
        while open.len() <= node.depth {
            open.push(Vec::new());
        }
        if let Some(level) = open.last_mut() {
            level.push(i);
        }
    }
    open.into_iter().for_each(close);
    places
}

/// How a line is shown.
struct Fold {
    /// Its place in its level, and how many lines that has.
    place: (usize, usize),
    open: bool,
    is_hit: bool,
}

fn line(props: &TreeViewProps, i: usize, node: &Node, fold: Fold, toggle: Callback<MouseEvent>) -> Html {
    let Fold { place, open, is_hit } = fold;
    let key = match &node.key {
        Key::None => Html::default(),
        Key::Name(name) => html! { <><span class="key">{ readable(name) }</span>{ ": " }</> },
        Key::Other(name) => html! { <><span class="key other">{ readable(name) }</span>{ ": " }</> },
        Key::Index(index) => html! { <><span class="index">{ index.to_string() }</span>{ ": " }</> },
    };
    let content = match &node.value {
        Value::Object(count) | Value::List(count) => {
            let brackets = if matches!(node.value, Value::Object(_)) { ("{", "}") } else { ("[", "]") };
            let summary = format!("{}{}{}", brackets.0, count, brackets.1);
            html! {
                <button type="button" class="fold" aria-expanded={open.to_string()} disabled={*count == 0} onclick={toggle}
                    data-test="tree-fold-line">
                    <span class="caret">{ Icon::Caret.view() }</span>{ key }<span class="summary">{ summary }</span>
                </button>
            }
        }
        value => html! { <>{ key }{ leaf(props, i, value) }</> },
    };
    let indent = "  ".repeat(node.depth);
    html! {
        <div class={classes!("tree-line", is_hit.then_some("hit"))} role="treeitem" aria-level={(node.depth + 1).to_string()}
            aria-posinset={place.0.to_string()} aria-setsize={place.1.to_string()} data-test="tree-line">
            <span class="indent">{ indent }</span>
            { content }
            if !node.note.is_empty() {
                <span class="note">{ readable(&node.note) }</span>
            }
        </div>
    }
}

fn leaf(props: &TreeViewProps, i: usize, value: &Value) -> Html {
    let mut text = literal(value);
    if let Some((end, _)) = text.char_indices().nth(VALUE_CHARS) {
        let left_out = text.len() - end;
        text.truncate(end);
        text.push_str(&props.lang.fill(Text::AndMoreBytes, &[("n", &format::bytes(left_out as u64))]));
    }
    let class = match value {
        Value::Number(_) => "number",
        Value::Text(_) => "string",
        Value::Bytes(_) => "bytes",
        _ => "word",
    };
    match (value, &props.on_number) {
        (Value::Number(_), Some(on)) => {
            let onclick = on.reform(move |event| (i, event));
            html! {
                <button type="button" class="number chartable" title={props.lang.t(Text::ChartThis)} data-test="tree-number" {onclick}>
                    { text }
                </button>
            }
        }
        _ => html! { <span {class}>{ readable(&text) }</span> },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmq_decoders::json;

    fn tree() -> Tree {
        json::tree(r#"{"a":{"Temp":21,"b":[1,2]},"c":"temperature","d":{}}"#).unwrap()
    }

    #[test]
    fn folded_nodes_hide_what_is_below() {
        let tree = tree();
        assert_eq!(visible(&tree, None, |_, _| true).len(), tree.nodes.len());
        assert_eq!(visible(&tree, None, |i, _| i != 1), [0, 1, 6, 7]);
        assert_eq!(visible(&tree, None, |_, _| false), [0]);
    }

    #[test]
    fn each_line_knows_its_place() {
        let expected = [(1, 1), (1, 3), (1, 2), (2, 2), (1, 2), (2, 2), (2, 3), (3, 3)];
        assert_eq!(places(&tree()), expected);
    }

    #[test]
    fn what_is_found_is_shown_with_all_above_it() {
        let tree = tree();
        let found = find(&tree, " temp ").unwrap();
        assert_eq!(found, Found { hits: vec![2, 6], shown: vec![0, 1, 2, 6] });
        assert_eq!(visible(&tree, Some(&found), |_, _| false), [0, 1, 2, 6]);
        assert_eq!(find(&tree, "  "), None);
        assert_eq!(find(&tree, "nowhere").unwrap().hits, [0; 0]);
    }
}
