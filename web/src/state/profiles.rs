//! Connections that are kept in this browser under a name, for all its tabs.
//!
//! A password is only kept if that is asked for: whoever can use the browser can read it.

use super::query::{self, Pair};
use super::settings::{Field, Kind, Settings};
use super::subscriptions::Subscriptions;

/// More than this nobody finds anything in, and a browser's storage is small.
const MAX_PROFILES: usize = 200;

/// What marks a subscription among a profile's pairs.
const SUBSCRIPTION: &str = "subscription";

/// A client id that begins like this was made for one tab; another tab gets another one.
const OWN_ID: &str = "tab-";

/// A connection under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// How to connect; its name is the profile's. The password is kept as it is here.
    pub settings: Settings,
    /// What to subscribe to.
    pub subscriptions: Subscriptions,
}

impl Profile {
    /// With this connection's subscriptions; the client id only if somebody chose it.
    pub fn new(mut settings: Settings, subscriptions: &Subscriptions, with_password: bool) -> Self {
        if settings.client_id.starts_with(OWN_ID) {
            settings.client_id.clear();
        }
        if !with_password {
            settings.password.clear();
            settings.v5.auth.data.clear();
        }
        Profile { settings, subscriptions: Subscriptions::read(&subscriptions.write()) }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// From pairs; `None` if they give no name, or something in them cannot be meant.
    fn read(pairs: &[Pair]) -> Option<Self> {
        let mut settings = Settings::new(String::new());
        let mut subscriptions = String::new();
        for (name, value) in pairs {
            if name == SUBSCRIPTION {
                let (code, filter) = value.split_once(' ')?;
                subscriptions += &format!("&{}", query::encode([(code, filter)]));
            } else if let Some(field) = Field::ALL.into_iter().find(|field| field.name() == name) {
                field.set(&mut settings, value).ok()?;
            }
        }
        let subscriptions = Subscriptions::read(&subscriptions);
        (!settings.name.is_empty()).then_some(Profile { settings, subscriptions })
    }

    fn pairs(&self) -> Vec<(&'static str, String, Kind)> {
        let usual = Settings::new(String::new());
        let fields = Field::ALL.into_iter().filter(|field| field.get(&self.settings) != field.get(&usual));
        let fields = fields.map(|field| (field.name(), field.get(&self.settings), field.kind()));
        let subscriptions = query::decode(&self.subscriptions.write());
        let rows = subscriptions
            .into_iter()
            .map(|(code, filter)| (SUBSCRIPTION, format!("{code} {filter}"), Kind::Text));
        fields.chain(rows).collect()
    }
}

/// All of them, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles {
    rows: Vec<Profile>,
}

impl Profiles {
    /// From what [`write`](Self::write) wrote.
    pub fn read(text: &str) -> Self {
        let mut profiles = Profiles::default();
        for line in text.lines() {
            if let Some(profile) = Profile::read(&query::decode(line)) {
                profiles.put(profile);
            }
        }
        profiles
    }

    /// A line each, for the browser's storage.
    pub fn write(&self) -> String {
        let lines = self.rows.iter().map(|profile| {
            let pairs = profile.pairs();
            query::encode(pairs.iter().map(|(name, value, _)| (*name, value.as_str())))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// As JSON, for a file. `with_passwords` says whether the passwords that are kept are in it.
    pub fn to_json(&self, with_passwords: bool) -> String {
        let profiles = self.rows.iter().map(|profile| {
            let pairs = profile.pairs().into_iter();
            let is_secret =
                |name| Field::ALL.into_iter().any(|field| field.is_secret() && field.name() == name);
            let pairs = pairs.filter(|(name, ..)| with_passwords || !is_secret(*name));
            let (rows, fields): (Vec<_>, Vec<_>) = pairs.partition(|(name, ..)| *name == SUBSCRIPTION);
            let mut members: Vec<_> =
                fields.iter().map(|(name, value, kind)| member(name, value, *kind)).collect();
            let rows: Vec<_> = rows.iter().map(|(_, value, _)| json_string(value)).collect();
            members.push(format!("\"{SUBSCRIPTION}\": [{}]", rows.join(", ")));
            format!("  {{ {} }}", members.join(", "))
        });
        format!("[\n{}\n]\n", profiles.collect::<Vec<_>>().join(",\n"))
    }

    /// In the order of their names.
    pub fn rows(&self) -> &[Profile] {
        &self.rows
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.rows.iter().find(|profile| profile.name() == name)
    }

    /// Adds one, or replaces the one of that name. False if there are too many.
    pub(super) fn put(&mut self, profile: Profile) -> bool {
        match self.rows.binary_search_by(|known| known.name().cmp(profile.name())) {
            Ok(at) => {
                if let Some(known) = self.rows.get_mut(at) {
                    *known = profile;
                }
                true
            }
            Err(_) if self.rows.len() >= MAX_PROFILES => false,
            Err(at) => {
                self.rows.insert(at, profile);
                true
            }
        }
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, name: &str) -> Option<Profile> {
        let at = self.rows.iter().position(|profile| profile.name() == name)?;
        Some(self.rows.remove(at))
    }

    /// Adds those of a file, given as pairs; returns how many could be read.
    pub(super) fn import(&mut self, profiles: &[Vec<Pair>]) -> usize {
        profiles
            .iter()
            .filter_map(|pairs| Profile::read(pairs))
            .filter(|profile| self.put(profile.clone()))
            .count()
    }
}

fn member(name: &str, value: &str, kind: Kind) -> String {
    let value = match kind {
        Kind::Check => (if value == "1" { "true" } else { "false" }).to_owned(),
        Kind::Number if !value.is_empty() => value.to_owned(),
        _ => json_string(value),
    };
    format!("\"{name}\": {value}")
}

/// RFC 8259, section 7.
fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> Profile {
        let mut settings = Settings::new("tab-abc".into());
        settings.name = name.into();
        settings.broker = "ws://host/mqtt".into();
        settings.username = "me".into();
        settings.password = "secret \"\\\n".into();
        settings.keep_alive_s = 20;
        settings.v5.request_response = true;
        Profile::new(settings, &Subscriptions::read("1.l=home/%23&0=a%20b"), true)
    }

    #[test]
    fn kept_in_order_and_replaced_by_name() {
        let mut profiles = Profiles::default();
        for name in ["b", "a", "b"] {
            assert!(profiles.put(profile(name)));
        }
        let read = Profiles::read(&profiles.write());
        assert_eq!(read, profiles);
        assert_eq!(read.rows().iter().map(Profile::name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(read.get("a").unwrap().subscriptions.rows.len(), 2);
        assert_eq!(profiles.remove("a").unwrap().name(), "a");
        assert_eq!((profiles.get("a"), profiles.rows().len()), (None, 1));
        assert_eq!(
            Profiles::read("broker=ws://host\nname=x&keep_alive=many").rows(),
            [],
            "nameless, or nonsense"
        );
    }

    #[test]
    fn secrets_and_ids_are_kept_only_if_somebody_chose_so() {
        let Profile { mut settings, subscriptions } = profile("a");
        assert_eq!(settings.client_id, "");
        settings.client_id = "my-own".into();
        let without = Profile::new(settings, &subscriptions, false);
        assert_eq!((&*without.settings.password, &*without.settings.client_id), ("", "my-own"));
    }

    #[test]
    fn json() {
        let mut profiles = Profiles::default();
        profiles.put(profile("a"));
        let expected = r#"[
  { "name": "a", "broker": "ws://host/mqtt", "keep_alive": 20, "username": "me", "request_response": true, "subscription": ["1.l home/#", "0 a b"] }
]
"#;
        assert_eq!(profiles.to_json(false), expected);
        assert!(profiles.to_json(true).contains(r#""password": "secret \"\\\n""#));
        assert!(crate::payload::json::spans(&profiles.to_json(true)).is_ok());
    }

    #[test]
    fn imported() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<Pair> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut profiles = Profiles::default();
        let file = [
            pairs(&[
                ("name", "a"),
                ("broker", "host"),
                ("clean", "true"),
                ("subscription", "0 #"),
                ("future", "1"),
            ]),
            pairs(&[("broker", "host")]),
            pairs(&[("name", "b"), ("will_qos", "9")]),
        ];
        assert_eq!(profiles.import(&file), 1);
        let a = profiles.get("a").unwrap();
        assert_eq!((&*a.settings.broker, a.settings.clean), ("ws://host/mqtt", true));
        assert_eq!(a.subscriptions.rows[0].filter.as_str(), "#");
    }

    #[test]
    fn bounded() {
        let mut profiles = Profiles::default();
        for i in 0..MAX_PROFILES + 3 {
            assert_eq!(profiles.put(profile(&i.to_string())), i < MAX_PROFILES);
        }
        assert_eq!(profiles.rows().len(), MAX_PROFILES);
    }
}
