//! Reason codes (5.0: section 2.4).

use super::PacketType;

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, [$($packet:ident)*];)*) => {
        /// Why something happened, as one byte. Values of 0x80 and above are failures.
        ///
        /// 0x00 has three names in the specification (success, normal disconnection, granted QoS 0); here it is one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum ReasonCode { $($(#[$doc])* #[doc = $text] $name = $code,)* }

        impl ReasonCode {
            /// Every code, in order of value.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$name,)*];

            /// The code with this value, if the specification has one.
            pub const fn from_u8(value: u8) -> Option<ReasonCode> {
                match value { $($code => Some(ReasonCode::$name),)* _ => None }
            }

            /// The specification's name for it, in lower case.
            pub const fn text(self) -> &'static str {
                match self { $(ReasonCode::$name => $text,)* }
            }

            /// Whether a packet of this type may carry it (the table in section 2.4).
            pub const fn allowed_in(self, packet: PacketType) -> bool {
                match self {
                    $(ReasonCode::$name => matches!(packet, $(PacketType::$packet)|*),)*
                }
            }
        }
    };
}

reason_codes! {
    Success = 0x00, "success", [ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth];
    GrantedQoS1 = 0x01, "granted QoS 1", [SubAck];
    GrantedQoS2 = 0x02, "granted QoS 2", [SubAck];
    DisconnectWithWill = 0x04, "disconnect with will message", [Disconnect];
    NoMatchingSubscribers = 0x10, "no matching subscribers", [PubAck PubRec];
    NoSubscriptionExisted = 0x11, "no subscription existed", [UnsubAck];
    ContinueAuthentication = 0x18, "continue authentication", [Auth];
    ReAuthenticate = 0x19, "re-authenticate", [Auth];
    UnspecifiedError = 0x80, "unspecified error", [ConnAck PubAck PubRec SubAck UnsubAck Disconnect];
    MalformedPacket = 0x81, "malformed packet", [ConnAck Disconnect];
    ProtocolError = 0x82, "protocol error", [ConnAck Disconnect];
    ImplementationSpecificError = 0x83, "implementation specific error", [ConnAck PubAck PubRec SubAck UnsubAck Disconnect];
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version", [ConnAck];
    ClientIdentifierNotValid = 0x85, "client identifier not valid", [ConnAck];
    BadUserNameOrPassword = 0x86, "bad user name or password", [ConnAck];
    NotAuthorized = 0x87, "not authorized", [ConnAck PubAck PubRec SubAck UnsubAck Disconnect];
    ServerUnavailable = 0x88, "server unavailable", [ConnAck];
    ServerBusy = 0x89, "server busy", [ConnAck Disconnect];
    Banned = 0x8A, "banned", [ConnAck];
    ServerShuttingDown = 0x8B, "server shutting down", [Disconnect];
    BadAuthenticationMethod = 0x8C, "bad authentication method", [ConnAck Disconnect];
    KeepAliveTimeout = 0x8D, "keep alive timeout", [Disconnect];
    SessionTakenOver = 0x8E, "session taken over", [Disconnect];
    TopicFilterInvalid = 0x8F, "topic filter invalid", [SubAck UnsubAck Disconnect];
    TopicNameInvalid = 0x90, "topic name invalid", [ConnAck PubAck PubRec Disconnect];
    PacketIdentifierInUse = 0x91, "packet identifier in use", [PubAck PubRec SubAck UnsubAck];
    PacketIdentifierNotFound = 0x92, "packet identifier not found", [PubRel PubComp];
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded", [Disconnect];
    TopicAliasInvalid = 0x94, "topic alias invalid", [Disconnect];
    PacketTooLarge = 0x95, "packet too large", [ConnAck Disconnect];
    MessageRateTooHigh = 0x96, "message rate too high", [Disconnect];
    QuotaExceeded = 0x97, "quota exceeded", [ConnAck PubAck PubRec SubAck Disconnect];
    AdministrativeAction = 0x98, "administrative action", [Disconnect];
    PayloadFormatInvalid = 0x99, "payload format invalid", [ConnAck PubAck PubRec Disconnect];
    RetainNotSupported = 0x9A, "retain not supported", [ConnAck Disconnect];
    QoSNotSupported = 0x9B, "QoS not supported", [ConnAck Disconnect];
    UseAnotherServer = 0x9C, "use another server", [ConnAck Disconnect];
    ServerMoved = 0x9D, "server moved", [ConnAck Disconnect];
    SharedSubscriptionsNotSupported = 0x9E, "shared subscriptions not supported", [SubAck Disconnect];
    ConnectionRateExceeded = 0x9F, "connection rate exceeded", [ConnAck Disconnect];
    MaximumConnectTime = 0xA0, "maximum connect time", [Disconnect];
    SubscriptionIdentifiersNotSupported = 0xA1, "subscription identifiers not supported", [SubAck Disconnect];
    WildcardSubscriptionsNotSupported = 0xA2, "wildcard subscriptions not supported", [SubAck Disconnect];
}

impl ReasonCode {
    /// The byte on the wire.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether it says that something failed.
    pub const fn is_error(self) -> bool {
        self.as_u8() >= 0x80
    }
}

impl std::fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (0x{:02X})", self.text(), self.as_u8())
    }
}
