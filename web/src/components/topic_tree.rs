//! The topic tree: one row per visible node, with its last value and its count.

use super::icon::Icon;
use super::parts::{icon_button, typed};
use crate::format;
use crate::hooks::{Rows, use_hold, use_rows};
use crate::i18n::{Lang, Text};
use crate::payload::{preview, visible_line};
use crate::state::topics::{Node, NodeId, ROOT, Topics};
use crate::state::{Action, Tab, View};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

/// Rows as high as in the style sheet.
const ROW_PX: usize = 26;
const TOUCH_ROW_PX: usize = 44;

/// How much of a value a row shows, in characters.
const VALUE_CHARS: usize = 60;

/// A value is marked as new for this long, in milliseconds.
const FRESH_MS: u64 = 700;

/// See [`TopicTree`].
#[derive(Properties, PartialEq)]
pub struct TopicTreeProps {
    /// The state.
    pub view: View,
    /// Language.
    pub lang: Lang,
    /// Whether rows are for thumbs, and details on a tab of their own.
    pub narrow: bool,
    /// Where to say what is done.
    pub on: Callback<Action>,
}

/// The topic tree with its filter.
#[component]
pub fn TopicTree(props: &TopicTreeProps) -> Html {
    let state = props.view.read();
    let (lang, topics) = (props.lang, &state.topics);
    let rows =
        use_rows(topics.rows().len(), if props.narrow { TOUCH_ROW_PX } else { ROW_PX }, topics.filter());
    let hold = use_hold(props.on.reform(Action::TreeHold));
    let now_ms = state.clock.unix_ms;
    let selected = state.selection.path.clone();
    let visible = topics.rows().get(rows.range.clone()).unwrap_or_default();
    let items = visible.iter().filter_map(|&id| {
        let node = topics.node(id)?;
        Some(row(lang, topics, id, node, selected.as_deref(), now_ms))
    });
    let active = selected.as_deref().and_then(|path| topics.find_path(path)).map(|id| format!("topic-{id}"));
    html! {
        <section class="panel topics" aria-label={lang.t(Text::Topics)}>
            { head(props, topics) }
            <div class="scroller" ref={rows.scroller.clone()} onscroll={rows.on_scroll.clone()} tabindex="0" role="tree"
                aria-label={lang.t(Text::Topics)} aria-activedescendant={active} onkeydown={on_key(props, &rows)}>
                <div class="spacer" ref={rows.spacer.clone()} onclick={on_click(props)}
                    onpointermove={hold.on_move} onpointerleave={hold.on_leave}>
                    <div class="rows" ref={rows.block.clone()}>{ for items }</div>
                </div>
                { empty(lang, topics) }
            </div>
            if topics.untracked() > 0 {
                <p class="foot">{ lang.fill(Text::TopicsUntracked, &[("n", &format::thousands(topics.untracked()))]) }</p>
            }
        </section>
    }
}

fn head(props: &TopicTreeProps, topics: &Topics) -> Html {
    let (lang, on) = (props.lang, &props.on);
    html! {
        <div class="panel-head">
            <h2>{ lang.t(Text::Topics) }<span class="count">{ format::thousands(topics.topic_count() as u64) }</span></h2>
            <input type="search" class="filter" data-test="topic-filter" value={topics.filter().to_owned()}
                placeholder={lang.t(Text::FilterTopics)} aria-label={lang.t(Text::FilterTopics)}
                oninput={on.reform(|event: InputEvent| Action::TreeFilter(typed(&event)))} />
            { icon_button(Icon::Unfold, lang.t(Text::ExpandAll), "expand-all", on.reform(|_| Action::ExpandAll(true))) }
            { icon_button(Icon::Fold, lang.t(Text::CollapseAll), "collapse-all", on.reform(|_| Action::ExpandAll(false))) }
        </div>
    }
}

fn empty(lang: Lang, topics: &Topics) -> Html {
    match (topics.rows().is_empty(), topics.filter()) {
        (false, _) => Html::default(),
        (true, "") => html! { <p class="empty">{ lang.t(Text::NoTopics) }</p> },
        (true, text) => html! { <p class="empty">{ lang.fill(Text::NoTopicFound, &[("text", text)]) }</p> },
    }
}

fn row(lang: Lang, topics: &Topics, id: NodeId, node: &Node, selected: Option<&str>, now_ms: u64) -> Html {
    let path = topics.path(id);
    let has_children = !node.children.is_empty();
    let open = node.expanded || !topics.filter().is_empty();
    let is_selected = selected == Some(path.as_str());
    let name =
        if node.name.is_empty() { lang.t(Text::EmptyLevel).to_owned() } else { visible_line(&node.name) };
    let class =
        classes!("tree-row", is_selected.then_some("selected"), node.name.is_empty().then_some("nameless"));
    html! {
        <div {class} role="treeitem" id={format!("topic-{id}")} aria-level={node.depth.to_string()}
            aria-selected={is_selected.to_string()} aria-expanded={has_children.then(|| open.to_string())}
            data-test="topic-node" data-node={id.to_string()} data-count={node.messages.to_string()}
            title={visible_line(&path)} data-topic={path}>
            <span class="caret">{ if has_children { Icon::Caret.view() } else { Html::default() } }</span>
            <span class="name">{ name }</span>
            { value(lang, node, now_ms) }
            <span class="count">{ format::short(node.messages_below) }</span>
        </div>
    }
}

fn value(lang: Lang, node: &Node, now_ms: u64) -> Html {
    let Some(last) = &node.last else { return html! { <span class="value" /> } };
    let fresh = now_ms.saturating_sub(last.at_ms) < FRESH_MS;
    let text = match last.len {
        0 => lang.t(Text::EmptyPayload).to_owned(),
        _ => preview(&last.head, VALUE_CHARS),
    };
    html! {
        <>
            <span class={classes!("value", fresh.then_some("fresh"), (last.len == 0).then_some("none"))}>{ text }</span>
            if last.retain {
                <span class="mark retained" title={lang.t(Text::Retained)}>{ "R" }</span>
            }
        </>
    }
}

/// One listener for all rows: the caret opens and closes, the rest selects.
fn on_click(props: &TopicTreeProps) -> Callback<MouseEvent> {
    let (view, on, narrow) = (props.view.clone(), props.on.clone(), props.narrow);
    Callback::from(move |event: MouseEvent| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else {
            return;
        };
        let row = target.closest("[data-node]").ok().flatten();
        let Some(id) = row.and_then(|row| row.get_attribute("data-node")?.parse().ok()) else { return };
        let actions = {
            let state = view.read();
            let Some(node) = state.topics.node(id) else { return };
            let on_caret = target.closest(".caret").is_ok_and(|caret| caret.is_some());
            // A level that is no topic has nothing to show but what is below it.
            let toggles = !node.children.is_empty() && (on_caret || (node.topic.is_none() && !node.expanded));
            let expand = toggles.then_some(Action::Expand(id, !node.expanded));
            let select = (!on_caret).then(|| Action::Select(state.topics.path(id)));
            let go = (narrow && !on_caret && node.topic.is_some()).then_some(Action::Tab(Tab::Details));
            [expand, select, go]
        };
        for action in actions.into_iter().flatten() {
            on.emit(action);
        }
    })
}

/// The keys of a tree: up and down, left to close, right to open, home and end.
fn on_key(props: &TopicTreeProps, rows: &Rows) -> Callback<KeyboardEvent> {
    let (view, on, rows) = (props.view.clone(), props.on.clone(), Rc::new(rows.clone()));
    Callback::from(move |event: KeyboardEvent| {
        let action = {
            let state = view.read();
            let topics = &state.topics;
            let list = topics.rows();
            let id = state.selection.path.as_deref().and_then(|path| topics.find_path(path)).unwrap_or(ROOT);
            let at = list.iter().position(|row| *row == id);
            let select = |row: usize| {
                let id = *list.get(row)?;
                rows.show(row);
                Some(Action::Select(topics.path(id)))
            };
            let node = topics.node(id);
            let expanded = node.is_some_and(|node| node.expanded);
            let parent = node.map_or(ROOT, |node| node.parent);
            match event.key().as_str() {
                "ArrowDown" => select(at.map_or(0, |at| at + 1)),
                "ArrowUp" => select(at.map_or(0, |at| at.saturating_sub(1))),
                "Home" => select(0),
                "End" => select(list.len().saturating_sub(1)),
                "ArrowRight" if expanded => select(at.map_or(0, |at| at + 1)),
                "ArrowRight" => Some(Action::Expand(id, true)),
                "ArrowLeft" if expanded => Some(Action::Expand(id, false)),
                "ArrowLeft" if parent != ROOT => list.iter().position(|row| *row == parent).and_then(select),
                _ => return,
            }
        };
        event.prevent_default();
        if let Some(action) = action {
            on.emit(action);
        }
    })
}
