//! What can be done with a topic, or with a level above topics: as a menu, and by keys.

use super::modal::MenuItem;
use crate::i18n::{Lang, Text};
use crate::state::topics::NodeId;
use crate::state::{Action, AppState};

/// The lines of a node's menu.
pub(super) fn topic_menu(lang: Lang, state: &AppState, id: NodeId) -> Vec<MenuItem> {
    let Some(node) = state.topics.node(id) else { return Vec::new() };
    let path = state.topics.path(id);
    let below = format!("{path}/#");
    let (is_topic, has_children) = (node.topic.is_some(), !node.children.is_empty());
    let pinned = state.topics.layout().is_pinned(&path);
    let retained = state.retained_count(&path);
    let foreign = path.starts_with('$');
    let t = |text| lang.t(text);
    let item = |text, test, actions| MenuItem::new(t(text), test, actions);
    let mut items = vec![
        item(Text::CopyTopic, "menu-copy", vec![Action::Copy(path.clone())]).key("Ctrl+C"),
        item(Text::PublishHere, "menu-publish", only(!foreign, Action::PublishHere(path.clone())))
            .key("Alt+Enter"),
        item(Text::OnlyThis, "menu-filter", vec![Action::ListText(below.clone())]),
    ];
    if is_topic {
        items.push(
            item(Text::SubscribeTopic, "menu-subscribe", vec![Action::SubscribeTo(path.clone())])
                .key("Alt+S"),
        );
    }
    if has_children {
        let label = lang.fill(Text::SubscribeBelow, &[("filter", &crate::payload::visible_line(&below))]);
        items.push(MenuItem::new(label, "menu-subscribe-below", vec![Action::SubscribeTo(below)]));
    }
    let pin = if pinned { Text::Unpin } else { Text::Pin };
    items.push(item(pin, "menu-pin", vec![Action::Pin(path.clone(), !pinned)]).key("Alt+P"));
    items.push(item(Text::Hide, "menu-hide", vec![Action::Hide(path.clone())]).key("Alt+H"));
    if has_children {
        items.push(item(Text::ExpandBelow, "menu-expand", vec![Action::ExpandBelow(id, true)]).key("*"));
        items.push(item(Text::CollapseBelow, "menu-collapse", vec![Action::ExpandBelow(id, false)]));
    }
    if !foreign {
        let n = crate::format::thousands(retained as u64);
        let label = lang.fill(Text::ClearRetainedMenu, &[("n", &n)]);
        let actions = only(retained > 0, Action::AskClearRetained(path));
        items.push(MenuItem::new(label, "menu-clear-retained", actions).key("Del").danger());
    }
    items
}

/// The same by a key; `None` if it is none of these.
pub(super) fn topic_key(state: &AppState, id: NodeId, key: &str, ctrl: bool, alt: bool) -> Option<Action> {
    let path = state.topics.path(id);
    match (key, ctrl, alt) {
        ("c", true, false) => Some(Action::Copy(path)),
        ("Enter", false, true) => Some(Action::PublishHere(path)).filter(|_| !path_is_foreign(state, id)),
        ("s", false, true) => Some(Action::SubscribeTo(path)),
        ("p", false, true) => {
            let pinned = state.topics.layout().is_pinned(&path);
            Some(Action::Pin(path, !pinned))
        }
        ("h", false, true) => Some(Action::Hide(path)),
        ("*", false, false) => Some(Action::ExpandBelow(id, true)),
        ("Delete", false, false) => Some(Action::AskClearRetained(path)),
        _ => None,
    }
}

/// Topics that begin with `$` are the broker's to publish to.
fn path_is_foreign(state: &AppState, id: NodeId) -> bool {
    state.topics.path(id).starts_with('$')
}

fn only(possible: bool, action: Action) -> Vec<Action> {
    if possible { vec![action] } else { Vec::new() }
}
