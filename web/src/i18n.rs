//! Every word that the page says, in every language that it speaks.
//!
//! A text that exists in one language only does not compile. `{name}` stands for what [`Lang::fill`] puts there.

#[macro_use]
mod tools;
pub mod words;

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 简体中文.
    Zh,
}

impl Lang {
    /// From the beginning of a language code such as `zh-CN`.
    pub fn from_code(code: &str) -> Option<Lang> {
        match code.get(..2)? {
            "en" => Some(Lang::En),
            "zh" => Some(Lang::Zh),
            _ => None,
        }
    }

    /// For the `lang` attribute and the address bar.
    pub const fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Zh => "zh",
        }
    }

    /// The other one.
    pub const fn next(self) -> Lang {
        match self {
            Lang::En => Lang::Zh,
            Lang::Zh => Lang::En,
        }
    }

    /// A text without places to fill.
    pub const fn t(self, text: Text) -> &'static str {
        match self {
            Lang::En => text.en(),
            Lang::Zh => text.zh(),
        }
    }

    /// A text with its places filled.
    pub fn fill(self, text: Text, values: &[(&str, &str)]) -> String {
        filled(self.t(text), values)
    }

    /// A text and its places.
    pub fn say(self, phrase: &Phrase) -> String {
        let values: Vec<_> = phrase.values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.fill(phrase.text, &values)
    }
}

/// A text with its places filled.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(values.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value));
        rest = behind;
    }
    out + rest
}

/// A text with what its places are filled with: for what is said later, in whatever language it is then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The text.
    pub text: Text,
    /// Names of places and what to put there.
    pub values: Vec<(&'static str, String)>,
}

impl Phrase {
    /// The same with one more place filled.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Phrase {
        self.values.push((name, value.into()));
        self
    }
}

impl From<Text> for Phrase {
    fn from(text: Text) -> Phrase {
        Phrase { text, values: Vec::new() }
    }
}

macro_rules! texts {
    (first { $($first:ident = $first_en:literal, $first_zh:literal;)* }
     $($name:ident = $en:literal, $zh:literal;)*) => {
        /// What can be said.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Text { $(#[doc = $first_en] $first,)* $(#[doc = $en] $name,)* }

        impl Text {
            const fn en(self) -> &'static str {
                match self { $(Text::$first => $first_en,)* other => other.later_en() }
            }

            const fn zh(self) -> &'static str {
                match self { $(Text::$first => $first_zh,)* other => other.later_zh() }
            }

            #[inline(never)]
            const fn later_en(self) -> &'static str {
                match self { $(Text::$name => $en,)* $(Text::$first => $first_en,)* }
            }

            #[inline(never)]
            const fn later_zh(self) -> &'static str {
                match self { $(Text::$name => $zh,)* $(Text::$first => $first_zh,)* }
            }

            /// All of them.
            #[cfg(test)]
            const ALL: &'static [Text] = &[$(Text::$first,)* $(Text::$name,)*];
        }
    };
}

with_tools! {
    // What the first paint says: in functions of their own, because nothing else is fetched before it.
    first {
        NotConnected = "not connected", "未连接";
        ConnectingTo = "connecting to {url}", "正在连接 {url}";
        ConnectingAgain = "connecting, attempt {n}", "正在连接（第 {n} 次）";
        ConnectedAs = "connected as {id}", "已连接，标识 {id}";
        WaitingShort = "no connection", "连接已断开";
        StoppedShort = "stopped", "已停止";
        SessionShort = "recorded session", "录制的会话";
        OpenSettings = "Connection settings", "连接设置";
        RoundTrip = "round-trip time to the broker", "与代理之间的往返时间";
        MessagesShort = "{n} received", "收到 {n} 条";
        MessagesTotal = "Messages received since the page was loaded: {n}", "页面加载以来收到的消息：{n}";
        PerSecond = "{n}/s", "{n} 条/秒";
        Topics = "Topics", "主题";
        FilterTopics = "Find: a/+/b", "筛选，或 a/+/b";
        ExpandAll = "Expand all", "全部展开";
        CollapseAll = "Collapse all", "全部折叠";
        OnlyChanged = "Only topics whose values change from now on", "仅显示此后有变化的主题";
        TopicActions = "More…", "更多…";
        NoTopics = "No topics yet", "暂无主题";
        EmptyLevel = "(empty level)", "（空层级）";
        EmptyPayload = "empty", "空";
        Retained = "retained", "保留消息";
        Messages = "Messages", "消息";
        FilterMessages = "Filter: text, or a/+/b", "筛选：文本或 a/+/b";
        Pause = "Pause the list", "暂停列表";
        Resume = "Resume the list", "继续列表";
        Clear = "Clear the list", "清空列表";
        ShowSystem = "$ topics", "$ 主题";
        ShowSystemHint = "Show topics that begin with $, the broker's own figures", "显示以 $ 开头的主题（代理自身的统计）";
        Kept = "{n} kept", "保留 {n} 条";
        Shown = "{n} of {all}", "{n} / {all}";
        MoreFilters = "More filters, and how much is kept", "更多筛选与保留数量";
    }

    // The connection
    RetryIn = "next attempt in {n} s", "{n} 秒后重试";
    RetryNow = "Retry now", "立即重试";
    ConnectAgain = "Connect again", "重新连接";
    UseNewId = "Use a new client id", "换用新的客户端标识";
    ThroughGateway = "through a gateway to {url}", "经由网关连接到 {url}";

    WhyDisconnected = "Disconnected.", "已断开。";
    WhyUnreachable = "Nothing answers at {url}. Is the broker running there, and are port and path right?", "{url} 没有响应。请检查代理是否正在运行、端口和路径是否正确。";
    WhyUnreachableTls = "{url} cannot be reached. If its certificate is your own, open {page} once and accept it.", "无法连接 {url}。如果使用自签名证书，请先打开 {page} 并接受该证书。";
    WhyTimeout = "No answer from {url} in time. Check host, port and firewall.", "{url} 响应超时。请检查主机、端口和防火墙。";
    WhyNotMqtt = "{url} accepted the connection, but does not speak MQTT. Is this the right address?", "{url} 接受了连接，但没有使用 MQTT 应答。地址正确吗？";
    WhyClosedEarly = "The broker hung up at once. It may not speak MQTT {version}: try another version.", "代理立即关闭了连接。它可能不支持 MQTT {version}，请换一个版本。";
    WhyClosedSaying = "Closed before the broker answered: {words}", "代理应答之前连接已关闭：{words}";
    WhyLost = "The connection was lost.", "连接已丢失。";
    WhyNoAnswer = "The broker does not answer any more.", "代理不再响应。";
    WhyProtocol = "The broker does not keep to the protocol: {words}", "代理违反了协议：{words}";
    WhyAuthUnsupported = "The broker answers the authentication method with a challenge that this page cannot answer: {words} ({n} bytes). Methods of one step work, and SCRAM-SHA-256.", "代理对该认证方法发出了质询，本页面无法应答：{words}（{n} 字节）。可使用单步方法或 SCRAM-SHA-256。";
    WhyAuthFailed = "The authentication failed: {words}.", "认证失败：{words}。";
    RefusedMethod = "Refused: the broker does not know this authentication method. Choose another one in the settings.", "连接被拒绝：代理不支持此认证方法，请在设置中另选一种。";
    WhyBadOptions = "This cannot work: {words}", "设置有误：{words}";
    RefusedPassword = "Refused: wrong user name or password. Correct them in the connection settings.", "连接被拒绝：用户名或密码错误。请在连接设置中更正。";
    RefusedNotAuthorized = "Refused: not authorised. Check user name, password and permissions.", "连接被拒绝：未获授权。请检查用户名、密码和权限。";
    RefusedVersion = "Refused: the broker does not speak this MQTT version. Choose another one in the connection settings.", "连接被拒绝：代理不支持此 MQTT 版本。请在连接设置中选择其他版本。";
    RefusedClientId = "Refused: the broker does not take this client id.", "连接被拒绝：代理不接受此客户端标识。";
    RefusedBusy = "The broker is busy or not available now.", "代理正忙或暂时不可用。";
    RefusedBanned = "Refused: this client is banned. Ask whoever runs the broker.", "连接被拒绝：此客户端已被禁止。请联系代理管理员。";
    RefusedOther = "Refused by the broker: {reason}.", "连接被代理拒绝：{reason}。";
    TakenOver = "Taken over: another tab or program uses the same client id.", "连接被接管：另一个标签页或程序使用了相同的客户端标识。";
    ShuttingDown = "The broker is shutting down.", "代理正在关闭。";
    ClosedOther = "The broker closed the connection: {reason}.", "代理关闭了连接：{reason}。";
    ServerSays = "It says: {words}", "代理消息：{words}";

    // Several connections
    Connections = "Connections", "连接列表";
    NewConnection = "New connection", "新建连接";
    ThisBroker = "this broker", "本代理";
    CloseConnection = "Close the connection to {name}", "关闭到 {name} 的连接";

    // The head of the page
    Theme = "Theme: {theme}", "主题配色：{theme}";
    ThemeSystem = "as the system", "跟随系统";
    ThemeLight = "light", "浅色";
    ThemeDark = "dark", "深色";
    OtherLanguage = "简体中文", "English";
    SecondTab = "Open a second tab", "打开第二个标签页";

    // Topics
    NoTopicFound = "No topic matches “{text}”", "没有与“{text}”匹配的主题";
    TopicsUntracked = "{n} messages are on topics that no longer fit into the tree", "{n} 条消息的主题超出主题树容量";
    NothingChanged = "No value has changed since", "此后没有变化";
    HiddenTopics = "{n} topics are hidden.", "已隐藏 {n} 个主题。";
    ShowHidden = "Show them", "显示";
    Hidden = "{topic} is hidden", "已隐藏 {topic}";
    PublishHere = "Publish here", "发布到此主题";
    SubscribeTopic = "Subscribe", "订阅此主题";
    SubscribeBelow = "Subscribe to {filter}", "订阅 {filter}";
    Pin = "Pin to the top", "置顶";
    Unpin = "Unpin", "取消置顶";
    Hide = "Hide", "隐藏";
    ExpandBelow = "Expand all below", "展开所有下级";
    CollapseBelow = "Collapse all below", "折叠所有下级";
    ClearRetainedMenu = "Clear retained messages ({n})…", "清除保留消息（{n}）…";
    NothingRetained = "No retained message under {topic} is known here", "{topic} 下没有已知的保留消息";
    AskClearRetained = "Clear {n} retained messages under {topic}?", "清除 {topic} 下的 {n} 条保留消息？";
    AskClearRetainedLong = "Clear {n} retained messages under {topic}? {lost} of them are too long to be brought back.", "清除 {topic} 下的 {n} 条保留消息？其中 {lost} 条过长，无法恢复。";
    ClearRetainedCount = "Clear {n}", "清除 {n} 条";
    ClearedRetained = "{n} retained messages cleared", "已清除 {n} 条保留消息";
    RestoredRetained = "{n} retained messages published again", "已重新发布 {n} 条保留消息";
    TopicsBelow = "Topics: {topics} · messages: {messages}", "主题：{topics} · 消息：{messages}";

    // Subscriptions
    Subscriptions = "Subscriptions", "订阅";
    AddFilter = "Filter: home/#", "过滤器：home/#";
    QoS = "QoS", "QoS";
    Subscribe = "Subscribe", "订阅主题";
    Unsubscribe = "Unsubscribe from {filter}", "取消订阅 {filter}";
    Granted = "granted QoS {qos}", "已授予 QoS {qos}";
    AskedGranted = "asked for QoS {asked}, granted QoS {qos}", "请求 QoS {asked}，授予 QoS {qos}";
    Refused = "refused: {reason}", "被拒绝：{reason}";
    Pending = "waiting for the broker", "等待代理应答";
    Unsubscribed = "Unsubscribed from {filter}", "已取消订阅 {filter}";
    SubscriptionPaused = "paused: the broker sends nothing for it", "已暂停，代理不会为其发送消息";
    PauseSubscription = "Pause {filter}", "暂停 {filter}";
    ResumeSubscription = "Resume {filter}", "恢复 {filter}";
    ChangeSubscription = "Change {filter}", "修改 {filter}";
    SubscriptionOptions = "With more options", "更多选项";
    NewSubscription = "New subscription", "新建订阅";
    EditSubscription = "Change the subscription", "修改订阅";
    TopicFilter = "Topic filter", "主题过滤器";
    ShareGroup = "Share group", "共享组";
    NotShared = "not shared", "不共享";
    SubscriptionId = "Subscription id", "订阅标识符";
    RetainHandling = "Retained messages", "保留消息";
    RetainAlways = "send them now", "立即发送";
    RetainIfNew = "send them if the subscription is new", "仅在新订阅时发送";
    RetainNever = "do not send them", "不发送";
    NoLocal = "Not what this tab publishes itself (no local)", "不接收本标签页自己发布的消息（no local）";
    RetainAsPublished = "Keep the retain flag as it was published", "保持发布时的保留标志";
    RetainOnlyKept = "The retain flag only on what was kept before", "仅此前已保留的消息带保留标志";
    OptionsNeedV5 = "The other options need MQTT 5.", "其他选项需要 MQTT 5。";
    BadSubscriptionId = "A whole number from 1 to 268,435,455.", "应为 1 到 268,435,455 的整数。";
    SharedNoLocal = "A shared subscription cannot leave out this tab's own messages.", "共享订阅不能使用 no local。";
    ReasonNotAuthorized = "not authorised; check user name and permissions", "未获授权，请检查用户名和权限";
    ReasonQuota = "a quota is exceeded", "超出配额";
    ReasonFilter = "the broker does not take this filter", "代理不接受此过滤器";
    ReasonTopic = "the broker does not take this topic", "代理不接受此主题";
    ReasonFormat = "the payload is not what its format says", "载荷与声明的格式不符";
    ReasonTooLarge = "the packet is too large", "报文过大";
    ReasonNoShared = "the broker knows no shared subscriptions", "代理不支持共享订阅";
    ReasonNoIds = "the broker knows no subscription ids", "代理不支持订阅标识符";
    ReasonNoWildcards = "the broker takes no wildcards", "代理不支持通配符订阅";
    ReasonUnspecified = "the broker gives no reason", "代理未说明原因";
    NoSubscriptions = "Not subscribed to anything: no messages will come.", "没有任何订阅，不会收到消息。";

    // What is wrong with a topic or filter
    TopicEmpty = "It is empty: it needs at least one character.", "不能为空，至少需要一个字符。";
    TopicTooLong = "It is longer than 65,535 bytes.", "长度超过 65,535 字节。";
    TopicNul = "It contains the character U+0000.", "包含字符 U+0000。";
    TopicWildcard = "“+” and “#” are for subscribing only: publish to one topic.", "“+”和“#”只能用于订阅，请发布到具体主题。";
    TopicHash = "“#” must be alone in the last level, as in home/#.", "“#”必须独占最后一级，如 home/#。";
    TopicPlus = "“+” must be alone in its level, as in home/+/door.", "“+”必须独占一级，如 home/+/door。";
    TopicShare = "A shared subscription is $share/GROUP/FILTER, the group without “/”, “+” and “#”.", "共享订阅的格式为 $share/组名/过滤器，组名不含“/”“+”“#”。";

    // Messages
    NewMessages = "{n} new", "{n} 条新消息";
    HeldNew = "held · {n} new", "静止 · {n} 条新消息";
    HeldHint = "No row moves while the pointer is over the list, or while it is scrolled away from the newest message", "鼠标停留在列表上或列表滚动到别处时，行不会移动";
    PausedNew = "paused · {n} new", "已暂停 · {n} 条新消息";
    DroppedLine = "The oldest {n} have gone: {entries} messages or {bytes} are kept, here the last {age}", "最早的 {n} 条已移除：最多保留 {entries} 条或 {bytes}，目前为最近 {age}";
    ClearedMessages = "{n} messages cleared", "已清空 {n} 条消息";
    WhereText = "Where the text is looked for", "文本查找范围";
    InBoth = "topic and payload", "主题与载荷";
    InTopic = "topic only", "仅主题";
    InPayload = "payload only", "仅载荷";
    AnyQoS = "any QoS", "任意 QoS";
    RetainedOrNot = "retained or not", "保留或非保留";
    OnlyRetained = "retained only", "仅保留消息";
    NotRetained = "not retained", "非保留消息";
    Direction = "Direction", "方向";
    BothWays = "both ways", "收发";
    OnlyReceived = "received only", "仅接收";
    OnlySent = "sent only", "仅发送";
    ResetFilter = "Reset", "重置";
    NothingPasses = "No message passes the filter.", "没有符合筛选条件的消息。";
    KeepAtMost = "Keep", "保留";
    MessagesUnit = "messages", "条消息";
    MegabytesUnit = "MB", "MB";
    TooFast = "{n}/s: only the newest are in sight", "{n} 条/秒：仅最新消息可见";
    OneIn = "{n}/s, showing 1 in {one}", "{n} 条/秒，每 {one} 条显示 1 条";
    TooFastHint = "Each message is kept, none is left out; they pass faster than a screen can show them", "所有消息均已保留，只是速度超过屏幕显示能力";
    Abandoned = "the connection was made anew before the broker answered", "代理应答前连接已重新建立";
    Gap = "no connection from {from} to {to}", "{from} 至 {to} 连接中断";
    GapResumed = "The broker kept the session: only QoS 0 messages can be missing.", "代理保留了会话，可能仅缺失 QoS 0 消息。";
    GapLost = "What was sent meanwhile did not come here.", "期间发送的消息未到达此处。";
    GoneRow = "no longer kept", "已不再保留";
    NothingMatches = "No message matches “{text}”.", "没有与“{text}”匹配的消息。";
    QuietTitle = "Listening", "正在监听";
    QuietCleared = "The list is empty. What comes from now on appears here at once.", "列表为空。此后到达的消息会立即显示在这里。";
    QuietText = "Nothing was published yet. Whatever a device sends appears here at once.", "还没有消息。设备发布的内容会立即显示在这里。";
    OfflineText = "Messages appear here once the connection is there.", "建立连接后，消息会显示在这里。";
    StartDemo = "Start a demo device", "启动演示设备";
    StopDemo = "Stop the demo device", "停止演示设备";
    DemoRuns = "A demo device in this tab publishes to demo/…", "本标签页中的演示设备正在向 demo/… 发布消息";

    // The views
    Views = "Views", "视图";
    Explore = "Explore", "浏览";
    Clients = "Clients", "客户端";
    RetainedView = "Retained", "保留消息";
    Events = "Events", "事件";
    Broker = "Broker", "代理";
    Plain = "{words}", "{words}";

    // Parts that are loaded when they are needed
    LoadingPart = "Loading…", "正在加载…";
    LoadFailed = "This part of the page could not be fetched. Is the broker still there? If it was updated meanwhile, load the page again.", "无法获取页面的这一部分。代理是否仍在运行？如果代理已更新，请重新加载页面。";
    TryAgain = "Try again", "重试";

    // Details
    Details = "Details", "详情";
    PickTitle = "Nothing selected", "未选择内容";
    PickText = "Choose a topic or a message to look into it.", "选择一个主题或一条消息以查看详情。";
    FromTerminal = "From a terminal", "在终端中";
    Copy = "Copy", "复制";
    Copied = "Copied", "已复制";
    GivenUpOne = "A message was not taken: {why}", "一条消息未被接受：{why}";
    GivenUp = "{n} messages were given up: {why}", "已放弃 {n} 条消息：{why}";
    CopyTopic = "Copy topic", "复制主题";
    CopyPayload = "Copy payload", "复制内容";
    OnlyThis = "List only this", "只列出此主题";
    Latest = "latest", "最新";
    ReadingHint = "Stands still while you point at the history, or while a text is marked", "鼠标指向历史记录或选中文本时，内容静止不动";
    ShowLatest = "Show the latest", "显示最新";
    LevelOnly = "A level of the tree; no message came to exactly this topic.", "这是主题树的一级，没有消息恰好发布到该主题。";
    NothingYet = "Nothing has come on this topic since the page was opened.", "页面打开以来，此主题尚无消息。";
    SavePayload = "Save as a file", "保存为文件";
    FormatLabel = "Format of the payload", "载荷格式";
    Guess = "Auto", "自动";
    GuessedAs = "Auto: {format}", "自动：{format}";
    AsText = "Text", "文本";
    AsImage = "Image", "图片";
    AsHex = "Hex", "十六进制";
    NumbersInBinary = "Numbers in binary", "二进制数值";
    UnsignedBits = "Unsigned, {n} bit", "无符号 {n} 位整数";
    SignedBits = "Signed, {n} bit", "有符号 {n} 位整数";
    FloatBits = "Float, {n} bit", "{n} 位浮点数";
    LittleEndian = "little-endian", "小端";
    BigEndian = "big-endian", "大端";
    PackingLabel = "How the payload is compressed", "载荷的压缩方式";
    PackingShort = "unpack", "解压";
    NotPacked = "not compressed", "未压缩";
    UnpackedFrom = "from {packing}", "解压自 {packing}";
    UnpackedCut = "Only the first {limit} were unpacked.", "仅解压了前 {limit}。";
    Damaged = "The rest of the compressed data is damaged.", "其余压缩数据已损坏。";
    LongPayload = "These are {all}: only the beginning is shown, not decoded.", "共 {all}：仅显示开头部分，未解码。";
    TreeCut = "There are more values than can be shown: the rest is left out.", "数值过多，其余部分未显示。";
    FindInPayload = "Find in the payload", "在载荷中查找";
    Found = "{n} found", "找到 {n} 处";
    UnfoldAll = "Unfold all", "全部展开";
    FoldAll = "Fold all", "全部折叠";
    MoreLines = "Show more: {n} lines are left", "显示更多：还有 {n} 行";
    AndMoreBytes = "… and {n} more", "…… 另有 {n}";
    PictureAlt = "The picture in the payload", "载荷中的图片";
    PictureBroken = "The browser cannot show this picture: it is damaged.", "浏览器无法显示此图片：图片已损坏。";
    SchemaHint = "Without a schema, fields have numbers only. Drop .proto files here, or choose them.", "没有模式时字段只有编号。将 .proto 文件拖到此处，或点击选择。";
    AddSchema = "Add .proto", "添加 .proto";
    RemoveSchema = "Remove the schema", "移除模式";
    SchemaMessage = "The message in the schema", "模式中的消息";
    RawFields = "Fields by number", "按字段编号显示";
    SchemaTooLarge = "A schema may have {limit}, not more.", "模式文件不能超过 {limit}。";
    Compare = "Compare", "比较";
    CompareHint = "What has changed since the message before", "与上一条消息相比的变化";
    CompareWithThis = "Compare with this message", "与此消息比较";
    CompareEnd = "End the comparison", "结束比较";
    ComparedWith = "Changes since {what}", "自 {what} 以来的变化";
    ComparedPart = "Only the first {n} lines were compared.", "仅比较了前 {n} 行。";
    NoDifference = "No difference.", "没有差异。";
    NothingBefore = "There is no earlier message of this topic to compare with.", "该主题没有更早的消息可供比较。";
    EqualLines = "{n} equal lines", "{n} 行相同";
    NotText = "These bytes are not UTF-8 text from byte {at} on.", "从第 {at} 字节起不是 UTF-8 文本。";
    CutAt = "The first {shown} of {all} are shown.", "仅显示前 {shown}，共 {all}。";
    LoadAll = "Load all", "全部加载";
    CutForGood = "Only the first {shown} of {all} are kept.", "仅保留了前 {shown}，共 {all}。";
    Properties = "Properties", "属性";
    PropFormat = "Payload format", "载荷格式";
    PropFormatText = "UTF-8 text", "UTF-8 文本";
    PropFormatBytes = "unspecified bytes", "未指定的字节";
    PropExpiry = "Message expiry", "消息过期";
    PropContentType = "Content type", "内容类型";
    PropResponse = "Response topic", "响应主题";
    PropCorrelation = "Correlation data", "关联数据";
    PropSubscriptionIds = "Subscription ids", "订阅标识符";
    PropUser = "User property", "用户属性";
    History = "History", "历史";
    HistoryCount = "{n} received, {kept} kept", "收到 {n} 条，保留 {kept} 条";
    Duplicate = "perhaps a second delivery (DUP)", "可能是重复投递（DUP）";
    Sparkline = "The last values, oldest on the left", "最近的数值，左侧最早";

    // Charts
    Charts = "Charts", "图表";
    MiddleParts = "Messages or charts", "消息或图表";
    NoCharts = "No charts yet", "暂无图表";
    NoChartsHint = "Choose a topic and click a number in its payload, or the chart beside it.", "选择一个主题，点击载荷中的数字或旁边的图表按钮。";
    ChartHint = "Wheel: zoom · drag: choose a time · double click: all again. The address bar keeps these charts.", "滚轮缩放 · 拖动选择时间段 · 双击还原。地址栏会保存这些图表。";
    ChartHintTouch = "Drag across to choose a time · tap twice for all of it. The address bar keeps these charts.", "横向拖动选择时间段 · 双击还原。地址栏会保存这些图表。";
    ChartThis = "Chart this number", "绘制此数值";
    NewChart = "New chart", "新建图表";
    AddToChart = "Add to: {chart}", "添加到：{chart}";
    ChartWindow = "Time that is shown", "显示的时间范围";
    ChartAll = "all", "全部";
    PauseChart = "Stop here", "暂停";
    ResumeChart = "Go on", "继续";
    ZoomOut = "Leave the zoom", "取消缩放";
    SaveChartPng = "Save the picture as PNG", "保存为 PNG 图片";
    SaveChartCsv = "Save what is shown as CSV", "将所示数据保存为 CSV";
    RemoveChart = "Remove this chart", "移除此图表";
    RemoveSeries = "Remove {name}", "移除 {name}";
    Points = "{n} points", "{n} 个数据点";
    PointsCut = "{n} points; older ones have gone", "{n} 个数据点；更早的已移除";
    SeriesInWords = "{name} is {value}", "{name} 为 {value}";
    ChartInWords = "Chart of values over time. Last values: {series}", "数值随时间变化的图表。最新值：{series}";

    // Publish
    Publish = "Publish", "发布";
    Topic = "Topic", "主题";
    TopicPlaceholder = "home/kitchen/lamp", "home/kitchen/lamp";
    Payload = "Payload", "载荷";
    PayloadPlaceholder = "What the devices are to hear", "要发送给设备的内容";
    Retain = "Retain", "保留";
    RetainHint = "The broker keeps it for later subscribers", "代理将为之后的订阅者保留此消息";
    Send = "Send", "发送";
    SendHint = "Ctrl+Enter", "Ctrl+Enter";
    Sending = "sending", "正在发送";
    SendingOffline = "waiting for the connection", "等待连接";
    SentQ0 = "sent", "已发送";
    Acknowledged = "acknowledged by the broker", "代理已确认";
    NobodyListens = "acknowledged; nobody is subscribed to it", "代理已确认，但没有订阅者";
    AckRefused = "refused by the broker: {reason}", "被代理拒绝：{reason}";
    SendFailed = "not sent: {reason}", "未发送：{reason}";

    // The connection panel
    Connection = "Connection", "连接";
    BrokerAddress = "Broker address", "代理地址";
    BrokerAddressHint = "ws:// or wss://; empty: the broker that this page comes from", "ws:// 或 wss://；留空则使用本页面所在的代理";
    BrokerChooses = "chosen by the broker", "由代理分配";
    OnlyWebSocket = "A page can only speak MQTT over WebSocket: ws:// or wss://, often port 9001, 8083 or 8084.", "网页只能通过 WebSocket 使用 MQTT：ws:// 或 wss://，端口常为 9001、8083 或 8084。";
    BadAddress = "An address looks like ws://host:8083/mqtt.", "地址格式如 ws://host:8083/mqtt。";
    BadVersion = "3.1, 3.1.1 or 5.0.", "应为 3.1、3.1.1 或 5.0。";
    BadQoS = "0, 1 or 2.", "应为 0、1 或 2。";
    BadU16 = "A whole number from 0 to 65,535.", "应为 0 到 65,535 的整数。";
    BadU32 = "A whole number from 0 to 4,294,967,295.", "应为 0 到 4,294,967,295 的整数。";
    BadNonZeroU16 = "A whole number from 1 to 65,535, or nothing.", "应为 1 到 65,535 的整数，或留空。";
    BadNonZeroU32 = "A whole number from 1 to 4,294,967,295, or nothing.", "应为 1 到 4,294,967,295 的整数，或留空。";
    BadTopicName = "A topic without “+” and “#”, at most 65,535 bytes.", "主题不能包含“+”和“#”，最长 65,535 字节。";
    BadPairs = "One name=value on each line.", "每行一个 name=value。";
    PairsHint = "name=value, one on each line", "name=value，每行一个";
    MoreOfV5 = "MQTT 5: session, limits, user properties", "MQTT 5：会话、限制与用户属性";
    SessionExpiry = "Session expiry (s)", "会话过期（秒）";
    ReceiveMaximum = "Receive maximum", "接收最大值";
    MaximumPacketSize = "Maximum packet size (bytes)", "最大报文长度（字节）";
    TopicAliasMaximum = "Topic alias maximum", "主题别名最大值";
    RequestResponse = "Ask for response information", "请求响应信息";
    RequestProblem = "Ask for reasons in words", "请求问题信息";
    UserProperties = "User properties", "用户属性";
    AuthKind = "Authentication", "认证方式";
    AuthPlain = "user name and password", "用户名和密码";
    AuthOther = "another method", "其他方法";
    ScramHint = "The password is not sent, and the broker has to show that it knows it, too.", "不发送密码，代理也须证明其知道该密码。";
    AuthOtherHint = "For methods of one step: what a broker asks beyond it is shown, and cannot be answered.", "适用于单步方法：代理若继续质询，其内容会显示出来，但无法应答。";
    AuthMethod = "Authentication method", "认证方法";
    AuthData = "Authentication data", "认证数据";
    AuthForm = "How the data is written", "认证数据的书写形式";
    BadAuthMethod = "Say which, such as PLAIN, or choose user name and password above.", "请填写方法名，如 PLAIN，或在上方选择用户名和密码。";
    BadAuthData = "It is not written as chosen beside it: 68 69 in hexadecimal, aGk= in base64.", "与所选书写形式不符：十六进制如 68 69，base64 如 aGk=。";
    WillDelay = "Will delay (s)", "遗嘱延迟（秒）";
    WillExpiry = "Will expiry (s)", "遗嘱过期（秒）";
    WillIsText = "Say that it is text", "声明为文本";
    Profile = "Profile", "配置";
    NoProfile = "none", "无";
    ConnectionName = "Name", "名称";
    KeepProfile = "Keep as a profile in this browser", "在此浏览器中保存为配置";
    KeepPassword = "With the password", "同时保存密码";
    KeepPasswordWarning = "Whoever can use this browser can read it: it is kept in plain text.", "密码以明文保存，能使用此浏览器的人都可读取。";
    DeleteProfile = "Delete", "删除";
    ImportProfiles = "Import…", "导入…";
    ExportProfiles = "Export", "导出";
    ProfileDeleted = "Profile {name} deleted", "已删除配置 {name}";
    ProfilesImported = "{n} profiles imported", "已导入 {n} 个配置";
    NothingImported = "This file holds no profiles", "此文件不包含配置";
    TooManyProfiles = "There are too many profiles: delete some first", "配置过多，请先删除一些";
    Disconnect = "Disconnect", "断开连接";
    BrokerAllows = "What the broker allows", "代理的限制";
    HighestQoS = "Highest QoS", "最高 QoS";
    RetainAvailable = "Retained messages", "保留消息";
    WildcardsAvailable = "Wildcards", "通配符";
    SharedAvailable = "Shared subscriptions", "共享订阅";
    IdsAvailable = "Subscription ids", "订阅标识符";
    Yes = "yes", "是";
    No = "no", "否";
    Version = "MQTT version", "MQTT 版本";
    ClientId = "Client id", "客户端标识";
    NewId = "New id", "新标识";
    UserName = "User name", "用户名";
    Password = "Password", "密码";
    KeepAlive = "Keep-alive (s)", "保活间隔（秒）";
    CleanSession = "Forget the session whenever the connection ends", "连接断开后不保留会话";
    Will = "Will: published by the broker when this tab is gone", "遗嘱：本标签页离线时由代理发布";
    WillTopic = "Will topic", "遗嘱主题";
    WillPayload = "Will payload", "遗嘱内容";
    WillQoS = "Will QoS", "遗嘱 QoS";
    WillRetain = "Retain the will", "保留遗嘱";
    Connect = "Connect", "连接代理";
    Cancel = "Cancel", "取消";
    Close = "Close", "关闭";
    Undo = "Undo", "撤销";
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

    /// Names, figures and examples that are the same everywhere.
    const SAME: &[Text] = &[
        Text::QoS,
        Text::TopicPlaceholder,
        Text::SendHint,
        Text::Shown,
        Text::Plain,
        Text::Variables,
        Text::MegabytesUnit,
    ];

    #[test]
    fn both_languages_are_complete() {
        for &text in Text::ALL {
            let (en, zh) = (text.en(), text.zh());
            assert!(!en.trim().is_empty() && !zh.trim().is_empty(), "{text:?}");
            assert_eq!(places(en), places(zh), "{text:?}");
            let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..'\u{a000}').contains(&c));
            assert!(SAME.contains(&text) || chinese(zh) != chinese(en), "{text:?} is not translated");
        }
    }

    #[test]
    fn fills() {
        assert_eq!(Lang::En.fill(Text::RetryIn, &[("n", "3")]), "next attempt in 3 s");
        assert_eq!(Lang::Zh.fill(Text::RetryIn, &[("n", "3")]), "3 秒后重试");
        assert_eq!(
            Lang::En.fill(Text::Gap, &[("to", "{from}"), ("from", "1")]),
            "no connection from 1 to {from}"
        );
    }

    #[test]
    fn codes() {
        assert_eq!(Lang::from_code("zh-CN"), Some(Lang::Zh));
        assert_eq!(Lang::from_code("en"), Some(Lang::En));
        assert_eq!(Lang::from_code("fr"), None);
        assert_eq!(Lang::from_code("日"), None);
    }
}
