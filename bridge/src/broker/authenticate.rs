//! Enhanced authentication (5.0 section 4.12): what a method has to offer, and re-authentication.
//!
//! The first exchange is the connection's affair, before the broker knows the client. What comes later is handled here,
//! with the same [`Method`].

use super::access::Admitted;
use super::event::Peer;
use super::router::SessionKey;
use super::session::ConnId;
use super::{Broker, Violation};
use bytes::Bytes;
use std::sync::Arc;
use tabmq_shared::packet::{Auth, Packet, ReasonCode};
use tabmq_shared::{ByteString, Time};

/// The authentication methods that a server knows, by name.
pub trait Methods: Send + Sync {
    /// Begins an exchange with this peer; `None`: there is no such method.
    fn begin(&self, method: &str, peer: &Peer) -> Option<Box<dyn Exchange>>;
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
    /// The client is who it says it is: who that is, and the last data for it, if the method has some.
    Done(Admitted),
}

/// No methods at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMethods;

impl Methods for NoMethods {
    fn begin(&self, _method: &str, _peer: &Peer) -> Option<Box<dyn Exchange>> {
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
        key: SessionKey,
        auth: Auth,
        now: Time,
    ) -> Result<(), Violation> {
        let methods = Arc::clone(&self.methods);
        let Some(link) = self.clients.link_mut(conn) else { return Ok(()) };
        let peer = link.peer();
        let credentials = link.credentials.as_mut();
        let Some(authenticated) = credentials.and_then(|known| known.authenticated.as_mut()) else {
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
                authenticated.again = methods.begin(&authenticated.method, &peer);
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
            Ok(Step::Done(admitted)) => {
                authenticated.again = None;
                (ReasonCode::Success, self.admit_again(conn, key, admitted, now)?)
            }
            // [MQTT-4.12.1-2]
            Err(why) => return Err(Violation::new(ReasonCode::NotAuthorized, why)),
        };
        let method = auth.method;
        let answer = Auth { reason, method, data, reason_string: None, user: Vec::new() };
        let answer = Packet::Auth(Box::new(answer));
        self.check_answer(conn, || answer.clone())?;
        self.clients.send_control(conn.link, &answer);
        Ok(())
    }

    /// The client has proved once more who it is; the last data for it.
    fn admit_again(
        &mut self,
        conn: ConnId,
        key: SessionKey,
        admitted: Admitted,
        now: Time,
    ) -> Result<Option<Bytes>, Violation> {
        let Some(session) = self.clients.session_mut(key) else { return Ok(None) };
        if session.identity.user != admitted.identity.user {
            let what = "AUTH by another user than that of CONNECT";
            return Err(Violation::new(ReasonCode::NotAuthorized, what));
        }
        session.identity = Arc::new(admitted.identity);
        self.renew_rights(key);
        self.set_authorisation(conn, key, now);
        Ok(admitted.last_data)
    }
}
