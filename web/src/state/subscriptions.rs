//! What this tab is subscribed to, what the broker said to it, and what the form for a new one says.

use super::query;
use super::settings::{parse_qos, qos_digit};
use tabmq_shared::client::Subscription;
use tabmq_shared::packet::{QoS, ReasonCode, SubscriptionOptions};
use tabmq_shared::topic::{TopicError, TopicFilter};

/// One subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is asked for.
    pub filter: TopicFilter,
    /// The QoS that is asked for.
    pub qos: QoS,
    /// The broker's word on it: `None` until it has spoken, the granted QoS, or an error.
    pub answer: Option<ReasonCode>,
}

impl Row {
    /// As the client takes it.
    pub fn subscription(&self) -> Subscription {
        let options = SubscriptionOptions { qos: self.qos, ..SubscriptionOptions::default() };
        Subscription { filter: self.filter.clone(), options, id: None }
    }
}

/// The form for a new subscription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// What was typed.
    pub filter: String,
    /// The QoS to ask for.
    pub qos: QoS,
    /// What is wrong with it, once it was tried.
    pub error: Option<TopicError>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscriptions {
    /// In the order in which they were made.
    pub rows: Vec<Row>,
    /// The form.
    pub draft: Draft,
}

impl Subscriptions {
    /// What a tab is subscribed to that was never told anything: everything, and the broker's own figures if it is the
    /// page's own broker. Others may close the connection of whoever asks for `$SYS` (rumqttd does).
    pub fn first_visit(own_broker: bool) -> Self {
        let mut subscriptions = Subscriptions::default();
        let filters: &[&'static str] = if own_broker { &["#", "$SYS/#"] } else { &["#"] };
        for &filter in filters {
            if let Ok(filter) = TopicFilter::new(filter) {
                subscriptions.add(filter, QoS::AtMostOnce);
            }
        }
        subscriptions
    }

    /// From what [`write`](Subscriptions::write) wrote.
    pub fn read(text: &str) -> Self {
        let mut subscriptions = Subscriptions::default();
        for (qos, filter) in query::decode(text) {
            if let (Some(qos), Ok(filter)) = (parse_qos(&qos), TopicFilter::new(filter)) {
                subscriptions.add(filter, qos);
            }
        }
        subscriptions
    }

    /// Filters and QoS as text.
    pub fn write(&self) -> String {
        query::encode(self.rows.iter().map(|row| (qos_digit(row.qos), row.filter.as_str())))
    }

    /// Adds one, or changes the one with this filter; its answer is still to come.
    pub fn add(&mut self, filter: TopicFilter, qos: QoS) {
        match self.rows.iter_mut().find(|row| row.filter == filter) {
            Some(row) => *row = Row { filter, qos, answer: None },
            None => self.rows.push(Row { filter, qos, answer: None }),
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, filter: &TopicFilter) {
        self.rows.retain(|row| row.filter != *filter);
    }

    /// The broker's word on one.
    pub fn answered(&mut self, filter: &TopicFilter, answer: ReasonCode) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.filter == *filter) {
            row.answer = Some(answer);
        }
    }

    /// The connection is gone, and all answers with it.
    pub fn forget_answers(&mut self) {
        for row in &mut self.rows {
            row.answer = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept() {
        let mut subscriptions = Subscriptions::first_visit(true);
        subscriptions.add(TopicFilter::new("a b/+").unwrap(), QoS::ExactlyOnce);
        assert_eq!(Subscriptions::read(&subscriptions.write()), subscriptions);
        assert_eq!(Subscriptions::read("7=a&1=&1=a%23&1=ok").rows.len(), 1);
    }

    #[test]
    fn a_foreign_broker_is_not_asked_for_its_figures() {
        assert_eq!(Subscriptions::first_visit(false).write(), query::encode([("0", "#")].into_iter()));
    }

    #[test]
    fn the_same_filter_again_replaces() {
        let mut subscriptions = Subscriptions::first_visit(true);
        let filter = TopicFilter::new("#").unwrap();
        subscriptions.answered(&filter, ReasonCode::Success);
        subscriptions.add(filter.clone(), QoS::AtLeastOnce);
        let row = &subscriptions.rows[0];
        assert_eq!((row.qos, row.answer), (QoS::AtLeastOnce, None));
        assert_eq!(
            subscriptions.rows.iter().map(|row| row.filter.as_str()).collect::<Vec<_>>(),
            ["#", "$SYS/#"]
        );
        subscriptions.remove(&filter);
        assert_eq!(subscriptions.rows.len(), 1);
    }
}
