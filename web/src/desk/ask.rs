//! Questions to the API, and what comes back.

use crate::i18n::Lang;
use crate::i18n::words::Words;
use serde::de::DeserializeOwned;
use std::rc::Rc;
use tabmq_shared::api::Problem;

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({:?})", self.user)
    }
}

/// A question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which; for whoever waits for the answer.
    pub what: What,
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// JSON, if something is sent.
    pub body: Option<String>,
    /// Who asks; nobody where it is not needed.
    pub login: Option<Rc<Login>>,
    /// Counts the log-ins: what somebody else has asked for is nobody's affair any more.
    pub era: u32,
}

/// The questions that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Who asks.
    Me,
    /// The broker, or the gateway.
    Info,
    /// Its counters.
    Stats,
    /// Some of the clients, of this sweep.
    ClientPage(u32),
    /// The client with this id.
    Client(String),
    /// End the connection of the client with this id.
    RemoveClient {
        /// The client id.
        id: String,
        /// The session, too.
        session: bool,
    },
    /// Some of what is kept, of this sweep.
    RetainedPage(u32),
    /// What is kept at this topic.
    RetainedOne(String),
    /// All that is kept under this filter, so that it can be brought back.
    Keep(String),
    /// Clear it.
    Clear {
        /// A topic filter; often without wildcards.
        filter: String,
    },
    /// Publish again something that was cleared.
    Restore,
    /// Who gets what is published here.
    Receivers(String),
}

impl Ask {
    /// To read something; `query` are names and values.
    pub fn get(what: What, path: &str, query: &[(&str, &str)]) -> Ask {
        Ask::new(what, "GET", path, query)
    }

    /// To remove something.
    pub fn delete(what: What, path: &str, query: &[(&str, &str)]) -> Ask {
        Ask::new(what, "DELETE", path, query)
    }

    /// To send something.
    pub fn post(what: What, path: &str, body: String) -> Ask {
        Ask { body: Some(body), ..Ask::new(what, "POST", path, &[]) }
    }

    fn new(what: What, method: &'static str, path: &str, query: &[(&str, &str)]) -> Ask {
        Ask { what, method, path: with_query(path, query), body: None, login: None, era: 0 }
    }
}

/// A path with a query, if there is something in it.
pub fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let query = crate::state::query::encode(query.iter().filter(|(_, value)| !value.is_empty()).copied());
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A part of a path: percent-encoded, slashes too.
pub fn segment(text: &str) -> String {
    crate::state::query::encode([("", text)]).trim_start_matches('=').replace('/', "%2F")
}

/// An answer as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// What is in it.
    pub body: String,
    /// The seconds of the header `Retry-After`.
    pub retry_after_s: Option<u32>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The broker does not answer.
    Unreachable,
    /// Nobody, or not this one, may know: the status is 401.
    LogIn,
    /// Too many wrong passwords: not before so many seconds have passed.
    Later(u32),
    /// The role does not suffice; in the broker's words.
    Denied(String),
    /// There is no such thing.
    Missing,
    /// The broker says no, in its words.
    Refused(String),
    /// The answer cannot be read.
    Garbled,
}

impl Trouble {
    /// What is wrong, with the remedy.
    pub fn words(&self, lang: Lang) -> String {
        match self {
            Trouble::Unreachable => lang.w(Words::NoAnswer).to_owned(),
            Trouble::LogIn => lang.w(Words::WrongPassword).to_owned(),
            Trouble::Later(s) => lang.fill_words(Words::Throttled, &[("n", &s.to_string())]),
            Trouble::Denied(why) => lang.fill_words(Words::Denied, &[("why", why)]),
            Trouble::Missing => lang.w(Words::NotThere).to_owned(),
            Trouble::Refused(why) => lang.fill_words(Words::RefusedWhy, &[("why", why)]),
            Trouble::Garbled => lang.w(Words::Garbled).to_owned(),
        }
    }
}

/// The answer, read.
///
/// # Errors
/// There is none.
pub fn read<T: DeserializeOwned>(reply: &Result<Reply, Trouble>) -> Result<T, Trouble> {
    let reply = reply.as_ref().map_err(Trouble::clone)?;
    match trouble(reply) {
        Some(trouble) => Err(trouble),
        None => serde_json::from_str(&reply.body).map_err(|_| Trouble::Garbled),
    }
}

/// What an answer says that is no answer.
pub fn trouble(reply: &Reply) -> Option<Trouble> {
    let detail = || match serde_json::from_str::<Problem>(&reply.body) {
        Ok(problem) => problem.detail,
        Err(_) => format!("HTTP {}", reply.status),
    };
    Some(match reply.status {
        200..300 => return None,
        401 => Trouble::LogIn,
        403 => Trouble::Denied(detail()),
        404 => Trouble::Missing,
        429 => Trouble::Later(reply.retry_after_s.unwrap_or(1)),
        _ => Trouble::Refused(detail()),
    })
}

/// When something is asked for again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Poll {
    due_ms: u64,
    waits: bool,
}

impl Poll {
    /// Whether it is time, and no answer is waited for.
    pub fn is_due(&self, now_ms: u64) -> bool {
        !self.waits && now_ms >= self.due_ms
    }

    /// It was asked for.
    pub fn asked(&mut self) {
        self.waits = true;
    }

    /// The answer is there: once more in so many milliseconds.
    pub fn again_in(&mut self, now_ms: u64, ms: u64) {
        *self = Poll { due_ms: now_ms.saturating_add(ms), waits: false };
    }

    /// No answer is waited for, and it is time.
    pub fn at_once(&mut self) {
        *self = Poll::default();
    }

    /// No sooner than in so many milliseconds, whether an answer is waited for or not.
    pub fn not_before(&mut self, now_ms: u64, ms: u64) {
        self.due_ms = now_ms.saturating_add(ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(with_query("/a", &[]), "/a");
        assert_eq!(with_query("/a", &[("x", ""), ("filter", "a/+ b/#")]), "/a?filter=a/%2B%20b/%23");
        assert_eq!(segment("a/b c=d"), "a%2Fb%20c%3Dd");
        assert_eq!(segment("=a"), "%3Da");
    }

    #[test]
    fn troubles() {
        let reply = |status, body: &str| Reply { status, body: body.into(), retry_after_s: Some(7) };
        let problem = r#"{"title":"Forbidden","status":403,"detail":"why"}"#;
        let cases = [
            (reply(200, ""), None),
            (reply(401, ""), Some(Trouble::LogIn)),
            (reply(403, problem), Some(Trouble::Denied("why".into()))),
            (reply(404, ""), Some(Trouble::Missing)),
            (reply(429, ""), Some(Trouble::Later(7))),
            (reply(502, "<html>"), Some(Trouble::Refused("HTTP 502".into()))),
        ];
        for (reply, expected) in cases {
            assert_eq!(trouble(&reply), expected, "{reply:?}");
        }
        assert_eq!(read::<Problem>(&Ok(reply(200, "{}"))), Err(Trouble::Garbled));
        assert_eq!(read::<Problem>(&Err(Trouble::Unreachable)), Err(Trouble::Unreachable));
    }

    #[test]
    fn asked_again_when_it_is_time_and_the_answer_is_there() {
        let mut poll = Poll::default();
        assert!(poll.is_due(0));
        poll.asked();
        assert!(!poll.is_due(1_000_000));
        poll.again_in(1_000, 500);
        assert!(!poll.is_due(1_499) && poll.is_due(1_500));
    }
}
