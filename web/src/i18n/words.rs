//! The words of the views, which are loaded with them.

use super::{Lang, filled};

macro_rules! words {
    ($($name:ident = $en:literal, $zh:literal;)*) => {
        /// What can be said in the views.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Words { $(#[doc = $en] $name,)* }

        impl Words {
            const fn both(self) -> (&'static str, &'static str) {
                match self { $(Words::$name => ($en, $zh),)* }
            }

            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &'static [Words] = &[$(Words::$name,)*];
        }
    };
}

impl Lang {
    /// A text without places to fill.
    pub const fn w(self, words: Words) -> &'static str {
        let (en, zh) = words.both();
        match self {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// A text with its places filled.
    pub fn fill_words(self, words: Words, values: &[(&str, &str)]) -> String {
        filled(self.w(words), values)
    }
}

words! {
    // Troubles, logging in
    NoAnswer = "The broker does not answer. Is it running?", "代理没有响应。它是否正在运行？";
    WrongPassword = "Wrong user name or password.", "用户名或密码错误。";
    Throttled = "Too many wrong passwords: try again in {n} s.", "密码错误次数过多，请在 {n} 秒后重试。";
    Denied = "Your role does not suffice: {why}. Log in as somebody else, or ask whoever runs the broker for the role.", "权限不足：{why}。请换用其他用户登录，或向代理管理员申请相应角色。";
    NotThere = "It is not there any more.", "已不存在。";
    RefusedWhy = "The broker refuses: {why}", "代理拒绝：{why}";
    Garbled = "The broker answers something else than expected. If it was updated meanwhile, load the page again.", "代理的应答无法识别。如果代理已更新，请重新加载页面。";
    TryAgain = "Try again", "重试";
    LogInTitle = "Log in", "登录";
    LogInWhy = "This broker tells about its clients, messages and events only to users with the role “viewer” or more. The password stays in this tab's memory.", "此代理仅向具有“viewer”及以上角色的用户提供客户端、消息和事件信息。密码只保存在本标签页的内存中。";
    User = "User", "用户";
    Password = "Password", "密码";
    LogIn = "Log in", "登录";
    LogOut = "Log out", "退出登录";
    LoggedInAs = "{user} · {role}", "{user} · {role}";
    RoleViewer = "viewer", "查看者";
    RolePublisher = "publisher", "发布者";
    RoleAdmin = "admin", "管理员";
    NeedsAdmin = "This needs the role “admin”", "需要“admin”角色";
    NeedsPublisher = "This needs the role “publisher” or more", "需要“publisher”及以上角色";
    Loading = "Loading…", "正在加载…";

    // Clients
    FindClients = "Find: client id, user, address", "查找：客户端标识、用户、地址";
    ClientsCount = "{connected} connected · {n} in all", "{connected} 个在线 · 共 {n} 个";
    ClientsFound = "{n} found", "找到 {n} 个";
    EveryState = "all", "全部";
    OnlyConnected = "connected", "在线";
    OnlyAbsent = "absent", "离线";
    StateFilter = "Connected or not", "在线状态";
    ColumnClient = "Client", "客户端";
    ColumnUser = "User", "用户";
    ColumnAddress = "Address", "地址";
    ColumnProtocol = "Protocol", "协议";
    ColumnSince = "Since", "时长";
    ColumnSubscriptions = "Subs", "订阅";
    ColumnQueued = "Queue", "队列";
    ColumnReceived = "Sent by it", "已发送";
    ColumnSent = "Got", "已接收";
    SortBy = "Sort by {column}", "按“{column}”排序";
    Gone = "gone", "已离开";
    NoClients = "Nobody is connected.", "没有客户端连接。";
    NoClientFound = "No client is found.", "没有符合条件的客户端。";
    TooManyRows = "There are too many to list them all: only the first {n}. Search to find the others.", "数量过多，仅列出前 {n} 个。请使用搜索查找其余项。";
    ThisTab = "this tab", "本标签页";
    PickClient = "Choose a client to see its subscriptions, its queue and what it may do next.", "选择一个客户端以查看其订阅、队列和详细信息。";
    Back = "Back", "返回";
    EventsOfClient = "Its events", "相关事件";
    Disconnect = "Disconnect", "断开连接";
    RemoveSession = "Remove session", "移除会话";
    AskDisconnect = "Disconnect {id}?", "断开 {id} 的连接？";
    AskDisconnectHint = "It is told so (administrative action) and may come back at once. Its session stays as long as it asked for.", "客户端会收到通知（管理操作），并可能立即重连。其会话按约定时间保留。";
    AskRemoveSession = "Remove the session of {id}?", "移除 {id} 的会话？";
    AskRemoveSessionHint = "{subscriptions} subscriptions and {queued} waiting messages go with it. This cannot be undone.", "其 {subscriptions} 个订阅和 {queued} 条排队消息将一并删除，且无法撤销。";
    Disconnected = "{id} was disconnected", "已断开 {id} 的连接";
    SessionRemoved = "The session of {id} was removed", "已移除 {id} 的会话";
    WasGone = "{id} was gone already", "{id} 此前已离开";
    Connection = "Connection", "连接";
    ConnectedFor = "connected for {age}", "已连接 {age}";
    AbsentFor = "absent for {age}", "已离线 {age}";
    Absent = "absent", "离线";
    KeepAliveRow = "Keep-alive", "保活间隔";
    NoKeepAlive = "none", "无";
    CleanStart = "Clean start", "全新会话";
    Certificate = "Certificate", "证书";
    Groups = "Groups", "用户组";
    Traffic = "Traffic", "流量";
    FromClient = "From the client", "来自客户端";
    ToClient = "To the client", "发往客户端";
    MessagesBytes = "{n} messages, {bytes}", "{n} 条消息，{bytes}";
    Session = "Session", "会话";
    Expiry = "Outlives the connection", "连接断开后保留";
    ExpiryNever = "for ever", "永久";
    ExpiryNone = "no", "不保留";
    Waiting = "Waiting messages", "排队消息";
    InFlight = "Not acknowledged", "未确认";
    Unfinished = "Unfinished QoS 2", "未完成的 QoS 2";
    Outbox = "Waiting to be written", "待写出";
    LastEnd = "Last connection", "上次连接";
    LastEndWords = "ended {age} ago: {reason}", "{age} 前结束：{reason}";
    WillRow = "Will", "遗嘱";
    WillWords = "{topic}, QoS {qos}, {bytes}, after {delay} s", "{topic}，QoS {qos}，{bytes}，延迟 {delay} 秒";
    SubscriptionsTitle = "Subscriptions", "订阅";
    NoSubscriptions = "It is subscribed to nothing.", "没有任何订阅。";
    MoreSubscriptions = "and {n} more", "另有 {n} 个";
    Resting = "resting: the access rules do not allow it", "暂停：访问规则不允许";
    NoLocal = "no local", "no local";
    AsPublished = "as published", "as published";

    // Retained
    FindRetained = "Find: text, or a filter such as home/#", "查找：文本，或 home/# 形式的过滤器";
    RetainedCount = "{n} kept · {bytes}", "保留 {n} 条 · {bytes}";
    RetainedFound = "{n} found", "找到 {n} 条";
    ColumnTopic = "Topic", "主题";
    ColumnValue = "Value", "值";
    ColumnSize = "Size", "大小";
    ColumnAge = "Age", "时间";
    ColumnPublisher = "Publisher", "发布者";
    NotReadable = "not for you to read", "无权读取";
    NothingRetained = "Nothing is kept: no message was published with the retain flag.", "没有保留消息：尚未发布带 retain 标志的消息。";
    NoRetainedFound = "No kept message is found.", "没有符合条件的保留消息。";
    PickRetained = "Choose a message to look into it.", "选择一条消息以查看内容。";
    ByBroker = "the API, a bridge or the broker itself", "API、桥接或代理自身";
    ExpiresIn = "expires in {age}", "{age} 后过期";
    PublishedAgo = "published {age} ago", "{age} 前";
    PublishedBy = "by {id}", "由 {id} 发布";
    ShowInExplore = "Show in Explore", "在“浏览”中查看";
    ClearOne = "Clear…", "清除…";
    ClearAll = "Clear all…", "清除全部…";
    ClearMany = "Clear all that is found…", "清除全部结果…";
    ClearManyHint = "To clear many at once, look for a topic filter such as home/#", "如需批量清除，请使用 home/# 形式的主题过滤器";
    Counting = "Counting…", "正在统计…";
    NothingKept = "Nothing is kept under {topic} that could be cleared", "{topic} 下没有可清除的保留消息";
    AskClear = "Clear {n} retained messages under {topic}?", "清除 {topic} 下的 {n} 条保留消息？";
    AskClearLost = "Clear {n} retained messages under {topic}? {lost} of them cannot be brought back: too long, too many, or not readable for you.", "清除 {topic} 下的 {n} 条保留消息？其中 {lost} 条因过长、过多或无权读取而无法恢复。";
    AskClearOne = "Clear the retained message of {topic}?", "清除 {topic} 的保留消息？";
    AskClearOneLost = "Clear the retained message of {topic}? It cannot be brought back: too long, or not readable for you.", "清除 {topic} 的保留消息？因过长或无权读取，此操作无法撤销。";
    ClearCount = "Clear {n}", "清除 {n} 条";
    Cleared = "{n} retained messages cleared", "已清除 {n} 条保留消息";
    ClearedSome = "{n} retained messages cleared, {denied} stay: the access rules protect them", "已清除 {n} 条保留消息，{denied} 条受访问规则保护而保留";
    Restored = "{n} retained messages published again", "已重新发布 {n} 条保留消息";
    RestoredSome = "{n} retained messages published again, {failed} refused", "已重新发布 {n} 条保留消息，{failed} 条被拒绝";

    // Events
    FindEvents = "Find: client, topic, address", "查找：客户端、主题、地址";
    EventsKept = "{n} kept", "保留 {n} 条";
    EventsShown = "{n} of {all}", "显示 {n} / {all}";
    EventsGone = "The oldest {n} have gone: {max} are kept.", "最早的 {n} 条已移除：最多保留 {max} 条。";
    Live = "live", "实时";
    NotLive = "not live", "未连接";
    Pause = "Pause the list", "暂停列表";
    Resume = "Resume the list", "继续列表";
    ClearEvents = "Clear the list", "清空列表";
    NewEvents = "{n} new", "{n} 条新事件";
    Kinds = "Kinds of events", "事件类型";
    NoEvents = "Nothing has happened yet. Whoever comes, goes or subscribes appears here at once.", "尚无事件。客户端的连接、断开和订阅会立即显示在这里。";
    NoEventFound = "No event is found.", "没有符合条件的事件。";
    KindConnected = "connected", "连接";
    KindRefused = "refused", "拒绝";
    KindDisconnected = "disconnected", "断开";
    KindSubscribed = "subscribed", "订阅";
    KindUnsubscribed = "unsubscribed", "取消订阅";
    KindDenied = "denied", "无权限";
    KindPublished = "published", "发布";
    KindUnconsumed = "nobody listens", "无人接收";
    KindLost = "lost", "丢失";
    WhatConnected = "from {address}, MQTT {version} over {transport}", "来自 {address}，MQTT {version}（{transport}）";
    WhatResumed = "from {address}, MQTT {version} over {transport}, goes on with its session", "来自 {address}，MQTT {version}（{transport}），恢复会话";
    WhatRefused = "from {address}: {reason}. {why}", "来自 {address}：{reason}。{why}";
    WhatSubscribed = "{filter} at QoS {qos}", "{filter}，授予 QoS {qos}";
    WhatNotSubscribed = "{filter}: {reason}", "{filter}：{reason}";
    WhatDenied = "{action} {topic}: {why}", "{action} {topic}：{why}";
    WhatDeniedMore = "{action} {topic}: {why}; {n} more like it", "{action} {topic}：{why}；另有 {n} 次";
    WhatPublished = "{topic}, {bytes}, QoS {qos}, {n} receivers", "{topic}，{bytes}，QoS {qos}，{n} 个接收者";
    WhatLost = "{n} events are missing here", "此处缺失 {n} 个事件";
    WhatRestarted = "The broker was started anew: events may be missing here", "代理已重新启动，此处可能缺失事件";
    EndGoodbye = "the client disconnected", "客户端已断开";
    EndGoodbyeSaying = "the client disconnected: {words}", "客户端已断开：{words}";
    EndLost = "the connection was closed without DISCONNECT", "连接未经 DISCONNECT 即关闭";
    EndLostSaying = "the connection was lost: {words}", "连接中断：{words}";
    EndSilent = "nothing was received for 1.5 times the keep-alive", "超过保活时间的 1.5 倍未收到任何数据";
    EndTakenOver = "another connection uses the same client id", "另一连接使用了相同的客户端标识";
    EndViolation = "{words}", "客户端违反协议：{words}";
    EndEnded = "{words}", "由代理断开：{words}";
    ActionPublish = "publish", "发布";
    ActionRetain = "retain", "保留";
    ActionSubscribe = "subscribe", "订阅";
    ActionReceive = "receive", "接收";
    CodeWithWill = "disconnect with will message", "断开并发布遗嘱";
    CodeNoSubscription = "no subscription existed", "没有此订阅";
    CodeUnspecified = "unspecified error", "未说明的错误";
    CodeMalformed = "malformed packet", "报文格式错误";
    CodeProtocol = "protocol error", "协议错误";
    CodeSpecific = "implementation specific error", "实现特定的错误";
    CodeVersion = "unsupported protocol version", "不支持的协议版本";
    CodeClientId = "client identifier not valid", "客户端标识无效";
    CodePassword = "bad user name or password", "用户名或密码错误";
    CodeNotAuthorized = "not authorized", "未获授权";
    CodeUnavailable = "server unavailable", "服务不可用";
    CodeBusy = "server busy", "服务繁忙";
    CodeBanned = "banned", "已被禁止";
    CodeShuttingDown = "server shutting down", "服务正在关闭";
    CodeMethod = "bad authentication method", "认证方法无效";
    CodeKeepAlive = "keep alive timeout", "保活超时";
    CodeTakenOver = "session taken over", "会话被接管";
    CodeFilter = "topic filter invalid", "主题过滤器无效";
    CodeTopic = "topic name invalid", "主题名无效";
    CodeReceiveMaximum = "receive maximum exceeded", "超过接收最大值";
    CodeAlias = "topic alias invalid", "主题别名无效";
    CodeTooLarge = "packet too large", "报文过大";
    CodeRate = "message rate too high", "消息速率过高";
    CodeQuota = "quota exceeded", "超出配额";
    CodeAdministrative = "administrative action", "管理操作";
    CodeFormat = "payload format invalid", "载荷格式无效";
    CodeRetain = "retain not supported", "不支持保留消息";
    CodeQoS = "QoS not supported", "不支持此 QoS";
    CodeAnotherServer = "use another server", "请使用其他服务器";
    CodeMoved = "server moved", "服务器已迁移";
    CodeShared = "shared subscriptions not supported", "不支持共享订阅";
    CodeConnectionRate = "connection rate exceeded", "连接速率过高";
    CodeConnectTime = "maximum connect time", "达到最长连接时间";
    CodeIds = "subscription identifiers not supported", "不支持订阅标识";
    CodeWildcards = "wildcard subscriptions not supported", "不支持通配符订阅";
    TheApi = "the API or the broker", "API 或代理";
    Nobody = "(no client id)", "（无客户端标识）";

    // The broker
    BrokerTitle = "Broker", "代理";
    GatewayTitle = "Gateway", "网关";
    About = "About", "关于";
    Version = "Version", "版本";
    Speaks = "Speaks", "协议";
    Uptime = "Up for", "运行时间";
    Memory = "Memory", "内存";
    Processor = "Processor", "处理器";
    ClientsNow = "Clients", "客户端";
    ClientsNowHint = "at most {max} at a time · {sessions} sessions · {subscriptions} subscriptions", "峰值 {max} · {sessions} 个会话 · {subscriptions} 个订阅";
    MessagesIn = "Messages in", "消息流入";
    MessagesOut = "Messages out", "消息流出";
    BytesIn = "Bytes in", "字节流入";
    BytesOut = "Bytes out", "字节流出";
    EverySecond = "{n}/s", "{n}/秒";
    InAll = "{n} since the start", "启动以来 {n}";
    KeptRetained = "Retained", "保留消息";
    KeptHint = "{bytes}, with $SYS · queued: {queued} · {queued_bytes}", "{bytes}（含 $SYS）· 排队：{queued} 条 · {queued_bytes}";
    LastMinutes = "the last {n}", "最近 {n}";
    Drops = "Messages lost, by reason", "丢失的消息（按原因）";
    NoDrops = "None was lost.", "没有丢失任何消息。";
    Denials = "Denied by access rules", "访问规则拒绝";
    LimitsMet = "Limits that were met", "触及的限制";
    NoLimits = "None was met.", "未触及任何限制。";
    Logins = "Log-ins and handshakes that failed", "失败的登录与握手";
    LoginFailures = "wrong passwords", "密码错误";
    LoginThrottled = "throttled", "被限速";
    LoginOverrun = "not looked at", "未处理";
    TlsRefused = "TLS handshakes refused", "TLS 握手被拒绝";
    TlsLate = "TLS handshakes too slow", "TLS 握手超时";
    ConnectsRefused = "connections refused", "连接被拒绝";
    Listeners = "Listeners", "监听地址";
    Bridges = "Bridges", "桥接";
    BridgeFor = "{state} for {age} · {sent} sent · {received} received", "{state}，持续 {age} · 发送 {sent} · 接收 {received}";
    BridgeLost = "{n} lost", "丢失 {n} 条";
    StateConnecting = "connecting", "正在连接";
    StateConnected = "connected", "已连接";
    StateDisconnected = "not connected", "未连接";
    StateUnreachable = "unreachable", "无法访问";
    StateRefused = "refused", "被拒绝";
    Upstream = "The broker behind it", "上游代理";
    UpstreamFor = "{state} for {age}, MQTT {version}", "{state}，持续 {age}，MQTT {version}";
    Tabs = "Connections of browsers", "浏览器连接";
    TabsWords = "{now} of {limit} · {total} since the start · {refused} refused · {failed} failed", "{now} / {limit} · 启动以来 {total} · 拒绝 {refused} · 失败 {failed}";
    PassedUp = "To the broker", "发往代理";
    PassedDown = "From the broker", "来自代理";
    GatewayHint = "Who is connected, what is kept and what happens there only that broker itself knows.", "客户端、保留消息和事件只有上游代理自身知晓。";
    InTerminal = "In a terminal", "在终端中";

    // Who talks to whom
    SentBy = "sent by", "发送者";
    SentByUnknown = "known for messages that come from now on", "仅适用于此后到达的消息";
    ReceivedBy = "received by", "接收者";
    ReceivedByNobody = "nobody: no subscription matches", "无：没有匹配的订阅";
    ReceiverMore = "and {n} more", "另有 {n} 个";
    ReceiverWaits = "absent: waits for it", "离线：等待接收";
    ReceiverMisses = "absent", "离线";
    ReceiverOneOf = "one of the group {group}", "共享组 {group} 之一";
    ReceiverDenied = "the access rules forbid it", "访问规则不允许";
    LogInToSee = "Log in to see who has sent it and who gets it", "登录以查看发送者和接收者";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<_> =
            text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect();
        places.sort_unstable();
        places
    }

    /// Names and figures that are the same everywhere.
    const SAME: &[Words] =
        &[Words::LoggedInAs, Words::NoLocal, Words::AsPublished, Words::WhatNotSubscribed, Words::WhatDenied];

    #[test]
    fn both_languages_are_complete() {
        for &words in Words::ALL {
            let (en, zh) = words.both();
            assert!(!en.trim().is_empty() && !zh.trim().is_empty(), "{words:?}");
            assert_eq!(places(en), places(zh), "{words:?}");
            let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..'\u{a000}').contains(&c));
            assert!(SAME.contains(&words) || chinese(zh) != chinese(en), "{words:?} is not translated");
        }
    }
}
