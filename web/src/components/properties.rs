//! The MQTT 5 properties of a message, all of them.

use crate::i18n::{Lang, Text};
use crate::payload::{preview, visible_line};
use tabmq_shared::packet::PublishProperties;
use yew::prelude::*;

/// Correlation data is shown up to so many characters.
const CORRELATION_CHARS: usize = 200;

/// A table of what is there; nothing if there is nothing.
pub(super) fn properties(lang: Lang, properties: &PublishProperties) -> Html {
    let rows = rows(lang, properties);
    if rows.is_empty() {
        return Html::default();
    }
    html! {
        <section class="properties" data-test="properties">
            <h3>{ lang.t(Text::Properties) }</h3>
            <dl>
                { for rows.into_iter().map(|(name, value)| html! { <><dt>{ name }</dt><dd>{ value }</dd></> }) }
            </dl>
        </section>
    }
}

fn rows(lang: Lang, properties: &PublishProperties) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |name: Text, value: Option<String>| {
        if let Some(value) = value {
            rows.push((lang.t(name).to_owned(), value));
        }
    };
    let PublishProperties {
        payload_format_utf8,
        message_expiry_s,
        content_type,
        response_topic,
        correlation_data,
        subscription_ids,
        user,
    } = properties;
    let format =
        |utf8: bool| lang.t(if utf8 { Text::PropFormatText } else { Text::PropFormatBytes }).to_owned();
    row(Text::PropFormat, payload_format_utf8.map(format));
    row(Text::PropExpiry, message_expiry_s.map(|s| format!("{s} s")));
    row(Text::PropContentType, content_type.as_deref().map(visible_line));
    row(Text::PropResponse, response_topic.as_deref().map(visible_line));
    row(Text::PropCorrelation, correlation_data.as_ref().map(|data| preview(data, CORRELATION_CHARS)));
    let ids: Vec<_> = subscription_ids.iter().map(u32::to_string).collect();
    row(Text::PropSubscriptionIds, (!ids.is_empty()).then(|| ids.join(", ")));
    let user = user.iter().map(|(name, value)| (visible_line(name), visible_line(value)));
    rows.extend(user);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_has_its_row_and_user_properties_keep_their_order() {
        let properties = PublishProperties {
            payload_format_utf8: Some(true),
            message_expiry_s: Some(60),
            content_type: Some("text/plain".into()),
            response_topic: Some("a/answer".into()),
            correlation_data: Some(bytes::Bytes::from_static(b"\xff\x01")),
            subscription_ids: vec![1, 2],
            user: vec![("b".into(), "1".into()), ("a".into(), "2\u{202e}".into()), ("b".into(), "3".into())],
        };
        let values: Vec<_> = rows(Lang::En, &properties).into_iter().map(|(_, value)| value).collect();
        let expected =
            ["UTF-8 text", "60 s", "text/plain", "a/answer", "ff 01", "1, 2", "1", "2\u{25af}", "3"];
        assert_eq!(values, expected);
        assert!(rows(Lang::En, &PublishProperties::default()).is_empty());
    }
}
