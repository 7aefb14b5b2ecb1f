//! `-D PACKET NAME VALUE`: MQTT 5 properties, named as mosquitto_pub and mosquitto_sub name them.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::num::NonZeroU32;
use std::str::FromStr;
use tabmq_shared::packet::{ConnectProperties, PublishProperties, WillProperties};
use tabmq_shared::{ByteString, Bytes};

/// The largest subscription identifier (section 3.8.2.1.2).
const MAX_SUBSCRIPTION_ID: u32 = 268_435_455;

/// The words of each `-D`. By hand, because clap's derive cannot keep the occurrences of a flag apart.
#[derive(Clone, Debug, Default)]
pub(super) struct PropertyArgs(pub(super) Vec<Vec<String>>);

const FLAG: &str = "property";

impl Args for PropertyArgs {
    fn augment_args(command: Command) -> Command {
        let help = "MQTT 5: a property, such as -D publish content-type text/plain, or with a name: -D connect \
                    user-property NAME VALUE; may be repeated";
        let arg = Arg::new(FLAG).short('D').long(FLAG).num_args(3..=4).action(ArgAction::Append).help(help);
        command.arg(arg.value_names(["PACKET", "PROPERTY", "VALUE"]))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PropertyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let occurrences = matches.get_occurrences::<String>(FLAG).into_iter().flatten();
        Ok(PropertyArgs(occurrences.map(|words| words.cloned().collect()).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// All that was given with `-D`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) connect: ConnectProperties,
    pub(super) will: WillProperties,
    pub(super) publish: PublishProperties,
    pub(super) subscription_id: Option<NonZeroU32>,
}

impl Properties {
    /// Reads the words of each `-D`; the error is a sentence.
    pub(super) fn parse(given: &[Vec<String>]) -> Result<Self, String> {
        let mut properties = Properties::default();
        for words in given {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let result = match words.as_slice() {
                [packet, "user-property", name, value] => properties.user(packet, name, value),
                [_, "user-property", _] => Err("it needs a name and a value".to_owned()),
                ["connect", name, value] => connect(&mut properties.connect, name, value),
                ["will", name, value] => will(&mut properties.will, name, value),
                ["publish", name, value] => publish(&mut properties.publish, name, value),
                ["subscribe", "subscription-identifier", value] => {
                    let id = number(value)?;
                    properties.subscription_id =
                        NonZeroU32::new(id).filter(|id| id.get() <= MAX_SUBSCRIPTION_ID);
                    let id = properties.subscription_id.map(|_| ());
                    id.ok_or_else(|| "it must be between 1 and 268435455".to_owned())
                }
                [packet, name, _] => Err(unknown(packet, name)),
                _ => Err("only user-property has two values".to_owned()),
            };
            result.map_err(|error| format!("-D {}: {error}", words.join(" ").escape_debug()))?;
        }
        Ok(properties)
    }

    fn user(&mut self, packet: &str, name: &str, value: &str) -> Result<(), String> {
        let list = match packet {
            "connect" => &mut self.connect.user,
            "will" => &mut self.will.user,
            "publish" => &mut self.publish.user,
            _ => return Err(unknown(packet, "user-property")),
        };
        list.push((text(name)?, text(value)?));
        Ok(())
    }
}

fn connect(properties: &mut ConnectProperties, name: &str, value: &str) -> Result<(), String> {
    match name {
        "session-expiry-interval" => properties.session_expiry_s = Some(number(value)?),
        "receive-maximum" => properties.receive_maximum = Some(number(value)?),
        "maximum-packet-size" => {
            let size: NonZeroU32 = number(value)?; // section 3.1.2.11.4: 0 is a protocol error
            properties.maximum_packet_size = Some(size.get());
        }
        "topic-alias-maximum" => properties.topic_alias_maximum = Some(number(value)?),
        "request-response-information" => properties.request_response_information = Some(flag(value)?),
        "request-problem-information" => properties.request_problem_information = Some(flag(value)?),
        _ => return Err(unknown("connect", name)),
    }
    Ok(())
}

fn will(properties: &mut WillProperties, name: &str, value: &str) -> Result<(), String> {
    match name {
        "will-delay-interval" => properties.delay_interval_s = Some(number(value)?),
        "payload-format-indicator" => properties.payload_format_utf8 = Some(flag(value)?),
        "message-expiry-interval" => properties.message_expiry_s = Some(number(value)?),
        "content-type" => properties.content_type = Some(text(value)?),
        "response-topic" => properties.response_topic = Some(text(value)?),
        "correlation-data" => properties.correlation_data = Some(Bytes::copy_from_slice(value.as_bytes())),
        _ => return Err(unknown("will", name)),
    }
    Ok(())
}

fn publish(properties: &mut PublishProperties, name: &str, value: &str) -> Result<(), String> {
    match name {
        "payload-format-indicator" => properties.payload_format_utf8 = Some(flag(value)?),
        "message-expiry-interval" => properties.message_expiry_s = Some(number(value)?),
        "content-type" => properties.content_type = Some(text(value)?),
        "response-topic" => properties.response_topic = Some(text(value)?),
        "correlation-data" => properties.correlation_data = Some(Bytes::copy_from_slice(value.as_bytes())),
        _ => return Err(unknown("publish", name)),
    }
    Ok(())
}

fn unknown(packet: &str, name: &str) -> String {
    format!(
        "there is no property '{name}' for '{packet}' here; the packets are connect, will, publish and subscribe"
    )
}

fn number<T: FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("'{value}' is not a number that it can have"))
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err("it is 0 or 1".to_owned()),
    }
}

fn text(value: &str) -> Result<ByteString, String> {
    if value.len() > usize::from(u16::MAX) {
        return Err("it has more than 65,535 bytes".to_owned());
    }
    Ok(ByteString::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Result<Properties, String> {
        let words: Vec<Vec<String>> =
            lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
        Properties::parse(&words)
    }

    #[test]
    fn every_property() {
        let properties = parse(&[
            "connect session-expiry-interval 1",
            "connect receive-maximum 2",
            "connect maximum-packet-size 3",
            "connect topic-alias-maximum 4",
            "connect request-response-information 1",
            "connect request-problem-information 0",
            "connect user-property a b",
            "will will-delay-interval 5",
            "will payload-format-indicator 1",
            "publish message-expiry-interval 6",
            "publish content-type text/plain",
            "publish response-topic r",
            "publish correlation-data c",
            "publish user-property k v",
            "publish user-property k w",
            "subscribe subscription-identifier 7",
        ])
        .unwrap();
        assert_eq!(properties.connect.session_expiry_s, Some(1));
        assert_eq!(properties.connect.request_problem_information, Some(false));
        assert_eq!(properties.will.delay_interval_s, Some(5));
        assert_eq!(properties.publish.user.len(), 2);
        assert_eq!(properties.subscription_id.map(NonZeroU32::get), Some(7));
    }

    #[test]
    fn errors_name_the_property() {
        let cases = [
            ("publish colour red", "no property 'colour' for 'publish'"),
            ("puback user-property a b", "no property 'user-property' for 'puback'"),
            ("publish user-property a", "a name and a value"),
            ("publish content-type a b", "only user-property has two values"),
            ("connect receive-maximum 0", "'0' is not a number that it can have"),
            ("connect receive-maximum 65536", "not a number that it can have"),
            ("publish payload-format-indicator 2", "0 or 1"),
            ("subscribe subscription-identifier 0", "between 1 and 268435455"),
            ("subscribe subscription-identifier 268435456", "between 1 and 268435455"),
        ];
        for (line, part) in cases {
            let error = parse(&[line]).unwrap_err();
            assert!(error.contains(part) && error.contains(line), "{line}: {error}");
        }
    }
}
