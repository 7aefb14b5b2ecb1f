//! A device for an idle broker: what it would say, second by second. Everything is below `demo/`, so that nobody
//! takes it for their own.

use tabmq_shared::client::Message;
use tabmq_shared::packet::QoS;
use tabmq_shared::topic::TopicName;

/// One period of a sine in sixteen steps, times 100.
const SINE: [i32; 16] = [0, 38, 71, 92, 100, 92, 71, 38, 0, -38, -71, -92, -100, -92, -71, -38];

/// What the device publishes in its `n`th second.
pub fn messages(n: u64) -> Vec<Message> {
    let temperature = 2150 + wave(n, 2) * 2 + wave(n, 7) / 5;
    let humidity = 48 + wave(n, 3) / 10;
    let mut out = vec![
        message("demo/greenhouse/temperature", hundredths(temperature), false),
        message("demo/greenhouse/humidity", format!("{humidity} %"), false),
    ];
    if n.is_multiple_of(3) {
        let watts = 230 + wave(n, 5);
        let json = format!(
            "{{\"device\":\"meter-1\",\"uptime_s\":{n},\"watts\":{watts},\"phases\":[{},{},{}],\"ok\":true}}",
            watts / 3,
            watts / 3 + 1,
            watts - watts / 3 * 2 - 1,
        );
        out.push(message("demo/meter", json, false));
    }
    if n.is_multiple_of(8) {
        let door = if (n / 8).is_multiple_of(2) { "closed" } else { "open" };
        out.push(message("demo/greenhouse/door", door.to_owned(), true));
    }
    out
}

fn wave(n: u64, speed: u64) -> i32 {
    let step = usize::try_from(n * speed / 4 % 16).unwrap_or(0);
    SINE.get(step).copied().unwrap_or(0)
}

fn hundredths(n: i32) -> String {
    format!("{}.{:02}", n / 100, n % 100)
}

fn message(topic: &'static str, payload: String, retain: bool) -> Message {
    #[expect(
        clippy::expect_used,
        reason = "the topics above are constants, and the test below sees all of them"
    )]
    let topic = TopicName::new(topic).expect("a valid topic");
    Message::new(topic, payload, QoS::AtMostOnce, retain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::json;

    #[test]
    fn marked_and_readable() {
        let all: Vec<_> = (0..48).flat_map(messages).collect();
        assert!(all.iter().all(|message| message.topic.as_str().starts_with("demo/")));
        assert!(all.iter().any(|message| message.payload == "open"));
        for message in &all {
            let is_meter = message.topic.as_str() == "demo/meter";
            let text = std::str::from_utf8(&message.payload).unwrap();
            assert_eq!(text.starts_with('{') && json::check(text).is_ok(), is_meter, "{text}");
        }
    }
}
