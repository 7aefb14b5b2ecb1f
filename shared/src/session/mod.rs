//! QoS 1 and 2 in both directions, receive windows and topic aliases: what broker and client do alike.
//!
//! - [`Outgoing`]: what was sent at QoS 1 or 2 and waits for its acknowledgement. Part of the session.
//! - [`Incoming`]: what was received at QoS 2 and waits for its PUBREL. Part of the session.
//! - [`InboundAliases`], [`OutboundAliases`]: topic aliases. They end with the connection [MQTT-3.3.2-7].
//!
//! Nothing here encodes, decodes or waits: these are the books that are kept, and the caller does what they say.
//! All of it lies on the hot path of the broker: an entry is found by arithmetic, not by hashing, and nothing is
//! allocated per message.

mod aliases;
mod incoming;
mod outgoing;

pub use aliases::{AliasError, Assigned, InboundAliases, OutboundAliases};
pub use incoming::{Incoming, Received};
pub use outgoing::{Outgoing, PubRecOutcome, Resend};
