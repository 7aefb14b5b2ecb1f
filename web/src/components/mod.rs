//! Components: properties in, actions out. They know neither socket nor codec, and change nothing themselves.
//!
//! Whatever comes from the broker is text: it goes into text nodes and attributes, never into markup.

mod connection_dialog;
mod detail;
mod header;
mod icon;
mod message_list;
mod notice;
mod parts;
mod payload_view;
mod properties;
mod publish_form;
mod quiet;
mod subscriptions;
mod topic_tree;

pub use connection_dialog::ConnectionDialog;
pub use detail::Detail;
pub use header::Header;
pub use message_list::MessageList;
pub use notice::ConnectionNotice;
pub use publish_form::PublishForm;
pub use quiet::{next_steps, quiet};
pub use subscriptions::SubscriptionList;
pub use topic_tree::TopicTree;
