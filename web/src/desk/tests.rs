//! The desk as a whole: what it asks for, and what it makes of the answers.

use super::clients::{ClientsStep, Column};
use super::events::EventsStep;
use super::retained::RetainedStep;
use super::*;
use crate::i18n::Lang;
use crate::state::Clock;
use serde_json::{Value, json};

/// A desk, and what is around it.
struct Office {
    desk: Desk,
    place: Place,
    now_ms: u64,
    login: Option<(&'static str, &'static str)>,
    topic: Option<&'static str>,
    /// What was ordered and not answered yet.
    orders: Vec<Sealed>,
    /// What else is to be done.
    effects: Vec<Effect>,
}

impl Office {
    fn new(place: Place) -> Office {
        Office {
            desk: Desk::default(),
            place,
            now_ms: 1_000_000,
            login: None,
            topic: None,
            orders: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// The same, with somebody let in.
    fn open(place: Place) -> Office {
        let mut office = Office::new(place);
        office.tick();
        office.answer("/api/v1/me", 200, &json!({ "user": "ann", "role": "admin", "login": true }));
        office
    }

    fn with(&mut self, act: impl FnOnce(&mut Desk, &Around<'_>) -> Vec<Effect>) {
        let around = Around {
            place: self.place,
            clock: Clock { unix_ms: self.now_ms, offset_min: 0 },
            is_gateway: false,
            login: self.login,
            topic: self.topic,
            lang: Lang::En,
        };
        for effect in act(&mut self.desk, &around) {
            match effect {
                Effect::Desk(order) => self.orders.push(order),
                effect => self.effects.push(effect),
            }
        }
    }

    fn tick(&mut self) {
        self.with(Desk::tick);
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.tick();
    }

    fn step(&mut self, step: Step) {
        let step = Sealed::new(step);
        self.with(|desk, around| desk.apply(&step, around));
    }

    fn asks(&self) -> Vec<String> {
        let asks = self.orders.iter().filter_map(|order| match order.open::<Order>()? {
            Order::Ask(ask) => Some(format!("{} {}", ask.method, ask.path)),
            _ => None,
        });
        asks.collect()
    }

    fn listening(&self) -> Option<Rc<Listening>> {
        self.orders.iter().rev().find_map(|order| match order.open::<Order>()? {
            Order::Listen(listening) => Some(listening.clone()),
            _ => None,
        })
    }

    /// Answers the first question whose path begins like this.
    fn answer(&mut self, path: &str, status: u16, body: &Value) -> Rc<Ask> {
        let at = self.orders.iter().position(
            |order| matches!(order.open::<Order>(), Some(Order::Ask(ask)) if ask.path.starts_with(path)),
        );
        let order =
            self.orders.remove(at.unwrap_or_else(|| panic!("{path} is not asked for: {:?}", self.asks())));
        let Some(Order::Ask(ask)) = order.open::<Order>() else { unreachable!() };
        let reply = Reply { status, body: body.to_string(), retry_after_s: None };
        self.step(Step::Reply(ask.clone(), Ok(reply)));
        ask.clone()
    }

    fn rows(&self) -> Vec<&str> {
        self.desk.clients.rows().iter().map(|id| &**id).collect()
    }

    /// What is asked, and what is done if the answer is yes.
    fn question(&mut self) -> (String, Action) {
        let asked = self.effects.drain(..).find_map(|effect| match effect {
            Effect::Act(action) => match *action {
                Action::Ask(question) => Some((Lang::En.say(&question.words), *question.then)),
                _ => None,
            },
            _ => None,
        });
        asked.expect("a question")
    }

    /// What is said, and what takes it back.
    fn said(&mut self) -> (String, Option<Action>) {
        let said = self.effects.drain(..).find_map(|effect| match effect {
            Effect::Act(action) => match *action {
                Action::Say(words, undo) => Some((Lang::En.say(&words), undo.map(|undo| *undo))),
                _ => None,
            },
            _ => None,
        });
        said.expect("something said")
    }

    fn act(&mut self, action: Action) {
        let Action::Page(PageAction::Desk(step)) = action else { panic!("{action:?}") };
        self.with(|desk, around| desk.apply(&step, around));
    }
}

fn client(id: &str, queued: usize) -> Value {
    json!({ "id": id, "subscriptions": 1, "queued_messages": queued, "queued_bytes": 0, "in_flight": 0 })
}

fn clients(ids: &[(&str, usize)], next: Option<&str>) -> Value {
    let clients: Vec<_> = ids.iter().map(|(id, queued)| client(id, *queued)).collect();
    json!({ "clients": clients, "next": next, "total": 9 })
}

#[test]
fn nothing_is_asked_for_that_nobody_looks_at() {
    let mut office = Office::new(Place::Explore);
    office.tick();
    assert_eq!(office.asks(), [""; 0]);
    office.place = Place::Broker;
    office.tick();
    office.pass(60_000);
    assert_eq!(office.asks(), ["GET /api/v1/me"], "once, until there is an answer");
}

#[test]
fn whoever_has_to_log_in_is_asked_to_and_the_password_is_sent_with_each_question() {
    let mut office = Office::new(Place::Clients);
    office.tick();
    let ask = office.answer("/api/v1/me", 401, &json!({}));
    assert_eq!((ask.login.clone(), office.desk.access.door()), (None, &Door::Out(None)));
    office.pass(60_000);
    assert_eq!(office.asks(), [""; 0]);

    office.step(Step::LogIn { user: "ann".into(), password: "no".into() });
    office.answer("/api/v1/me", 401, &json!({}));
    assert_eq!(office.desk.access.door(), &Door::Out(Some(Trouble::LogIn)), "it is said that it was wrong");

    office.step(Step::LogIn { user: "ann".into(), password: "yes".into() });
    office.answer("/api/v1/me", 200, &json!({ "user": "ann", "role": "viewer", "login": true }));
    let ask = office.answer("/api/v1/clients", 200, &clients(&[], None));
    assert_eq!(access::authorization(ask.login.as_deref().unwrap()), "Basic YW5uOnllcw==");
    assert!(format!("{ask:?}").contains("ann") && !format!("{ask:?}").contains("yes"), "no log shows it");
    assert!(!ask.path.contains("yes"));
    assert!(!office.desk.access.may(Role::Admin));

    office.step(Step::LogOut);
    let ask = office.answer("/api/v1/me", 401, &json!({}));
    assert_eq!((ask.login.clone(), office.rows()), (None, vec![]), "nothing is left of what was seen");
}

use super::access::Door;
use tabmq_shared::api::me::Role;

#[test]
fn the_connection_s_own_password_will_do() {
    let mut office = Office::new(Place::Clients);
    office.login = Some(("ann", "old"));
    office.tick();
    let ask = office.answer("/api/v1/me", 401, &json!({}));
    assert_eq!(ask.login.as_ref().unwrap().password, "old");
    office.pass(60_000);
    assert_eq!(office.asks(), [""; 0], "a wrong one is not tried again");
    office.login = Some(("ann", "new"));
    office.tick();
    let ask = office.answer("/api/v1/me", 200, &json!({ "user": "ann", "role": "admin", "login": true }));
    assert_eq!(ask.login.as_ref().unwrap().password, "new");
    office.step(Step::LogOut);
    office.answer("/api/v1/me", 401, &json!({}));
    office.answer("/api/v1/clients", 200, &clients(&[("secret", 0)], None));
    assert_eq!(office.rows(), [""; 0], "what was asked for before is nobody's affair any more");
    office.pass(60_000);
    assert_eq!(office.asks(), [""; 0], "who has logged out is not logged in again");
}

#[test]
fn a_password_that_is_wrong_suddenly_is_asked_for() {
    let mut office = Office::open(Place::Clients);
    office.answer("/api/v1/clients", 401, &json!({}));
    assert_eq!(office.desk.access.door(), &Door::Out(None));
}

#[test]
fn clients_come_page_by_page_and_those_that_are_gone_go_with_the_next_walk() {
    let mut office = Office::open(Place::Clients);
    assert_eq!(office.asks(), ["GET /api/v1/clients?limit=1000"]);
    office.answer("/api/v1/clients", 200, &clients(&[("c10", 0), ("c2", 0)], Some("7")));
    assert_eq!(office.asks(), ["GET /api/v1/clients?after=7&limit=1000"], "the next page at once");
    office.answer("/api/v1/clients", 200, &clients(&[("c1", 0)], None));
    assert_eq!(office.rows(), ["c1", "c2", "c10"]);
    assert!(office.asks().is_empty());
    office.pass(10_000);
    office.answer("/api/v1/clients", 200, &clients(&[("c2", 5)], None));
    assert_eq!((office.rows(), office.desk.clients.get("c2").unwrap().queued_messages), (vec!["c2"], 5));
}

#[test]
fn rows_stand_still_under_the_pointer_and_their_figures_go_on() {
    let mut office = Office::open(Place::Clients);
    office.answer("/api/v1/clients", 200, &clients(&[("a", 1), ("b", 2)], None));
    office.step(Step::Clients(ClientsStep::Sort(Column::Queued)));
    assert_eq!(office.rows(), ["b", "a"]);
    office.step(Step::Clients(ClientsStep::Hold(true)));
    office.pass(10_000);
    office.answer("/api/v1/clients", 200, &clients(&[("a", 9), ("c", 5)], None));
    assert_eq!(office.rows(), ["b", "a"]);
    assert_eq!(office.desk.clients.get("a").unwrap().queued_messages, 9);
    assert!(office.desk.clients.get("b").is_none(), "it is gone, and its row says so");
    office.step(Step::Clients(ClientsStep::Hold(false)));
    assert_eq!(office.rows(), ["a", "c"]);
    office.step(Step::Clients(ClientsStep::Sort(Column::Queued)));
    assert_eq!(office.rows(), ["c", "a"], "once more: the other way round");
}

#[test]
fn what_is_typed_is_looked_for_here_at_once_and_at_the_broker_soon() {
    let mut office = Office::open(Place::Clients);
    office.answer("/api/v1/clients", 200, &clients(&[("meter", 0), ("door", 0)], None));
    office.step(Step::Clients(ClientsStep::Find("MET".into())));
    assert_eq!((office.rows(), office.asks().len()), (vec!["meter"], 0));
    office.pass(300);
    assert_eq!(office.asks(), ["GET /api/v1/clients?search=MET&limit=1000"]);
    office.step(Step::Clients(ClientsStep::Find(String::new())));
    office.answer("/api/v1/clients", 200, &clients(&[("late", 0)], None));
    assert_eq!(office.rows(), ["door", "meter"], "an answer to what is not looked for any more is none");
}

#[test]
fn a_client_is_ended_after_a_question() {
    let mut office = Office::open(Place::Clients);
    office.answer("/api/v1/clients", 200, &clients(&[("a/b", 3)], None));
    office.step(Step::Clients(ClientsStep::AskRemove("a/b".into(), true)));
    let (words, yes) = office.question();
    assert_eq!(words, "Remove the session of a/b?");
    assert!(office.asks().is_empty(), "not before");
    office.act(yes);
    assert_eq!(office.asks(), ["DELETE /api/v1/clients/a%2Fb?session=true"]);
    office.answer("/api/v1/clients/a", 200, &json!({ "disconnected": true, "session_removed": true }));
    assert_eq!(office.said(), ("The session of a/b was removed".into(), None));
    // A session that ends with its connection is not what was asked for.
    office.step(Step::Clients(ClientsStep::Remove("c".into(), false)));
    office.answer("/api/v1/clients/c", 200, &json!({ "disconnected": true, "session_removed": true }));
    assert_eq!(office.said().0, "c was disconnected");
}

#[test]
fn a_role_that_does_not_suffice_is_said_and_what_is_known_stays() {
    let mut office = Office::open(Place::Clients);
    office.answer("/api/v1/clients", 200, &clients(&[("a", 0)], None));
    office.pass(10_000);
    let problem = json!({ "title": "Forbidden", "status": 403, "detail": "this needs more" });
    office.answer("/api/v1/clients", 403, &problem);
    assert_eq!(office.desk.clients.trouble, Some(Trouble::Denied("this needs more".into())));
    assert_eq!(office.rows(), ["a"]);
}

fn kept(topic: &str, payload: &str, bytes: usize) -> Value {
    use base64::Engine;
    let payload = base64::engine::general_purpose::STANDARD.encode(payload);
    json!({ "topic": topic, "qos": 1, "payload_bytes": bytes, "payload_base64": payload, "age_s": 5, "expires_in_s": 60 })
}

#[test]
fn what_is_cleared_is_counted_first_and_can_be_brought_back() {
    let mut office = Office::open(Place::Retained);
    let all =
        json!({ "messages": [kept("home/a", "1", 1), kept("home/b", "2", 2)], "total": 3, "total_bytes": 9 });
    assert_eq!(office.asks(), ["GET /api/v1/retained?filter=%23&limit=1000&preview=200"]);
    office.answer("/api/v1/retained", 200, &all);
    assert_eq!(office.desk.retained.rows().len(), 2);

    office.step(Step::Retained(RetainedStep::Find("home/#".into())));
    office.step(Step::Retained(RetainedStep::AskClear("home/#".into())));
    assert_eq!(office.asks(), ["GET /api/v1/retained?filter=home/%23&limit=1000&preview=65536"]);
    office.answer("/api/v1/retained", 200, &all);
    let (words, yes) = office.question();
    assert!(
        words.starts_with("Clear 2 retained messages under home/#? 1 of them cannot be brought back"),
        "{words}"
    );
    office.act(yes);
    assert_eq!(office.asks(), ["DELETE /api/v1/retained?filter=home/%23"]);
    office.answer("/api/v1/retained?filter=home/%23", 200, &json!({ "removed": 2, "denied": 0 }));
    let (words, undo) = office.said();
    assert_eq!(words, "2 retained messages cleared");

    office.act(undo.expect("a way back"));
    let ask = office.answer("/api/v1/publish", 200, &json!({ "receivers": 0 }));
    let body: Value = serde_json::from_str(ask.body.as_deref().unwrap()).unwrap();
    let expected = json!({ "topic": "home/a", "payload_base64": "MQ==", "qos": 1, "retain": true, "properties": { "message_expiry_s": 60 } });
    assert_eq!(body, expected);
    assert_eq!(office.said().0, "1 retained messages published again");
}

#[test]
fn clients_in_the_opposite_order() {
    let mut office = Office::open(Place::Clients);
    office.answer("/api/v1/clients", 200, &clients(&[("c10", 0), ("c2", 7), ("c1", 0)], None));
    office.step(Step::Clients(ClientsStep::Sort(Column::Id)));
    assert_eq!(office.rows(), ["c10", "c2", "c1"], "it was in the order of ids before");
    office.step(Step::Clients(ClientsStep::Sort(Column::Queued)));
    assert_eq!(office.rows(), ["c2", "c1", "c10"], "those that are equal in the order of ids");
}

#[test]
fn what_is_kept_in_every_order_and_rows_that_stay_the_same() {
    use crate::desk::retained::Column;
    let mut office = Office::open(Place::Retained);
    let message = |topic: &str, publisher: Option<&str>, bytes: usize, age_s: u64| {
        json!({ "topic": topic, "qos": 0, "payload_bytes": bytes, "payload_base64": "MQ==", "age_s": age_s,
            "publisher": publisher })
    };
    let page = |age_s: u64, next: Option<&str>| {
        let messages =
            [message("a", Some("z"), 1, age_s), message("b", None, 3, 50), message("c", Some("m"), 2, 70)];
        json!({ "messages": messages, "next": next, "total": 3, "total_bytes": 9 })
    };
    office.answer("/api/v1/retained", 200, &page(60, None));
    let topics = |office: &Office| {
        let rows = office.desk.retained.rows().iter();
        rows.map(|row| row.message.topic.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (topics(&office), office.desk.retained.rows_bytes),
        (["a", "b", "c"].map(String::from).into(), 6)
    );
    for (column, expected) in [
        (Column::Size, ["b", "c", "a"]),
        (Column::Age, ["b", "a", "c"]),
        (Column::Publisher, ["c", "a", "b"]),
        (Column::Publisher, ["b", "a", "c"]), // once more: the other way round
        (Column::Topic, ["a", "b", "c"]),
    ] {
        office.step(Step::Retained(RetainedStep::Sort(column)));
        assert_eq!(topics(&office), expected, "{column:?}");
    }
    let before = office.desk.retained.rows().to_vec();
    office.pass(10_000);
    // The first was published again meanwhile.
    let mut again = page(0, None);
    again["messages"][1]["age_s"] = json!(60);
    again["messages"][2]["age_s"] = json!(80);
    office.answer("/api/v1/retained", 200, &again);
    let is_same = |i: usize| Rc::ptr_eq(&before[i], &office.desk.retained.rows()[i]);
    assert_eq!([is_same(0), is_same(1), is_same(2)], [false, true, true]);
}

#[test]
fn text_is_no_filter_to_clear_by() {
    let mut office = Office::open(Place::Retained);
    for (text, filter) in [("", Some("#")), ("home/+", Some("home/+")), ("temp", None), ("a#", None)] {
        office.step(Step::Retained(RetainedStep::Find(text.into())));
        assert_eq!(office.desk.retained.clearable().as_deref(), filter, "{text}");
    }
}

fn event(id: u32, what: &str) -> Vec<u8> {
    format!("event: x\r\nid: {id}\ndata: {{\"id\":\"{id}\",\"time_ms\":{id},{what}}}\n\n").into_bytes()
}

fn subscribed(id: u32, client: &str) -> Vec<u8> {
    event(id, &format!(r#""kind":"subscribed","client_id":"{client}","filter":"a/#","code":1,"reason":"ok""#))
}

#[test]
fn events_come_in_pieces_and_go_on_where_they_broke_off() {
    let mut office = Office::open(Place::Events);
    let first = office.listening().unwrap();
    assert!(
        first.path.starts_with("/api/v1/events?kinds=connected,") || first.path.contains("connected%2C"),
        "{}",
        first.path
    );
    assert!(!first.path.contains("published") && first.after.is_none());
    let bytes = [subscribed(1, "a"), b": heartbeat\n".to_vec(), subscribed(2, "b")].concat();
    let (head, tail) = bytes.split_at(70);
    office.step(Step::Heard(first.serial, News::Open));
    for piece in [head, tail] {
        office.step(Step::Heard(first.serial, News::Bytes(piece.to_vec())));
    }
    let ids: Vec<_> = (0..2).map(|at| office.desk.events.row(at).unwrap().event.id.clone()).collect();
    assert_eq!((ids, office.desk.events.live), (vec!["2".to_owned(), "1".to_owned()], true));

    office.step(Step::Heard(first.serial, News::Ended(Trouble::Unreachable)));
    assert!(!office.desk.events.live);
    office.pass(600);
    let again = office.listening().unwrap();
    assert_eq!((again.after.as_deref(), again.serial != first.serial), (Some("2"), true));
    office.step(Step::Heard(first.serial, News::Bytes(subscribed(3, "late"))));
    assert_eq!(office.desk.events.len(), 2, "the stream before is not listened to");
    office.step(Step::Heard(again.serial, News::Bytes(event(3, r#""kind":"lost","events":7"#))));
    assert_eq!(office.desk.events.len(), 3);
}

#[test]
fn events_are_paused_filtered_and_bounded() {
    let mut office = Office::open(Place::Events);
    let serial = office.listening().unwrap().serial;
    let mut next = 0;
    let mut happen = |office: &mut Office, client: &str| {
        next += 1;
        office.step(Step::Heard(serial, News::Bytes(subscribed(next, client))));
    };
    happen(&mut office, "a");
    office.step(Step::Events(EventsStep::Pause(true)));
    happen(&mut office, "b");
    assert_eq!((office.desk.events.len(), office.desk.events.newer), (1, 1));
    office.step(Step::Events(EventsStep::Pause(false)));
    assert_eq!((office.desk.events.len(), office.desk.events.newer), (2, 0));
    office.step(Step::Events(EventsStep::OfClient("b".into())));
    happen(&mut office, "a");
    assert_eq!((office.desk.events.len(), office.desk.events.kept()), (1, 3));
    office.step(Step::Events(EventsStep::Find(String::new())));
    let many: Vec<u8> = (0..events::MAX_EVENTS as u32 + 5).flat_map(|i| subscribed(100 + i, "c")).collect();
    office.step(Step::Heard(serial, News::Bytes(many)));
    assert_eq!((office.desk.events.kept(), office.desk.events.gone), (events::MAX_EVENTS, 8));
    office.step(Step::Events(EventsStep::Kind(tabmq_shared::api::events::Kind::Published, true)));
    let again = office.listening().unwrap();
    assert!(again.path.contains("published") && again.after.is_some(), "{again:?}");
}

#[test]
fn rates_are_reckoned_from_two_answers() {
    let mut office = Office::open(Place::Broker);
    let stats = |uptime_ms: u64, received: u64| {
        let mut stats = tabmq_shared::api::stats::Stats { uptime_ms, ..Default::default() };
        stats.traffic.messages_received = received;
        serde_json::to_value(stats).unwrap()
    };
    office.answer("/api/v1/stats", 200, &stats(1_000, 10));
    office.pass(2_000);
    office.answer("/api/v1/stats", 200, &stats(3_000, 1_010));
    assert_eq!(office.desk.figures.points.back().unwrap().messages_received, 500);
    office.pass(2_000);
    office.answer("/api/v1/stats", 200, &stats(100, 0));
    assert!(office.desk.figures.points.is_empty(), "the broker was started anew");
}

#[test]
fn who_has_sent_a_message_and_who_gets_it() {
    let mut office = Office::new(Place::Explore);
    office.topic = Some("home/door");
    office.tick();
    office.answer("/api/v1/me", 200, &json!({ "role": "admin", "login": false }));
    let receiver =
        json!({ "client_id": "tab-1", "filter": "#", "qos": 0, "no_local": false, "connected": true });
    assert_eq!(office.asks(), ["GET /api/v1/subscriptions?topic=home/door&limit=100"]);
    office.answer("/api/v1/subscriptions", 200, &json!({ "receivers": [receiver], "total": 1 }));
    assert_eq!(office.desk.talk.receivers("home/door").unwrap().total, 1);
    assert!(office.desk.talk.receivers("home/other").is_none());

    let listening = office.listening().unwrap();
    assert!(listening.path.ends_with("&topic=home/door"), "{}", listening.path);
    let published = |id, sender: &str, bytes: usize| {
        event(
            id,
            &format!(
                r#""kind":"published","client_id":"{sender}","topic":"home/door","qos":0,"retain":false,"payload_bytes":{bytes},"receivers":1"#
            ),
        )
    };
    // The broker's clock is far from this one's: only the distance counts.
    office.step(Step::Heard(listening.serial, News::Bytes(published(5_000, "early", 4))));
    office.now_ms += 10_000;
    office.step(Step::Heard(listening.serial, News::Bytes(published(15_000, "late", 4))));
    let sender = |at_ms, len| {
        office.desk.talk.publication("home/door", at_ms, len).and_then(|it| it.client_id.as_deref())
    };
    let now_ms = office.now_ms;
    assert_eq!((sender(now_ms, 4), sender(now_ms - 10_000, 4)), (Some("late"), Some("early")));
    assert_eq!((sender(now_ms, 5), sender(now_ms - 5_000, 4)), (None, None));

    office.topic = None;
    office.tick();
    assert!(matches!(office.orders.last().unwrap().open::<Order>(), Some(Order::Silence)));
}
