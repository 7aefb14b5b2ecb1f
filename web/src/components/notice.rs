//! The connection in a sentence with its remedy, where there is one to tell.

use crate::format;
use crate::i18n::{Lang, Text};
use crate::payload::preview;
use crate::state::{Action, Dialog};
use tabmq_shared::client::{State, Why};
use tabmq_shared::packet::ReasonCode;
use yew::prelude::*;

/// How much of a challenge is shown, in characters.
const CHALLENGE_CHARS: usize = 200;

/// See [`ConnectionNotice`].
#[derive(Properties, PartialEq)]
pub struct NoticeProps {
    /// Language.
    pub lang: Lang,
    /// Where the connection is.
    pub state: State,
    /// The broker's address.
    pub url: AttrValue,
    /// The page's own origin, if the broker is another one than the page's.
    pub foreign_to: Option<AttrValue>,
    /// Whether it is logged in by SCRAM.
    pub scram: bool,
    /// Milliseconds until the next attempt.
    pub retry_in_ms: u64,
    /// Where to say what is done.
    pub on: Callback<Action>,
    /// A new client id is wanted.
    pub on_new_id: Callback<()>,
}

/// What went wrong, what helps, and the buttons for it; nothing while all is well.
#[component]
pub fn ConnectionNotice(props: &NoticeProps) -> Html {
    let lang = props.lang;
    let (why, waiting) = match &props.state {
        State::Waiting { why, .. } => (why, true),
        State::Stopped { why } => (why, false),
        _ => return Html::default(),
    };
    let again = if waiting { Text::RetryNow } else { Text::ConnectAgain };
    let seconds = props.retry_in_ms.div_ceil(1000).to_string();
    html! {
        <div class="notice" role="alert" data-test="connection-notice">
            <span class="why">{ sentence(props, why) }</span>
            if waiting {
                <span class="countdown">{ lang.fill(Text::RetryIn, &[("n", &seconds)]) }</span>
            }
            <button type="button" class="button" data-test="retry-now" onclick={props.on.reform(|_| Action::RetryNow)}>
                { lang.t(again) }
            </button>
            if is_about_the_id(why) {
                <button type="button" class="button" data-test="new-client-id" onclick={props.on_new_id.reform(|_| ())}>
                    { lang.t(Text::UseNewId) }
                </button>
            }
            <button type="button" class="button quiet" onclick={props.on.reform(|_| Action::Dialog(Some(Dialog::Connection)))}>
                { lang.t(Text::OpenSettings) }
            </button>
        </div>
    }
}

fn is_about_the_id(why: &Why) -> bool {
    match why {
        Why::Refused { reason, .. } => *reason == ReasonCode::ClientIdentifierNotValid,
        Why::ServerDisconnect { reason, .. } => *reason == ReasonCode::SessionTakenOver,
        _ => false,
    }
}

fn sentence(props: &NoticeProps, why: &Why) -> String {
    let (lang, url) = (props.lang, props.url.as_str());
    let with_url = |text| lang.fill(text, &[("url", url)]);
    let with_words = |text, words: &str| lang.fill(text, &[("words", words)]);
    match why {
        Why::Disconnected => lang.t(Text::WhyDisconnected).to_owned(),
        Why::BadOptions(words) => with_words(Text::WhyBadOptions, words),
        Why::Unreachable(words) => unreachable(lang, url, props.foreign_to.as_deref(), words),
        Why::ConnectTimeout { opened: false } => with_url(Text::WhyTimeout),
        Why::ConnectTimeout { opened: true } => with_url(Text::WhyNotMqtt),
        Why::ClosedBeforeConnAck { version, words } if words.is_empty() => {
            lang.fill(Text::WhyClosedEarly, &[("version", &version.to_string())])
        }
        Why::ClosedBeforeConnAck { words, .. } => with_words(Text::WhyClosedSaying, words),
        Why::Lost(words) => lang.t(Text::WhyLost).to_owned() + &parenthesis(words),
        Why::NoAnswer => lang.t(Text::WhyNoAnswer).to_owned(),
        Why::Refused { reason, reason_string, .. } => {
            refusal(lang, *reason, props.scram) + &server_says(lang, reason_string.as_deref())
        }
        Why::ServerDisconnect { reason, reason_string, .. } => {
            farewell(lang, *reason) + &server_says(lang, reason_string.as_deref())
        }
        Why::ProtocolError(words) => with_words(Text::WhyProtocol, words),
        Why::AuthenticationFailed(words) => with_words(Text::WhyAuthFailed, words),
        Why::AuthenticationUnsupported { challenge } => {
            let words = preview(challenge, CHALLENGE_CHARS);
            let n = format::thousands(challenge.len() as u64);
            lang.fill(Text::WhyAuthUnsupported, &[("words", &words), ("n", &n)])
        }
    }
}

/// A browser never says why; with TLS, the certificate is the usual reason, and another broker may keep this page out.
fn unreachable(lang: Lang, url: &str, foreign_to: Option<&str>, words: &str) -> String {
    let is_mixed =
        |rest: &str| foreign_to.is_some_and(|origin| origin.starts_with("https:")) && !is_this_machine(rest);
    if url.strip_prefix("ws://").is_some_and(is_mixed) {
        return lang.fill(Text::WhyMixed, &[("url", url)]);
    }
    let sentence = match url.strip_prefix("wss://") {
        Some(rest) => {
            let host = rest.split('/').next().unwrap_or(rest);
            lang.fill(Text::WhyUnreachableTls, &[("url", url), ("page", &format!("https://{host}/"))])
        }
        None => lang.fill(Text::WhyUnreachable, &[("url", url)]),
    };
    let foreign = foreign_to.map(|origin| format!(" {}", lang.fill(Text::WhyForeign, &[("origin", origin)])));
    sentence + &foreign.unwrap_or_default() + &parenthesis(words)
}

/// Browsers let a page of `https:` connect to these without TLS.
fn is_this_machine(rest: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
        rest.strip_prefix(host).is_some_and(|behind| behind.is_empty() || behind.starts_with([':', '/', '?']))
    })
}

fn refusal(lang: Lang, reason: ReasonCode, scram: bool) -> String {
    let text = match reason {
        // A broker does not say which: a wrong proof is "not authorized" (0x87), whatever is wrong with it.
        ReasonCode::NotAuthorized | ReasonCode::BadUserNameOrPassword if scram => Text::RefusedScram,
        ReasonCode::BadUserNameOrPassword => Text::RefusedPassword,
        ReasonCode::NotAuthorized => Text::RefusedNotAuthorized,
        ReasonCode::UnsupportedProtocolVersion => Text::RefusedVersion,
        ReasonCode::ClientIdentifierNotValid => Text::RefusedClientId,
        ReasonCode::ServerUnavailable | ReasonCode::ServerBusy | ReasonCode::ConnectionRateExceeded => {
            Text::RefusedBusy
        }
        ReasonCode::Banned => Text::RefusedBanned,
        ReasonCode::BadAuthenticationMethod => Text::RefusedMethod,
        other => return lang.fill(Text::RefusedOther, &[("reason", &other.to_string())]),
    };
    lang.t(text).to_owned()
}

fn farewell(lang: Lang, reason: ReasonCode) -> String {
    let text = match reason {
        ReasonCode::SessionTakenOver => Text::TakenOver,
        ReasonCode::ServerShuttingDown => Text::ShuttingDown,
        ReasonCode::ServerBusy => Text::RefusedBusy,
        other => return lang.fill(Text::ClosedOther, &[("reason", &other.to_string())]),
    };
    lang.t(text).to_owned()
}

fn server_says(lang: Lang, words: Option<&str>) -> String {
    match words {
        Some(words) => format!(" {}", lang.fill(Text::ServerSays, &[("words", words)])),
        None => String::new(),
    }
}

fn parenthesis(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" ({words})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &'static str, foreign_to: Option<&'static str>, scram: bool, why: &Why) -> String {
        let props = NoticeProps {
            lang: Lang::En,
            state: State::Idle,
            url: url.into(),
            foreign_to: foreign_to.map(AttrValue::from),
            scram,
            retry_in_ms: 0,
            on: Callback::noop(),
            on_new_id: Callback::noop(),
        };
        sentence(&props, why)
    }

    #[test]
    fn what_may_keep_a_page_from_a_broker() {
        let why = Why::Unreachable(String::new());
        for (url, foreign_to, is_said, is_not) in [
            ("ws://a/mqtt", None, "port and path", "origin"),
            ("ws://b/mqtt", Some("http://a"), "need http://a in their list", "wss"),
            ("ws://b/mqtt", Some("https://a"), "may only connect by wss://", "running"),
            ("ws://127.0.0.1:9001/", Some("https://a"), "need https://a in their list", "wss"),
            ("ws://localhost.b/mqtt", Some("https://a"), "may only connect by wss://", "running"),
            ("wss://b/mqtt", Some("https://a"), "open https://b/ once", "running"),
        ] {
            let said = told(url, foreign_to, false, &why);
            assert!(said.contains(is_said) && !said.contains(is_not), "{said}");
        }
    }

    #[test]
    fn a_wrong_password_is_said_to_be_one() {
        let refused = |reason| Why::Refused { reason, reason_string: None, server_reference: None };
        let said = |reason, scram| told("ws://a/mqtt", None, scram, &refused(reason));
        assert!(said(ReasonCode::NotAuthorized, true).contains("user name or password is wrong"));
        assert!(said(ReasonCode::NotAuthorized, false).contains("not authorised"));
        assert!(said(ReasonCode::Banned, true).contains("banned"));
    }
}
