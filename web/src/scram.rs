//! SCRAM-SHA-256 as the page has it: loaded when somebody logs in by it.

use crate::browser;
use crate::i18n::{Lang, Text};
use tabmq_shared::client::Authentication;
use tabmq_shared::scram::{Client, Fault};

/// More rounds of hashing would keep the page for seconds.
const MAX_ITERATIONS: u32 = 200_000;

/// Shows user name and password, and tells in this language what goes wrong.
pub fn client(user: &str, password: &str, lang: Lang) -> Box<dyn Authentication> {
    let client = Client::new(user, password.as_bytes(), browser::random_bytes, MAX_ITERATIONS);
    Box::new(client.saying(match lang {
        Lang::En => |fault| words(Lang::En, fault),
        Lang::Zh => |fault| words(Lang::Zh, fault),
    }))
}

fn words(lang: Lang, fault: &Fault) -> String {
    let text = match fault {
        Fault::NoRandom(_) => Text::NoRandom,
        Fault::Challenge => Text::ScramChallenge,
        Fault::Nonce => Text::ScramNonce,
        Fault::Salt => Text::ScramSalt,
        Fault::Rounds { asked, min, max } => {
            let (min, max) = (min.to_string(), max.to_string());
            return lang.fill(Text::ScramRounds, &[("asked", asked), ("min", &min), ("max", &max)]);
        }
        Fault::NotShown => Text::ScramNotShown,
        Fault::NotText => Text::ScramNotText,
    };
    lang.t(text).to_owned()
}
