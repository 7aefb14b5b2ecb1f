//! The topic tree: one row per visible node, with its last value, its rate or age, and its count.

use super::icon::Icon;
use super::modal::Menu;
use super::parts::{icon_button, list_role, nothing_found, typed};
use super::topic_menu::topic_menu;
use super::tree_keys::on_key;
use crate::format;
use crate::hooks::{Rows, use_hold, use_rows};
use crate::i18n::{Lang, Text};
use crate::payload::{preview, visible_line};
use crate::state::topics::{Node, NodeId, Row, Topics};
use crate::state::{Action, Tab, View};
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

/// Whose menu is open, and where.
pub(super) type OpenMenu = Option<(NodeId, (i32, i32))>;

/// The topic tree with its filter.
#[component]
pub fn TopicTree(props: &TopicTreeProps) -> Html {
    let state = props.view.read();
    let (lang, topics) = (props.lang, &state.topics);
    let row_px = if props.narrow { TOUCH_ROW_PX } else { ROW_PX };
    let rows = use_rows(topics.rows().len(), row_px, topics.filter());
    let hold = use_hold(props.on.reform(Action::TreeHold));
    let menu = use_state_eq(|| OpenMenu::None);
    let typed_ahead = use_mut_ref(Default::default);
    let shown =
        Shown { lang, topics, selected: state.selection.path.as_deref(), now_ms: state.clock.unix_ms };
    let visible = topics.rows().get(rows.range.clone()).unwrap_or_default();
    let items = visible.iter().filter_map(|row| shown.row(*row));
    let is_whole = props.view.is_whole();
    let items = match is_whole {
        true => lay(&rows, visible, items),
        false => html! { <>{ for items }</> },
    };
    let active = state.selection.path.as_deref().and_then(|path| topics.find_path(path));
    let on_context = on_context(&menu);
    let onkeydown = on_key(&props.view, &props.on, &rows, typed_ahead, &menu);
    html! {
        <section class="panel topics" aria-label={lang.t(Text::Topics)}>
            { head(props, topics) }
            <div class="scroller" ref={rows.scroller.clone()} onscroll={rows.on_scroll.clone()} tabindex="0"
                role={list_role(topics.rows().is_empty(), "tree")}
                aria-label={lang.t(Text::Topics)} aria-activedescendant={active.map(|id| format!("topic-{id}"))} {onkeydown}>
                <div class="spacer" ref={rows.spacer.clone()} onclick={on_click(props, &menu)} oncontextmenu={on_context}
                    onpointermove={hold.on_move} onpointerdown={is_whole.then_some(hold.on_down)} onpointerup={is_whole.then_some(hold.on_up)} onpointerleave={hold.on_leave}>
                    <div class="rows" ref={rows.block.clone()}>{ items }</div>
                </div>
                { empty(lang, topics, &props.on) }
            </div>
            if props.view.is_whole() {
                { foot(lang, topics, &props.on) }
            }
            if let Some((id, at)) = *menu {
                <Menu label={visible_line(&topics.path(id))} {at} items={topic_menu(lang, &state, id)} on={props.on.clone()}
                    on_close={let menu = menu.clone(); move |()| menu.set(None)} />
            }
        </section>
    }
}

/// Not for the first paint, which does without.
#[inline(never)]
fn lay(rows: &Rows, visible: &[Row], items: impl Iterator<Item = Html>) -> Html {
    rows.lay(visible.iter().map(|row| row.number()).zip(items).collect())
}

fn head(props: &TopicTreeProps, topics: &Topics) -> Html {
    let (lang, on) = (props.lang, &props.on);
    html! {
        <div class="panel-head">
            <h2>{ lang.t(Text::Topics) }<span class="count">{ format::thousands(topics.topic_count() as u64) }</span></h2>
            <input type="search" class="filter" data-test="topic-filter" value={topics.filter().to_owned()}
                placeholder={lang.t(Text::FilterTopics)} aria-label={lang.t(Text::FilterTopics)}
                oninput={on.reform(|event: InputEvent| Action::TreeFilter(typed(&event)))} />
            if props.view.is_whole() {
                { head_tools(lang, topics, on) }
            }
        </div>
    }
}

#[inline(never)]
fn head_tools(lang: Lang, topics: &Topics, on: &Callback<Action>) -> Html {
    let changed = topics.shows_only_changed();
    html! {
        <>
            <button type="button" class="icon-button" aria-pressed={changed.to_string()} data-test="only-changed"
                aria-label={lang.t(Text::OnlyChanged)} title={lang.t(Text::OnlyChanged)}
                onclick={on.reform(move |_| Action::OnlyChanged(!changed))}>{ Icon::Changed.view() }</button>
            { icon_button(Icon::Unfold, lang.t(Text::ExpandAll), "expand-all", on.reform(|_| Action::ExpandAll(true))) }
            { icon_button(Icon::Fold, lang.t(Text::CollapseAll), "collapse-all", on.reform(|_| Action::ExpandAll(false))) }
        </>
    }
}

fn empty(lang: Lang, topics: &Topics, on: &Callback<Action>) -> Html {
    let (words, again) = match (topics.rows().is_empty(), topics.filter()) {
        (false, _) => return Html::default(),
        (true, "") if topics.shows_only_changed() => {
            (lang.t(Text::NothingChanged).to_owned(), Action::OnlyChanged(false))
        }
        (true, "") => return html! { <p class="empty">{ lang.t(Text::NoTopics) }</p> },
        (true, text) => (lang.fill(Text::NoTopicFound, &[("text", text)]), Action::TreeFilter(String::new())),
    };
    nothing_found(words, lang, on.reform(move |_| again.clone()))
}

fn foot(lang: Lang, topics: &Topics, on: &Callback<Action>) -> Html {
    let (hidden, untracked) = (topics.hidden_topics() as u64, topics.untracked());
    html! {
        <>
            if topics.layout().hidden().next().is_some() {
                <p class="foot" data-test="hidden-topics">
                    { lang.fill(Text::HiddenTopics, &[("n", &format::thousands(hidden))]) }
                    <button type="button" class="link" data-test="show-hidden" onclick={on.reform(|_| Action::Unhide(None))}>
                        { lang.t(Text::ShowHidden) }
                    </button>
                </p>
            }
            if untracked > 0 {
                <p class="foot">{ lang.fill(Text::TopicsUntracked, &[("n", &format::thousands(untracked))]) }</p>
            }
        </>
    }
}

/// What rows are made from.
struct Shown<'a> {
    lang: Lang,
    topics: &'a Topics,
    selected: Option<&'a str>,
    now_ms: u64,
}

impl Shown<'_> {
    #[inline(never)]
    fn row(&self, Row { id, pinned, place, siblings }: Row) -> Option<Html> {
        let node = self.topics.node(id)?;
        let path = self.topics.path(id);
        let has_children = !node.children.is_empty() && !pinned;
        let open = node.expanded || self.topics.is_filtered();
        let is_selected = self.selected == Some(path.as_str());
        let name = match (pinned, node.name.is_empty()) {
            (true, _) => visible_line(&path),
            (false, true) => self.lang.t(Text::EmptyLevel).to_owned(),
            (false, false) => visible_line(&node.name),
        };
        let class = classes!(
            "tree-row",
            is_selected.then_some("selected"),
            pinned.then_some("pinned"),
            (!pinned && node.name.is_empty()).then_some("nameless"),
            (node.depth == 1 && node.name.starts_with('$')).then_some("system")
        );
        let level = if pinned { 1 } else { node.depth };
        let dom_id = format!("{}-{id}", if pinned { "pinned" } else { "topic" });
        Some(html! {
            <div {class} role="treeitem" id={dom_id} aria-level={level.to_string()}
                aria-posinset={place.to_string()} aria-setsize={siblings.to_string()}
                aria-selected={is_selected.to_string()} aria-expanded={has_children.then(|| open.to_string())}
                data-test={if pinned { "pinned-node" } else { "topic-node" }} data-node={id.to_string()}
                data-count={node.messages.to_string()} title={visible_line(&path)} data-topic={path}>
                <span class="caret">
                    { if has_children { Icon::Caret.view() } else if pinned { Icon::Pin.view() } else { Html::default() } }
                </span>
                <span class="name">{ name }</span>
                { self.value(node) }
                <span class="pace">{ self.pace(node) }</span>
                <span class="count">{ format::short(node.messages_below) }</span>
                if is_selected {
                    <span class="more" data-test="topic-more" title={self.lang.t(Text::TopicActions)}>{ Icon::More.view() }</span>
                }
            </div>
        })
    }

    fn value(&self, node: &Node) -> Html {
        let Some(last) = &node.last else { return html! { <span class="value" /> } };
        let fresh = self.now_ms.saturating_sub(last.at_ms) < FRESH_MS;
        let text = match last.len {
            0 => self.lang.t(Text::EmptyPayload).to_owned(),
            _ => preview(&last.head, VALUE_CHARS),
        };
        html! {
            <>
                <span class={classes!("value", fresh.then_some("fresh"), (last.len == 0).then_some("none"))}>{ text }</span>
                if node.retained.is_some() {
                    <span class="mark retained" title={self.lang.t(Text::Retained)}>{ "R" }</span>
                }
            </>
        }
    }

    /// How often something comes; or, where that is less than once a second, how long ago the last one came.
    fn pace(&self, node: &Node) -> String {
        match (node.rate_tenths() / 10, &node.last) {
            (0, Some(last)) => format::age(self.now_ms.saturating_sub(last.at_ms)),
            (0, None) => String::new(),
            (rate, _) => self.lang.fill(Text::PerSecond, &[("n", &format::short(rate))]),
        }
    }
}

/// The node whose row this was done on.
fn node_of(target: &Element) -> Option<NodeId> {
    target.closest("[data-node]").ok().flatten()?.get_attribute("data-node")?.parse().ok()
}

fn target_of(event: &MouseEvent) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

/// One listener for all rows: the caret opens and closes, the dots open the menu, the rest selects.
fn on_click(props: &TopicTreeProps, menu: &UseStateHandle<OpenMenu>) -> Callback<MouseEvent> {
    let (view, on, narrow, menu) = (props.view.clone(), props.on.clone(), props.narrow, menu.clone());
    Callback::from(move |event: MouseEvent| {
        let Some(target) = target_of(&event) else { return };
        let Some(id) = node_of(&target) else { return };
        let is_on = |selector: &str| target.closest(selector).is_ok_and(|found| found.is_some());
        if is_on(".more") {
            return menu.set(Some((id, (event.client_x(), event.client_y()))));
        }
        let actions = {
            let state = view.read();
            let Some(node) = state.topics.node(id) else { return };
            let on_caret = is_on(".caret") && !is_on(".pinned");
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

/// The other mouse button, or a long touch.
fn on_context(menu: &UseStateHandle<OpenMenu>) -> Callback<MouseEvent> {
    let menu = menu.clone();
    Callback::from(move |event: MouseEvent| {
        if let Some(id) = target_of(&event).as_ref().and_then(node_of) {
            event.prevent_default();
            menu.set(Some((id, (event.client_x(), event.client_y()))));
        }
    })
}
