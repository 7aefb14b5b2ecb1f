//! MQTT over WebSocket (5.0: chapter 6): the HTTP upgrade, and the frames as a byte stream.
//!
//! The frames are read and written here and not by tungstenite: a byte stream needs no messages. So payloads are
//! unmasked where they were received, what is sent goes from the packets' own buffers to the socket, frames of any
//! size take no memory, and an idle connection holds no buffer. The tests put tungstenite at the other end.

mod frame;
mod stream;
mod upgrade;

pub use stream::{ByteStream, ReadReady};
pub use upgrade::route;
