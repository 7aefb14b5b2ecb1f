//! The first packet of a tab, where something depends on it: which client ids may pass, which credentials the broker is
//! shown, which version the tab speaks. Where nothing does, nobody looks at it.

use super::Credentials;
use bytes::BytesMut;
use std::io;
use tabmq_shared::ByteString;
use tabmq_shared::codec::{self, Limits};
use tabmq_shared::packet::{ConnAck, ConnAckProperties, Connect, Packet, ReasonCode, Version};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most that a CONNECT may be long: user name, password and will included.
const CONNECT_BYTES: u32 = 1024 * 1024;

/// What is asked of a CONNECT.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// A client id must begin with one of these; none: any will do.
    pub(super) client_id_prefixes: Vec<String>,
    /// What the broker is shown in place of the tab's own user name and password.
    pub(super) credentials: Option<Credentials>,
    /// Whether the way depends on the version.
    pub(super) by_version: bool,
    /// Neither side is told that the other one takes topic aliases.
    pub(super) no_topic_aliases: bool,
    /// Characters that a client id must not have, because the broker does not survive them.
    pub(super) not_in_client_ids: &'static str,
}

/// A CONNECT that may pass.
pub(super) struct First {
    /// The version that the tab speaks.
    pub(super) version: Version,
    /// What the broker is to get first: the CONNECT, and what has come behind it.
    pub(super) bytes: Vec<u8>,
}

/// A tab that must not pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// It gets this CONNACK.
    Away {
        /// The packet.
        connack: BytesMut,
        /// For the console.
        why: String,
    },
    /// What it sent is no CONNECT.
    NotMqtt(String),
    /// It left before its CONNECT was complete.
    Left,
}

impl Rules {
    /// Whether the CONNECT must be looked at.
    pub(super) fn need_it(&self) -> bool {
        let Rules { client_id_prefixes, credentials, by_version, no_topic_aliases, not_in_client_ids } = self;
        let about_ids = !client_id_prefixes.is_empty() || !not_in_client_ids.is_empty();
        about_ids || credentials.is_some() || *by_version || *no_topic_aliases
    }

    /// Reads the CONNECT and judges it.
    pub(super) async fn read<R: AsyncRead + Unpin>(&self, tab: &mut R) -> Result<First, Turned> {
        let limits = Limits { max_packet_size: CONNECT_BYTES, ..Limits::of_server() };
        let (mut raw, mut undecoded) = (Vec::new(), BytesMut::new());
        let connect = loop {
            match codec::decode(&mut undecoded, Version::V5, &limits) {
                Ok(Some(Packet::Connect(connect))) => break *connect,
                Ok(Some(other)) => {
                    let what = format!("the first packet is {}, not CONNECT", other.packet_type().name());
                    return Err(Turned::NotMqtt(what)); // [MQTT-3.1.0-1]
                }
                Ok(None) => {}
                Err(error) => return Err(turned(error.version, error.reason, error.message)),
            }
            let known = undecoded.len();
            match tab.read_buf(&mut undecoded).await {
                Ok(0) | Err(_) => return Err(Turned::Left),
                Ok(_) => raw.extend_from_slice(undecoded.get(known..).unwrap_or_default()),
            }
        };
        self.judge(connect, raw, &undecoded)
    }

    /// `raw` is all that has come, `behind` what follows the CONNECT in it.
    fn judge(&self, mut connect: Connect, raw: Vec<u8>, behind: &[u8]) -> Result<First, Turned> {
        let version = connect.version;
        if let Some(why) = self.objection(&connect.client_id) {
            return Err(turned(Some(version), ReasonCode::ClientIdentifierNotValid, why));
        }
        if !self.change(&mut connect) {
            return Ok(First { version, bytes: raw });
        }
        let mut bytes = BytesMut::new();
        if let Err(error) = codec::encode(&Packet::Connect(Box::new(connect)), version, &mut bytes) {
            return Err(Turned::NotMqtt(error.to_string())); // cannot be: it was decoded a moment ago
        }
        bytes.extend_from_slice(behind);
        Ok(First { version, bytes: bytes.into() })
    }

    /// Why this client id must not pass.
    fn objection(&self, client_id: &str) -> Option<String> {
        let prefixes = &self.client_id_prefixes;
        if !prefixes.is_empty() && !prefixes.iter().any(|prefix| client_id.starts_with(prefix.as_str())) {
            return Some(format!("client ids must begin with {}", prefixes.join(", ")));
        }
        client_id.contains(|c| self.not_in_client_ids.contains(c)).then(|| {
            let characters: Vec<String> = self.not_in_client_ids.chars().map(String::from).collect();
            format!("client ids must not contain {}", characters.join(" "))
        })
    }

    /// Writes into the CONNECT what the broker is to see. False: it stays as it is.
    fn change(&self, connect: &mut Connect) -> bool {
        let aliases = &mut connect.properties.topic_alias_maximum;
        let without_aliases = self.no_topic_aliases && aliases.take_if(|maximum| *maximum > 0).is_some();
        if let Some(credentials) = &self.credentials {
            connect.username = Some(ByteString::from(credentials.username.as_str()));
            connect.password = credentials.password.clone();
        }
        without_aliases || self.credentials.is_some()
    }

    /// Whether the first packet of the broker must be looked at, too.
    pub(super) fn look_at_answers(&self, version: Version) -> bool {
        self.no_topic_aliases && version.is_v5()
    }

    /// Reads the broker's first packet, for a tab that speaks `version`, and takes what the tab is not to see out of it.
    /// Returns what the tab is to get: that packet, and what has come behind it.
    ///
    /// # Errors
    /// The broker is gone, or closes without a word (`UnexpectedEof`).
    pub(super) async fn answer<R: AsyncRead + Unpin>(
        &self,
        broker: &mut R,
        version: Version,
    ) -> io::Result<Vec<u8>> {
        let (mut raw, mut undecoded) = (Vec::new(), BytesMut::new());
        let limits = Limits { max_packet_size: CONNECT_BYTES, ..Limits::of_client() };
        loop {
            let mut ack = match codec::decode(&mut undecoded, version, &limits) {
                Ok(Some(Packet::ConnAck(ack))) => ack,
                Ok(None) => {
                    let known = undecoded.len();
                    if broker.read_buf(&mut undecoded).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    raw.extend_from_slice(undecoded.get(known..).unwrap_or_default());
                    continue;
                }
                // An AUTH, or something that is wrong: the tab will see.
                Ok(Some(_)) | Err(_) => return Ok(raw),
            };
            let mut bytes = BytesMut::new();
            ack.properties.topic_alias_maximum = None;
            if codec::encode(&Packet::ConnAck(ack), version, &mut bytes).is_err() {
                return Ok(raw); // cannot be: it was decoded a moment ago
            }
            bytes.extend_from_slice(&undecoded);
            return Ok(bytes.into());
        }
    }
}

/// With a CONNACK in the form of `version`, where there is one.
fn turned(version: Option<Version>, reason: ReasonCode, why: String) -> Turned {
    let Some(version) = version else { return Turned::NotMqtt(why) };
    let properties = match version {
        Version::V5 => ConnAckProperties {
            reason_string: Some(ByteString::from(why.as_str())),
            ..ConnAckProperties::default()
        },
        _ => ConnAckProperties::default(),
    };
    let connack = ConnAck { session_present: false, reason, properties };
    let mut bytes = BytesMut::new();
    match codec::encode(&Packet::ConnAck(Box::new(connack)), version, &mut bytes) {
        Ok(()) => Turned::Away { connack: bytes, why },
        Err(_) => Turned::NotMqtt(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tabmq_shared::packet::ConnectProperties;

    const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

    fn connect(version: Version, client_id: &str) -> Connect {
        Connect {
            version,
            is_bridge: false,
            clean_start: true,
            keep_alive_s: 5,
            client_id: client_id.into(),
            will: None,
            username: None,
            password: None,
            properties: ConnectProperties::default(),
        }
    }

    fn bytes(connect: Connect) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        let version = connect.version;
        codec::encode(&Packet::Connect(Box::new(connect)), version, &mut bytes).unwrap();
        bytes.into()
    }

    async fn read(rules: &Rules, input: &[u8]) -> Result<First, Turned> {
        rules.read(&mut &*input).await
    }

    #[tokio::test]
    async fn what_may_pass_is_not_changed_by_a_bit() {
        let rules = Rules {
            client_id_prefixes: vec!["tab-".to_owned(), "x".to_owned()],
            by_version: true,
            ..Rules::default()
        };
        for version in VERSIONS {
            let mut input = bytes(connect(version, "tab-1"));
            input.extend_from_slice(b"\xC0\0and more");
            let first = read(&rules, &input).await.unwrap_or_else(|turned| panic!("{turned:?}"));
            assert_eq!((first.version, first.bytes), (version, input));
        }
    }

    #[tokio::test]
    async fn other_client_ids_are_told_so_in_their_version() {
        let rules = Rules { client_id_prefixes: vec!["tab-".to_owned()], ..Rules::default() };
        for (version, code) in [(Version::V31, 2), (Version::V311, 2), (Version::V5, 0x85)] {
            for id in ["", "tab", "xtab-1"] {
                let Err(Turned::Away { connack, why }) = read(&rules, &bytes(connect(version, id))).await
                else {
                    panic!("{id} in {version}")
                };
                assert_eq!((connack[0], connack[3]), (0x20, code), "{version}");
                assert!(why.contains("tab-"), "{why}");
            }
        }
    }

    #[tokio::test]
    async fn credentials_are_replaced_and_nothing_else() {
        let credentials =
            Credentials { username: "gate".to_owned(), password: Some(Bytes::from_static(b"secret")) };
        let rules = Rules { credentials: Some(credentials), ..Rules::default() };
        for version in VERSIONS {
            let own = Connect {
                username: Some("me".into()),
                password: Some(Bytes::from_static(b"mine")),
                ..connect(version, "id")
            };
            let expected = Connect {
                username: Some("gate".into()),
                password: Some(Bytes::from_static(b"secret")),
                ..connect(version, "id")
            };
            for connect in [own, connect(version, "id")] {
                let input = [bytes(connect), b"behind".to_vec()].concat();
                let first = read(&rules, &input).await.unwrap_or_else(|turned| panic!("{turned:?}"));
                assert_eq!(first.bytes, [bytes(expected.clone()), b"behind".to_vec()].concat());
            }
        }
    }

    #[tokio::test]
    async fn characters_in_client_ids_are_objected_to() {
        let rules = Rules { not_in_client_ids: "+/", ..Rules::default() };
        for id in ["a/b", "+"] {
            let Err(Turned::Away { why, .. }) = read(&rules, &bytes(connect(Version::V5, id))).await else {
                panic!("{id}")
            };
            assert_eq!(why, "client ids must not contain + /");
        }
        assert!(read(&rules, &bytes(connect(Version::V5, "a-b"))).await.is_ok());
    }

    #[tokio::test]
    async fn topic_aliases_are_offered_to_neither_side() {
        let rules = Rules { no_topic_aliases: true, ..Rules::default() };
        let with = |maximum| Connect {
            properties: ConnectProperties { topic_alias_maximum: maximum, ..ConnectProperties::default() },
            ..connect(Version::V5, "id")
        };
        for (said, passes) in [(Some(100), None), (None, None), (Some(0), Some(0))] {
            let first = read(&rules, &bytes(with(said))).await.unwrap_or_else(|turned| panic!("{turned:?}"));
            assert_eq!(first.bytes, bytes(with(passes)));
        }
        let ack = |topic_alias_maximum| {
            let properties = ConnAckProperties { topic_alias_maximum, ..ConnAckProperties::default() };
            let ack = ConnAck { session_present: true, reason: ReasonCode::Success, properties };
            let mut bytes = BytesMut::new();
            codec::encode(&Packet::ConnAck(Box::new(ack)), Version::V5, &mut bytes).unwrap();
            [&bytes[..], b"behind"].concat()
        };
        let answer = rules.answer(&mut &ack(Some(10))[..], Version::V5).await.unwrap();
        assert_eq!(answer, ack(None));
        let refused = b"\x20\x03\0\x87\0";
        assert_eq!(rules.answer(&mut &refused[..], Version::V5).await.unwrap(), refused);
        assert_eq!(rules.answer(&mut &b"\xF0\0 AUTH"[..], Version::V5).await.unwrap(), b"\xF0\0 AUTH");
        assert!(rules.look_at_answers(Version::V5) && !rules.look_at_answers(Version::V311));
        let error = rules.answer(&mut &b""[..], Version::V5).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn what_is_no_connect_does_not_pass() {
        let rules = Rules { by_version: true, ..Rules::default() };
        let whole = bytes(connect(Version::V5, "id"));
        assert_eq!(read(&rules, &whole[..5]).await.err(), Some(Turned::Left));
        assert_eq!(read(&rules, b"").await.err(), Some(Turned::Left));
        assert!(matches!(read(&rules, b"\xC0\0").await.err(), Some(Turned::NotMqtt(_))));
        assert!(matches!(read(&rules, b"GET / HTTP/1.1\r\n\r\n").await.err(), Some(Turned::NotMqtt(_))));
        let unknown = b"\x10\x0d\0\x04MQTT\x07\x02\0\0\0\0\x01c";
        assert!(matches!(read(&rules, unknown).await.err(), Some(Turned::Away { .. })));
    }
}
