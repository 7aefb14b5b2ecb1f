//! What was published, what arrived, and what must have arrived.

use super::super::*;
use super::topic;
use std::collections::BTreeMap;
use tabmq_shared::client::{Outcome, PublishId, Subscription};
use tabmq_shared::topic;

/// What a message is for: it decides on its topic and on what is expected of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// For ordinary subscriptions that do not change.
    Plain(usize),
    /// For a group of shared subscriptions.
    Work(usize),
    /// Retained; subscribers come and come again.
    Retained,
    /// For subscriptions that come and go.
    Passing,
}

/// A message. Its number is its place in [`Books::messages`], and the beginning of its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) publisher: usize,
    pub(super) kind: Kind,
    pub(super) qos: QoS,
}

/// What must be known of a peer.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// Its session outlives its connections.
    pub(super) lasting: bool,
    /// It has a will; true: without a delay.
    pub(super) will_at_once: Option<bool>,
    /// Those that it keeps for the whole run.
    pub(super) subscriptions: Vec<Subscription>,
}

pub(super) struct Books {
    peers: Vec<About>,
    pub(super) messages: Vec<Message>,
    /// What each peer was handed, in order, and at which QoS.
    received: Vec<Vec<(usize, QoS)>>,
    outcomes: BTreeMap<(usize, PublishId), Outcome>,
    /// How many wills of each peer each peer was handed: `[receiver][sender]`.
    wills: Vec<Vec<u64>>,
    /// How often each peer went without DISCONNECT.
    gone: Vec<u64>,
}

/// The number at the beginning of a payload.
pub(super) fn number(payload: &[u8]) -> usize {
    std::str::from_utf8(payload).unwrap().trim_end().parse().unwrap()
}

impl Books {
    pub(super) fn new(peers: Vec<About>) -> Books {
        let count = peers.len();
        Books {
            peers,
            messages: Vec::new(),
            received: vec![Vec::new(); count],
            outcomes: BTreeMap::new(),
            wills: vec![vec![0; count]; count],
            gone: vec![0; count],
        }
    }

    /// A peer's connection has ended.
    pub(super) fn disconnected(&mut self, peer: usize, in_peace: bool) {
        self.gone[peer] += u64::from(!in_peace);
    }

    /// What became of a message, as its publisher was told.
    pub(super) fn outcome(&mut self, peer: usize, id: PublishId, outcome: Outcome) {
        let before = self.outcomes.insert((peer, id), outcome);
        assert_eq!(before, None, "{id:?} of peer {peer} has two ends");
    }

    /// A peer was handed a message.
    pub(super) fn received(&mut self, peer: usize, publish: &Publish) {
        let number = number(&publish.payload);
        if publish.topic.starts_with("will/") {
            self.wills[peer][number] += 1;
            return;
        }
        let message = self.messages[number];
        assert_eq!(&*publish.topic, topic(message.kind, message.publisher), "message {number}");
        if matches!(message.kind, Kind::Plain(_)) {
            assert!(!publish.retain, "message {number}");
            // Who loses its session subscribes again one by one, and has not all of them at once.
            if self.peers[peer].lasting {
                let (qos, mut ids) = self.wanted(peer, &message).expect("a subscription that matches");
                assert_eq!(publish.qos, qos.min(message.qos), "message {number}");
                let properties = publish.properties.as_ref();
                let mut got = properties.map_or(Vec::new(), |properties| properties.subscription_ids.clone());
                ids.sort_unstable();
                got.sort_unstable();
                assert_eq!(got, ids, "message {number} [MQTT-3.3.4-3]");
            }
        }
        self.received[peer].push((number, publish.qos));
    }

    /// The highest QoS at which a peer subscribed to a message, and the identifiers of those subscriptions.
    fn wanted(&self, peer: usize, message: &Message) -> Option<(QoS, Vec<u32>)> {
        let name = topic(message.kind, message.publisher);
        let matching: Vec<&Subscription> = (self.peers[peer].subscriptions.iter())
            .filter(|s| topic::matches(s.filter.filter(), &name))
            .filter(|s| !(s.options.no_local && message.publisher == peer))
            .collect();
        let qos = matching.iter().map(|s| s.options.qos).max()?;
        Some((qos, matching.iter().filter_map(|s| Some(s.id?.get())).collect()))
    }

    /// How many messages came to somebody more than once.
    pub(super) fn repeated(&self) -> u64 {
        let repeated = |list: &Vec<(usize, QoS)>| {
            let mut sorted: Vec<usize> = list.iter().map(|(number, _)| *number).collect();
            sorted.sort_unstable();
            sorted.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
        };
        self.received.iter().map(repeated).sum()
    }

    /// How many wills somebody was handed.
    pub(super) fn wills(&self) -> u64 {
        self.wills.iter().flatten().sum()
    }

    /// Topic and number of the newest retained message of each publisher, in the order of the topics.
    pub(super) fn newest_retained(&self) -> Vec<(String, usize)> {
        let mut newest = BTreeMap::new();
        for (number, message) in self.messages.iter().enumerate() {
            if message.kind == Kind::Retained {
                newest.insert(topic(message.kind, message.publisher), number);
            }
        }
        newest.into_iter().collect()
    }

    /// Compares what was published with what arrived.
    pub(super) fn check(&self) {
        self.check_outcomes();
        for peer in 0..self.peers.len() {
            self.check_plain(peer);
            self.check_order(peer);
            self.check_newest(peer);
            self.check_wills(peer);
        }
        self.check_work();
    }

    /// Each publisher was told the end of each of its messages, and it was a good one.
    fn check_outcomes(&self) {
        assert_eq!(self.outcomes.len(), self.messages.len());
        for outcome in self.outcomes.values() {
            let good = match outcome {
                Outcome::Sent => true,
                Outcome::Acknowledged(reason) => !reason.is_error(),
                Outcome::Failed(_) => false,
            };
            assert!(good, "{outcome:?}");
        }
    }

    /// QoS 1 at least once, QoS 2 exactly once, QoS 0 at most once.
    fn check_plain(&self, peer: usize) {
        for (number, message) in self.messages.iter().enumerate() {
            let times = self.received[peer].iter().filter(|(n, _)| *n == number).count();
            let what = || format!("peer {peer} got message {number} {times} times: {message:?}");
            match message.kind {
                Kind::Plain(_) => {}
                Kind::Passing => {
                    assert!(times <= 1 || !self.comes_once(message, QoS::ExactlyOnce), "{}", what());
                    continue;
                }
                Kind::Work(_) | Kind::Retained => continue,
            }
            let Some((subscribed, _)) = self.wanted(peer, message) else {
                assert_eq!(times, 0, "{}", what());
                continue;
            };
            if message.qos.min(subscribed) > QoS::AtMostOnce && self.peers[peer].lasting {
                assert!(times >= 1, "{}", what());
            }
            assert!(times <= 1 || !self.comes_once(message, subscribed), "{}", what());
        }
    }

    /// Whether nobody may get this message twice who subscribed to it at this QoS: on both hops, QoS 1 repeats.
    fn comes_once(&self, message: &Message, subscribed: QoS) -> bool {
        self.is_published_once(message) && message.qos.min(subscribed) != QoS::AtLeastOnce
    }

    /// Whether the broker gets this message once. A publisher without a session repeats QoS 2 as well: rather twice
    /// than never.
    fn is_published_once(&self, message: &Message) -> bool {
        match message.qos {
            QoS::AtMostOnce => true,
            QoS::AtLeastOnce => false,
            QoS::ExactlyOnce => self.peers[message.publisher].lasting,
        }
    }

    /// One member of each group has each message.
    fn check_work(&self) {
        for (number, message) in self.messages.iter().enumerate() {
            let Kind::Work(_) = message.kind else { continue };
            let got = |list: &Vec<(usize, QoS)>| list.iter().filter(|(n, _)| *n == number).count();
            let times: usize = self.received.iter().map(got).sum();
            let members =
                (0..self.peers.len()).filter_map(|peer| Some((peer, self.wanted(peer, message)?.0)));
            let members: Vec<(usize, QoS)> = members.collect();
            let qos = message.qos.min(members[0].1);
            let what = || format!("the group got message {number} {times} times: {message:?}");
            // What a member without a session had at QoS 2 goes with it [MQTT-4.8.2-5].
            let all_lasting = members.iter().all(|(peer, _)| self.peers[*peer].lasting);
            if qos == QoS::AtLeastOnce || (qos == QoS::ExactlyOnce && all_lasting) {
                assert!(times >= 1, "{}", what());
            }
            assert!(times <= 1 || !self.comes_once(message, members[0].1), "{}", what());
        }
    }

    /// [MQTT-4.6.0-5] The first time that they come, the messages of one publisher on one topic are in order: QoS 0
    /// among themselves, QoS 1 and 2 together.
    fn check_order(&self, peer: usize) {
        let mut last: BTreeMap<(usize, Kind, bool), usize> = BTreeMap::new();
        let mut seen = vec![false; self.messages.len()];
        for &(number, qos) in &self.received[peer] {
            let message = &self.messages[number];
            if std::mem::replace(&mut seen[number], true) || self.may_come_late(peer, message, qos) {
                continue;
            }
            let acknowledged = qos > QoS::AtMostOnce;
            let before = last.insert((message.publisher, message.kind, acknowledged), number);
            assert!(before < Some(number), "peer {peer} got {before:?} before {number}: {message:?}");
        }
    }

    /// What a member of a group that is gone had not acknowledged comes late to another. And who did not get a message
    /// when it was published may get it when it is repeated, after a later one.
    fn may_come_late(&self, peer: usize, message: &Message, qos: QoS) -> bool {
        let steady = self.peers[peer].lasting
            && qos > QoS::AtMostOnce
            && matches!(message.kind, Kind::Plain(_) | Kind::Retained);
        let inherited = matches!(message.kind, Kind::Work(_))
            && (0..self.peers.len()).any(|n| !self.peers[n].lasting && self.wanted(n, message).is_some());
        inherited || !(steady || self.is_published_once(message))
    }

    /// The last that a subscriber sees of a topic with a retained message is the newest.
    fn check_newest(&self, peer: usize) {
        let subscribes = self.peers[peer].subscriptions.iter().any(|s| s.filter.as_str() == "retained/#");
        if !subscribes {
            return;
        }
        for (name, newest) in self.newest_retained() {
            let publisher = self.messages[newest].publisher;
            let of_it = |n: &usize| {
                let message = &self.messages[*n];
                message.kind == Kind::Retained && message.publisher == publisher
            };
            let last = self.received[peer].iter().map(|(number, _)| *number).rfind(of_it);
            assert_eq!(last, Some(newest), "peer {peer}, {name}");
        }
    }

    /// A will for each end without DISCONNECT; with a delay, perhaps not for each.
    fn check_wills(&self, peer: usize) {
        let about = &self.peers[peer];
        if !about.subscriptions.iter().any(|s| s.filter.as_str() == "will/#") {
            return;
        }
        for (sender, sent) in self.peers.iter().enumerate() {
            let (got, gone) = (self.wills[peer][sender], self.gone[sender]);
            let what = format!("peer {peer} got {got} wills of peer {sender}, which went {gone} times");
            match sent.will_at_once {
                None => assert_eq!(got, 0, "{what}"),
                Some(true) if about.lasting => assert_eq!(got, gone, "{what}"),
                Some(_) => assert!(got <= gone, "{what}"),
            }
        }
    }
}
