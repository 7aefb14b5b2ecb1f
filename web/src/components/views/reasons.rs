//! Why something ended or was refused, in words.

use crate::i18n::Lang;
use crate::i18n::words::Words;
use tabmq_shared::api::events::Ending;
use tabmq_shared::packet::ReasonCode;

/// How a connection ended. `sentence` is the broker's, with what only the broker knows.
pub(super) fn end_words(lang: Lang, how: Ending, code: Option<u8>, sentence: &str) -> String {
    let detail = sentence.split_once(": ").map(|(_, detail)| detail);
    let (words, more) = match (how, code) {
        (Ending::Goodbye, None | Some(0)) => (Words::EndGoodbye, String::new()),
        (Ending::Goodbye, Some(code)) => {
            (Words::EndGoodbyeSaying, code_words(lang, code, detail.unwrap_or(sentence)))
        }
        (Ending::Lost, _) => match detail {
            None => (Words::EndLost, String::new()),
            Some(detail) => (Words::EndLostSaying, detail.to_owned()),
        },
        (Ending::Silent, _) => (Words::EndSilent, String::new()),
        (Ending::TakenOver, _) => (Words::EndTakenOver, String::new()),
        (Ending::Violation, code) => (Words::EndViolation, with_code(lang, code, sentence)),
        (Ending::Ended, code) => (Words::EndEnded, with_code(lang, code, sentence)),
    };
    lang.fill_words(words, &[("words", &more)])
}

/// The broker's sentence is English, and ends with the code; what the code says is in every language.
fn with_code(lang: Lang, code: Option<u8>, sentence: &str) -> String {
    match (lang, code) {
        (Lang::Zh, Some(code)) => {
            let cause = sentence.rsplit_once(": ").map_or(sentence, |(cause, _)| cause);
            format!("{}（{cause}）", code_words(lang, code, sentence))
        }
        _ => sentence.to_owned(),
    }
}

/// A reason code; `or` is what the broker calls it.
pub(super) fn code_words(lang: Lang, code: u8, or: &str) -> String {
    let known = ReasonCode::from_u8(code).and_then(words);
    match (lang, known) {
        (Lang::Zh, Some(words)) => lang.w(words).to_owned(),
        _ => or.to_owned(),
    }
}

/// What the access rules speak of.
pub(super) fn action_words(lang: Lang, action: &str) -> &str {
    match action {
        "publish" => lang.w(Words::ActionPublish),
        "retain" => lang.w(Words::ActionRetain),
        "subscribe" => lang.w(Words::ActionSubscribe),
        "receive" => lang.w(Words::ActionReceive),
        other => other,
    }
}

/// The codes that a connection can be refused or ended with, or a subscription be answered with.
const fn words(code: ReasonCode) -> Option<Words> {
    Some(match code {
        ReasonCode::DisconnectWithWill => Words::CodeWithWill,
        ReasonCode::NoSubscriptionExisted => Words::CodeNoSubscription,
        ReasonCode::UnspecifiedError => Words::CodeUnspecified,
        ReasonCode::MalformedPacket => Words::CodeMalformed,
        ReasonCode::ProtocolError => Words::CodeProtocol,
        ReasonCode::ImplementationSpecificError => Words::CodeSpecific,
        ReasonCode::UnsupportedProtocolVersion => Words::CodeVersion,
        ReasonCode::ClientIdentifierNotValid => Words::CodeClientId,
        ReasonCode::BadUserNameOrPassword => Words::CodePassword,
        ReasonCode::NotAuthorized => Words::CodeNotAuthorized,
        ReasonCode::ServerUnavailable => Words::CodeUnavailable,
        ReasonCode::ServerBusy => Words::CodeBusy,
        ReasonCode::Banned => Words::CodeBanned,
        ReasonCode::ServerShuttingDown => Words::CodeShuttingDown,
        ReasonCode::BadAuthenticationMethod => Words::CodeMethod,
        ReasonCode::KeepAliveTimeout => Words::CodeKeepAlive,
        ReasonCode::SessionTakenOver => Words::CodeTakenOver,
        ReasonCode::TopicFilterInvalid => Words::CodeFilter,
        ReasonCode::TopicNameInvalid => Words::CodeTopic,
        ReasonCode::ReceiveMaximumExceeded => Words::CodeReceiveMaximum,
        ReasonCode::TopicAliasInvalid => Words::CodeAlias,
        ReasonCode::PacketTooLarge => Words::CodeTooLarge,
        ReasonCode::MessageRateTooHigh => Words::CodeRate,
        ReasonCode::QuotaExceeded => Words::CodeQuota,
        ReasonCode::AdministrativeAction => Words::CodeAdministrative,
        ReasonCode::PayloadFormatInvalid => Words::CodeFormat,
        ReasonCode::RetainNotSupported => Words::CodeRetain,
        ReasonCode::QoSNotSupported => Words::CodeQoS,
        ReasonCode::UseAnotherServer => Words::CodeAnotherServer,
        ReasonCode::ServerMoved => Words::CodeMoved,
        ReasonCode::SharedSubscriptionsNotSupported => Words::CodeShared,
        ReasonCode::ConnectionRateExceeded => Words::CodeConnectionRate,
        ReasonCode::MaximumConnectTime => Words::CodeConnectTime,
        ReasonCode::SubscriptionIdentifiersNotSupported => Words::CodeIds,
        ReasonCode::WildcardSubscriptionsNotSupported => Words::CodeWildcards,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_in_both_languages() {
        let cases = [
            (Ending::Goodbye, Some(0), "the client disconnected", "the client disconnected", "客户端已断开"),
            (
                Ending::Goodbye,
                Some(4),
                "the client disconnected: disconnect with will message (0x04)",
                "the client disconnected: disconnect with will message (0x04)",
                "客户端已断开：断开并发布遗嘱",
            ),
            (
                Ending::Lost,
                None,
                "the connection was closed without DISCONNECT",
                "the connection was closed without DISCONNECT",
                "连接未经 DISCONNECT 即关闭",
            ),
            (
                Ending::Lost,
                None,
                "the connection was lost: reset",
                "the connection was lost: reset",
                "连接中断：reset",
            ),
            (
                Ending::Silent,
                Some(0x8d),
                "nothing was received for 1.5 times the keep-alive of 5 s",
                "nothing was received for 1.5 times the keep-alive",
                "超过保活时间的 1.5 倍未收到任何数据",
            ),
            (
                Ending::TakenOver,
                Some(0x8e),
                "another connection uses the same client id",
                "another connection uses the same client id",
                "另一连接使用了相同的客户端标识",
            ),
            (
                Ending::Violation,
                Some(0x82),
                "a second CONNECT: protocol error (0x82)",
                "a second CONNECT: protocol error (0x82)",
                "客户端违反协议：协议错误（a second CONNECT）",
            ),
            (
                Ending::Ended,
                Some(0x98),
                "ended by the API: administrative action (0x98)",
                "ended by the API: administrative action (0x98)",
                "由代理断开：管理操作（ended by the API）",
            ),
        ];
        for (how, code, sentence, en, zh) in cases {
            assert_eq!(end_words(Lang::En, how, code, sentence), en);
            assert_eq!(end_words(Lang::Zh, how, code, sentence), zh);
        }
    }

    #[test]
    fn every_code_that_ends_or_refuses_has_chinese_words() {
        use tabmq_shared::packet::PacketType;
        let packets = [PacketType::ConnAck, PacketType::Disconnect, PacketType::SubAck, PacketType::UnsubAck];
        for code in ReasonCode::ALL {
            let is_said = code.is_error() && packets.iter().any(|packet| code.allowed_in(*packet));
            let words = code_words(Lang::Zh, code.as_u8(), "?");
            assert!(!is_said || words != "?" || *code == ReasonCode::PacketIdentifierInUse, "{code}");
        }
        assert_eq!(code_words(Lang::En, 0x87, "not authorized"), "not authorized");
        assert_eq!(code_words(Lang::Zh, 0xff, "unheard of"), "unheard of");
    }
}
