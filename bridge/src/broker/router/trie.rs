//! The tree of the filters that have wildcards.
//!
//! A node holds one or more levels, so that a filter makes one node and at most one more where it branches off:
//! the tree is never larger than twice the number of filters, whatever their depth.
//!
//! ```text
//! site/+/temp, site/+/hum/#, site/#, +/x      (root)
//!                                            /      \
//!                                        site        +/x ●
//!                                       /    \
//!                                      +      # ●
//!                                    /   \
//!                               temp ●    hum/# ●
//! ```
//!
//! The children of a node differ in their first level. One whose first level is `+` and one that is `#` are named by
//! the node itself; all the others, of all nodes, are in one hash table by parent and first level.

use super::index::{Hasher, Index};
use super::label::Label;
use super::subscribers::Subscribers;
use slab::Slab;

/// The tree. Nodes are named by their position in `nodes`; a node with subscribers keeps its position.
#[derive(Debug)]
pub(super) struct FilterTrie {
    hasher: Hasher,
    nodes: Slab<Node>,
    /// The children whose first level is no wildcard.
    literals: Index,
}

/// 64 bytes: one line of the processor's cache.
///
/// Invariant: a node other than the root has subscribers or at least two children.
#[derive(Debug)]
struct Node {
    /// One or more levels with slashes between them. `#` only as the last one, and then there are no children.
    label: Label,
    subscribers: Subscribers,
    parent: u32,
    /// The child whose first level is `+`, or [`NONE`].
    plus: u32,
    /// The child that is `#`, or [`NONE`].
    hash: u32,
    /// How many children are in the table.
    literal_count: u32,
    /// All of those combined by exclusive or: when one is left, this is the one.
    literal_xor: u32,
}

const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;

/// What [`FilterTrie::find_matching`] has still to visit: nodes whose label was matched, each with the offset in the
/// topic behind it. Empty between two walks; kept for its memory.
#[derive(Debug, Default)]
pub(super) struct Walk(Vec<(u32, usize)>);

impl FilterTrie {
    pub(super) fn new(hasher: &Hasher) -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::new(Label::from(&[][..]), NONE)); // at ROOT
        FilterTrie { hasher: hasher.clone(), nodes, literals: Index::default() }
    }

    pub(super) fn subscribers(&self, at: u32) -> &Subscribers {
        &self.node(at).subscribers
    }

    pub(super) fn subscribers_mut(&mut self, at: u32) -> &mut Subscribers {
        &mut self.node_mut(at).subscribers
    }

    /// Calls `visit` for each node with subscribers whose filter matches `topic`.
    ///
    /// Every node is at one depth, so it is reached with one offset and visited at most once.
    pub(super) fn find_matching(&self, topic: &[u8], walk: &mut Walk, mut visit: impl FnMut(u32)) {
        let end = end_of(topic);
        // [MQTT-4.7.2-1] a filter that begins with a wildcard does not match topics that begin with '$'
        let is_dollar = topic.first() == Some(&b'$');
        let stack = &mut walk.0;
        stack.clear();
        stack.push((ROOT, 0));
        while let Some((at, offset)) = stack.pop() {
            let node = self.node(at);
            let wildcards_count = at != ROOT || !is_dollar;
            if node.hash != NONE && wildcards_count {
                visit(node.hash); // also if the topic ends here: "sport/#" matches "sport" (section 4.7.1.2)
            }
            if offset == end {
                if !node.subscribers.is_none() {
                    visit(at);
                }
                continue;
            }
            if node.plus != NONE && wildcards_count {
                let behind = match_levels(self.node(node.plus).label.as_bytes(), topic, offset);
                stack.extend(behind.map(|offset| (node.plus, offset)));
            }
            if node.literal_count > 0 {
                let level = first_level(topic.get(offset..).unwrap_or_default());
                if let Some(child) = self.literal_child(at, level) {
                    let behind = match_levels(self.node(child).label.as_bytes(), topic, offset);
                    stack.extend(behind.map(|offset| (child, offset)));
                }
            }
        }
    }

    /// The filter of a node: the labels from the root on.
    pub(super) fn filter(&self, mut at: u32) -> Vec<u8> {
        let mut labels = Vec::new();
        while at != ROOT {
            let node = self.node(at);
            labels.push(node.label.as_bytes());
            at = node.parent;
        }
        labels.reverse();
        labels.join(&b'/')
    }

    /// The node of a filter that has subscribers.
    pub(super) fn find(&self, filter: &[u8]) -> Option<u32> {
        let (mut at, mut rest) = (ROOT, filter);
        loop {
            at = self.child(at, first_level(rest))?;
            let label = self.node(at).label.as_bytes();
            match rest.strip_prefix(label)? {
                [] => return Some(at).filter(|at| !self.subscribers(*at).is_none()),
                [b'/', behind @ ..] => rest = behind,
                _ => return None,
            }
        }
    }

    /// The node of a filter, new if need be. The caller must give it subscribers.
    pub(super) fn insert(&mut self, filter: &[u8]) -> u32 {
        let (mut parent, mut rest) = (ROOT, filter);
        loop {
            let Some(mut child) = self.child(parent, first_level(rest)) else {
                let leaf = self.nodes.insert(Node::new(Label::from(rest), NONE)) as u32;
                self.link(parent, leaf);
                return leaf;
            };
            let label = self.node(child).label.as_bytes();
            let common = common_levels(label, rest);
            if common < label.len() {
                child = self.split(child, common);
            }
            match rest.get(common + 1..) {
                None => return child,
                Some(behind) => (parent, rest) = (child, behind),
            }
        }
    }

    /// Removes a node that has lost its subscribers, unless it is where two or more others branch off.
    pub(super) fn remove(&mut self, at: u32) {
        match self.node(at).child_count() {
            0 => {
                let parent = self.node(at).parent;
                self.unlink(at);
                self.nodes.remove(at as usize);
                let left = self.node(parent);
                if parent != ROOT && left.subscribers.is_none() && left.child_count() == 1 {
                    self.merge_into_child(parent);
                }
            }
            1 => self.merge_into_child(at),
            _ => {}
        }
    }

    /// Divides a node behind the first `length` bytes of its label, which end a level. The lower part keeps the
    /// node's position, the upper part is new.
    fn split(&mut self, lower: u32, length: usize) -> u32 {
        let node = self.node(lower);
        let parent = node.parent;
        let label = node.label.as_bytes();
        let upper_label = Label::from(label.get(..length).unwrap_or_default());
        let lower_label = Label::from(label.get(length + 1..).unwrap_or_default());
        self.unlink(lower);
        self.node_mut(lower).label = lower_label;
        let upper = self.nodes.insert(Node::new(upper_label, NONE)) as u32;
        self.link(parent, upper);
        self.link(upper, lower);
        upper
    }

    /// The reverse: a node without subscribers, and with one child, becomes the beginning of that child.
    fn merge_into_child(&mut self, upper: u32) {
        let node = self.node(upper);
        let parent = node.parent;
        let lower = match (node.plus, node.hash) {
            (NONE, NONE) => node.literal_xor,
            (NONE, hash) => hash,
            (plus, _) => plus,
        };
        let label = Label::joined(node.label.as_bytes(), self.node(lower).label.as_bytes());
        self.unlink(lower);
        self.unlink(upper);
        self.nodes.remove(upper as usize);
        self.node_mut(lower).label = label;
        self.link(parent, lower);
    }

    fn link(&mut self, parent: u32, child: u32) {
        self.node_mut(child).parent = parent;
        match self.slot(parent, child) {
            Slot::Plus => self.node_mut(parent).plus = child,
            Slot::Hash => self.node_mut(parent).hash = child,
            Slot::Literal(hash) => {
                self.literals.insert(hash, child);
                let parent = self.node_mut(parent);
                parent.literal_count += 1;
                parent.literal_xor ^= child;
            }
        }
    }

    fn unlink(&mut self, child: u32) {
        let parent = self.node(child).parent;
        match self.slot(parent, child) {
            Slot::Plus => self.node_mut(parent).plus = NONE,
            Slot::Hash => self.node_mut(parent).hash = NONE,
            Slot::Literal(hash) => {
                self.literals.remove(hash, child);
                let parent = self.node_mut(parent);
                parent.literal_count -= 1;
                parent.literal_xor ^= child;
            }
        }
    }

    fn slot(&self, parent: u32, child: u32) -> Slot {
        match first_level(self.node(child).label.as_bytes()) {
            b"+" => Slot::Plus,
            b"#" => Slot::Hash,
            level => Slot::Literal(self.hasher.hash_in(parent, level)),
        }
    }

    fn child(&self, parent: u32, level: &[u8]) -> Option<u32> {
        match level {
            b"+" => Some(self.node(parent).plus).filter(|child| *child != NONE),
            b"#" => Some(self.node(parent).hash).filter(|child| *child != NONE),
            _ => self.literal_child(parent, level),
        }
    }

    fn literal_child(&self, parent: u32, level: &[u8]) -> Option<u32> {
        self.literals.find(self.hasher.hash_in(parent, level), |at| {
            let node = self.node(at);
            node.parent == parent && begins_with_level(node.label.as_bytes(), level)
        })
    }

    #[expect(clippy::indexing_slicing, reason = "positions come from the tree itself, never from a peer")]
    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "as above")]
    fn node_mut(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }
}

/// Where a parent keeps a child.
enum Slot {
    Plus,
    Hash,
    /// In the table, with this hash.
    Literal(u64),
}

impl Node {
    fn new(label: Label, parent: u32) -> Self {
        let subscribers = Subscribers::None;
        Node { label, subscribers, parent, plus: NONE, hash: NONE, literal_count: 0, literal_xor: 0 }
    }

    fn child_count(&self) -> u32 {
        self.literal_count + u32::from(self.plus != NONE) + u32::from(self.hash != NONE)
    }
}

/// Whether a filter matches a topic, apart from the rule about `$`.
pub(super) fn matches_but_dollar(filter: &[u8], topic: &[u8]) -> bool {
    match_levels(filter, topic, 0) == Some(end_of(topic))
}

/// The offset at which all levels of a topic are used up. (A topic may end in an empty level, which begins at
/// `topic.len()`.)
fn end_of(topic: &[u8]) -> usize {
    topic.len() + 1
}

/// Matches some levels of a filter with the levels of `topic` that begin at `offset`. The offset of the level behind
/// them; none if they do not match.
fn match_levels(pattern: &[u8], topic: &[u8], mut offset: usize) -> Option<usize> {
    let mut pattern = pattern.iter();
    while let Some(&expected) = pattern.next() {
        match expected {
            b'#' => return Some(end_of(topic)),
            b'+' => offset += first_level(topic.get(offset..)?).len(),
            _ if topic.get(offset) == Some(&expected) => offset += 1,
            // "sport/#" matches "sport", so its "/#" matches the end.
            b'/' if offset == topic.len() && pattern.as_slice() == b"#" => {
                return Some(end_of(topic));
            }
            _ => return None,
        }
    }
    // A level of the topic must end where the last level of the pattern does.
    matches!(topic.get(offset), None | Some(b'/')).then_some(offset + 1)
}

fn first_level(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'/').next().unwrap_or_default()
}

fn begins_with_level(text: &[u8], level: &[u8]) -> bool {
    text.strip_prefix(level).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

/// The length in bytes of the whole levels that two filters, whose first levels are equal, begin with.
fn common_levels(a: &[u8], b: &[u8]) -> usize {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let ends_level = |text: &[u8]| matches!(text.get(same), None | Some(b'/'));
    if ends_level(a) && ends_level(b) {
        return same;
    }
    a.get(..same).and_then(|same| same.iter().rposition(|byte| *byte == b'/')).unwrap_or_default()
}

#[cfg(test)]
impl FilterTrie {
    /// Checks all invariants; how many nodes there are besides the root.
    pub(super) fn check(&self) -> usize {
        let (mut children, mut linked) = (std::collections::HashMap::new(), 0);
        for (at, node) in &self.nodes {
            if at as u32 != ROOT {
                assert!(!node.subscribers.is_none() || node.child_count() >= 2, "{node:?} is of no use");
                let found = self.child(node.parent, first_level(node.label.as_bytes()));
                assert_eq!(found, Some(at as u32), "{node:?} is not its parent's child");
                *children.entry(node.parent).or_insert(0) += 1;
            }
        }
        for (at, node) in &self.nodes {
            assert_eq!(children.get(&(at as u32)).copied().unwrap_or(0), node.child_count(), "{node:?}");
            linked += node.child_count() as usize;
        }
        assert_eq!(linked, self.nodes.len() - 1);
        let in_table: usize = self.nodes.iter().map(|(_, node)| node.literal_count as usize).sum();
        assert_eq!(self.literals.len(), in_table);
        linked
    }
}
