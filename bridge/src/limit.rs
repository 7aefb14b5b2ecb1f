//! The names of the limits, for those who keep to them and those who count: the gate before a connection's first byte, the
//! connection, and the broker's core.

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A limit that somebody met. Messages that were dropped because a queue was full are counted by
        /// `DropReason` instead.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Limit {
            $($(#[$doc])* $name,)*
        }

        impl Limit {
            /// All of them, in the order of `Stats::limited`'s counters.
            pub const ALL: &[Limit] = &[$(Limit::$name,)*];

            /// How many there are.
            pub const COUNT: usize = Limit::ALL.len();

            /// A stable name for metrics, `$SYS` and the API: the setting's, as far as there is one.
            pub const fn name(self) -> &'static str {
                match self { $(Limit::$name => $text,)* }
            }
        }
    };
}

limits! {
    /// A connection more than all may be.
    Connections = "max-connections",
    /// A connection more than one address may have.
    ConnectionsPerAddress = "max-connections-per-address",
    /// A connection more than one user may have.
    ConnectionsPerUser = "max-connections-per-user",
    /// A connection more than may be on their way to be let in.
    Pending = "max-pending",
    /// A connection waited to be accepted because many came at once.
    ConnectRate = "connect-rate",
    /// Connections of one address came too fast.
    ConnectRatePerAddress = "connect-rate-per-address",
    /// Somebody was not let in within the time for that.
    ConnectTimeout = "connect-timeout",
    /// A session more than there may be.
    Sessions = "max-sessions",
    /// A subscription more than one session may have.
    Subscriptions = "max-subscriptions",
    /// A subscription more than all sessions may have.
    AllSubscriptions = "all-subscriptions",
    /// A packet with too many filters.
    FiltersPerPacket = "max-filters",
    /// A topic or filter that is too long.
    TopicLength = "max-topic-length",
    /// A topic or filter with too many levels.
    TopicLevels = "max-topic-levels",
    /// A packet that is too large, or has too many user properties.
    PacketSize = "max-packet-size",
    /// More unfinished QoS 2 messages than were agreed on.
    ReceiveMaximum = "receive-maximum",
    /// A client published too many messages a second and was not read from for a while.
    MessageRate = "message-rate",
    /// A client sent too many bytes a second and was not read from for a while.
    ByteRate = "byte-rate",
    /// A client took nothing of what waited for it, and was closed.
    WriteTimeout = "write-timeout",
}
