//! Which client ids are taken.

use super::names::Names;
use crate::broker::Identity;
use regex_lite::Regex;
use serde::Deserialize;

/// `[client-id]` of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ClientIds {
    /// The least number of characters.
    pub min_length: Option<usize>,
    /// The most.
    pub max_length: Option<usize>,
    /// A regular expression for the whole of it.
    pub pattern: Option<Pattern>,
    /// Whether it must be the user's name.
    pub must_equal_user: bool,
    /// Beginnings that are for some only.
    pub reserved: Vec<Reserved>,
}

/// `[[client-id.reserved]]`: client ids that begin so are for these users and groups.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reserved {
    /// The beginning.
    pub prefix: String,
    /// Whose.
    #[serde(default, alias = "users")]
    pub user: Names,
    /// Whose members'.
    #[serde(default, alias = "groups")]
    pub group: Names,
}

/// A regular expression that matches a text as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?:{text})$"));
        Ok(Pattern {
            regex: regex.map_err(|error| format!("{text:?} is no regular expression: {error}"))?,
            text,
        })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl ClientIds {
    /// Whether somebody may have this client id. An empty one is not looked at, apart from whose it must be: the server
    /// makes one.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) fn check(&self, client_id: &str, identity: &Identity) -> Result<(), String> {
        let user = identity.user.as_deref();
        if self.must_equal_user && user != Some(client_id) {
            return Err(format!("its client id must be its user name, which is {}", quoted(user)));
        }
        if client_id.is_empty() {
            return Ok(());
        }
        let length = client_id.chars().count();
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            return Err(format!("its client id has {length} characters, and must have {least} at least"));
        }
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            return Err(format!("its client id has {length} characters, and may have {most} at most"));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.regex.is_match(client_id)) {
            return Err(format!("its client id does not match the pattern {:?}", pattern.text));
        }
        let reserved = self.reserved.iter().filter(|reserved| client_id.starts_with(&reserved.prefix));
        for Reserved { prefix, user: users, group } in reserved {
            let is_in = |name: &String| identity.groups.iter().any(|group| **group == **name);
            if !users.iter().any(|name| user == Some(name)) && !group.iter().any(is_in) {
                return Err(format!(
                    "client ids that begin with {prefix:?} are not for user {}",
                    quoted(user)
                ));
            }
        }
        Ok(())
    }
}

fn quoted(user: Option<&str>) -> String {
    user.map_or_else(|| "none".to_owned(), |user| format!("{user:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let rules: ClientIds = toml::from_str(
            r#"
            min-length = 3
            max-length = 8
            pattern = "[a-zé0-9-]+"
            [[reserved]]
            prefix = "ops-"
            user = "admin"
            groups = ["ops", "night"]
            "#,
        )
        .unwrap();
        let who = |user: Option<&str>, group: &str| Identity {
            user: user.map(Into::into),
            groups: [group.into()].into(),
            ..Identity::default()
        };
        let cases = [
            ("dev-1", None, "", "ok"),
            ("", None, "", "ok"),
            ("ab", None, "", "3 at least"),
            ("éé", None, "", "3 at least"),
            ("ééé", None, "", "ok"),
            ("123456789", None, "", "8 at most"),
            ("DEV", None, "", "pattern"),
            ("dev\n", None, "", "pattern"),
            ("ops-1", None, "", "not for user none"),
            ("ops-1", Some("eve"), "staff", "not for user \"eve\""),
            ("ops-1", Some("admin"), "", "ok"),
            ("ops-1", Some("eve"), "night", "ok"),
        ];
        for (id, user, group, expected) in cases {
            let result = rules.check(id, &who(user, group));
            let told = result.err().unwrap_or_else(|| "ok".to_owned());
            assert!(told.contains(expected), "{id} of {user:?}: {told}");
        }
        let rules = ClientIds { must_equal_user: true, ..ClientIds::default() };
        assert!(rules.check("a", &who(Some("a"), "")).is_ok());
        for (id, user) in [("b", Some("a")), ("", Some("a")), ("a", None), ("", None)] {
            assert!(rules.check(id, &who(user, "")).is_err(), "{id} of {user:?}");
        }
        assert!(toml::from_str::<ClientIds>("pattern = '('").is_err());
    }
}
