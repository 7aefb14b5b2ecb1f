//! What the message list is filtered by.

use super::history::{Entry, Message};
use super::needle::Needle;
use super::query::Pair;
use super::settings::{parse_qos, qos_digit};
use tabmq_shared::packet::QoS;

/// Where the text is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In topic and payload.
    #[default]
    Anywhere,
    /// In the topic alone.
    Topic,
    /// In the payload alone.
    Payload,
}

/// The list's filter. What is `None` lets everything pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFilter {
    /// Text to look for, or a topic filter if it has wildcards and is valid.
    pub text: String,
    /// Where.
    pub place: Place,
    /// Only this QoS.
    pub qos: Option<QoS>,
    /// Only retained messages, or only those that are not.
    pub retain: Option<bool>,
    /// Only what was sent from here, or only what came.
    pub sent: Option<bool>,
    /// Leave topics out that begin with `$`.
    pub hide_system: bool,
}

impl Default for ListFilter {
    fn default() -> Self {
        ListFilter {
            text: String::new(),
            place: Place::Anywhere,
            qos: None,
            retain: None,
            sent: None,
            hide_system: true,
        }
    }
}

impl ListFilter {
    /// How many of its parts, beside the text, leave something out that is usually shown.
    pub fn narrowed_by(&self) -> usize {
        let parts =
            [self.place != Place::Anywhere, self.qos.is_some(), self.retain.is_some(), self.sent.is_some()];
        parts.into_iter().filter(|on| *on).count()
    }

    /// Whether it lets everything pass that is usually shown.
    pub fn is_usual(&self) -> bool {
        self.text.is_empty() && self.narrowed_by() == 0
    }

    /// Takes over what a pair of the address bar says.
    pub(super) fn read(&mut self, (name, value): &Pair) {
        match name.as_str() {
            "filter" => self.text.clone_from(value),
            "in" => self.place = Self::parse_place(value),
            "qos" => self.qos = parse_qos(value),
            "retain" => self.retain = Self::parse_flag(value),
            "sent" => self.sent = Self::parse_flag(value),
            "system" => self.hide_system = value != "1",
            _ => {}
        }
    }

    /// For the address bar; a part that is not set has no value.
    pub(super) fn pairs(&self) -> [(&'static str, &str); 6] {
        [
            ("filter", self.text.as_str()),
            ("in", self.place_name()),
            ("qos", self.qos.map_or("", qos_digit)),
            ("retain", Self::flag_name(self.retain)),
            ("sent", Self::flag_name(self.sent)),
            ("system", if self.hide_system { "" } else { "1" }),
        ]
    }

    /// The name of the place: empty for anywhere.
    pub const fn place_name(&self) -> &'static str {
        match self.place {
            Place::Anywhere => "",
            Place::Topic => "topic",
            Place::Payload => "payload",
        }
    }

    /// The opposite of [`place_name`](Self::place_name).
    pub fn parse_place(name: &str) -> Place {
        match name {
            "topic" => Place::Topic,
            "payload" => Place::Payload,
            _ => Place::Anywhere,
        }
    }

    /// A choice of yes, no and both: `1`, `0` and nothing.
    pub const fn flag_name(flag: Option<bool>) -> &'static str {
        match flag {
            None => "",
            Some(false) => "0",
            Some(true) => "1",
        }
    }

    /// The opposite of [`flag_name`](Self::flag_name).
    pub fn parse_flag(name: &str) -> Option<bool> {
        match name {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }
}

/// A filter that is ready to be asked many times.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    filter: ListFilter,
    needle: Needle,
}

impl Search {
    /// From a filter.
    pub fn new(filter: &ListFilter) -> Self {
        let mut filter = filter.clone();
        // Who looks for something beginning with '$' wants to see it.
        filter.hide_system &= !filter.text.starts_with('$');
        Search { needle: Needle::new(&filter.text), filter }
    }

    /// Whether it lets an entry pass. A gap concerns every list.
    pub(super) fn finds(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Gap { .. } => true,
            Entry::Message(message) => self.finds_message(message),
        }
    }

    fn finds_message(&self, message: &Message) -> bool {
        let filter = &self.filter;
        let sent = message.direction.is_sent();
        if (filter.hide_system && message.topic.starts_with('$'))
            || filter.qos.is_some_and(|qos| qos != message.qos)
            || filter.retain.is_some_and(|retain| retain != message.retain)
            || filter.sent.is_some_and(|wanted| wanted != sent)
        {
            return false;
        }
        let (in_topic, in_payload) = match filter.place {
            Place::Anywhere => (true, true),
            Place::Topic => (true, false),
            Place::Payload => (false, true),
        };
        self.needle.is_empty()
            || (in_topic && self.needle.finds(&message.topic))
            || (in_payload && self.needle.finds_in(&message.payload))
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::Direction;
    use super::*;
    use bytes::Bytes;

    fn message(topic: &str, payload: &'static str, qos: QoS, retain: bool, sent: bool) -> Entry {
        let direction = if sent { Direction::Sent(None) } else { Direction::Received };
        Entry::Message(Message {
            topic: topic.into(),
            payload: Bytes::from_static(payload.as_bytes()),
            qos,
            retain,
            direction,
            ..Message::default()
        })
    }

    #[test]
    fn each_part_narrows() {
        let entries = [
            message("home/temp", "21", QoS::AtMostOnce, false, false),
            message("home/door", "temp", QoS::AtLeastOnce, true, false),
            message("home/lamp", "on", QoS::ExactlyOnce, false, true),
            message("$SYS/temp", "5", QoS::AtMostOnce, true, false),
            Entry::Gap { from_ms: 1, to_ms: 2, resumed: false },
        ];
        let usual = ListFilter::default;
        let cases = [
            (usual(), [true, true, true, false, true]),
            (ListFilter { hide_system: false, ..usual() }, [true; 5]),
            (ListFilter { text: "TEMP".into(), ..usual() }, [true, true, false, false, true]),
            (ListFilter { text: "$sys".into(), ..usual() }, [false, false, false, true, true]),
            (
                ListFilter { text: "temp".into(), place: Place::Topic, ..usual() },
                [true, false, false, false, true],
            ),
            (
                ListFilter { text: "temp".into(), place: Place::Payload, ..usual() },
                [false, true, false, false, true],
            ),
            (ListFilter { text: "home/+".into(), ..usual() }, [true, true, true, false, true]),
            (ListFilter { qos: Some(QoS::ExactlyOnce), ..usual() }, [false, false, true, false, true]),
            (ListFilter { retain: Some(true), ..usual() }, [false, true, false, false, true]),
            (ListFilter { sent: Some(true), ..usual() }, [false, false, true, false, true]),
            (ListFilter { sent: Some(false), ..usual() }, [true, true, false, false, true]),
        ];
        for (filter, expected) in cases {
            let search = Search::new(&filter);
            assert_eq!(entries.each_ref().map(|entry| search.finds(entry)), expected, "{filter:?}");
        }
    }

    #[test]
    fn kept_by_the_address_bar() {
        let filter = ListFilter {
            text: "a b".into(),
            place: Place::Payload,
            qos: Some(QoS::AtLeastOnce),
            retain: Some(false),
            sent: Some(true),
            hide_system: false,
        };
        let mut read = ListFilter::default();
        for (name, value) in filter.pairs() {
            read.read(&(name.to_owned(), value.to_owned()));
        }
        assert_eq!((&read, read.narrowed_by()), (&filter, 4));
        assert!(ListFilter::default().pairs().iter().all(|(_, value)| value.is_empty()));
    }
}
