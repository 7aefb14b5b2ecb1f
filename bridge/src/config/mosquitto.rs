//! mosquitto.conf in our words, as far as there are any.

mod bridges;

use bridges::Bridge;
use std::fmt::Write;

/// What became of a mosquitto.conf.
pub(super) struct Imported {
    /// Our file, with a comment above each setting that says which line it came from.
    pub(super) text: String,
    /// A sentence for each line that could not be carried over, beginning with its number.
    pub(super) left_out: Vec<String>,
}

/// One `listener`, or the default one.
#[derive(Default)]
struct Listener {
    line: usize,
    port: Option<u16>,
    address: Option<String>,
    websockets: bool,
    tls: bool,
}

/// A setting of ours: its key, its value as TOML, and the line that it came from.
struct Setting {
    key: &'static str,
    value: String,
    line: usize,
}

#[derive(Default)]
struct Import {
    listeners: Vec<Listener>,
    settings: Vec<Setting>,
    left_out: Vec<String>,
    bridges: Vec<Bridge>,
    /// The section of a bridge, the last one, in which everything belongs to it.
    in_bridge: bool,
}

/// Reads `text`, a mosquitto.conf. Nothing in it is an error: what is not understood is listed.
pub(super) fn import(text: &str) -> Imported {
    let mut import = Import::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        import.line(index + 1, key, value.trim());
    }
    import.finish()
}

impl Import {
    fn line(&mut self, line: usize, key: &str, value: &str) {
        if key == "connection" {
            self.in_bridge = true;
            return self.bridges.push(Bridge::new(line, value));
        }
        if self.in_bridge && key != "listener" {
            let taken = self.bridges.last_mut().map_or(Ok(()), |bridge| bridge.line(line, key, value));
            return taken.unwrap_or_else(|why| self.leave(line, key, why));
        }
        if !self.listener(line, key, value) && !self.setting(line, key, value) {
            self.leave(line, key, why_not(key));
        }
    }

    fn leave(&mut self, line: usize, key: &str, why: &str) {
        // A file may hold anything, and this goes to a terminal.
        self.left_out.push(format!("line {line}: {}: {why}", key.escape_debug()));
    }

    fn set(&mut self, key: &'static str, value: impl Into<String>, line: usize) {
        match self.settings.iter_mut().find(|setting| setting.key == key) {
            Some(setting) => (setting.value, setting.line) = (value.into(), line),
            None => self.settings.push(Setting { key, value: value.into(), line }),
        }
    }

    /// The listener that a line belongs to: the last one, or the default one.
    fn current(&mut self, line: usize) -> Option<&mut Listener> {
        if self.listeners.is_empty() {
            self.listeners.push(Listener { line, ..Listener::default() });
        }
        self.listeners.last_mut()
    }

    /// Where mosquitto listens. False: the key is something else.
    fn listener(&mut self, line: usize, key: &str, value: &str) -> bool {
        match key {
            "listener" => {
                self.in_bridge = false;
                let mut words = value.split_whitespace();
                let port = words.next().and_then(|port| port.parse().ok()).filter(|port| *port > 0);
                let address = words.next().map(str::to_owned);
                if port.is_none() {
                    self.leave(line, key, "a Unix socket, or no port");
                }
                self.listeners.push(Listener { line, port, address, ..Listener::default() });
            }
            "port" => {
                let port = value.parse().ok();
                if let Some(listener) = self.current(line) {
                    (listener.port, listener.line) = (port, line);
                }
            }
            "bind_address" => {
                if let Some(listener) = self.current(line) {
                    listener.address = Some(value.to_owned());
                }
            }
            "protocol" => match value {
                "mqtt" => {}
                "websockets" => {
                    if let Some(listener) = self.current(line) {
                        listener.websockets = true;
                    }
                }
                _ => self.leave(line, key, "another protocol than mqtt and websockets"),
            },
            "certfile" | "keyfile" => {
                if let Some(listener) = self.current(line) {
                    listener.tls = true;
                }
                self.set(if key == "certfile" { "cert" } else { "key" }, quoted(value), line);
            }
            _ => return false,
        }
        true
    }

    /// What is a setting here too. False: it is not.
    fn setting(&mut self, line: usize, key: &str, value: &str) -> bool {
        // 0 is "no limit" there, and a number here.
        let limit = |unlimited: &str| match value {
            "0" | "-1" => unlimited.to_owned(),
            value => value.to_owned(),
        };
        let is_number = value.parse::<i64>().is_ok();
        let yes = value == "true";
        match key {
            "allow_anonymous" => self.set("allow-anonymous", yes.to_string(), line),
            "max_connections" | "global_max_connections" if is_number => {
                self.set("max-connections", limit("0"), line);
            }
            "max_packet_size" if is_number => self.set("max-packet-size", limit("268435460"), line),
            "message_size_limit" if is_number => {
                // That limit is about the payload only.
                let bytes = value.parse::<u64>().unwrap_or(0);
                let packet = if bytes == 0 { 268_435_460 } else { bytes.saturating_add(64 * 1024) };
                self.set("max-packet-size", packet.clamp(1024, 268_435_460).to_string(), line);
            }
            "max_inflight_messages" if is_number => self.set("max-in-flight", limit("65535"), line),
            "max_queued_messages" if is_number => self.set("queue-messages", limit("1000000000"), line),
            "max_queued_bytes" if is_number => self.set("queue-bytes", limit("'1024GiB'"), line),
            "max_keepalive" if is_number => self.set("server-keep-alive", limit("0"), line),
            "max_topic_alias" if is_number => self.set("topic-alias-maximum", value, line),
            "sys_interval" if is_number => self.set("sys-interval", value, line),
            "persistent_client_expiration" => match days(value) {
                Some(span) => self.set("max-session-expiry", quoted(&span), line),
                None => self.leave(line, key, "not a time such as 14d or 2m"),
            },
            "log_type" => match value {
                "all" | "debug" => self.set("log", "'debug'", line),
                "none" => self.set("log", "'error'", line),
                // 'info' has all of these, and is the default.
                "error" | "warning" | "notice" | "information" | "subscribe" | "unsubscribe" => {}
                _ => return false,
            },
            "password_file" => self.set("password-file", quoted(value), line),
            "acl_file" => self.set("acl-file", quoted(value), line),
            "cafile" => self.set("client-ca", quoted(value), line),
            "crlfile" => self.set("crl", quoted(value), line),
            "require_certificate" => {
                self.set("client-certificates", if yes { "'required'" } else { "'optional'" }, line);
            }
            "use_identity_as_username" if yes => self.set("certificate-user", "'cn'", line),
            "tls_version" => {
                self.set("tls-min-version", quoted(value.trim_start_matches("tlsv")), line);
            }
            // What is so here in any case.
            "set_tcp_nodelay" | "allow_zero_length_clientid" if yes => {}
            "use_identity_as_username" | "per_listener_settings" | "queue_qos0_messages" if !yes => {}
            _ => return false,
        }
        true
    }

    fn finish(mut self) -> Imported {
        let mut text = String::from("# Made of a mosquitto.conf by `tabmq config import`.\n");
        self.place_listeners();
        for Setting { key, value, line } in &self.settings {
            // Writing to a String does not fail.
            let _ = write!(text, "\n# line {line}\n{key} = {value}\n");
        }
        // Behind all settings: in TOML what follows a table belongs to it.
        for bridge in std::mem::take(&mut self.bridges) {
            match bridge.finish() {
                Ok(table) => text.push_str(&table),
                Err((line, why)) => self.leave(line, "connection", why),
            }
        }
        if !self.left_out.is_empty() {
            text.push_str("\n# Not carried over:\n");
        }
        for sentence in &self.left_out {
            let _ = writeln!(text, "#   {sentence}");
        }
        Imported { text, left_out: self.left_out }
    }

    fn place_listeners(&mut self) {
        let mut places: [(&'static str, Vec<String>, usize); 4] =
            [("mqtt", vec![], 0), ("mqtts", vec![], 0), ("http", vec![], 0), ("https", vec![], 0)];
        for listener in std::mem::take(&mut self.listeners) {
            let Some(port) = listener.port.or((listener.line == 0).then_some(1883)) else { continue };
            let address = match listener.address.as_deref() {
                None => "0.0.0.0".to_owned(),
                Some("localhost") => "127.0.0.1".to_owned(),
                Some(v6) if v6.contains(':') => format!("[{v6}]"),
                Some(address) => address.to_owned(),
            };
            let place = usize::from(listener.tls) + 2 * usize::from(listener.websockets);
            if let Some((key, addresses, line)) = places.get_mut(place) {
                if *line == 0 {
                    *line = listener.line;
                }
                let only_one = key.starts_with("http");
                if only_one && !addresses.is_empty() {
                    self.leave(listener.line, "listener", "there is one listener for WebSocket of each kind");
                } else {
                    addresses.push(quoted(&format!("{address}:{port}")));
                }
            }
        }
        let none_at_all = places.iter().all(|(_, addresses, _)| addresses.is_empty());
        for (key, addresses, line) in places {
            let value = match (key, addresses.as_slice()) {
                // Without any listener both listen on loopback.
                ("mqtt", []) if !none_at_all => "['none']".to_owned(),
                (_, []) => continue,
                ("http" | "https", [address, ..]) => address.clone(),
                (_, addresses) => format!("[{}]", addresses.join(", ")),
            };
            self.set(key, value, line);
        }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// mosquitto's `14d`, `2m` (months) and so on, in days or hours.
fn days(text: &str) -> Option<String> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        "m" => 30 * 24,
        "y" => 365 * 24,
        _ => return None,
    };
    let hours = number.checked_mul(hours)?.min(u64::from(u32::MAX) / 3600);
    Some(if hours.is_multiple_of(24) { format!("{}d", hours / 24) } else { format!("{hours}h") })
}

/// What to say of a key that is not carried over.
fn why_not(key: &str) -> &'static str {
    match key {
        "persistence"
        | "persistence_location"
        | "persistence_file"
        | "autosave_interval"
        | "autosave_on_changes" => "see --data",
        "log_dest" | "log_timestamp" | "log_timestamp_format" | "connection_messages" => {
            "the log goes to standard error, with the time; see log and log-format"
        }
        "include_dir" => "import the files in it one by one",
        "plugin" | "auth_plugin" | "plugin_load" | "global_plugin" => "there are no plugins",
        "http_dir" => "the broker serves its own page",
        "user" | "pid_file" => "start the broker as the user that it is to run as",
        "psk_file" | "psk_hint" | "ciphers" | "ciphers_tls1.3" | "tls_engine" | "dhparamfile" => {
            "TLS here has certificates and the ciphers of today only"
        }
        "mount_point" | "clientid_prefixes" => "write rules that say the same",
        _ => "there is nothing like it, or the value is another than expected",
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::parse_file;
    use super::super::settings::Layer;
    use super::*;

    fn layer(text: &str) -> (Layer, Vec<String>) {
        let Imported { text, left_out } = import(text);
        (parse_file(&text).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}")).layer, left_out)
    }

    fn addresses(layer: &Layer) -> Vec<String> {
        layer.mqtt.iter().flatten().map(ToString::to_string).collect()
    }

    #[test]
    fn the_common_keys() {
        let (layer, left_out) = layer(
            "# a comment\n\nlistener 1883 192.168.1.5\nlistener 8080 localhost\nprotocol websockets\n\
             allow_anonymous true\nmax_connections -1\nmax_inflight_messages 20\nmax_queued_messages 500\n\
             max_packet_size 65536\nmax_keepalive 120\npersistent_client_expiration 2w\nsys_interval 60\n\
             log_type all\nset_tcp_nodelay true\nmax_topic_alias 5\nmax_queued_bytes 1000000\n",
        );
        assert_eq!(left_out, Vec::<String>::new());
        assert_eq!(addresses(&layer), ["192.168.1.5:1883"]);
        let expected = Layer {
            mqtt: layer.mqtt.clone(),
            http: Some("127.0.0.1:8080".parse().unwrap()),
            allow_anonymous: Some(true),
            max_connections: Some(0),
            max_in_flight: Some(20),
            queue_messages: Some(500),
            queue_bytes: Some(crate::units::Size(1_000_000)),
            max_packet_size: Some(crate::units::Size(65_536)),
            server_keep_alive: Some(120),
            max_session_expiry: Some(crate::units::Span(14 * 86_400)),
            sys_interval: Some(60),
            log: Some(super::super::LogLevel::Debug),
            topic_alias_maximum: Some(5),
            ..Layer::default()
        };
        assert_eq!(layer, expected);
    }

    #[test]
    fn listeners() {
        let cases = [
            ("", vec![]),
            ("allow_anonymous true", vec![]),
            ("port 1884", vec!["0.0.0.0:1884"]),
            ("port 1884\nbind_address 127.0.0.1", vec!["127.0.0.1:1884"]),
            ("listener 1883 ::1\nlistener 1884", vec!["[::1]:1883", "0.0.0.0:1884"]),
            ("listener 9001\nprotocol websockets", vec!["none"]),
        ];
        for (text, expected) in cases {
            assert_eq!(addresses(&layer(text).0), expected, "{text}");
        }
    }

    #[test]
    fn what_is_left_out_is_listed_with_its_line() {
        let Imported { text, left_out } = import(
            "persistence true\ninclude_dir /etc/mosquitto/conf.d\n\nplugin /x.so\nlistener 0 /run/socket\n\
             zzz \u{1b}[2J\nmax_packet_size many\nconnection cloud\naddress example.org\nthreshold 5\n",
        );
        assert_eq!(
            left_out
                .iter()
                .map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(": "))
                .collect::<Vec<_>>(),
            [
                "line 1: persistence",
                "line 2: include_dir",
                "line 4: plugin",
                "line 5: listener",
                "line 6: zzz",
                "line 7: max_packet_size",
                "line 10: threshold",
                "line 8: connection",
            ]
        );
        assert!(!text.contains('\u{1b}'));
        for sentence in left_out {
            assert!(text.contains(&format!("#   {sentence}\n")), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("14d", Some("14d")),
            ("2m", Some("60d")),
            ("5h", Some("5h")),
            ("1y", Some("365d")),
            ("d", None),
            ("", None),
            ("7", None),
            ("7ä", None),
        ] {
            assert_eq!(days(text).as_deref(), expected, "{text}");
        }
    }
}
