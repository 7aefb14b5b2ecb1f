//! The rows that are shown, made from the tree.

use super::{NodeId, ROOT, Row, Topics};
use crate::state::needle::Needle;
use rustc_hash::FxHashSet;

impl Topics {
    pub(super) fn rebuild(&mut self) {
        self.stale = false;
        let mut rows = std::mem::take(&mut self.rows);
        let matching = self.is_filtered().then(|| self.matching());
        let passes =
            |id: NodeId| matching.as_ref().is_none_or(|matching| matching.get(id).is_some_and(|m| *m));
        let hidden: FxHashSet<NodeId> =
            self.layout.hidden().filter_map(|path| self.find_path(path)).collect();
        let mut hidden_topics = 0;
        let pins = self.layout.pins().filter_map(|path| self.find_path(path)).filter(|id| passes(*id));
        rows.clear();
        rows.extend(pins.map(|id| Row { id, pinned: true, place: 0, siblings: 0 }));
        let pinned = rows.len();
        let mut stack = vec![(ROOT, 0, 0)];
        while let Some((id, place, siblings)) = stack.pop() {
            let Some(node) = self.nodes.get(id) else { continue };
            if id != ROOT {
                rows.push(Row { id, pinned: false, place, siblings });
            }
            if !node.expanded && matching.is_none() {
                continue;
            }
            let is_hidden = |id: NodeId| hidden.contains(&id);
            let below = |id: &&NodeId| self.nodes.get(**id).filter(|_| is_hidden(**id));
            hidden_topics +=
                node.children.iter().filter_map(|id| below(&id)).map(|node| node.topics_below).sum::<usize>();
            // The pinned rows stand before those of the first level.
            let before = if id == ROOT { pinned } else { 0 };
            let first = stack.len();
            let shown = node.children.iter().filter(|id| !is_hidden(**id) && passes(**id));
            stack.extend(shown.enumerate().map(|(i, id)| (*id, before + i + 1, 0)));
            let children = stack.get_mut(first..).unwrap_or_default();
            let siblings = before + children.len();
            children.iter_mut().for_each(|child| child.2 = siblings);
            children.reverse();
            if id == ROOT {
                rows.iter_mut()
                    .enumerate()
                    .for_each(|(i, row)| (row.place, row.siblings) = (i + 1, siblings));
            }
        }
        self.rows = rows;
        self.hidden_topics = hidden_topics;
    }

    /// For each node whether it, or something below it, passes the filter.
    fn matching(&self) -> Vec<bool> {
        let mut matching = vec![false; self.nodes.len()];
        let needle = Needle::new(&self.filter);
        let since = self.changed_since.unwrap_or(0);
        for (topic, &id) in &self.by_topic {
            let changed = self.nodes.get(id).is_some_and(|node| node.changed >= since);
            if !changed || !needle.finds(topic) {
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
