//! The tree, as a whole.

use super::*;
use tabmq_shared::packet::QoS;

fn value(text: &'static str) -> Arrival<'static> {
    Arrival { seq: 0, at_ms: 0, payload: text.as_bytes(), qos: QoS::AtMostOnce, retain: false }
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
    tree.rows().iter().map(|row| tree.path(row.id)).collect()
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
    let mut topic = |text| tree.record("a/b", value(text)).unwrap().topic.clone().unwrap();
    assert!(Rc::ptr_eq(&topic("1"), &topic("2")));
}

#[test]
fn each_row_knows_its_place_in_its_level() {
    let mut tree = tree(&["a/1", "a/2", "a/3", "b", "c"]);
    let places = |tree: &Topics| -> Vec<(usize, usize)> {
        tree.rows().iter().map(|row| (row.place, row.siblings)).collect()
    };
    assert_eq!(places(&tree), [(1, 3), (1, 3), (2, 3), (3, 3), (2, 3), (3, 3)]);
    tree.pin("b", true);
    tree.hide("a/2");
    tree.refresh();
    assert_eq!(places(&tree), [(1, 4), (2, 4), (1, 2), (2, 2), (3, 4), (4, 4)], "b is among the pinned, too");
    tree.set_filter("a/3");
    tree.refresh();
    assert_eq!(places(&tree), [(1, 1), (1, 1)]);
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
fn pinned_rows_are_at_the_top_and_hidden_ones_nowhere() {
    let mut tree = tree(&["a/b", "c/d", "c/e"]);
    tree.pin("c/e", true);
    tree.pin("not/there/yet", true);
    tree.hide("a");
    assert_eq!(shown(&tree), ["c/e", "c", "c/d", "c/e"]);
    assert_eq!((tree.rows()[0].pinned, tree.rows()[3].pinned, tree.hidden_topics()), (true, false, 1));
    tree.record("not/there/yet", value("x"));
    tree.refresh();
    assert_eq!(shown(&tree)[..2], ["c/e", "not/there/yet"]);
    tree.unhide(None);
    tree.pin("c/e", false);
    tree.pin("not/there/yet", false);
    assert_eq!(shown(&tree), ["a", "a/b", "c", "c/d", "c/e", "not", "not/there", "not/there/yet"]);
}

#[test]
fn what_was_opened_and_closed_is_so_again_after_a_reload() {
    let topics = ["a/b/c", "d/e/f", "$SYS/x"];
    let mut first = tree(&topics);
    first.set_all_expanded(false);
    first.set_expanded(first.find_path("$SYS").unwrap(), true);
    first.set_expanded_below(first.find_path("d").unwrap(), true);
    first.pin("d/e/f", true);
    let mut second = Topics::with_layout(Layout::read(&first.layout().write()));
    for topic in topics {
        second.record(topic, value("x"));
    }
    second.refresh();
    assert_eq!(shown(&second), shown(&first));
    assert_eq!(shown(&second), ["d/e/f", "a", "d", "d/e", "d/e/f", "$SYS", "$SYS/x"]);
}

#[test]
fn only_what_has_changed() {
    let mut tree = tree(&["a", "b", "c"]);
    let at = |seq: u64, text: &'static str| Arrival { seq, ..value(text) };
    tree.record("c", at(1, "y"));
    tree.set_changed_since(Some(2));
    assert_eq!(shown(&tree), [""; 0]);
    tree.record("a", at(2, "x")); // the same value again
    tree.record("b", at(3, "y"));
    tree.record("new", at(4, "x"));
    tree.refresh();
    assert_eq!(shown(&tree), ["b", "new"]);
    tree.set_changed_since(None);
    assert_eq!(shown(&tree).len(), 4);
}

#[test]
fn rates() {
    let mut tree = tree(&["a/b"]);
    let rate = |tree: &Topics, path: &str| tree.node(tree.find_path(path).unwrap()).unwrap().rate_tenths();
    tree.measure(1000);
    assert_eq!(rate(&tree, "a"), 10);
    for _ in 0..29 {
        tree.record("a/b", value("x"));
    }
    tree.measure(1000);
    assert_eq!((rate(&tree, "a"), rate(&tree, "a/b")), (150, 150));
    for _ in 0..10 {
        tree.measure(1000);
    }
    assert_eq!(rate(&tree, "a"), 0);
}

#[test]
fn what_the_broker_keeps() {
    let mut tree = tree(&["a"]);
    let kept = |text| Arrival { retain: true, ..value(text) };
    tree.record("a/b", kept("1"));
    tree.record("a/b", value("2")); // not retained: the broker keeps the first one
    tree.record("a/c", kept("3"));
    tree.record("a/d", kept("4"));
    tree.record("a/d", kept("")); // an empty one ends it
    let below = |tree: &Topics, path: &str| -> Vec<String> {
        let found = tree.retained_below(tree.find_path(path).unwrap());
        found.iter().map(|(topic, value)| format!("{topic} {}", value.head.escape_ascii())).collect()
    };
    assert_eq!(below(&tree, "a"), ["a/b 1", "a/c 3"]);
    tree.set_retained("a/b", None);
    assert_eq!((below(&tree, "a/b"), below(&tree, "a").len()), (vec![], 1));
}

#[test]
fn colours_are_reckoned_once_for_each_revision() {
    let mut tree = tree(&["a"]);
    let node = tree.record("a", value("x")).unwrap();
    assert_eq!(node.colours(1, || 5), 5);
    assert_eq!(node.colours(1, || unreachable!()), 5);
    assert_eq!(node.colours(2, || 6), 6);
}

#[test]
fn hostile_shapes_are_bounded() {
    let slashes = "/".repeat(65_535);
    let tree = tree(&[&slashes]);
    assert_eq!(tree.rows().len(), MAX_DEPTH);
    assert_eq!(tree.path(tree.rows().last().unwrap().id), slashes);

    let mut tree = Topics::default();
    for i in 0..MAX_NODES + 5 {
        tree.record(&i.to_string(), value("x"));
    }
    assert_eq!(tree.topic_count(), MAX_NODES - 1, "the root is a node too");
    assert_eq!(tree.untracked(), 6);
}

#[test]
fn a_talkative_broker_does_not_fold_everybodys_topics() {
    let mut tree = Topics::default();
    for i in 0..100 {
        tree.record(&format!("$SYS/broker/{i}/x"), value("1"));
    }
    tree.record("home/kitchen/temp", value("21"));
    tree.refresh();
    assert_eq!(shown(&tree), ["home", "home/kitchen", "home/kitchen/temp", "$SYS"]);
    for i in 0..100 {
        tree.record(&format!("home/{i}/x"), value("1"));
    }
    tree.refresh();
    assert!(shown(&tree).iter().any(|path| path == "home/1/x"), "the first ones are open");
    assert!(!shown(&tree).iter().any(|path| path == "home/99/x"), "there are too many to open the last ones");
}
