//! The topic tree: every topic that was seen, its last value and its counters.
//!
//! Recording a message touches one path of the tree and nothing else. What the page shows of it, the flat list of
//! [`rows`](Topics::rows), is rebuilt only after the shape has changed, at most once per frame, and never while the
//! pointer is over it.

use super::natural;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::rc::Rc;
use tabmq_shared::packet::QoS;
use tabmq_shared::topic::{self, TopicFilter};

/// A node's number, valid for as long as the tree lives: nodes are never removed.
pub type NodeId = usize;

/// The node above all first levels. It is not a topic.
pub const ROOT: NodeId = 0;

/// A broker may have more topics than a browser has memory: beyond this many nodes, messages are only counted.
const MAX_NODES: usize = 250_000;

/// Levels beyond this one stay together in the last node's name, so that a topic of 65,535 slashes is one row, not
/// a staircase.
const MAX_DEPTH: usize = 24;

/// Folders open by themselves while the tree is smaller than this many rows: enough to see what is there at once.
const AUTO_EXPAND_ROWS: usize = 80;

/// The longest payload that a node keeps by itself, in bytes. A longer one is cut, and said to be.
pub const LAST_VALUE_BYTES: usize = 1024;

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
}

/// What a node keeps of its last message.
#[derive(Clone, Debug)]
pub struct LastValue {
    /// Its number in the history, which may have let it go since.
    pub seq: u64,
    /// When it came, in Unix milliseconds.
    pub at_ms: u64,
    /// The payload, or its first [`LAST_VALUE_BYTES`].
    pub head: Bytes,
    /// The payload's whole length in bytes.
    pub len: usize,
    /// The QoS of its last hop.
    pub qos: QoS,
    /// Whether the broker had kept it.
    pub retain: bool,
}

/// The tree and its visible rows.
#[derive(Debug)]
pub struct Topics {
    nodes: Vec<Node>,
    by_topic: FxHashMap<Rc<str>, NodeId>,
    filter: String,
    rows: Vec<NodeId>,
    stale: bool,
    held: bool,
    untracked: u64,
}

impl Default for Topics {
    fn default() -> Self {
        let mut topics = Topics {
            nodes: Vec::new(),
            by_topic: FxHashMap::default(),
            filter: String::new(),
            rows: Vec::new(),
            stale: false,
            held: false,
            untracked: 0,
        };
        topics.push_node("", ROOT, 0);
        topics
    }
}

impl Topics {
    /// Counts a message and keeps its value. Returns the topic as the tree's own shared string.
    pub fn record(&mut self, topic: &str, value: LastValue) -> Rc<str> {
        let Some(id) = self.find(topic).or_else(|| self.create(topic)) else {
            self.untracked += 1;
            return Rc::from(topic);
        };
        let is_new = self.nodes.get(id).is_some_and(|node| node.topic.is_none());
        if is_new {
            self.name_topic(id, topic);
        }
        let mut shared = None;
        if let Some(node) = self.nodes.get_mut(id) {
            node.messages += 1;
            node.last = Some(value);
            shared = node.topic.clone();
        }
        self.for_path(id, |node| node.messages_below += 1);
        shared.unwrap_or_else(|| Rc::from(topic))
    }

    /// The node of a topic that has had a message.
    pub fn find(&self, topic: &str) -> Option<NodeId> {
        self.by_topic.get(topic).copied()
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

    /// Messages whose topic did not fit into the tree any more.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// What is shown, from top to bottom.
    pub fn rows(&self) -> &[NodeId] {
        &self.rows
    }

    /// Brings the rows up to date, unless the pointer is over them. To be called before painting.
    pub fn refresh(&mut self) {
        if self.stale && !self.held {
            self.rebuild();
        }
    }

    /// Whether the pointer is over the rows: no row moves until it has left.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Opens or closes a node.
    pub fn set_expanded(&mut self, id: NodeId, expanded: bool) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.expanded = expanded;
            self.rebuild();
        }
    }

    /// Opens every node, or closes every node.
    pub fn set_all_expanded(&mut self, expanded: bool) {
        for node in self.nodes.iter_mut().skip(1) {
            node.expanded = expanded;
        }
        self.rebuild();
    }

    /// Opens everything above a node, so that its row exists.
    pub fn reveal(&mut self, id: NodeId) {
        let parent = self.nodes.get(id).map_or(ROOT, |node| node.parent);
        let mut changed = false;
        self.for_path(parent, |node| changed |= !std::mem::replace(&mut node.expanded, true));
        if changed {
            self.rebuild();
        }
    }

    /// Shows only topics that contain this text, or match it as a filter with wildcards; all if it is empty.
    pub fn set_filter(&mut self, filter: &str) {
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
        self.nodes.push(Node {
            name: name.into(),
            topic: None,
            parent,
            children: Vec::new(),
            depth,
            // `$SYS` and its like are apart: there when wanted, but not the first thing that one sees.
            expanded: depth == 0 || (id < AUTO_EXPAND_ROWS && !name.starts_with('$')),
            messages: 0,
            messages_below: 0,
            topics_below: 0,
            last: None,
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
        self.stale = true;
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

    fn rebuild(&mut self) {
        self.stale = false;
        let matching = (!self.filter.is_empty()).then(|| self.matching());
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        // Depth first with an explicit stack; children are pushed last to first.
        let mut stack = vec![ROOT];
        while let Some(id) = stack.pop() {
            let Some(node) = self.nodes.get(id) else { continue };
            if matching.as_ref().is_some_and(|matching| !matching.get(id).is_some_and(|m| *m)) {
                continue;
            }
            if id != ROOT {
                rows.push(id);
            }
            if node.expanded || matching.is_some() {
                stack.extend(node.children.iter().rev());
            }
        }
        self.rows = rows;
    }

    /// For each node whether it, or something below it, passes the filter.
    fn matching(&self) -> Vec<bool> {
        let mut matching = vec![false; self.nodes.len()];
        let needle = Needle::new(&self.filter);
        for (topic, &id) in &self.by_topic {
            if !needle.finds(topic) {
                continue;
            }
            let mut at = id;
            while let Some(flag) = matching.get_mut(at).filter(|flag| !**flag) {
                *flag = true;
                at = self.nodes.get(at).map_or(ROOT, |node| node.parent);
            }
        }
        matching
    }
}

/// What a filter box says: text to look for, or a topic filter if it has wildcards and is valid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needle {
    text: String,
    filter: Option<Box<str>>,
}

impl Needle {
    /// From what was typed.
    pub fn new(typed: &str) -> Self {
        let typed = typed.trim();
        let filter = TopicFilter::new(typed.to_owned()).ok().filter(TopicFilter::has_wildcards);
        Needle { text: typed.to_ascii_lowercase(), filter: filter.map(|filter| filter.filter().into()) }
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether it finds this topic. Upper and lower case of ASCII letters are the same to the text.
    pub fn finds(&self, topic: &str) -> bool {
        match &self.filter {
            Some(filter) => topic::matches(filter, topic),
            None => self.finds_in(topic.as_bytes()),
        }
    }

    /// Whether the text (not the filter) occurs in these bytes.
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        let needle = self.text.as_bytes();
        let Some(&first) = needle.first() else { return true };
        if self.filter.is_some() {
            return false;
        }
        let last_start = (bytes.len() + 1).saturating_sub(needle.len());
        bytes.iter().take(last_start).enumerate().any(|(i, byte)| {
            byte.to_ascii_lowercase() == first
                && bytes.get(i..i + needle.len()).is_some_and(|part| part.eq_ignore_ascii_case(needle))
        })
    }
}

/// `$` topics last, otherwise as people count: `s2` before `s10`.
fn order(a: &str, b: &str) -> Ordering {
    a.starts_with('$').cmp(&b.starts_with('$')).then_with(|| natural::compare(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &'static str) -> LastValue {
        let head = Bytes::from_static(text.as_bytes());
        LastValue { seq: 0, at_ms: 0, len: head.len(), head, qos: QoS::AtMostOnce, retain: false }
    }

    fn tree(topics: &[&str]) -> Topics {
        let mut tree = Topics::default();
        for topic in topics {
            tree.record(topic, value("x"));
        }
        tree.refresh();
        tree
    }

    fn shown(tree: &Topics) -> Vec<String> {
        tree.rows().iter().map(|&id| tree.path(id)).collect()
    }

    #[test]
    fn rows_in_natural_order_with_system_topics_last() {
        let tree = tree(&["$SYS/uptime", "b/s10", "b/s2", "a", "/", "b"]);
        assert_eq!(shown(&tree), ["", "/", "a", "b", "b/s2", "b/s10", "$SYS"]);
        assert_eq!(tree.topic_count(), 6);
    }

    #[test]
    fn counters() {
        let mut tree = tree(&["a/b", "a/b", "a/c", "a"]);
        let a = tree.find("a").unwrap();
        let node = tree.node(a).unwrap();
        assert_eq!((node.messages, node.messages_below, node.topics_below), (1, 4, 3));
        assert!(tree.find("a/b/c").is_none());
        assert_eq!(tree.find_path("a/b"), tree.find("a/b"));
        tree.record("a/b", value("21"));
        let b = tree.node(tree.find("a/b").unwrap()).unwrap();
        assert_eq!((b.messages, &*b.last.as_ref().unwrap().head), (3, b"21".as_slice()));
    }

    #[test]
    fn one_shared_string_per_topic() {
        let mut tree = Topics::default();
        let first = tree.record("a/b", value("1"));
        assert!(Rc::ptr_eq(&first, &tree.record("a/b", value("2"))));
    }

    #[test]
    fn filters() {
        let cases: [(&str, &[&str]); 5] = [
            ("TEMP", &["home", "home/kitchen", "home/kitchen/temp"]),
            ("home/+", &["home", "home/door"]),
            ("nothing", &[]),
            ("$sys", &["$SYS", "$SYS/uptime"]),
            ("+/#", &["home", "home/door", "home/kitchen", "home/kitchen/temp"]),
        ];
        let mut tree = tree(&["home/kitchen/temp", "home/door", "$SYS/uptime"]);
        for (filter, expected) in cases {
            tree.set_filter(filter);
            assert_eq!(shown(&tree), expected, "{filter}");
        }
    }

    #[test]
    fn rows_do_not_move_under_the_pointer() {
        let mut tree = tree(&["b"]);
        tree.hold(true);
        tree.record("a", value("x"));
        tree.refresh();
        assert_eq!(shown(&tree), ["b"]);
        tree.hold(false);
        tree.refresh();
        assert_eq!(shown(&tree), ["a", "b"]);
    }

    #[test]
    fn collapsing_and_revealing() {
        let mut tree = tree(&["a/b/c", "d"]);
        tree.set_all_expanded(false);
        assert_eq!(shown(&tree), ["a", "d"]);
        tree.reveal(tree.find("a/b/c").unwrap());
        assert_eq!(shown(&tree), ["a", "a/b", "a/b/c", "d"]);
    }

    #[test]
    fn hostile_shapes_are_bounded() {
        let slashes = "/".repeat(65_535);
        let tree = tree(&[&slashes]);
        assert_eq!(tree.rows().len(), MAX_DEPTH);
        assert_eq!(tree.path(*tree.rows().last().unwrap()), slashes);

        let mut tree = Topics::default();
        for i in 0..MAX_NODES + 5 {
            tree.record(&i.to_string(), value("x"));
        }
        assert_eq!(tree.topic_count(), MAX_NODES - 1, "the root is a node too");
        assert_eq!(tree.untracked(), 6);
    }
}
