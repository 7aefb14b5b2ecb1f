//! The first packet of a tab, where something depends on it: which client ids may pass, which credentials the broker is
//! shown, which version the tab speaks. Where nothing does, nobody looks at it.

use super::Credentials;
use bytes::BytesMut;
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
        self.by_version || !self.client_id_prefixes.is_empty() || self.credentials.is_some()
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
        if !self.lets_pass(&connect.client_id) {
            let allowed = self.client_id_prefixes.join(", ");
            let why = format!("client ids must begin with {allowed}");
            return Err(turned(Some(version), ReasonCode::ClientIdentifierNotValid, why));
        }
        let Some(credentials) = &self.credentials else { return Ok(First { version, bytes: raw }) };
        connect.username = Some(ByteString::from(credentials.username.as_str()));
        connect.password = credentials.password.clone();
        let mut bytes = BytesMut::new();
        if let Err(error) = codec::encode(&Packet::Connect(Box::new(connect)), version, &mut bytes) {
            return Err(Turned::NotMqtt(error.to_string())); // cannot be: it was decoded a moment ago
        }
        bytes.extend_from_slice(behind);
        Ok(First { version, bytes: bytes.into() })
    }

    fn lets_pass(&self, client_id: &str) -> bool {
        let prefixes = &self.client_id_prefixes;
        prefixes.is_empty() || prefixes.iter().any(|prefix| client_id.starts_with(prefix.as_str()))
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
