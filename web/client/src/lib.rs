//! MQTT in a browser: the state machine of [`tabmq_shared::client`], driven by a WebSocket and timers. For the page, and
//! for other people's JavaScript (`web/npm`). Without Yew, and without a window: it runs in a worker as well.
//!
//! - [`client`]: one loop around the state machine.
//!   `turn`: when it is done.
//! - [`transport`]: the WebSocket, the only file that knows there is one.

pub mod client;
pub mod transport;
mod turn;
