//! Components: properties in, actions out. They know neither socket nor codec, and change nothing themselves.
//!
//! Whatever comes from the broker is text: it goes into text nodes and attributes, never into markup.

mod chart;
mod charts;
mod connection_dialog;
mod connections;
mod detail;
mod diff_view;
mod form;
mod format_bar;
mod header;
mod icon;
mod image_view;
mod lazy_charts;
mod lazy_detail;
mod list_filters;
mod message_list;
mod modal;
mod notice;
mod parts;
mod payload_view;
mod properties;
mod publish_form;
mod quiet;
mod subscription_dialog;
mod subscriptions;
mod toasts;
mod topic_menu;
mod topic_tree;
mod tree_keys;
mod tree_view;

pub use charts::ChartPanelProps;
pub use connection_dialog::ConnectionDialog;
pub use connections::connection_tabs;
pub use detail::DetailProps;
pub use header::Header;
pub use lazy_charts::{LazyCharts, render_charts};
pub use lazy_detail::{LazyDetail, render_detail};
pub use message_list::MessageList;
pub use modal::{Menu, MenuItem, Modal, question};
pub use notice::ConnectionNotice;
pub use publish_form::PublishForm;
pub use quiet::{next_steps, quiet};
pub use subscription_dialog::subscription_dialog;
pub use subscriptions::SubscriptionList;
pub use toasts::toasts;
pub use topic_tree::TopicTree;
