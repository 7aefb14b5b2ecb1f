//! The reducer, as a whole.

use super::history::Entry;
use super::publish::Field;
use super::topics::LAST_VALUE_BYTES;
use super::*;
use tabmq_shared::client::{Event, Outcome, PublishId, State, Why};
use tabmq_shared::packet::{Publish, QoS, ReasonCode};
use tabmq_shared::topic::TopicFilter;

fn state() -> AppState {
    AppState::new(Settings::new("tab-1".into()), Subscriptions::first_visit(true), Look::default())
}

fn publish(topic: &str, payload: &str) -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: topic.into(),
        packet_id: None,
        topic_alias: None,
        properties: None,
        payload: bytes::Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn receive(state: &mut AppState, topic: &str, payload: &str) {
    let effects = state.hear([Event::Message(publish(topic, payload))]);
    assert_eq!(effects, []);
}

fn at(state: &mut AppState, ms: u64) -> Vec<Effect> {
    state.apply(Action::Tick(Clock { unix_ms: ms, offset_min: 0 }, Time::from_millis(ms)))
}

fn list(state: &AppState) -> Vec<String> {
    let rows = (0..state.history.list.len()).filter_map(|row| state.history.list.seq(row));
    rows.filter_map(|seq| match state.history.get(seq)? {
        Entry::Message(message) => Some(message.topic.to_string()),
        Entry::Gap { from_ms, to_ms, .. } => Some(format!("gap {from_ms} {to_ms}")),
    })
    .collect()
}

fn waiting(until_ms: u64) -> Action {
    let why = Why::Lost(String::new());
    let state = State::Waiting { until: Time::from_millis(until_ms), attempt: 2, why };
    Action::Connection { state, url: "ws://x/mqtt".into() }
}

fn connected() -> Action {
    use tabmq_shared::client::ServerLimits;
    let limits = ServerLimits {
        client_id: "tab-1".into(),
        receive_maximum: std::num::NonZeroU16::MAX,
        maximum_qos: QoS::ExactlyOnce,
        retain_available: true,
        maximum_packet_size: u32::MAX,
        topic_alias_maximum: 0,
        keep_alive_s: 60,
        session_expiry_s: 0,
        wildcard_subscription_available: true,
        subscription_ids_available: true,
        shared_subscription_available: true,
    };
    let state = State::Connected { session_present: false, limits: Box::new(limits) };
    Action::Connection { state, url: "ws://x/mqtt".into() }
}

#[test]
fn every_message_is_counted_and_listed() {
    let mut state = state();
    at(&mut state, 1000);
    for i in 0..20_000u32 {
        receive(&mut state, &format!("flood/{}", i % 50), "x");
    }
    receive(&mut state, "$SYS/uptime", "1");
    assert_eq!(state.counters.received, 20_001);
    assert_eq!((state.history.list.len(), state.history.len()), (20_000, 20_001));
    let flood = state.topics.node(state.topics.find_path("flood").unwrap()).unwrap();
    assert_eq!((flood.messages_below, flood.topics_below), (20_000, 50));
    at(&mut state, 3000);
    assert_eq!(state.counters.rate, 10_000);
}

#[test]
fn the_list_stands_still_for_any_of_three_reasons() {
    for (hold, release) in [
        (Action::Pause(true), Action::Pause(false)),
        (Action::ListHold(true), Action::ListHold(false)),
        (Action::ListAway(true), Action::ListAway(false)),
    ] {
        let mut state = state();
        receive(&mut state, "a", "1");
        state.apply(hold);
        receive(&mut state, "b", "2");
        assert_eq!((list(&state), state.history.list.newer()), (vec!["a".to_owned()], 1));
        state.apply(release);
        assert_eq!(list(&state), ["b", "a"]);
    }
}

#[test]
fn what_is_read_closely_stands_still() {
    let mut state = state();
    receive(&mut state, "a", "1");
    state.apply(Action::Select("a".into()));
    state.apply(Action::DetailHold(true));
    receive(&mut state, "a", "2");
    let shown = |state: &AppState| state.shown_message().map(|(message, _)| message.payload);
    assert_eq!((shown(&state).unwrap(), state.history.topic.newer()), ("1".into(), 1));
    state.apply(Action::DetailHold(false));
    assert_eq!((shown(&state).unwrap(), state.history.topic.newer()), ("2".into(), 0));
    // Another topic is not held, and shows what there is.
    state.apply(Action::DetailHold(true));
    receive(&mut state, "b", "3");
    state.apply(Action::Select("b".into()));
    receive(&mut state, "b", "4");
    let topic = &state.history.topic;
    assert_eq!((shown(&state).unwrap(), topic.len(), topic.newer()), ("4".into(), 2, 0));
}

#[test]
fn selection_follows_the_last_message_until_one_is_chosen() {
    let mut state = state();
    receive(&mut state, "a/b", "1");
    assert_eq!(state.apply(Action::Select("a/b".into())), [Effect::Locate]);
    receive(&mut state, "a/b", "2");
    assert_eq!(state.shown_message().unwrap().0.payload, "2");
    assert_eq!(state.publishing.draft.text(Field::Topic), "a/b");
    state.apply(Action::SelectMessage(0));
    receive(&mut state, "a/b", "3");
    state.apply(Action::Clear);
    assert_eq!(state.shown_message().unwrap().0.payload, "1", "kept while it is looked at");
    state.apply(Action::SelectLatest);
    assert_eq!(state.shown_message().unwrap().0.payload, "3", "cleared, but the tree still knows the last");
}

#[test]
fn a_lost_connection_leaves_a_gap_and_a_countdown() {
    let mut state = state();
    at(&mut state, 1000);
    state.apply(connected());
    state.hear([Event::Connected { session_present: false, properties: Box::default() }]);
    assert_eq!(list(&state), [""; 0], "the first connection is not a gap");
    at(&mut state, 5000);
    state.apply(waiting(8000));
    assert_eq!(state.connection.retry_in_ms, 3000);
    at(&mut state, 7000);
    assert_eq!(state.connection.retry_in_ms, 1000);
    at(&mut state, 9000);
    state.apply(connected());
    state.hear([Event::Connected { session_present: true, properties: Box::default() }]);
    assert_eq!(list(&state), ["gap 5000 9000"]);
}

#[test]
fn subscribing() {
    let mut state = state();
    let draft = |filter: &str| {
        let mut draft = subscriptions::Draft { filter: filter.into(), ..Default::default() };
        draft.options.qos = QoS::AtLeastOnce;
        Action::SubscriptionDraft(Box::new(draft))
    };
    state.apply(draft("a#"));
    assert_eq!(state.apply(Action::Subscribe), []);
    assert!(state.subscriptions.draft.error.is_some());
    state.apply(draft(" a/# "));
    let filter = TopicFilter::new("a/#").unwrap();
    let expected = [Effect::Subscribe(filter.clone()), Effect::KeepSubscriptions];
    assert_eq!(state.apply(Action::Subscribe), expected);
    let answer = Event::Subscribed { filter: filter.clone(), result: ReasonCode::NotAuthorized };
    state.hear([answer]);
    assert_eq!(state.subscriptions.rows.last().unwrap().answer, Some(ReasonCode::NotAuthorized));
    let paused = state.apply(Action::PauseSubscription(filter.clone(), true));
    assert_eq!(paused, [Effect::Unsubscribe(filter.clone()), Effect::KeepSubscriptions]);
    let resumed = state.apply(Action::PauseSubscription(filter.clone(), false));
    assert_eq!(resumed, expected);
    state.apply(Action::Unsubscribe(filter));
    assert_eq!(state.subscriptions.rows.len(), 2);
    let undone = undo(&mut state);
    assert_eq!((state.apply(undone), state.subscriptions.rows.len()), (expected.to_vec(), 3));
}

/// What the last toast undoes.
fn undo(state: &mut AppState) -> Action {
    let id = state.ui.toasts.rows().last().unwrap().id;
    let effects = state.apply(Action::Undo(id));
    let [Effect::Act(action)] = &effects[..] else { panic!("{effects:?}") };
    (**action).clone()
}

#[test]
fn a_changed_filter_ends_the_old_subscription() {
    let mut state = state();
    let old = TopicFilter::new("#").unwrap();
    state.apply(Action::EditSubscription(old.clone()));
    assert_eq!(state.ui.dialog, Some(Dialog::Subscription));
    let draft = subscriptions::Draft { filter: "a/#".into(), ..state.subscriptions.draft.clone() };
    state.apply(Action::SubscriptionDraft(Box::new(draft)));
    let expected = [
        Effect::Unsubscribe(old),
        Effect::Subscribe(TopicFilter::new("a/#").unwrap()),
        Effect::KeepSubscriptions,
    ];
    assert_eq!((&state.apply(Action::Subscribe)[..], state.ui.dialog), (&expected[..], None));
}

#[test]
fn sent_messages_are_listed_with_what_became_of_them() {
    use crate::state::history::Direction;
    let mut state = state();
    let message = |topic: &str| {
        let topic = tabmq_shared::topic::TopicName::new(topic.to_owned()).unwrap();
        Box::new(client::Message::new(topic, "x", QoS::AtLeastOnce, false))
    };
    state.apply(Action::Sent(message("a"), Ok(PublishId(1))));
    state.apply(Action::Sent(message("b"), Err(client::PublishError::RetainNotSupported)));
    state.apply(Action::Sent(message("c"), Ok(PublishId(2))));
    let direction = |state: &AppState, seq| state.history.message(seq).unwrap().direction.clone();
    assert_eq!(list(&state), ["c", "b", "a"]);
    assert_eq!(direction(&state, 0), Direction::Sent(None));
    assert!(matches!(direction(&state, 1), Direction::Sent(Some(why)) if matches!(*why, Outcome::Failed(_))));
    let outcome = Outcome::Acknowledged(ReasonCode::Success);
    state.hear([Event::Published { id: PublishId(1), outcome: outcome.clone() }]);
    assert_eq!(direction(&state, 0), Direction::Sent(Some(Rc::new(outcome.clone()))));
    // Another client counts from one again: it must not speak for what the first one had on its way.
    state.apply(Action::Settings(Box::new(Settings::new("tab-2".into()))));
    state.hear([Event::Published { id: PublishId(2), outcome }]);
    assert_eq!(direction(&state, 2), Direction::Abandoned);
    assert_eq!(state.counters.received, 0);
}

#[test]
fn clearing_the_list_can_be_undone_for_a_while() {
    let mut state = state();
    at(&mut state, 1000);
    receive(&mut state, "a", "1");
    state.apply(Action::Clear);
    receive(&mut state, "b", "2");
    assert_eq!(list(&state), ["b"]);
    let undone = undo(&mut state);
    state.apply(undone);
    assert_eq!(list(&state), ["b", "a"]);
    state.apply(Action::Clear);
    at(&mut state, 60_000);
    assert_eq!(state.ui.toasts.rows(), []);
    state.apply(Action::Unclear);
    assert_eq!(list(&state), [""; 0], "the memory was given back");
}

#[test]
fn clearing_retained_messages_is_asked_counted_and_undone() {
    let mut state = state();
    let mut retained = |topic: &str, payload: &str| {
        state.hear([Event::Message(Publish { retain: true, ..publish(topic, payload) })]);
    };
    retained("home/door", "open");
    retained("home/lamp", "on");
    retained("garden/pump", "off");
    retained("$SYS/version", "1");
    state.apply(Action::AskClearRetained("home".into()));
    let question = state.ui.question.clone().unwrap();
    assert_eq!(question.lines, ["home/door", "home/lamp"]);
    assert_eq!(state.apply(Action::Answer(false)), []);
    assert_eq!(state.retained_count("home"), 2, "no is no");

    state.apply(Action::AskClearRetained("home".into()));
    let effects = state.apply(Action::Answer(true));
    assert_eq!(effects, [Effect::Act(question.then)]);
    let effects = state.apply(Action::ClearRetained("home".into()));
    let published = |effects: &[Effect]| -> Vec<(String, usize, bool)> {
        let messages = effects.iter().filter_map(|effect| match effect {
            Effect::Publish(message) => Some(message),
            _ => None,
        });
        messages.map(|m| (m.topic.as_str().to_owned(), m.payload.len(), m.retain)).collect()
    };
    assert_eq!(published(&effects), [("home/door".into(), 0, true), ("home/lamp".into(), 0, true)]);
    assert_eq!(state.retained_count("home"), 0);

    let undone = undo(&mut state);
    let effects = state.apply(undone);
    assert_eq!(published(&effects), [("home/door".into(), 4, true), ("home/lamp".into(), 2, true)]);
    assert_eq!(state.retained_count("home"), 2);

    state.apply(Action::AskClearRetained("$SYS".into()));
    assert_eq!(state.ui.question, None, "those are the broker's");
}

#[test]
fn a_machine_that_slept_asks_whether_the_connection_lives() {
    let mut state = state();
    assert_eq!(at(&mut state, 1_700_000_000_000), [], "the first tick is late by nature");
    assert_eq!(at(&mut state, 1_700_000_001_000), []);
    assert_eq!(at(&mut state, 1_700_000_060_000), [Effect::Probe]);
}

#[test]
fn publishing() {
    let mut state = state();
    state.apply(Action::Draft(DraftEdit::Text(Field::Topic, "a".into())));
    state.apply(Action::Draft(DraftEdit::QoS(QoS::AtLeastOnce)));
    let effects = state.apply(Action::Send);
    assert!(
        matches!(&effects[..], [Effect::KeepShelf, Effect::Send(message)] if message.qos == QoS::AtLeastOnce)
    );
    state.apply(Action::Accepted(Ok(PublishId(7))));
    let outcome = Outcome::Acknowledged(ReasonCode::Success);
    state.hear([Event::Published { id: PublishId(7), outcome }]);
    let progress = state.publishing.sent.clone().unwrap().progress;
    assert_eq!(progress, publish::Progress::Acknowledged(ReasonCode::Success));
}

#[test]
fn the_demo_device_speaks_only_while_connected() {
    let mut state = state();
    at(&mut state, 1000);
    state.apply(Action::Demo(true));
    assert_eq!(at(&mut state, 2000), []);
    state.apply(connected());
    assert!(matches!(&at(&mut state, 3000)[..], [Effect::Publish(_), ..]));
    state.apply(Action::Demo(false));
    assert_eq!(at(&mut state, 4000), []);
}

#[test]
fn the_address_bar() {
    let mut state = state();
    receive(&mut state, "a/b", "1");
    receive(&mut state, "c", "1");
    state.apply(Action::Located(Location::read("topic=a/b&filter=c&tab=messages")));
    assert_eq!((list(&state), state.ui.tab), (vec!["c".to_owned()], Tab::Messages));
    assert_eq!(state.location().write(), "topic=a/b&tab=messages&filter=c");
    // Back to where nothing was chosen. The bar is not written anew, or Back would lead nowhere.
    let effects = state.apply(Action::Located(Location::read("topic=c")));
    assert_eq!((effects, state.selection.path.as_deref()), (vec![], Some("c")));
    let effects = state.apply(Action::Located(Location::default()));
    assert_eq!((effects, state.selection.path), (vec![], None));
}

#[test]
fn what_is_a_step_for_the_browsers_back() {
    let read = Location::read;
    for (before, after, is_step) in [
        ("", "view=clients", true),
        ("view=clients&item=a", "view=clients&item=b", true),
        ("topic=a", "topic=b", true),
        ("topic=a&tab=messages", "topic=a&tab=details", true),
        ("topic=a", "topic=a&filter=x", false),
        ("view=clients&find=a", "view=clients&find=ab", false),
        ("topic=a", "topic=a", false),
    ] {
        assert_eq!(read(after).is_step_from(&read(before)), is_step, "{before} {after}");
    }
}

#[test]
fn another_broker_has_nothing_of_the_one_before() {
    let at_broker = |url: &str| match connected() {
        Action::Connection { state, .. } => Action::Connection { state, url: url.into() },
        other => other,
    };
    let mut state = state();
    state.apply(at_broker("ws://a/mqtt"));
    receive(&mut state, "a/b", "1");
    state.apply(at_broker("ws://a/mqtt"));
    assert_eq!(list(&state), ["a/b"], "the same one again");
    state.apply(at_broker("ws://b/mqtt"));
    assert_eq!((list(&state), state.topics.find("a/b")), (vec![], None));
    let toast = state.ui.toasts.rows().last().unwrap();
    assert_eq!(toast.words.text, Text::AnotherBroker);
    let id = toast.id;
    for effect in state.apply(Action::Undo(id)) {
        let Effect::Act(action) = effect else { continue };
        state.apply(*action);
    }
    assert_eq!(list(&state), ["a/b"]);
}

#[test]
fn a_long_payload_is_kept_whole_and_its_head_by_the_tree() {
    let mut state = state();
    let long = "x".repeat(1_000_000);
    receive(&mut state, "big", &long);
    let node = state.topics.node(state.topics.find("big").unwrap()).unwrap();
    let last = node.last.as_ref().unwrap();
    assert_eq!((last.head.len(), last.len), (LAST_VALUE_BYTES, 1_000_000));
    state.apply(Action::Select("big".into()));
    let (message, len) = state.shown_message().unwrap();
    assert_eq!((message.payload.len(), len), (1_000_000, 1_000_000));
    state.apply(Action::Clear);
    let (message, len) = state.shown_message().unwrap();
    assert_eq!((message.payload.len(), len), (LAST_VALUE_BYTES, 1_000_000), "cut, and said to be");
}

#[test]
fn how_many_messages_are_seen() {
    let counters = |rate, paints| Counters { rate, paints, ..Counters::default() };
    let cases = [((12_400, 10), 25, 50), ((100, 60), 25, 1), ((12_400, 0), 25, 12_400), ((0, 0), 0, 1)];
    for ((rate, paints), rows, expected) in cases {
        assert_eq!(counters(rate, paints).one_in(rows), expected, "{rate} {paints} {rows}");
    }
    let mut state = state();
    at(&mut state, 1_000);
    (0..30).for_each(|_| state.refresh());
    at(&mut state, 2_000);
    assert_eq!(state.counters.paints, 30);
}
