//! Components: properties in, actions out. They know neither socket nor codec, and change nothing themselves.
//!
//! Whatever comes from the broker is text: it goes into text nodes and attributes, never into markup.

mod icon;
mod parts;
mod header;
mod notice;
mod topic_tree;
mod subscriptions;
mod message_list;
mod publish_form;
mod payload_view;
mod detail;
mod properties;
mod connection_dialog;
mod quiet;

pub use connection_dialog::ConnectionDialog;
pub use detail::Detail;
pub use header::Header;
pub use message_list::MessageList;
pub use notice::ConnectionNotice;
pub use publish_form::PublishForm;
pub use quiet::{next_steps, quiet};
pub use subscriptions::SubscriptionList;
pub use topic_tree::TopicTree;
