//! The topic tree: every topic that was seen, its last value and its counters.
//!
//! Recording a message touches one path of the tree and nothing else. What the page shows of it, the flat list of
//! [`rows`](Topics::rows), is rebuilt only after the shape has changed, at most once per frame, and never while the
//! pointer is over it.

use super::layout::Layout;
use super::natural;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::rc::Rc;
pub(super) use value::Arrival;
pub use value::{LAST_VALUE_BYTES, LastValue};

/// A node's number, valid for as long as the tree lives: nodes are never removed.
pub type NodeId = usize;

/// The node above all first levels. It is not a topic.
pub const ROOT: NodeId = 0;

/// A broker may have more topics than a browser has memory: beyond this many nodes, messages are only counted.
const MAX_NODES: usize = 250_000;

/// Levels beyond this one stay together in the last node's name, so that a topic of 65,535 slashes is one row, not
/// a staircase.
const MAX_DEPTH: usize = 24;

/// Folders open by themselves while there are no more nodes than this: enough to see what is there at once. `$SYS` and its
/// like count by themselves, or a talkative broker would fold everybody's topics.
const AUTO_EXPAND_NODES: usize = 80;

/// One level of one or more topics.
#[derive(Debug)]
pub struct Node {
    /// The level's text; empty where the topic has an empty level.
    pub name: Box<str>,
    /// The whole topic, once a message came to it.
    pub topic: Option<Rc<str>>,
    /// The node above.
    pub parent: NodeId,
    /// In the order in which they are shown.
    pub children: Vec<NodeId>,
    /// 1 for the first level.
    pub depth: usize,
    /// Whether it belongs to a tree whose name begins with a dollar sign (MQTT 5.0 section 4.7.2).
    is_apart: bool,
    /// Whether its children are shown.
    pub expanded: bool,
    /// Messages on exactly this topic.
    pub messages: u64,
    /// Messages here and below.
    pub messages_below: u64,
    /// Topics here and below.
    pub topics_below: usize,
    /// The last message on exactly this topic.
    pub last: Option<LastValue>,
    /// What the broker keeps for this topic, as far as it is known here.
    pub retained: Option<Box<LastValue>>,
    /// The number of the message that changed the value last.
    changed: u64,
    /// Messages here and below, in tenths a second.
    rate: u64,
    /// Messages here and below, when the rate was measured last.
    measured: u64,
    /// The colours of the subscriptions that match, and the revision of the subscriptions that this was reckoned from.
    colours: (u32, u8),
}

impl Node {
    /// The colours of the topic: reckoned once for each revision of the subscriptions.
    pub(super) fn colours(&mut self, revision: u32, reckon: impl FnOnce() -> u8) -> u8 {
        if self.colours.0 != revision {
            self.colours = (revision, reckon());
        }
        self.colours.1
    }

    /// Keeps the value. Whether it is another one than before.
    fn take(&mut self, arrival: Arrival<'_>) -> bool {
        self.messages += 1;
        if arrival.retain {
            // An empty one ends what the broker has kept [MQTT-3.3.1-6].
            self.retained = (!arrival.payload.is_empty()).then(|| Box::new(LastValue::new(arrival)));
        }
        match &mut self.last {
            Some(last) => last.replace(arrival),
            None => {
                self.last = Some(LastValue::new(arrival));
                true
            }
        }
    }

    /// Messages here and below, in tenths a second, over the last few seconds.
    pub fn rate_tenths(&self) -> u64 {
        self.rate
    }
}

/// A row of what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Of this node.
    pub id: NodeId,
    /// Whether it is the node's second row, among the pinned ones at the top.
    pub pinned: bool,
    /// Its place among the rows of its level, from 1 on.
    pub place: usize,
    /// How many rows its level has.
    pub siblings: usize,
}

impl Row {
    /// No other row has this number.
    pub fn number(self) -> u64 {
        (self.id as u64) << 1 | u64::from(self.pinned)
    }
}

/// The tree and its visible rows.
#[derive(Debug)]
pub struct Topics {
    nodes: Vec<Node>,
    by_topic: FxHashMap<Rc<str>, NodeId>,
    /// How many nodes there are in the usual trees, and in those that are apart.
    sizes: [usize; 2],
    layout: Layout,
    filter: String,
    /// Only values that have changed from this message on are shown.
    changed_since: Option<u64>,
    rows: Vec<Row>,
    hidden_topics: usize,
    stale: bool,
    held: bool,
    untracked: u64,
}

impl Default for Topics {
    fn default() -> Self {
        let mut topics = Topics {
            nodes: Vec::new(),
            by_topic: FxHashMap::default(),
            sizes: [0; 2],
            layout: Layout::default(),
            filter: String::new(),
            changed_since: None,
            rows: Vec::new(),
            hidden_topics: 0,
            stale: false,
            held: false,
            untracked: 0,
        };
        topics.push_node("", ROOT, 0);
        topics
    }
}

impl Topics {
    /// An empty tree that will look like this.
    pub fn with_layout(layout: Layout) -> Self {
        Topics { layout, ..Topics::default() }
    }

    /// What is open, pinned and hidden.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Counts a message and keeps its value. Returns the topic's node, which knows the topic as the tree's own shared string;
    /// `None` if there is no room for it.
    pub(super) fn record(&mut self, topic: &str, arrival: Arrival<'_>) -> Option<&mut Node> {
        let Some(id) = self.find(topic).or_else(|| self.create(topic)) else {
            self.untracked += 1;
            return None;
        };
        // The way up is counted, and this node for itself.
        let mut above = id;
        while let Some(node) = self.nodes.get_mut(above) {
            node.messages_below += 1;
            if above == ROOT {
                break;
            }
            above = node.parent;
        }
        let mark = self.changed_since.unwrap_or(u64::MAX);
        let node = self.nodes.get_mut(id)?;
        let (is_first, changed) = (node.messages == 0, node.changed);
        if node.take(arrival) {
            // The first change since the mark brings its row.
            self.stale |= arrival.seq >= mark && (is_first || changed < mark);
            node.changed = arrival.seq;
        }
        Some(node)
    }

    /// The node of a topic that has had a message.
    pub fn find(&self, topic: &str) -> Option<NodeId> {
        self.by_topic.get(topic).copied()
    }

    /// Reckons all rates, so many milliseconds after the last time.
    pub(super) fn measure(&mut self, elapsed_ms: u64) {
        let elapsed_ms = elapsed_ms.max(1);
        for node in &mut self.nodes {
            let came = node.messages_below - std::mem::replace(&mut node.measured, node.messages_below);
            let now = came.saturating_mul(10_000) / elapsed_ms;
            // Half of what was, half of what is: steady figures that are right within a few seconds.
            node.rate = match node.rate {
                0 => now,
                before => u64::midpoint(before, now),
            };
        }
    }

    /// Every topic here and below of which the broker keeps a message, as far as it is known here.
    pub fn retained_below(&self, id: NodeId) -> Vec<(Rc<str>, LastValue)> {
        let mut found = Vec::new();
        self.for_all_below(id, |node| {
            if let (Some(topic), Some(value)) = (&node.topic, &node.retained) {
                found.push((topic.clone(), (**value).clone()));
            }
        });
        found
    }

    /// What the broker keeps for a topic has been changed from here.
    pub(super) fn set_retained(&mut self, topic: &str, value: Option<LastValue>) {
        if let Some(node) = self.find(topic).and_then(|id| self.nodes.get_mut(id)) {
            node.retained = value.map(Box::new);
        }
    }

    /// The node with this number.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// The node at this path, be it a topic or only a level above topics.
    pub fn find_path(&self, path: &str) -> Option<NodeId> {
        path.splitn(MAX_DEPTH, '/').try_fold(ROOT, |id, level| self.child(id, level).ok())
    }

    /// The levels down to this node, joined: the topic, where it is one.
    pub fn path(&self, id: NodeId) -> String {
        let mut names = Vec::new();
        let mut at = id;
        while let Some(node) = self.nodes.get(at).filter(|_| at != ROOT) {
            names.push(&*node.name);
            at = node.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// How many topics have had a message.
    pub fn topic_count(&self) -> usize {
        self.by_topic.len()
    }

    /// Whether anything has come but the broker's own figures.
    pub fn has_messages(&self) -> bool {
        self.by_topic.keys().any(|topic| !topic.starts_with('$'))
    }

    /// Messages whose topic did not fit into the tree any more.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// What is shown, from top to bottom.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Brings the rows up to date, unless the pointer is over them. To be called before painting.
    pub fn refresh(&mut self) {
        if self.stale && !self.held {
            self.rebuild();
        }
    }

    /// Whether the pointer is over the rows: no row moves until it has left.
    pub(super) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Opens or closes a node.
    pub(super) fn set_expanded(&mut self, id: NodeId, expanded: bool) {
        let path = self.path(id);
        if let Some(node) = self.nodes.get_mut(id) {
            node.expanded = expanded;
            self.layout.expand(&path, expanded);
            self.rebuild();
        }
    }

    /// Opens or closes a node and all below it.
    pub(super) fn set_expanded_below(&mut self, id: NodeId, expanded: bool) {
        self.layout.expand_below(&self.path(id), expanded);
        for id in self.ids_below(id) {
            if let Some(node) = self.nodes.get_mut(id) {
                node.expanded = expanded;
            }
        }
        self.rebuild();
    }

    /// Opens every node, or closes every node.
    pub(super) fn set_all_expanded(&mut self, expanded: bool) {
        self.layout.expand_all(expanded);
        for node in self.nodes.iter_mut().skip(1) {
            node.expanded = expanded;
        }
        self.rebuild();
    }

    /// Has a second row at the top for what is at this path, or has none.
    pub(super) fn pin(&mut self, path: &str, pinned: bool) {
        self.layout.pin(path, pinned);
        self.rebuild();
    }

    /// Hides what is at this path and below.
    pub(super) fn hide(&mut self, path: &str) {
        self.layout.hide(path);
        self.rebuild();
    }

    /// Shows again what is hidden at this path, or everywhere.
    pub(super) fn unhide(&mut self, path: Option<&str>) {
        self.layout.unhide(path);
        self.rebuild();
    }

    /// How many topics are hidden.
    pub fn hidden_topics(&self) -> usize {
        self.hidden_topics
    }

    /// Shows only topics whose value changes from message number `since` on; all if it is `None`.
    pub(super) fn set_changed_since(&mut self, since: Option<u64>) {
        self.changed_since = since;
        self.rebuild();
    }

    /// Whether only those are shown.
    pub fn shows_only_changed(&self) -> bool {
        self.changed_since.is_some()
    }

    /// Whether rows are left out because of what is looked for; those that are left are all open then.
    pub fn is_filtered(&self) -> bool {
        !self.filter.is_empty() || self.changed_since.is_some()
    }

    /// Opens everything above a node, so that its row exists.
    pub(super) fn reveal(&mut self, id: NodeId) {
        let parent = self.nodes.get(id).map_or(ROOT, |node| node.parent);
        let mut changed = false;
        self.for_path(parent, |node| changed |= !std::mem::replace(&mut node.expanded, true));
        if changed {
            self.rebuild();
        }
    }

    /// Shows only topics that contain this text, or match it as a filter with wildcards; all if it is empty.
    pub(super) fn set_filter(&mut self, filter: &str) {
        if self.filter != filter {
            self.filter = filter.to_owned();
            self.rebuild();
        }
    }

    /// The text that the rows are filtered by.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    fn push_node(&mut self, name: &str, parent: NodeId, depth: usize) -> NodeId {
        let id = self.nodes.len();
        // `$SYS` and its like are apart: there when wanted, but not the first thing that one sees.
        let is_top = depth <= 1 && name.starts_with('$');
        let [usual_nodes, apart] = &mut self.sizes;
        let is_apart = is_top || self.nodes.get(parent).is_some_and(|parent| parent.is_apart);
        let size = if is_apart { apart } else { usual_nodes };
        *size += 1;
        let usual = depth == 0 || (*size <= AUTO_EXPAND_NODES && !is_top);
        let said = if depth == 0 || self.layout.opens_as_usual() {
            None
        } else {
            let above = self.path(parent);
            self.layout.expanded(&if depth == 1 { name.to_owned() } else { format!("{above}/{name}") })
        };
        self.nodes.push(Node {
            name: name.into(),
            topic: None,
            parent,
            children: Vec::new(),
            depth,
            is_apart,
            expanded: said.unwrap_or(usual),
            messages: 0,
            messages_below: 0,
            topics_below: 0,
            last: None,
            retained: None,
            changed: 0,
            rate: 0,
            measured: 0,
            colours: (0, 0),
        });
        id
    }

    fn create(&mut self, topic: &str) -> Option<NodeId> {
        let mut at = ROOT;
        for (i, level) in topic.splitn(MAX_DEPTH, '/').enumerate() {
            at = match self.child(at, level) {
                Ok(id) => id,
                Err(position) => {
                    if self.nodes.len() >= MAX_NODES {
                        return None;
                    }
                    let id = self.push_node(level, at, i + 1);
                    self.nodes.get_mut(at)?.children.insert(position, id);
                    id
                }
            };
        }
        self.name_topic(at, topic);
        Some(at)
    }

    fn name_topic(&mut self, id: NodeId, topic: &str) {
        let shared: Rc<str> = Rc::from(topic);
        if let Some(node) = self.nodes.get_mut(id) {
            node.topic = Some(shared.clone());
        }
        self.by_topic.insert(shared, id);
        self.for_path(id, |node| node.topics_below += 1);
        self.stale = true;
    }

    /// The child with this name, or where it belongs.
    fn child(&self, parent: NodeId, name: &str) -> Result<NodeId, usize> {
        let children = self.nodes.get(parent).map(|node| node.children.as_slice()).unwrap_or_default();
        let found = children.binary_search_by(|&id| match self.nodes.get(id) {
            Some(node) => order(&node.name, name),
            None => Ordering::Less,
        });
        found.map(|i| children.get(i).copied().unwrap_or(ROOT))
    }

    /// From the node up to the root.
    fn for_path(&mut self, id: NodeId, mut f: impl FnMut(&mut Node)) {
        let mut at = id;
        while let Some(node) = self.nodes.get_mut(at) {
            f(node);
            if at == ROOT {
                return;
            }
            at = node.parent;
        }
    }

    /// The node and all below it, in no particular order.
    fn ids_below(&self, id: NodeId) -> Vec<NodeId> {
        let mut ids = vec![id];
        let mut at = 0;
        while let Some(node) = ids.get(at).and_then(|id| self.nodes.get(*id)) {
            ids.extend(&node.children);
            at += 1;
        }
        ids
    }

    fn for_all_below(&self, id: NodeId, mut f: impl FnMut(&Node)) {
        // Depth first with an explicit stack; children are pushed last to first.
        let mut stack = vec![id];
        while let Some(node) = stack.pop().and_then(|id| self.nodes.get(id)) {
            f(node);
            stack.extend(node.children.iter().rev());
        }
    }
}

/// `$` topics last, otherwise as people count: `s2` before `s10`.
fn order(a: &str, b: &str) -> Ordering {
    a.starts_with('$').cmp(&b.starts_with('$')).then_with(|| natural::compare(a, b))
}

mod rows;
#[cfg(test)]
mod tests;
mod value;
