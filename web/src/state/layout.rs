//! What somebody has made of the topic tree: what is open, pinned, hidden. It is said by path, so that it also holds
//! for topics that come later, be it after a reload.

use super::query;
use rustc_hash::FxHashMap;

/// More than this is not remembered: the tab's storage is small.
const MAX_ENTRIES: usize = 2_000;

/// Open, closed, or as usual where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    expanded: bool,
    /// Whether it is said of everything below, too.
    below: bool,
}

/// Open, pinned, hidden.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// What was said of the whole tree last.
    all: Option<bool>,
    /// What was said of a path since.
    said: FxHashMap<Box<str>, Said>,
    /// In the order in which they were pinned.
    pins: Vec<Box<str>>,
    hidden: Vec<Box<str>>,
}

impl Layout {
    /// From what [`write`](Self::write) wrote.
    pub fn read(text: &str) -> Self {
        let mut layout = Layout::default();
        for (name, path) in query::decode(text) {
            match name.as_str() {
                "all" => layout.all = Some(path == "1"),
                "open" => layout.say(&path, true, false),
                "close" => layout.say(&path, false, false),
                "open-all" => layout.say(&path, true, true),
                "close-all" => layout.say(&path, false, true),
                "pin" => layout.pin(&path, true),
                "hide" => layout.hide(&path),
                _ => {}
            }
        }
        layout
    }

    /// All of it as text.
    pub fn write(&self) -> String {
        let all = self.all.map(|all| ("all", if all { "1" } else { "0" }));
        let said = self.said.iter().map(|(path, said)| {
            let name = match (said.expanded, said.below) {
                (true, false) => "open",
                (false, false) => "close",
                (true, true) => "open-all",
                (false, true) => "close-all",
            };
            (name, &**path)
        });
        let pins = self.pins.iter().map(|path| ("pin", &**path));
        let hidden = self.hidden.iter().map(|path| ("hide", &**path));
        query::encode(all.into_iter().chain(said).chain(pins).chain(hidden))
    }

    /// What is pinned.
    pub fn pins(&self) -> impl Iterator<Item = &str> {
        self.pins.iter().map(|path| &**path)
    }

    /// Whether this path is pinned.
    pub fn is_pinned(&self, path: &str) -> bool {
        self.pins().any(|pin| pin == path)
    }

    /// What is hidden, with all that is below.
    pub fn hidden(&self) -> impl Iterator<Item = &str> {
        self.hidden.iter().map(|path| &**path)
    }

    /// Whether nobody has opened or closed anything.
    pub(super) fn opens_as_usual(&self) -> bool {
        self.all.is_none() && self.said.is_empty()
    }

    /// Whether this path is open; `None`: as usual.
    pub(super) fn expanded(&self, path: &str) -> Option<bool> {
        if let Some(said) = self.said.get(path) {
            return Some(said.expanded);
        }
        let mut above = path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            if let Some(said) = self.said.get(parent).filter(|said| said.below) {
                return Some(said.expanded);
            }
            above = parent;
        }
        self.all
    }

    pub(super) fn expand(&mut self, path: &str, expanded: bool) {
        // What was said of everything below stays, if it says the same.
        let below = self.said.get(path).is_some_and(|said| said.below && said.expanded == expanded);
        self.say(path, expanded, below);
    }

    pub(super) fn expand_below(&mut self, path: &str, expanded: bool) {
        let is_below = |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        self.said.retain(|other, _| !is_below(other));
        self.say(path, expanded, true);
    }

    pub(super) fn expand_all(&mut self, expanded: bool) {
        self.said.clear();
        self.all = Some(expanded);
    }

    pub(super) fn pin(&mut self, path: &str, pinned: bool) {
        self.pins.retain(|pin| **pin != *path);
        if pinned && self.pins.len() < MAX_ENTRIES {
            self.pins.push(path.into());
        }
    }

    pub(super) fn hide(&mut self, path: &str) {
        self.unhide(Some(path));
        if self.hidden.len() < MAX_ENTRIES {
            self.hidden.push(path.into());
        }
    }

    pub(super) fn unhide(&mut self, path: Option<&str>) {
        self.hidden.retain(|hidden| path.is_some_and(|path| **hidden != *path));
    }

    fn say(&mut self, path: &str, expanded: bool, below: bool) {
        if self.said.len() < MAX_ENTRIES || self.said.contains_key(path) {
            self.said.insert(path.into(), Said { expanded, below });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_counts() {
        let mut layout = Layout::default();
        assert_eq!((layout.expanded("a"), layout.opens_as_usual()), (None, true));
        layout.expand_all(false);
        layout.expand_below("a", true);
        layout.expand("a/b", false);
        let cases =
            [("a", true), ("a/b", false), ("a/b/c", true), ("a/x/y", true), ("ab", false), ("z", false)];
        for (path, expected) in cases {
            assert_eq!(layout.expanded(path), Some(expected), "{path}");
        }
        layout.expand_below("a", false);
        assert_eq!(layout.expanded("a/b"), Some(false));
        layout.expand("a", true);
        assert_eq!((layout.expanded("a"), layout.expanded("a/b")), (Some(true), Some(false)));
        layout.expand_all(true);
        assert_eq!(layout.expanded("a/b"), Some(true));
    }

    #[test]
    fn kept() {
        let mut layout = Layout::default();
        layout.expand_all(true);
        layout.expand("a b/=&", false);
        layout.expand_below("$SYS", false);
        for path in ["z", "a", "z"] {
            layout.pin(path, true);
        }
        layout.hide("noise/#");
        assert_eq!(Layout::read(&layout.write()), layout);
        assert_eq!(layout.pins().collect::<Vec<_>>(), ["a", "z"]);
        layout.unhide(None);
        layout.pin("a", false);
        assert_eq!((layout.hidden().count(), layout.is_pinned("a"), layout.is_pinned("z")), (0, false, true));
    }

    #[test]
    fn bounded() {
        let mut layout = Layout::default();
        for i in 0..MAX_ENTRIES + 10 {
            layout.expand(&i.to_string(), true);
            layout.pin(&i.to_string(), true);
            layout.hide(&i.to_string());
        }
        assert_eq!(
            (layout.said.len(), layout.pins.len(), layout.hidden.len()),
            (MAX_ENTRIES, MAX_ENTRIES, MAX_ENTRIES)
        );
    }
}
