//! Components: properties in, actions out. They know neither socket nor codec, and change nothing themselves.
//!
//! Whatever comes from the broker is text: it goes into text nodes and attributes, never into markup.
//!
//! # Lists
//! The items of a list that grows and shrinks have keys, and the list has no other children: an element of its own, or
//! `<>…</>`. `{for …}` beside other children is one list with them, without keys, which Yew compares from its end: one item
//! more, and every element before it is made anew, with its focus, its scroll position and its state.

mod chart;
mod charts;
mod connection_dialog;
mod connections;
mod detail;
mod diff_view;
mod extras;
mod form;
mod format_bar;
mod header;
mod header_tools;
mod help_dialog;
mod hints;
mod icon;
mod image_view;
mod lazy_charts;
mod lazy_detail;
mod lazy_dialog;
mod lazy_place;
mod list_filters;
mod message_list;
mod modal;
mod notice;
mod parts;
mod payload_view;
mod places;
mod properties;
mod publish_form;
mod publish_options;
mod publish_result;
mod quiet;
mod recording_dialog;
mod replay_parts;
mod share_dialog;
mod shelf_dialog;
mod subscription_dialog;
mod subscriptions;
mod talk;
mod tape_strip;
mod toasts;
mod topic_menu;
mod topic_tree;
mod tree_keys;
mod tree_view;
mod views;

pub use charts::ChartPanelProps;
pub use connections::connection_tabs;
pub use detail::DetailProps;
pub use extras::{ExtraDialog, ExtraProps, render_extra};
pub use header::Header;
pub use hints::hints;
pub use lazy_charts::{LazyCharts, render_charts};
pub use lazy_detail::{LazyDetail, render_detail, render_payload};
pub use lazy_dialog::{LazyDialog, LazyDialogProps, render_dialog};
pub use lazy_place::{LazyPlace, PlaceProps, render_place};
pub use message_list::MessageList;
pub use modal::{Menu, MenuItem, Modal, question};
pub use notice::ConnectionNotice;
pub use payload_view::PayloadViewProps;
pub use places::places;
pub use publish_form::PublishForm;
pub use quiet::{next_steps, quiet};
pub use subscriptions::SubscriptionList;
pub use talk::{TalkProps, render_talk};
pub use tape_strip::tape_strips;
pub use toasts::toasts;
pub use topic_tree::TopicTree;
