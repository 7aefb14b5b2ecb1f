//! The life of one bridge: two clients, back to back.
//!
//! ```text
//!  this broker --PUBLISH--> local --publish--> driver --PUBLISH--> the other broker
//!              <--PUBACK---       <-Published-        <--PUBACK---
//!              <--publish_from---       <--Message-   <--PUBLISH--
//! ```
//!
//! A message at QoS 1 or 2 is acknowledged here when the other broker has it. So it is this broker's session that keeps it
//! meanwhile, across every outage; and when the bridge has to begin anew, it gives back what it has in hand simply by
//! continuing that session. While there is no connection nothing is taken from here at all.

use super::echoes::Echoes;
use super::local::Local;
use super::settings::BridgeConfig;
use super::status::{Loss, Status};
use super::topics::{self, Rule};
use crate::broker::{BRIDGE_CLIENT_IDS, ServerMessage};
use crate::client::Driver;
use crate::hub::Hub;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tabmq_shared::ByteString;
use tabmq_shared::api::BridgeState;
use tabmq_shared::client::{
    Backoff, ConnectOptions, Event, Message, Outcome, PublishError, PublishId, State, Subscription, Why,
};
use tabmq_shared::packet::{
    Ack, ConnectProperties, Packet, PacketId, Publish, QoS, ReasonCode, Subscribe, SubscribeFilter,
    SubscribeProperties, Version, Will, WillProperties,
};
use tabmq_shared::topic::TopicName;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// While so much waits for the other broker, nothing more is taken from this one.
const ENOUGH_MESSAGES: usize = 1000;
const ENOUGH_BYTES: usize = 1 << 20;

/// The most that can wait then: all that was taken at once.
const QUEUE_MESSAGES: usize = 1_000_000;
const QUEUE_BYTES: usize = 512 << 20;

/// After this time another attempt is made, though the other broker has said no for good, or this one has ended its side.
const ANEW: Duration = Duration::from_secs(10);

/// How long the other broker may take to acknowledge that the bridge goes.
const LAST_WORD_TIME: Duration = Duration::from_secs(1);

/// One bridge.
pub(super) struct Run {
    config: BridgeConfig,
    hub: Arc<Hub>,
    status: Arc<Mutex<Status>>,
    driver: Driver,
    /// `None`: this broker has ended it.
    local: Option<Local>,
    /// Whether the other broker is told that this is a bridge (3.1.1).
    private: bool,
    echoes: Echoes,
    /// Which message of this broker a message for the other one came from.
    origins: HashMap<PublishId, Option<PacketId>>,
    /// Messages of this broker, at QoS 1 and 2, that are not acknowledged: how many copies are on their way.
    in_hand: HashMap<PacketId, InHand>,
    anew_at: Option<Instant>,
}

struct InHand {
    qos: QoS,
    copies: usize,
}

/// What a bridge of the same name has left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// There was none.
    Nothing,
    /// A session here, with what has waited.
    Session,
    /// The same, for other topics.
    OtherTopics,
}

/// Nothing of a bridge remains here: neither what has waited nor its state.
pub(super) fn forget(hub: &Arc<Hub>, name: &str) {
    Local::forget(hub, &client_id(name));
    if let Ok(topic) = state_topic(name) {
        let (payload, qos, properties) = (Bytes::new(), QoS::AtLeastOnce, None);
        hub.publish(ServerMessage { topic, payload, qos, retain: true, properties });
    }
}

/// Who a bridge is at this broker.
fn client_id(name: &str) -> String {
    format!("{BRIDGE_CLIENT_IDS}{name}")
}

/// Where its state is told, as mosquitto does.
fn state_topic(name: &str) -> Result<TopicName, impl std::error::Error> {
    TopicName::new(format!("$SYS/broker/connection/{name}/state"))
}

impl Run {
    pub(super) fn new(
        config: BridgeConfig,
        hub: Arc<Hub>,
        status: Arc<Mutex<Status>>,
        before: Before,
    ) -> Run {
        let private = config.version == Version::V311 && config.try_private;
        let driver = driver(&config, private);
        let (echoes, origins, in_hand) = (Echoes::default(), HashMap::new(), HashMap::new());
        let mut run = Run {
            config,
            hub,
            status,
            driver,
            local: None,
            private,
            echoes,
            origins,
            in_hand,
            anew_at: None,
        };
        run.tell_state(false);
        run.open_local(before == Before::Session);
        run
    }

    /// Runs until it is stopped, and says good-bye to both sides.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let takes_more = self.takes_more();
            let anew_at = self.anew_at.unwrap_or_else(Instant::now);
            let packets = async {
                match &mut self.local {
                    Some(local) if takes_more => local.packets().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                event = self.driver.event() => self.handle_event(event),
                packets = packets => self.handle_packets(packets),
                () = tokio::time::sleep_until(anew_at), if self.anew_at.is_some() => self.begin_anew(),
            }
        }
        self.tell_state(false);
        self.local = None;
        let connected = self.driver.machine().0.state().is_connected();
        if connected && let Some(id) = self.notify("0") {
            // A good-bye prevents the will, so the last word must have arrived before.
            let arrived = async {
                while !matches!(self.driver.event().await, Event::Published { id: end, .. } if end == id) {}
            };
            let _ = tokio::time::timeout(LAST_WORD_TIME, arrived).await;
        }
        self.driver.finish().await;
    }

    /// Whether what comes from here can leave.
    fn takes_more(&mut self) -> bool {
        let (machine, _) = self.driver.machine();
        let pending = machine.pending();
        machine.state().is_connected()
            && pending.queued_messages < ENOUGH_MESSAGES
            && pending.queued_bytes < ENOUGH_BYTES
    }

    /// Connects to this broker and subscribes to what goes out.
    fn open_local(&mut self, resume: bool) {
        match Local::connect(&self.hub, &client_id(&self.config.name), resume) {
            Ok(mut local) => {
                subscribe(&self.config.rules, &mut local);
                self.local = Some(local);
            }
            Err(error) => {
                warn!(bridge = self.config.name.as_str(), why = error.why.as_str(), "bridge not let in");
                self.anew_at.get_or_insert_with(|| Instant::now() + ANEW);
            }
        }
    }

    /// Gives back what is in hand, and connects to both sides again.
    fn begin_anew(&mut self) {
        self.anew_at = None;
        self.origins.clear();
        self.in_hand.clear();
        self.local = None;
        self.driver = driver(&self.config, self.private);
        self.open_local(true);
    }

    /// What this broker sends.
    fn handle_packets(&mut self, packets: Option<Vec<Packet>>) {
        let Some(packets) = packets else {
            self.local = None;
            self.anew_at.get_or_insert_with(|| Instant::now() + ANEW);
            return;
        };
        for packet in packets {
            match packet {
                Packet::Publish(publish) => self.send_out(publish),
                Packet::PubRel(ack) => self.answer(Packet::PubComp(Ack::success(ack.packet_id))),
                _ => {} // the answers to what the bridge itself has sent
            }
        }
    }

    fn send_out(&mut self, publish: Publish) {
        let Publish { qos, retain, topic, packet_id, properties, payload, .. } = publish;
        let mut properties = properties;
        let ids = properties.as_mut().map(|properties| std::mem::take(&mut properties.subscription_ids));
        let properties = properties.filter(|properties| !properties.is_empty());
        let mut copies = 0;
        for id in ids.unwrap_or_default() {
            let Some(rule) = topics::by_id(&self.config.rules, id) else { continue };
            let qos = qos.min(rule.qos());
            let Some(name) = rule.to_remote(&topic) else {
                self.status.lock().count(Loss::NoSuchTopic);
                continue;
            };
            let message = Message {
                topic: name,
                payload: payload.clone(),
                qos,
                retain,
                properties: properties.clone(),
            };
            copies += usize::from(self.publish_out(message, packet_id));
        }
        if let Some(packet_id) = packet_id {
            self.in_hand.insert(packet_id, InHand { qos, copies });
            if copies == 0 {
                self.acknowledge(packet_id);
            }
        }
    }

    /// Whether it is on its way.
    fn publish_out(&mut self, message: Message, origin: Option<PacketId>) -> bool {
        let echo = self.comes_back(&message.topic).then(|| (message.topic.clone(), message.payload.clone()));
        let (machine, now) = self.driver.machine();
        match machine.publish(message, now) {
            Ok(id) => {
                self.origins.insert(id, origin);
                if let Some((topic, payload)) = echo {
                    self.echoes.expect(topic.as_str(), &payload, now);
                }
                true
            }
            Err(error) => {
                self.status.lock().count(loss(&error));
                false
            }
        }
    }

    /// Whether the other broker will send this topic back, for want of no-local.
    fn comes_back(&self, topic: &TopicName) -> bool {
        let is_asked_not_to = if self.config.version.is_v5() { self.config.no_local } else { self.private };
        !is_asked_not_to
            && self.config.rules.iter().any(|rule| rule.comes_in() && rule.remote().matches(topic))
    }

    /// A copy of a message has met its end.
    fn settle(&mut self, id: PublishId) {
        let Some(Some(packet_id)) = self.origins.remove(&id) else { return };
        let Some(in_hand) = self.in_hand.get_mut(&packet_id) else { return };
        in_hand.copies = in_hand.copies.saturating_sub(1);
        if in_hand.copies == 0 {
            self.acknowledge(packet_id);
        }
    }

    fn acknowledge(&mut self, packet_id: PacketId) {
        let Some(InHand { qos, .. }) = self.in_hand.remove(&packet_id) else { return };
        let ack = Ack::success(packet_id);
        self.answer(if qos == QoS::ExactlyOnce { Packet::PubRec(ack) } else { Packet::PubAck(ack) });
    }

    fn answer(&mut self, packet: Packet) {
        if let Some(local) = &mut self.local {
            local.send(packet);
        }
    }

    /// What happens at the other side.
    fn handle_event(&mut self, event: Event) {
        match event {
            Event::StateChanged => self.state_changed(),
            Event::Message(publish) => self.bring_in(publish),
            Event::Published { id, outcome } => {
                match outcome {
                    Outcome::Acknowledged(reason) if reason.is_error() => {
                        self.status.lock().count(Loss::Refused)
                    }
                    Outcome::Failed(error) => self.status.lock().count(loss(&error)),
                    Outcome::Sent | Outcome::Acknowledged(_) => self.status.lock().sent += 1,
                }
                self.settle(id);
            }
            Event::Subscribed { filter, result } if result.is_error() => warn!(
                bridge = self.config.name.as_str(),
                filter = filter.as_str(),
                why = result.text(),
                "the other broker does not grant a subscription of the bridge"
            ),
            _ => {}
        }
    }

    fn bring_in(&mut self, publish: Publish) {
        let (_, now) = self.driver.machine();
        if self.echoes.is_one(&publish.topic, &publish.payload, now) {
            self.status.lock().echoes += 1;
            return;
        }
        self.status.lock().received += 1;
        let Ok(topic) = TopicName::new(publish.topic.clone()) else { return }; // the client has checked it
        let mut properties = publish.properties;
        let ids = properties.as_mut().map(|properties| std::mem::take(&mut properties.subscription_ids));
        let ids = ids.unwrap_or_default();
        // Copies, like the payload: the read buffer is not to be kept as long as a retained message.
        let payload = Bytes::copy_from_slice(&publish.payload);
        let properties = properties.filter(|properties| !properties.is_empty());
        let mut reached: Vec<TopicName> = Vec::new();
        for (index, rule) in self.config.rules.iter().enumerate().filter(|(_, rule)| rule.comes_in()) {
            let meant = match ids.is_empty() {
                true => rule.remote().matches(&topic),
                false => topics::subscription_id(index).is_some_and(|id| ids.contains(&id.get())),
            };
            if !meant {
                continue;
            }
            let Some(name) = rule.to_local(topic.as_str()) else {
                self.status.lock().count(Loss::NoSuchTopic);
                continue;
            };
            if reached.contains(&name) {
                continue; // two rules that mean the same
            }
            reached.push(name.clone());
            let qos = publish.qos.min(rule.qos());
            let retain = publish.retain;
            let message = ServerMessage {
                topic: name,
                payload: payload.clone(),
                qos,
                retain,
                properties: properties.clone(),
            };
            if let Some(local) = &self.local {
                local.publish(message);
            }
        }
    }

    fn state_changed(&mut self) {
        let (machine, _) = self.driver.machine();
        let (stopped, why) = match machine.state() {
            State::Idle | State::Opening { .. } | State::Connecting { .. } => return,
            State::Connected { .. } => (false, None),
            State::Waiting { why, .. } => (false, Some(why.clone())),
            State::Stopped { why } => (true, Some(why.clone())),
        };
        let (name, address) = (self.config.name.as_str(), self.config.address());
        let Some(why) = why else {
            info!(bridge = name, address = address.as_str(), "bridge connected");
            self.status.lock().set_state(BridgeState::Connected, None);
            self.tell_state(true);
            let _ = self.notify("1"); // its end is nobody's concern
            return;
        };
        let words = why.to_string();
        let changed = self.status.lock().set_state(BridgeState::Disconnected, Some(words.clone()));
        if changed {
            warn!(bridge = name, address = address.as_str(), why = words.as_str(), "bridge not connected");
            self.tell_state(false);
        }
        if self.private && is_about_the_mark(&why) {
            self.private = false;
            self.begin_anew();
        } else if stopped {
            self.anew_at.get_or_insert_with(|| Instant::now() + ANEW);
        }
    }

    /// Tells the other broker's clients, if somebody wants that.
    fn notify(&mut self, payload: &'static str) -> Option<PublishId> {
        let topic = self.config.notification_topic.clone()?;
        let message = Message::new(topic, payload, QoS::AtLeastOnce, true);
        let (machine, now) = self.driver.machine();
        machine.publish(message, now).ok()
    }

    /// Tells this broker's clients, as mosquitto does.
    fn tell_state(&self, connected: bool) {
        if let Ok(topic) = state_topic(&self.config.name) {
            let payload = Bytes::from_static(if connected { b"1" } else { b"0" });
            let (qos, properties) = (QoS::AtLeastOnce, None);
            self.hub.publish(ServerMessage { topic, payload, qos, retain: true, properties });
        }
    }
}

/// What goes out, one SUBSCRIBE for each rule: the identifier tells which one a message is for.
fn subscribe(rules: &[Rule], local: &mut Local) {
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.goes_out()) {
        let filter =
            SubscribeFilter { filter: rule.local().as_byte_string().clone(), options: rule.options() };
        let subscription_id = topics::subscription_id(index);
        local.send(Packet::Subscribe(Box::new(Subscribe {
            packet_id: PacketId::MIN,
            properties: SubscribeProperties { subscription_id, user: Vec::new() },
            filters: vec![filter],
        })));
    }
}

/// A client of the other broker, on its way there, with what is to come in subscribed.
fn driver(config: &BridgeConfig, private: bool) -> Driver {
    let mut driver = Driver::start(options(config, private), config.route.clone());
    let subscription = |(index, rule): (usize, &Rule)| {
        let id = topics::subscription_id(index).filter(|_| config.version.is_v5());
        Subscription { filter: rule.remote().clone(), options: rule.options(), id }
    };
    let coming = config.rules.iter().enumerate().filter(|(_, rule)| rule.comes_in());
    let (machine, now) = driver.machine();
    machine.subscribe(coming.map(subscription).collect(), now);
    driver
}

fn options(config: &BridgeConfig, private: bool) -> ConnectOptions {
    let will = config.notification_topic.as_ref().map(|topic| Will {
        topic: topic.as_byte_string().clone(),
        payload: Bytes::from_static(b"0"),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: WillProperties::default(),
    });
    ConnectOptions {
        version: config.version,
        is_bridge: private,
        client_id: ByteString::from(config.client_id.as_str()),
        clean_start: config.clean_start,
        keep_alive_s: config.keep_alive_s,
        username: config.username.as_deref().map(ByteString::from),
        password: config.password.clone(),
        will,
        properties: ConnectProperties {
            session_expiry_s: (!config.clean_start).then_some(config.session_expiry_s),
            ..ConnectProperties::default()
        },
        reconnect: Some(Backoff {
            min: Duration::from_millis(500).min(config.max_retry),
            max: config.max_retry,
        }),
        offline_messages: QUEUE_MESSAGES,
        offline_bytes: QUEUE_BYTES,
        ..ConnectOptions::default()
    }
}

/// Whether a broker that does not know the mark of a bridge would have ended the connection like this.
fn is_about_the_mark(why: &Why) -> bool {
    match why {
        Why::ClosedBeforeConnAck { .. } => true,
        Why::Refused { reason, .. } => *reason == ReasonCode::UnsupportedProtocolVersion,
        _ => false,
    }
}

fn loss(error: &PublishError) -> Loss {
    match error {
        PublishError::QueueFull { .. } => Loss::QueueFull,
        PublishError::TooLarge { .. } => Loss::TooLarge,
        PublishError::Expired => Loss::Expired,
        _ => Loss::Impossible,
    }
}
