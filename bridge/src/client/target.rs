//! Where to connect to.

use bytes::Bytes;
use std::fmt;
use std::path::Path;

/// The port of MQTT over TCP.
pub(super) const MQTT_PORT: u16 = 1883;

/// The port of MQTT over TLS.
pub(super) const MQTTS_PORT: u16 = 8883;

/// The ports of WebSocket and of secure WebSocket, where the URL does not say one.
const WEBSOCKET_PORT: u16 = 80;
const SECURE_WEBSOCKET_PORT: u16 = 443;

/// The path of MQTT over WebSocket that nearly all brokers use.
const WEBSOCKET_PATH: &str = "/mqtt";

/// A broker's address, and what a URL may say besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(super) way: Way,
    /// Whether TLS is below MQTT or WebSocket.
    pub(crate) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    /// The path of an `mqtt:` URL.
    pub(super) topic: Option<String>,
}

/// How to get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Tcp,
    WebSocket {
        /// With its leading slash and, if there is one, its query.
        path: String,
    },
}

impl Target {
    /// MQTT over TCP.
    pub(crate) fn tcp(host: &str, port: u16) -> Self {
        let (username, password, topic) = (None, None, None);
        Target { way: Way::Tcp, secure: false, host: host.to_owned(), port, username, password, topic }
    }

    /// MQTT over TCP or TLS. As with mosquitto's clients, port 8883 alone says that it is TLS.
    pub(super) fn at(host: &str, port: Option<u16>, wants_tls: bool) -> Self {
        let secure = wants_tls || port == Some(MQTTS_PORT);
        let port = port.unwrap_or(if secure { MQTTS_PORT } else { MQTT_PORT });
        Target { secure, ..Target::tcp(host, port) }
    }

    /// Reads `mqtt://[user[:password]@]host[:port][/topic]` or `ws://[user[:password]@]host[:port][/path]`; `mqtts` and
    /// `wss` are the same over TLS.
    ///
    /// Not with a general URL parser: in a topic, '#', '?' and '%' are what they are. User name and password may be
    /// percent-encoded.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("write mqtt://HOST/TOPIC or ws://HOST:PORT/PATH")?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let websocket =
            || Way::WebSocket { path: if path.is_empty() { WEBSOCKET_PATH } else { path }.to_owned() };
        let (way, secure, default_port) = match scheme {
            "mqtt" => (Way::Tcp, false, MQTT_PORT),
            "mqtts" => (Way::Tcp, true, MQTTS_PORT),
            "ws" => (websocket(), false, WEBSOCKET_PORT),
            "wss" => (websocket(), true, SECURE_WEBSOCKET_PORT),
            _ => return Err(format!("'{scheme}' is not known: use mqtt, mqtts, ws or wss")),
        };
        let topic = path.strip_prefix('/').filter(|topic| way == Way::Tcp && !topic.is_empty());
        let (user_info, host_port) = match authority.rsplit_once('@') {
            Some((user_info, host_port)) => (Some(user_info), host_port),
            None => (None, authority),
        };
        let (username, password) = match user_info.map(|info| info.split_once(':').unwrap_or((info, ""))) {
            None => (None, None),
            Some((user, "")) => (Some(decode(user)?), None),
            Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
        };
        let (host, port) = split_port(host_port)?;
        Ok(Target {
            way,
            secure,
            host,
            port: port.unwrap_or(default_port),
            username,
            password,
            topic: topic.map(str::to_owned),
        })
    }
}

impl Target {
    /// Whether it is MQTT without a WebSocket, and nothing but an address.
    pub(crate) fn is_plain_address(&self) -> bool {
        self.way == Way::Tcp && self.topic.is_none()
    }

    /// The user name and the password that the URL has.
    pub(crate) fn credentials(&self) -> (Option<&str>, Option<&str>) {
        (self.username.as_deref(), self.password.as_deref())
    }
}

/// `host:port`, as in the sentences for people and in the header Host.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Takes `host`, `host:port`, `[v6]` or `[v6]:port` apart.
fn split_port(text: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a '[' has no ']'")?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(format!("'{rest}' follows the host")),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err("there is no host".to_owned());
    }
    let port = port
        .map(|port| port.parse().map_err(|_| format!("'{port}' is not a port: 1 to 65535")))
        .transpose()?;
    Ok((host.to_owned(), port))
}

/// Resolves `%41` and the like.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.ok_or_else(|| "a '%' is not followed by two hexadecimal digits".to_owned())?);
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| "the user name or password is not UTF-8".to_owned())
}

/// The password in a file: its first line, without the line's end.
///
/// # Errors
/// A sentence that names the file.
pub(crate) fn password_in(path: &Path) -> Result<Bytes, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the password file {} cannot be read: {error}", path.display()))?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(Bytes::copy_from_slice(line.as_bytes())),
        None => Err(format!(
            "the password file {} is empty: write the password into its first line",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let tcp = Target::tcp;
        let websocket = |host: &str, port, path: &str| Target {
            way: Way::WebSocket { path: path.to_owned() },
            ..Target::tcp(host, port)
        };
        let some = |text: &str| Some(text.to_owned());
        let cases = [
            ("mqtt://h", tcp("h", 1883)),
            ("mqtt://h/", tcp("h", 1883)),
            ("mqtt://h:1/a/b", Target { topic: some("a/b"), ..tcp("h", 1) }),
            ("mqtt://h/a/+/#", Target { topic: some("a/+/#"), ..tcp("h", 1883) }),
            ("mqtt://h//a%20?b", Target { topic: some("/a%20?b"), ..tcp("h", 1883) }),
            ("mqtt://u@h", Target { username: some("u"), ..tcp("h", 1883) }),
            ("mqtt://u:p@h", Target { username: some("u"), password: some("p"), ..tcp("h", 1883) }),
            ("mqtt://u%40:p@%3A@h:7", Target { username: some("u@"), password: some("p@:"), ..tcp("h", 7) }),
            ("mqtt://[::1]/t", Target { topic: some("t"), ..tcp("::1", 1883) }),
            ("mqtt://[::1]:5", tcp("::1", 5)),
            ("ws://h", websocket("h", 80, "/mqtt")),
            ("ws://h:8083/mqtt", websocket("h", 8083, "/mqtt")),
            ("ws://h/a?b=c", websocket("h", 80, "/a?b=c")),
            ("mqtts://h/a", Target { topic: some("a"), secure: true, ..tcp("h", 8883) }),
            ("mqtts://h:1883", Target { secure: true, ..tcp("h", 1883) }),
            ("wss://h", Target { secure: true, ..websocket("h", 443, "/mqtt") }),
            ("wss://h:8084/x", Target { secure: true, ..websocket("h", 8084, "/x") }),
        ];
        for (url, expected) in cases {
            assert_eq!(Target::parse(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let cases = [
            ("h", "mqtt://HOST/TOPIC"),
            ("http://h", "use mqtt, mqtts, ws or wss"),
            ("mqtt://", "no host"),
            ("mqtt://:1883/t", "no host"),
            ("mqtt://h:x", "not a port"),
            ("mqtt://h:65536", "not a port"),
            ("mqtt://[::1", "no ']'"),
            ("mqtt://[::1]x", "follows the host"),
            ("mqtt://u%4@h", "hexadecimal"),
            ("mqtt://u%FF@h", "UTF-8"),
        ];
        for (url, part) in cases {
            let error = Target::parse(url).unwrap_err();
            assert!(error.contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn port_8883_and_tls_go_together() {
        let check = |port, wants_tls, expected: (u16, bool)| {
            let target = Target::at("h", port, wants_tls);
            assert_eq!((target.port, target.secure), expected, "{port:?} {wants_tls}");
        };
        check(None, false, (1883, false));
        check(None, true, (8883, true));
        check(Some(8883), false, (8883, true));
        check(Some(1883), true, (1883, true));
        check(Some(9), false, (9, false));
    }

    #[test]
    fn addresses() {
        assert_eq!(Target::tcp("h", 1).to_string(), "h:1");
        assert_eq!(Target::tcp("::1", 1).to_string(), "[::1]:1");
    }
}
