//! Enhanced authentication (5.0 section 4.12): what a method has to offer, and re-authentication.
//!
//! The first exchange is the connection's affair, before the broker knows the client. What comes later is handled here,
//! with the same [`Method`].

use super::router::SessionKey;
use super::session::ConnId;
use super::{Broker, Violation};
use bytes::Bytes;
use std::sync::Arc;
use tabmq_shared::ByteString;
use tabmq_shared::packet::{Auth, Packet, ReasonCode};

/// The authentication methods that a server knows, by name.
pub trait Methods: Send + Sync {
    /// Begins an exchange; `None`: there is no such method.
    fn begin(&self, method: &str) -> Option<Box<dyn Exchange>>;
}

/// One exchange of one client. Each step is short: it is taken under the broker's lock.
pub trait Exchange: Send {
    /// Takes what the client says, and answers.
    ///
    /// # Errors
    /// The client has not shown what it had to. The sentence is for the log.
    fn step(&mut self, data: Option<&Bytes>) -> Result<Step, String>;
}

/// What follows a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client has to say more.
    Continue(Bytes),
    /// The client is who it says it is; the last data for it, if the method has some.
    Done(Option<Bytes>),
}

/// No methods at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMethods;

impl Methods for NoMethods {
    fn begin(&self, _method: &str) -> Option<Box<dyn Exchange>> {
        None
    }
}

/// The method by which a connected client was let in, and its exchange if one is going on again.
pub(super) struct Authenticated {
    pub(super) method: ByteString,
    pub(super) again: Option<Box<dyn Exchange>>,
}

impl Broker {
    /// AUTH from a connected client: it authenticates again (5.0 section 4.12.1).
    pub(super) fn handle_auth(
        &mut self,
        conn: ConnId,
        _key: SessionKey,
        auth: Auth,
    ) -> Result<(), Violation> {
        let methods = Arc::clone(&self.methods);
        let Some(link) = self.clients.link_mut(conn) else { return Ok(()) };
        let Some(authenticated) = &mut link.authenticated else {
            let what = "AUTH without an authentication method in CONNECT"; // [MQTT-4.12.0-7]
            return Err(Violation::new(ReasonCode::ProtocolError, what));
        };
        // [MQTT-4.12.0-5] [MQTT-4.12.1-1] the method stays what it was in CONNECT
        if auth.method.as_ref() != Some(&authenticated.method) {
            let what = "AUTH with another method than that of CONNECT";
            return Err(Violation::new(ReasonCode::ProtocolError, what));
        }
        match auth.reason {
            ReasonCode::ReAuthenticate if authenticated.again.is_none() => {
                authenticated.again = methods.begin(&authenticated.method);
            }
            ReasonCode::ContinueAuthentication if authenticated.again.is_some() => {}
            reason => {
                return Err(Violation::new(ReasonCode::ProtocolError, format!("AUTH out of turn: {reason}")));
            }
        }
        let step = match &mut authenticated.again {
            Some(exchange) => exchange.step(auth.data.as_ref()),
            None => Err("the authentication method is not known any more".to_owned()),
        };
        let (reason, data) = match step {
            Ok(Step::Continue(data)) => (ReasonCode::ContinueAuthentication, Some(data)),
            Ok(Step::Done(data)) => {
                authenticated.again = None;
                (ReasonCode::Success, data)
            }
            // [MQTT-4.12.1-2]
            Err(why) => return Err(Violation::new(ReasonCode::NotAuthorized, why)),
        };
        let method = Some(authenticated.method.clone());
        let answer = Auth { reason, method, data, reason_string: None, user: Vec::new() };
        let answer = Packet::Auth(Box::new(answer));
        self.check_answer(conn, || answer.clone())?;
        self.clients.send_control(conn.link, &answer);
        Ok(())
    }
}
