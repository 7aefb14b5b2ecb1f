//! The router against a list of subscriptions.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What the router should do, as the specification says it: a list, looked through from front to back.
#[derive(Default)]
struct Model {
    subscriptions: Vec<(SessionKey, TopicFilter, Subscription)>,
}

impl Model {
    fn subscribe(&mut self, session: SessionKey, filter: &TopicFilter, subscription: Subscription) -> bool {
        let existed = self.unsubscribe(session, filter);
        self.subscriptions.push((session, filter.clone(), subscription));
        !existed
    }

    fn unsubscribe(&mut self, session: SessionKey, filter: &TopicFilter) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|(s, f, _)| (*s, f) != (session, filter));
        self.subscriptions.len() < before
    }

    fn matching(&self, topic: &TopicName) -> impl Iterator<Item = &(SessionKey, TopicFilter, Subscription)> {
        self.subscriptions.iter().filter(|(_, filter, _)| filter.matches(topic))
    }

    fn targets(&self, topic: &TopicName, counts: impl Fn(&Subscription) -> bool) -> Vec<Target> {
        let mut targets = BTreeMap::new();
        for (session, _, subscription) in
            self.matching(topic).filter(|(_, filter, s)| filter.share_group().is_none() && counts(s))
        {
            targets.entry(*session).or_insert_with(Vec::new).push(*subscription);
        }
        let target = |(session, subscriptions): (SessionKey, Vec<Subscription>)| {
            let mut ids: Vec<u32> = subscriptions.iter().filter_map(|s| s.id).map(u32::from).collect();
            ids.sort_unstable();
            Target {
                session,
                qos: subscriptions.iter().map(|s| s.options.qos).max().unwrap(),
                retain_as_published: subscriptions.iter().any(|s| s.options.retain_as_published),
                no_local: subscriptions.iter().any(|s| s.options.no_local),
                subscription_ids: (!ids.is_empty()).then(|| ids.into()),
            }
        };
        targets.into_iter().map(target).collect()
    }

    fn shared_filters(&self, topic: &TopicName) -> BTreeSet<TopicFilter> {
        self.matching(topic)
            .filter(|(_, f, _)| f.share_group().is_some())
            .map(|(_, f, _)| f.clone())
            .collect()
    }
}

/// The router and the model side by side.
struct Pair {
    router: Router,
    model: Model,
}

impl Pair {
    fn new() -> Self {
        Pair { router: Router::new(), model: Model::default() }
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Subscribe(session, filter, subscription) => {
                let expected = self.model.subscribe(*session, filter, *subscription);
                assert_eq!(self.router.subscribe(*session, filter, *subscription), expected, "{operation:?}");
            }
            Operation::Unsubscribe(session, filter) => {
                let expected = self.model.unsubscribe(*session, filter);
                assert_eq!(self.router.unsubscribe(*session, filter), expected, "{operation:?}");
            }
            Operation::Publish(topic) => self.check(topic),
        }
        assert_eq!(self.router.len(), self.model.subscriptions.len());
    }

    fn check(&mut self, topic: &TopicName) {
        let matches = self.router.matches(topic, |all| all);
        let mut targets = matches.targets.clone();
        targets.sort_by_key(|target| target.session);
        assert_eq!(targets, self.model.targets(topic, |_| true), "{topic}");

        let groups: Vec<GroupId> = matches.groups.iter().map(|shared| shared.group).collect();
        let filters = self.model.shared_filters(topic);
        assert_eq!(groups.len(), filters.len(), "{topic}: {filters:?}");
        for filter in filters {
            let group = self.router.group_of(&filter).unwrap();
            assert!(groups.contains(&group), "{filter} on {topic}");
            let members = self.model.subscriptions.iter().filter(|(_, f, _)| *f == filter);
            let mut expected: Vec<_> = members.map(|(session, _, s)| (*session, *s)).collect();
            let mut offered = Vec::new();
            let accepted = self.router.serve_group(group, |session, subscription| {
                offered.push((session, *subscription));
                false
            });
            assert!(!accepted);
            expected.sort_by_key(|(session, _)| *session);
            offered.sort_by_key(|(session, _)| *session);
            assert_eq!(offered, expected);
            assert_eq!(self.router.group_members(group), expected.len());
            assert!(self.router.serve_group(group, |_, _| true));
        }

        for session in 0..SESSIONS {
            let expected = self.model.targets(topic, |subscription| !subscription.options.no_local);
            let expected = expected.into_iter().find(|target| target.session == session);
            assert_eq!(self.router.target_without_no_local(session, topic), expected);
        }
    }

    /// Removes all subscriptions in some order and looks whether anything is left.
    fn empty(&mut self, order: &[prop::sample::Index]) {
        for index in order.iter().chain(std::iter::repeat(&order[0])) {
            if self.model.subscriptions.is_empty() {
                break;
            }
            let (session, filter, _) = index.get(&self.model.subscriptions).clone();
            self.apply(&Operation::Unsubscribe(session, filter));
            self.router.filters.check();
        }
        assert_eq!(self.router.filters.check(), (0, 0));
        assert_eq!(self.router.len(), 0);
    }
}

const SESSIONS: SessionKey = 5;

#[derive(Clone, Debug)]
enum Operation {
    Subscribe(SessionKey, TopicFilter, Subscription),
    Unsubscribe(SessionKey, TopicFilter),
    Publish(TopicName),
}

fn operation() -> impl Strategy<Value = Operation> {
    let filter = "([$]share/[gh]/)?(([+]|[$]?[ab]{0,2})(/([+]|[ab]{0,2})){0,4}(/#)?|#)"
        .prop_filter_map("a valid filter", |filter| TopicFilter::new(filter).ok());
    let topic =
        "[$]?[ab]{0,2}(/[ab]{0,1}){0,4}".prop_filter_map("a valid topic", |topic| TopicName::new(topic).ok());
    let subscription = (0..=2_u8, any::<bool>(), any::<bool>(), 0..3_u32).prop_map(
        |(qos, no_local, retain_as_published, id)| Subscription {
            options: SubscriptionOptions {
                qos: QoS::from_u8(qos).unwrap(),
                no_local,
                retain_as_published,
                ..Default::default()
            },
            id: NonZeroU32::new(id),
        },
    );
    prop_oneof![
        4 => (0..SESSIONS, filter.clone(), subscription).prop_map(|(s, f, o)| Operation::Subscribe(s, f, o)),
        2 => (0..SESSIONS, filter).prop_map(|(s, f)| Operation::Unsubscribe(s, f)),
        4 => topic.prop_map(Operation::Publish),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Each topic is asked for three times and then after every change: so it comes from the cache, too.
    #[test]
    fn agrees_with_a_list(
        operations in prop::collection::vec(operation(), 1..60),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
    ) {
        let mut pair = Pair::new();
        let mut topics = Vec::new();
        for operation in &operations {
            pair.apply(operation);
            if let Operation::Publish(topic) = operation {
                pair.check(topic);
                pair.check(topic);
                topics.push(topic.clone());
            } else {
                for topic in topics.iter().rev().take(3) {
                    pair.check(topic);
                }
            }
            pair.router.filters.check();
        }
        pair.empty(&order);
    }
}

fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).unwrap()
}

fn topic(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

fn qos(qos: u8) -> Subscription {
    let options = SubscriptionOptions { qos: QoS::from_u8(qos).unwrap(), ..Default::default() };
    Subscription { options, id: None }
}

fn sessions(router: &mut Router, text: &str) -> Vec<SessionKey> {
    let mut sessions: Vec<_> =
        router.matches(&topic(text), |all| all).targets.iter().map(|t| t.session).collect();
    sessions.sort_unstable();
    sessions
}

#[test]
fn wildcards() {
    let filters = ["a/b", "a/+", "a/#", "+/b", "+/+", "#", "$SYS/#", "$SYS/+", "+/a", "/", "//", "+", "/#"];
    let cases: &[(&str, &[&str])] = &[
        ("a/b", &["a/b", "a/+", "a/#", "+/b", "+/+", "#"]),
        ("a", &["a/#", "#", "+"]),
        ("a/", &["a/+", "a/#", "+/+", "#"]),
        ("a/b/c", &["a/#", "#"]),
        ("/", &["+/+", "#", "/", "/#"]),
        ("//", &["#", "//", "/#"]),
        ("/a", &["+/+", "#", "+/a", "/#"]),
        ("$SYS/a", &["$SYS/#", "$SYS/+"]),
        ("$SYS", &["$SYS/#"]),
        ("é", &["#", "+"]),
    ];
    let mut router = Router::new();
    for (session, text) in (0..).zip(filters) {
        assert!(router.subscribe(session, &filter(text), qos(1)));
    }
    for _ in 0..3 {
        for (text, expected) in cases {
            let found: Vec<&str> =
                sessions(&mut router, text).into_iter().map(|session| filters[session as usize]).collect();
            let expected: Vec<&str> = filters.into_iter().filter(|f| expected.contains(f)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}

#[test]
fn many_subscribers_of_one_topic() {
    let mut router = Router::new();
    for session in 0..1000 {
        assert!(router.subscribe(session, &filter("a"), qos(0)));
        assert!(!router.subscribe(session, &filter("a"), qos(1)));
        assert!(router.subscribe(session, &filter("+"), qos(2)));
    }
    assert_eq!(sessions(&mut router, "a"), Vec::from_iter(0..1000));
    for session in (0..1000).filter(|session| session % 10 != 0) {
        assert!(router.unsubscribe(session, &filter("a")));
        assert!(!router.unsubscribe(session, &filter("a")));
        assert!(router.unsubscribe(session, &filter("+")));
    }
    assert_eq!(sessions(&mut router, "a"), Vec::from_iter((0..1000).step_by(10)));
    assert!(
        router.matches(&topic("a"), |all| all).targets.iter().all(|target| target.qos == QoS::ExactlyOnce)
    );
    assert_eq!(router.len(), 200);
}

#[test]
fn a_group_takes_turns() {
    let mut router = Router::new();
    let shared = filter("$share/g/a/+");
    for session in 0..4 {
        router.subscribe(session, &shared, qos(1));
    }
    let group = router.group_of(&shared).unwrap();
    let mut serve = |refuses: &[SessionKey]| {
        let mut served = None;
        router.serve_group(group, |session, _| {
            let accepts = !refuses.contains(&session);
            if accepts {
                served = Some(session);
            }
            accepts
        });
        served
    };
    let turns: Vec<_> = (0..6).map(|_| serve(&[]).unwrap()).collect();
    assert_eq!(turns, [0, 1, 2, 3, 0, 1]);
    assert_eq!(serve(&[2]), Some(3), "who refuses is passed over");
    assert_eq!(serve(&[1, 2, 3]), Some(0));
    assert_eq!(serve(&[0, 1, 2, 3]), None);
    assert_eq!(serve(&[]), Some(1), "a refused message is nobody's turn");
}

#[test]
fn a_leaving_member_takes_no_turn_of_others() {
    for leaves_at in 0..=8 {
        for leaver in 0..8 {
            let mut router = Router::new();
            let shared = filter("$share/g/a");
            (0..8).for_each(|session| assert!(router.subscribe(session, &shared, qos(1))));
            let group = router.group_of(&shared).unwrap();
            let mut turns = [0; 8];
            for turn in 0..8 {
                if turn == leaves_at {
                    router.unsubscribe(leaver, &shared);
                }
                if turn < 7 || turns[leaver as usize] == 1 {
                    router.serve_group(group, |session, _| {
                        turns[session as usize] += 1;
                        true
                    });
                }
            }
            turns[leaver as usize] = 1;
            assert_eq!(turns, [1; 8], "{leaver} leaves before turn {leaves_at}");
        }
    }
}

#[test]
fn groups_are_per_name_and_filter_and_become_stale() {
    let mut router = Router::new();
    let filters = ["$share/g/a", "$share/h/a", "$share/g/+", "$share/g/#"].map(filter);
    for filter in &filters {
        router.subscribe(0, filter, qos(1));
        router.subscribe(1, filter, qos(1));
    }
    let groups = filters.each_ref().map(|filter| router.group_of(filter).unwrap());
    for _ in 0..3 {
        assert_eq!(router.matches(&topic("a"), |all| all).groups.len(), 4);
    }
    for session in 0..2 {
        assert!(router.unsubscribe(session, &filters[0]));
    }
    assert_eq!(groups.map(|group| router.group_members(group)), [0, 2, 2, 2]);
    assert_eq!(router.matches(&topic("a"), |all| all).groups.len(), 3);
    router.subscribe(2, &filters[0], qos(1));
    assert_eq!(router.matches(&topic("a"), |all| all).groups.len(), 4);
    assert_eq!(router.group_members(groups[0]), 0, "the new group has another identifier");
    assert!(!router.serve_group(groups[0], |_, _| true));
    for filter in &filters {
        for session in 0..3 {
            router.unsubscribe(session, filter);
        }
        assert_eq!(router.group_of(filter), None);
    }
    assert_eq!(router.filters.check(), (0, 0));
}

/// A publication to each of many topics, and then changes here and there: each topic's entry must notice its own.
#[test]
fn the_cache_notices_changes() {
    let mut pair = Pair::new();
    let topics: Vec<_> = (0..200).map(|i| topic(&format!("site/{}/{}", i % 20, i))).collect();
    let filters =
        ["site/3/+", "site/+/7", "site/3/43", "site/#", "+/+/8", "site/9/#", "other/+", "$share/g/site/+/3"];
    for round in 0..6 {
        for (session, text) in (0..).zip(filters) {
            pair.apply(&Operation::Subscribe(session % SESSIONS, filter(text), qos(round % 3)));
            topics.iter().for_each(|topic| pair.check(topic));
        }
        for (session, text) in (0..).zip(filters).skip(usize::from(round) % 3) {
            pair.apply(&Operation::Unsubscribe(session % SESSIONS, filter(text)));
            topics.iter().for_each(|topic| pair.check(topic));
        }
    }
}

/// More changes than the log of the cache holds, and filters longer than it keeps.
#[test]
fn the_cache_survives_a_storm() {
    let mut router = Router::new();
    let long = format!("{}/+", "x".repeat(300));
    let deep = format!("{}+", "x/".repeat(300));
    let cases = [("a", "+"), (&*long, &*long), (&*deep, &*deep)];
    for (name, wanted) in cases {
        let name = topic(&name.replace('+', "y"));
        for noise in [0, 1, 30, 100, 1024, 3000] {
            for _ in 0..3 {
                assert!(router.matches(&name, |all| all).targets.is_empty());
            }
            router.subscribe(0, &filter(wanted), qos(0));
            for i in 0..noise {
                router.subscribe(1, &filter(&format!("noise/{i}/+")), qos(0));
            }
            assert_eq!(router.matches(&name, |all| all).targets.len(), 1, "{name} after {noise} others");
            router.unsubscribe(0, &filter(wanted));
            for i in 0..noise {
                router.unsubscribe(1, &filter(&format!("noise/{i}/+")));
            }
            assert!(router.matches(&name, |all| all).targets.is_empty());
        }
    }
}

#[test]
fn nothing_changed_keeps_the_entry() {
    let mut router = Router::new();
    router.subscribe(0, &filter("a/+"), qos(1));
    let name = topic("a/b");
    let known = (0..3).map(|_| router.matches(&name, |all| all)).last().unwrap();
    router.subscribe(0, &filter("a/+"), qos(1));
    router.subscribe(1, &filter("b/#"), qos(1));
    router.subscribe(1, &filter("a/c"), qos(1));
    assert!(Arc::ptr_eq(&known, &router.matches(&name, |all| all)));
    router.subscribe(0, &filter("a/+"), qos(2));
    assert!(!Arc::ptr_eq(&known, &router.matches(&name, |all| all)));
}

#[test]
fn the_deepest_filters_and_topics() {
    let mut router = Router::new();
    let deepest = "/".repeat(65_535);
    let pluses = format!("{}+", "+/".repeat(32_767));
    let texts =
        [&*deepest, &*pluses, &format!("{}#", "/".repeat(65_534)), "/#", &"+/".repeat(32_767), "//+/#"];
    for (session, text) in (0..).zip(texts) {
        assert!(router.subscribe(session, &filter(text), qos(0)));
    }
    assert!(router.filters.check().1 < 2 * texts.len());
    for _ in 0..3 {
        assert_eq!(sessions(&mut router, &deepest), [0, 2, 3, 5]);
        assert_eq!(sessions(&mut router, &"/".repeat(32_767)), [1, 3, 4, 5]);
    }
    for (session, text) in (0..).zip(texts) {
        assert!(router.unsubscribe(session, &filter(text)));
    }
    assert_eq!(router.filters.check(), (0, 0));
}

/// All filters of 14 levels that are `a` or `+`: 16,384 ways to one topic, and each node is visited once.
#[test]
fn every_combination_of_plus() {
    let mut router = Router::new();
    for bits in 0..1_u32 << 14 {
        let levels: Vec<&str> = (0..14).map(|level| if bits >> level & 1 == 0 { "a" } else { "+" }).collect();
        let subscription = Subscription { id: NonZeroU32::new(bits + 1), ..qos(0) };
        router.subscribe(bits % 2, &filter(&levels.join("/")), subscription);
    }
    let matches = router.matches(&topic(&["a"; 14].join("/")), |all| all);
    let ids = matches.targets.iter().map(|target| target.subscription_ids.as_deref().unwrap());
    assert_eq!(ids.clone().map(<[u32]>::len).collect::<Vec<_>>(), [8192; 2]);
    assert!(ids.clone().all(<[u32]>::is_sorted));
    assert!(router.matches(&topic(&["b"; 13].join("/")), |all| all).targets.is_empty());
    assert_eq!(router.matches(&topic(&["b"; 14].join("/")), |all| all).targets.len(), 1);
}

#[test]
fn sizes() {
    assert_eq!(size_of::<Subscription>(), 8);
    assert_eq!(size_of::<Member>(), 12);
    assert_eq!(size_of::<subscribers::Subscribers>(), 16);
    assert_eq!(size_of::<label::Label>(), 24);
    assert!(size_of::<Target>() <= 24);
}
