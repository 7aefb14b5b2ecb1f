//! What can happen to the state, and what it can ask for.

use super::charts::{ChartAction, ChartMaker};
use super::desk::Sealed;
use super::draft::{Draft, DraftEdit};
use super::filter::ListFilter;
use super::history::Limits;
use super::place::Place;
use super::settings::Settings;
use super::shapes::{Shape, Shapes};
use super::shelf::Shelf;
use super::subscriptions;
use super::tape::{FileInfo, TapeAction};
use super::toasts::Question;
use super::topics::NodeId;
use super::ui::{BrokerInfo, Dialog, Location, Look, Tab};
use super::workspace::PageAction;
use crate::i18n::Phrase;
use bytes::Bytes;
use std::rc::Rc;
use tabmq_decoders::protobuf::SourceFile;
use tabmq_shared::Time;
use tabmq_shared::client::{self, Message, PublishError, PublishId};
use tabmq_shared::topic::TopicFilter;

/// What can happen, beside the messages that come: where the client is, what somebody does, time that passes.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// What concerns the page as a whole: done by the workspace, and nothing to a single state.
    Page(PageAction),
    /// The client is somewhere else now.
    Connection {
        /// Where.
        state: client::State,
        /// The address that it uses.
        url: String,
    },
    /// The round-trip time was measured, in milliseconds; `None` if it is not known any more.
    RoundTrip(Option<u64>),
    /// Time has passed: wall clock, and the client's clock.
    Tick(Clock, Time),
    /// The broker has told about itself.
    Broker(BrokerInfo),
    /// The address bar says something else.
    Located(Location),

    /// Look at this topic, or at this level above topics.
    Select(String),
    /// Look at the message with this number.
    SelectMessage(u64),
    /// Look at the selected topic's last message, whichever that is.
    SelectLatest,
    /// Open or close a node of the tree.
    Expand(NodeId, bool),
    /// Open or close a node and all below it.
    ExpandBelow(NodeId, bool),
    /// Open or close all of them.
    ExpandAll(bool),
    /// Have what is at this path among the first rows, too; or not.
    Pin(String, bool),
    /// Show neither what is at this path nor what is below.
    Hide(String),
    /// Show it again; without a path, show everything again.
    Unhide(Option<String>),
    /// Show only the topics whose values change from now on, or all.
    OnlyChanged(bool),
    /// Ask whether the retained messages at this path and below are to be cleared.
    AskClearRetained(String),
    /// Clear them.
    ClearRetained(String),
    /// Publish again what was cleared.
    RestoreRetained(Box<Vec<Message>>),
    /// Go to the publish form, with this topic.
    PublishHere(String),
    /// Show only the topics that this finds.
    TreeFilter(String),
    /// The pointer is over the tree, or has left it.
    TreeHold(bool),
    /// List only the messages in which this text is found, or whose topics it matches.
    ListText(String),
    /// List only the messages that this finds.
    ListFilter(ListFilter),
    /// Show the filter's rarer parts, or hide them.
    MoreFilters(bool),
    /// Keep so much in the message list.
    Limits(Limits),
    /// Stop or go on listing.
    Pause(bool),
    /// The pointer is over the list, or has left it.
    ListHold(bool),
    /// Somebody reads the selected topic's messages closely, or does no more.
    DetailHold(bool),
    /// The list was scrolled away from its newest row, or back to it.
    ListAway(bool),
    /// Clear the messages away.
    Clear,
    /// Bring them back.
    Unclear,
    /// Look at payloads of the selected topic like this.
    Shape(Box<Shape>),
    /// Read Protobuf with this schema; none: without one.
    Schema(Vec<SourceFile>),
    /// How payloads were looked at before.
    Shapes(Rc<Shapes>),
    /// Save something as a file.
    Save(File),
    /// Change the charts.
    Chart(ChartAction),
    /// The charts' code is there.
    ChartsReady(ChartMaker),
    /// More can be read now: look through the history again for what the charts show.
    ChartsRefill,
    /// Copy this text.
    Copy(String),

    /// Copy the address of what is seen.
    CopyLink,

    /// The publish form was edited.
    Draft(DraftEdit),
    /// Publish what the form says.
    Send,
    /// Something else with the form.
    Publish(PublishAction),
    /// Something with files of messages.
    Tape(TapeAction),
    /// What was sent and saved has changed, here or in another tab.
    Shelf(Rc<Shelf>),
    /// The client has taken the form's message, or has not.
    Accepted(Result<PublishId, PublishError>),
    /// This was published from here: the client has taken it, or has not.
    Sent(Box<Message>, Result<PublishId, PublishError>),
    /// The form for a subscription was edited.
    SubscriptionDraft(Box<subscriptions::Draft>),
    /// Edit this subscription.
    EditSubscription(TopicFilter),
    /// Subscribe to what that form says.
    Subscribe,
    /// Subscribe to this as usual.
    SubscribeTo(String),
    /// Subscribe once more to what was unsubscribed from, at this place of the list.
    Resubscribe(Box<subscriptions::Row>, usize),
    /// End this subscription.
    Unsubscribe(TopicFilter),
    /// Have the broker send nothing for this subscription, or go on; it stays in the list.
    PauseSubscription(TopicFilter, bool),

    /// Connect anew, like this.
    Settings(Box<Settings>),
    /// Do not wait for the next attempt.
    RetryNow,
    /// End the connection, and stay away.
    Disconnect,
    /// The tab is visible again, or the network is back.
    Wake,
    /// Open this, or close what is open.
    Dialog(Option<Dialog>),
    /// Ask before something is done.
    Ask(Box<Question>),
    /// Do what was asked about, or do not.
    Answer(bool),
    /// Take back what this toast speaks of.
    Undo(u64),
    /// Say this no longer.
    Dismiss(u64),
    /// Show another view.
    Place(Place),
    /// Say something for a moment, with what takes it back.
    Say(Phrase, Option<Box<Action>>),
    /// Show another part of the page (where not all fit side by side).
    Tab(Tab),
    /// Another theme or language.
    Look(Look),
    /// Start or stop the demo device.
    Demo(bool),
    /// Open the page once more.
    OpenTab,
}

impl Action {
    /// Whether it reaches every connection's state, not one alone.
    pub(super) const fn is_for_all(&self) -> bool {
        matches!(
            self,
            Action::Tick(..)
                | Action::Wake
                | Action::Broker(_)
                | Action::Look(_)
                | Action::Limits(_)
                | Action::Schema(_)
                | Action::Shapes(_)
                | Action::ChartsReady(_)
                | Action::ChartsRefill
                | Action::Shelf(_)
        )
    }
}

/// Something to be saved.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// What it is to be called.
    pub name: String,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub bytes: Bytes,
}

/// What else can be done with the publish form.
#[derive(Clone, Debug, PartialEq)]
pub enum PublishAction {
    /// Fill it in like this.
    Load(Box<Draft>),
    /// This file's content is the payload.
    File(String, Bytes),
    /// End the repetition.
    Stop,
    /// Forget the requests.
    ForgetRequests,
    /// Forget what was sent.
    ForgetSent,
    /// Keep the form under this name.
    Save(String),
    /// Forget the template with this name.
    Remove(String),
    /// Add the templates of this file.
    Import(String),
    /// Save the templates as a file.
    Export,
}

/// What is to be done outside. The state itself says what with, where nothing is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Apply this next.
    Act(Box<Action>),
    /// Publish the form's message and say whether the client took it; it is listed.
    Send(Message),
    /// Publish a message that is not listed. If the broker refuses it, that is said.
    Publish(Message),
    /// Subscribe, as the row with this filter says.
    Subscribe(TopicFilter),
    /// Unsubscribe.
    Unsubscribe(TopicFilter),
    /// Connect anew with the settings.
    Start,
    /// Try to connect at once.
    RetryNow,
    /// Say good-bye, and stay away.
    Stop,
    /// Keep the profiles for all tabs.
    KeepProfiles,
    /// See whether the connection is alive; if there is none, try at once.
    Probe,
    /// Keep for this tab which connections there are.
    KeepConnections,
    /// End the connection, and keep nothing of it.
    Forget,
    /// Keep for all tabs how much is kept in the message list.
    KeepLimits,
    /// Keep the settings for this tab.
    KeepSettings,
    /// Keep the subscriptions for this tab.
    KeepSubscriptions,
    /// Show theme and language, and keep them for all tabs.
    ShowLook,
    /// Keep for this tab what is open, pinned and hidden in the tree.
    KeepLayout,
    /// Put the keyboard's focus on the element of this name for scripts.
    Focus(&'static str),
    /// Keep for all tabs how payloads are looked at.
    KeepShapes,
    /// Keep the schema for all tabs.
    KeepSchema,
    /// Save something as a file.
    Save(File),
    /// Bring the address bar up to date.
    Locate,
    /// Have the address bar say which broker is meant, and nothing else of the settings.
    LocateBroker,
    /// Keep what was sent and saved, for all tabs and all connections.
    KeepShelf,
    /// The same, because somebody has asked for it: if it cannot be done, that is said.
    KeepTemplates,
    /// Find a place for a file of this name, and say which.
    OpenFile(String),
    /// Write this into that file, and say when it is done.
    WriteFile(String),
    /// That file is complete.
    CloseFile,
    /// Read a piece of a file that was chosen, and say what it is.
    ReadFile {
        /// Which file.
        file: u32,
        /// Where to begin, in bytes.
        from: u64,
    },
    /// Show the messages of a file in a tab of their own.
    OpenSession(FileInfo),
    /// Publish a message of a replay and say whether the client took it.
    Play(Message),
    /// Put the page's address on the clipboard.
    CopyLink,
    /// Put text on the clipboard.
    Copy(String),
    /// Open the page once more.
    OpenTab,
    /// What the desk wants to be done.
    Desk(Sealed),
}

/// The wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clock {
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// The zone's distance from UTC in minutes; east is positive.
    pub offset_min: i32,
}
