//! mosquitto's `connection` sections as `[[bridge]]`.

use super::quoted;
use std::fmt::Write;

/// The protocol that mosquitto's bridges speak when nothing says otherwise.
const DEFAULT_VERSION: &str = "3.1.1";

/// One `connection`.
pub(super) struct Bridge {
    line: usize,
    name: String,
    address: Option<String>,
    tls: bool,
    /// In the order of the lines: key, value as TOML, line.
    settings: Vec<(&'static str, String, usize)>,
    topics: Vec<Topic>,
}

/// One `topic`.
struct Topic {
    line: usize,
    pattern: String,
    direction: String,
    qos: u8,
    local_prefix: String,
    remote_prefix: String,
}

impl Bridge {
    /// `name` is what stands behind `connection`.
    pub(super) fn new(line: usize, name: &str) -> Bridge {
        Bridge {
            line,
            name: name.to_owned(),
            address: None,
            tls: false,
            settings: Vec::new(),
            topics: Vec::new(),
        }
    }

    /// A line of its section. What cannot be carried over is an error that says why.
    pub(super) fn line(&mut self, line: usize, key: &str, value: &str) -> Result<(), &'static str> {
        let yes = value == "true";
        match key {
            "address" | "addresses" => return self.address(value),
            "topic" => {
                self.topics.push(Topic::parse(line, value)?);
                return Ok(());
            }
            "bridge_protocol_version" => match value {
                "mqttv50" => self.set("version", "'5'", line),
                "mqttv311" => {}
                _ => return Err("bridges speak 3.1.1 and 5"),
            },
            "remote_clientid" | "clientid" => self.set("client-id", quoted(value), line),
            "remote_username" | "username" => self.set("username", quoted(value), line),
            "remote_password" | "password" => self.set("password", quoted(value), line),
            "cleansession" => self.set("clean-start", yes.to_string(), line),
            "keepalive_interval" => self.set("keep-alive", number::<u16>(value)?, line),
            "try_private" => self.set("try-private", yes.to_string(), line),
            "notification_topic" => self.set("notification-topic", quoted(value), line),
            "restart_timeout" => {
                // `base cap`, or one number for both.
                let longest = value.split_whitespace().last().unwrap_or_default();
                self.set("max-retry-time", number::<u32>(longest)?, line);
            }
            "bridge_cafile" => self.tls("cafile", value, line),
            "bridge_capath" => self.tls("capath", value, line),
            "bridge_certfile" => self.tls("cert", value, line),
            "bridge_keyfile" => self.tls("key", value, line),
            "bridge_alpn" => self.set("alpn", quoted(value), line),
            "bridge_insecure" => self.set("insecure", yes.to_string(), line),
            "start_type" if value == "automatic" => {}
            "start_type" => return Err("bridges here connect at the start and stay connected"),
            // What is so here in any case.
            "round_robin" if !yes => {}
            "bridge_attempt_unsubscribe" | "bridge_outgoing_retain" | "notifications" if yes => {}
            "notifications_local_only" => {}
            "bridge_identity" | "bridge_psk" => return Err("TLS here has certificates only"),
            "local_username" | "local_password" | "local_clientid" | "local_cleansession" => {
                return Err("a bridge needs no way in here: it is a part of the broker");
            }
            _ => return Err("bridges have nothing like it, or the value is another than expected"),
        }
        Ok(())
    }

    /// The first one: there is no list of brokers to try.
    fn address(&mut self, value: &str) -> Result<(), &'static str> {
        let mut addresses = value.split_whitespace();
        if self.address.is_none() {
            self.address = addresses.next().map(str::to_owned);
        }
        match addresses.next() {
            None => Ok(()),
            Some(_) => Err("a bridge has one address: the first one was taken"),
        }
    }

    fn tls(&mut self, key: &'static str, value: &str, line: usize) {
        self.tls = true;
        self.set(key, quoted(value), line);
    }

    fn set(&mut self, key: &'static str, value: impl Into<String>, line: usize) {
        match self.settings.iter_mut().find(|(known, ..)| *known == key) {
            Some(setting) => *setting = (key, value.into(), line),
            None => self.settings.push((key, value.into(), line)),
        }
    }

    /// As a table. `Err`: it cannot be one; its first line, and why.
    pub(super) fn finish(mut self) -> Result<String, (usize, &'static str)> {
        let bad = |why| Err((self.line, why));
        let Some(address) = &self.address else { return bad("the bridge has no address") };
        if self.topics.is_empty() {
            return bad("the bridge has no topic, so nothing would pass");
        }
        let name = crate::bridges::settings::Name::try_from(self.name.clone());
        if name.is_err() {
            return bad("write a name of letters, digits, '-', '_' and '.'");
        }
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        let address = match with_port(address, if self.tls { 8883 } else { 1883 }) {
            Some(address) => quoted(&format!("{scheme}://{address}")),
            None => return bad("the bridge's address is none"),
        };
        if !self.settings.iter().any(|(key, ..)| *key == "version") {
            self.settings.insert(0, ("version", quoted(DEFAULT_VERSION), self.line));
        }
        let mut text = format!(
            "\n# line {}\n[[bridge]]\nname = {}\naddress = {address}\n",
            self.line,
            quoted(&self.name)
        );
        // Writing to a String does not fail.
        for (key, value, line) in &self.settings {
            let _ = writeln!(text, "{key} = {value} # line {line}");
        }
        for topic in &self.topics {
            topic.write(&mut text);
        }
        Ok(text)
    }
}

impl Topic {
    /// `pattern [[[out|in|both] qos] local-prefix remote-prefix]`; `""` is nothing.
    fn parse(line: usize, value: &str) -> Result<Topic, &'static str> {
        let mut words = value.split_whitespace().map(|word| if word == "\"\"" { "" } else { word });
        let pattern = words.next().unwrap_or_default().to_owned();
        let direction = words.next().unwrap_or("out").to_owned();
        if !["out", "in", "both"].contains(&direction.as_str()) {
            return Err("the direction of a topic is out, in or both");
        }
        let qos = match words.next().map(str::parse) {
            None => 0,
            Some(Ok(qos)) if qos <= 2 => qos,
            Some(_) => return Err("the QoS of a topic is 0, 1 or 2"),
        };
        let mut prefix = || words.next().unwrap_or_default().to_owned();
        let (local_prefix, remote_prefix) = (prefix(), prefix());
        if [&local_prefix, &remote_prefix].iter().any(|prefix| format!("{prefix}{pattern}").starts_with('$'))
        {
            return Err("topics that begin with '$' are the broker's own and do not pass a bridge");
        }
        match words.next() {
            None => Ok(Topic { line, pattern, direction, qos, local_prefix, remote_prefix }),
            Some(_) => Err("there is more behind the prefixes of a topic"),
        }
    }

    fn write(&self, text: &mut String) {
        let Topic { line, pattern, direction, qos, local_prefix, remote_prefix } = self;
        let _ = write!(
            text,
            "[[bridge.topics]] # line {line}\npattern = {}\ndirection = '{direction}'\nqos = {qos}\n",
            quoted(pattern)
        );
        for (key, prefix) in [("local-prefix", local_prefix), ("remote-prefix", remote_prefix)] {
            if !prefix.is_empty() {
                let _ = writeln!(text, "{key} = {}", quoted(prefix));
            }
        }
    }
}

fn number<T: std::str::FromStr + ToString>(value: &str) -> Result<String, &'static str> {
    value.parse::<T>().map(|number| number.to_string()).map_err(|_| "not a number that can be meant")
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address, with a port in any case.
fn with_port(address: &str, default: u16) -> Option<String> {
    if address.is_empty() || address.contains(['/', '@']) {
        return None;
    }
    Some(match address.rsplit_once(':') {
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => format!("[{address}]:{default}"),
        Some((_, port)) if port.ends_with(']') => format!("{address}:{default}"),
        Some((_, port)) => {
            port.parse::<u16>().ok()?;
            address.to_owned()
        }
        None => format!("{address}:{default}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Imported, import};
    use crate::bridges::BridgeTable;

    fn tables(text: &str) -> (Vec<BridgeTable>, Vec<String>) {
        let Imported { text, left_out } = import(text);
        let mut table: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let bridges = table.remove("bridge").unwrap_or(toml::Value::Array(Vec::new()));
        (bridges.try_into().unwrap_or_else(|error| panic!("{text}: {error}")), left_out)
    }

    /// What `toml` has in place of the keys of a bridge.
    fn written(toml: &str) -> BridgeTable {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn a_bridge_of_the_manual() {
        let (bridges, left_out) = tables(
            "connection test-to-cloud\naddress example.org:1884\ntopic clients/total in 0 test/ broker/\n\
             topic # both 2 local/ \"\"\ntopic \"\" out 1 a/b c/d\ntopic alone\nremote_clientid me\n\
             remote_username u\nremote_password p w\ncleansession true\nkeepalive_interval 30\n\
             restart_timeout 5 60\nnotification_topic state\ntry_private false\nstart_type automatic\n\
             bridge_protocol_version mqttv50\nnotifications true\n",
        );
        let expected = written(
            "name = 'test-to-cloud'\naddress = 'mqtt://example.org:1884'\nversion = '5'\nclient-id = 'me'\n\
             username = 'u'\npassword = 'p w'\nclean-start = true\nkeep-alive = 30\nmax-retry-time = 60\n\
             notification-topic = 'state'\ntry-private = false\n\
             topics = [\n\
             { pattern = 'clients/total', direction = 'in', local-prefix = 'test/', remote-prefix = 'broker/' },\n\
             { pattern = '#', direction = 'both', qos = 2, local-prefix = 'local/' },\n\
             { pattern = '', qos = 1, local-prefix = 'a/b', remote-prefix = 'c/d' },\n\
             { pattern = 'alone' },\n]",
        );
        assert_eq!((bridges, left_out), (vec![expected], Vec::new()));
    }

    #[test]
    fn several_bridges_with_tls_behind_other_settings() {
        let (bridges, left_out) = tables(
            "connection a\naddress h\ntopic #\nbridge_cafile /ca.pem\nbridge_certfile /c.pem\n\
             bridge_keyfile /k.pem\nbridge_insecure true\nbridge_alpn mqtt\n\
             connection b\naddress ::1\ntopic # in\nlistener 1884\nallow_anonymous true\n",
        );
        let a = written(
            "name = 'a'\naddress = 'mqtts://h:8883'\nversion = '3.1.1'\ncafile = '/ca.pem'\ncert = '/c.pem'\n\
             key = '/k.pem'\ninsecure = true\nalpn = 'mqtt'\ntopics = [{ pattern = '#' }]",
        );
        let b = written(
            "name = 'b'\naddress = 'mqtt://[::1]:1883'\nversion = '3.1.1'\n\
             topics = [{ pattern = '#', direction = 'in' }]",
        );
        assert_eq!((bridges, left_out), (vec![a, b], Vec::new()));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_line() {
        let cases = [
            ("connection a\ntopic #", "line 1: connection: the bridge has no address"),
            ("connection a\naddress h", "line 1: connection: the bridge has no topic"),
            ("connection a b\naddress h\ntopic #", "line 1: connection: write a name"),
            ("connection a\naddress h:x\ntopic #", "line 1: connection: the bridge's address is none"),
            ("connection a\naddress h i\ntopic #", "line 2: address: a bridge has one address"),
            ("connection a\naddress h\ntopic # up\ntopic #", "line 3: topic: the direction"),
            ("connection a\naddress h\ntopic x in 0 \"\" $SYS/\ntopic #", "line 3: topic: topics that begin"),
            ("connection a\naddress h\ntopic # in 3\ntopic #", "line 3: topic: the QoS"),
            ("connection a\naddress h\ntopic #\nstart_type lazy", "line 4: start_type: bridges here connect"),
            (
                "connection a\naddress h\ntopic #\nlocal_username u",
                "line 4: local_username: a bridge needs no",
            ),
            (
                "connection a\naddress h\ntopic #\nbridge_protocol_version mqttv31",
                "line 4: bridge_protocol_v",
            ),
            ("connection a\naddress h\ntopic #\nkeepalive_interval x", "line 4: keepalive_interval: not a n"),
        ];
        for (text, expected) in cases {
            let (_, left_out) = tables(text);
            assert!(left_out.len() == 1 && left_out[0].starts_with(expected), "{text}: {left_out:?}");
        }
    }
}
