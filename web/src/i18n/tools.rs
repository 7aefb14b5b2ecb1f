//! The words of the publish form, of files of messages, and of what every view has: a table of its own, because one
//! file would be too long for all.

/// [`texts!`](super) with these behind those that are given.
macro_rules! with_tools {
    ($($texts:tt)*) => {
        texts! {
            $($texts)*

            // The publish form
            PublishOptions = "Options", "选项";
            PayloadForm = "How the payload is written", "载荷的书写形式";
            AsFile = "File", "文件";
            NoFile = "Choose a file, or drop one here", "请选择文件，或将文件拖到此处";
            ValidJson = "valid JSON", "有效的 JSON";
            InvalidJson = "not JSON: line {line}, column {column}", "不是 JSON：第 {line} 行第 {column} 列";
            InvalidHex = "Hexadecimal digits come in pairs, as in 68 69: look at line {line}, column {column}", "十六进制数字须成对，如 68 69：请检查第 {line} 行第 {column} 列";
            InvalidBase64 = "This is not base64 from line {line}, column {column} on", "从第 {line} 行第 {column} 列起不是有效的 base64";
            Variables = "{{…}}", "{{…}}";
            VariablesHint = "Fill in variables such as {{n}}; switch off to send braces as they are", "替换 {{n}} 等变量；关闭后花括号将原样发送";
            VariablesHelp = "Variables", "变量";
            VariableN = "the number of the message: 1, 2, 3 …, or from another number on", "消息序号：1、2、3……，也可指定起始值";
            VariableTime = "now: in milliseconds, in seconds, or as a date (UTC)", "当前时间：毫秒、秒或日期（UTC）";
            VariableRandom = "a random number from 0 to 100, or between two others, with as many decimals", "0 到 100 的随机数，或指定范围，小数位数随之而定";
            VariablePick = "one of these, at random", "随机取其一";
            VariableUuid = "a random UUID", "随机 UUID";
            VariableClient = "the client id", "客户端标识";
            VariableOpen = "A variable is not closed: }} is missing", "变量未结束：缺少 }}";
            VariableNearest = "There is no variable “{name}”: do you mean “{nearest}”?", "没有变量“{name}”，是否指“{nearest}”？";
            VariableUnknown = "There is no variable “{name}”. To send the braces as they are, switch variables off.", "没有变量“{name}”。如需原样发送花括号，请关闭变量。";
            VariableArgument = "Write it like this: {example}", "请这样书写：{example}";
            At = "{words} (line {line}, column {column})", "{words}（第 {line} 行第 {column} 列）";
            PropertiesNeedV5 = "This connection does not speak MQTT 5: properties are not sent.", "此连接未使用 MQTT 5，属性不会发送。";
            PropExpirySeconds = "Message expiry (s)", "消息过期（秒）";
            PropCorrelationHint = "Correlation data (text, or 0x…)", "关联数据（文本或 0x…）";
            PayloadIsUtf8 = "Declare the payload to be UTF-8 text", "声明载荷为 UTF-8 文本";
            UserPropName = "Name", "名称";
            UserPropValue = "Value", "值";
            RemoveUser = "Remove this property", "移除此属性";
            Repeat = "Repeat", "重复发送";
            RepeatEvery = "Every … seconds", "间隔（秒）";
            RepeatTimes = "Messages in all (empty: until stopped)", "总条数（留空则直到停止）";
            BadEvery = "The distance is a number of seconds, such as 0.5", "间隔应为秒数，如 0.5";
            BadTimes = "The number of messages is a whole number from 1 on, or empty", "总条数应为不小于 1 的整数，或留空";
            BadTimeout = "The time to wait is a number of seconds, such as 10", "等待时间应为秒数，如 10";
            BadExpiry = "The message expiry is a whole number of seconds, up to 4294967295", "消息过期时间应为整数秒，最大 4294967295";
            StartRun = "Start", "开始";
            Stop = "Stop", "停止";
            RunRuns = "Repeating", "正在重复";
            RunEnded = "Repetition ended", "重复已结束";
            RunSent = "{n} sent", "已发送 {n} 条";
            RunOf = "{n} of {all} sent", "已发送 {n} / {all} 条";
            RunArrived = "{n} arrived", "{n} 条已送达";
            RunOutstanding = "{n} on their way", "{n} 条在途";
            RunFailed = "{n} failed", "{n} 条失败";
            RunHeldBack = "{n} left out: the broker does not keep up", "因代理处理不及而略过 {n} 次";
            Request = "Request: expect an answer", "请求：等待应答";
            RequestHint = "Sends response topic and correlation data, and listens for the answer. Without a response topic: {topic}", "发送响应主题和关联数据并等待应答。未填写响应主题时使用 {topic}";
            RequestTimeout = "Wait … seconds", "等待（秒）";
            Requests = "Requests", "请求";
            ForgetRequests = "Forget the requests", "清除请求记录";
            AnswerWaiting = "waiting for the answer at {topic}", "正在 {topic} 等待应答";
            AnswerTimedOut = "no answer within {n} s", "{n} 秒内没有应答";
            AnswerUnheard = "no answer within {n} s: nobody is subscribed to the topic of the request", "{n} 秒内没有应答：没有客户端订阅请求的主题";
            AnswerAfter = "answer after {time}", "{time} 后收到应答";
            AnswerLate = ", late", "（超时）";
            AnswerUncertain = ", without correlation data: it may belong to another request", "，没有关联数据，可能属于其他请求";
            AnswerMore = ", and {n} more", "，另有 {n} 条";
            AnswerNoSubscription = "The broker refused the subscription to the response topic: {reason}", "代理拒绝订阅响应主题：{reason}";
            Shelf = "Sent and saved", "历史与模板";
            Templates = "Templates", "模板";
            NoTemplates = "None yet. Give the form that is filled in a name, and it is one click away.", "还没有模板。为当前填写的内容命名，即可一键重用。";
            TemplateName = "Name for what the form says now", "为当前内容命名";
            SaveTemplate = "Save", "保存";
            RemoveTemplate = "Remove the template {name}", "删除模板 {name}";
            ExportTemplates = "Export templates", "导出模板";
            ImportTemplates = "Import templates", "导入模板";
            Imported = "{n} added, {m} replaced", "新增 {n} 个，替换 {m} 个";
            ImportBad = "; {n} lines are no templates, the first is line {line}", "；{n} 行不是模板，首个为第 {line} 行";
            SentBefore = "Sent before", "发送历史";
            NothingSent = "Nothing was sent from this form.", "尚未发送过消息。";
            ForgetSent = "Forget what was sent", "清除发送历史";

            // Files of messages
            Recordings = "Record, export, replay", "录制、导出与回放";
            FileForm = "Form of the file", "文件格式";
            Record = "Record", "录制";
            RecordHint = "Every message that comes from now on goes into a file, whatever the list keeps or hides.", "此后到达的每条消息都会写入文件，不受列表保留或隐藏的影响。";
            StartRecording = "Start recording", "开始录制";
            Export = "Export", "导出";
            ExportHint = "The messages that are listed now: {n}", "当前列出的消息：{n} 条";
            ExportNow = "Export the list", "导出列表";
            OpenFile = "Open a file", "打开文件";
            OpenFileHint = "A recording (.jsonl or .csv): choose it, or drop it anywhere on the page.", "选择录制文件（.jsonl 或 .csv），或将其拖到页面任意位置。";
            ChooseFile = "Choose a file", "选择文件";
            LookAtFile = "Look at it", "查看";
            Replay = "Replay", "回放";
            ReplayFrom = "Topics that begin with", "替换主题前缀";
            ReplayTo = "are replayed to", "替换为";
            ReplayRetain = "Keep retain flags: the replay changes retained messages", "保留 retain 标志（回放会改变保留消息）";
            Speed = "Speed", "速度";
            AtOnce = "as fast as the broker takes it", "代理能接受的最快速度";
            SinkOpening = "Choose where to save it", "请选择保存位置";
            SinkFile = "straight into the file", "直接写入文件";
            SinkBlob = "kept by the browser; downloaded at the end", "由浏览器暂存，结束时下载";
            SinkFailed = "The file cannot be written any more: is the disk full?", "文件无法继续写入，磁盘是否已满？";
            Recording = "Recording", "正在录制";
            Recorded = "Recorded", "录制完成";
            Exporting = "Exporting", "正在导出";
            Exported = "Exported", "导出完成";
            InFile = "{n} messages, {size}", "{n} 条消息，{size}";
            RecordingDropped = "{n} left out: the file does not keep up", "写入过慢，略过 {n} 条";
            Replaying = "Replaying", "正在回放";
            Replayed = "Replayed", "回放完成";
            ReplayStopped = "Replay stopped", "回放已停止";
            ReplayLeftOut = "{n} left out: their topics cannot be published to", "{n} 条的主题无法发布，已略过";
            FileUnreadable = "The file cannot be read any more: choose it again.", "文件已无法读取，请重新选择。";
            SessionTitle = "Recorded session", "录制的会话";
            SessionReading = "Reading", "正在读取";
            SessionHint = "Not a connection: nothing new comes here.", "这不是连接，不会有新消息到达。";
            BadLines = "Lines that are no messages: {n}; the first is line {line}: {why}", "{n} 行不是消息，首个为第 {line} 行：{why}";
            LineNotJson = "not a JSON object from byte {at} on", "从第 {at} 字节起不是 JSON 对象";
            LineNotUtf8 = "not UTF-8", "不是 UTF-8 文本";
            LineTooLong = "too long", "过长";
            LineNoTopic = "no topic", "没有主题";
            LineField = "the value of {name} is not what it must be", "{name} 的值不符合要求";
            LineHeader = "neither JSON nor a CSV header with a column “topic”", "既不是 JSON，也不是含有 topic 列的 CSV 表头";

            // What keeps a connection from being made, and what a browser does not do
            WhyForeign = "It also has to let this page in: brokers that look at a page's origin need {origin} in their list (TabMQ: --allow-origin).", "代理还须允许本页面访问：会检查来源的代理需将 {origin} 列入允许名单（TabMQ：--allow-origin）。";
            WhyMixed = "A page that was opened by https: may only connect by wss://, and {url} is not. Use wss://, or open this page by http:.", "通过 https: 打开的页面只能使用 wss:// 连接，而 {url} 不是。请改用 wss://，或通过 http: 打开本页面。";
            RefusedScram = "Refused: user name or password is wrong, or this user may not log in by SCRAM. Correct them in the connection settings.", "连接被拒绝：用户名或密码错误，或该用户不能使用 SCRAM 登录。请在连接设置中更正。";
            ScramChallenge = "the broker's challenge has no nonce, salt or number of iterations", "代理的质询缺少随机串、盐值或迭代次数";
            ScramNonce = "the broker's nonce does not begin with ours", "代理的随机串不以本页面的随机串开头";
            ScramSalt = "the broker's salt is not base64", "代理的盐值不是 base64";
            ScramRounds = "the broker wants {asked} rounds of hashing, and {min} to {max} are accepted", "代理要求 {asked} 轮哈希，可接受的范围是 {min} 至 {max}";
            ScramNotShown = "the broker did not show that it knows the password; it may be another one than you think", "代理未能证明其知道密码，它可能不是您要连接的代理";
            ScramNotText = "the broker's message is not text, or too long", "代理的消息不是文本或过长";
            NoRandom = "the browser has no random numbers", "浏览器无法提供随机数";
            ScramNotLoaded = "what this page needs for SCRAM-SHA-256 could not be fetched; reload the page once its broker answers", "未能获取本页面用于 SCRAM-SHA-256 的文件，待代理恢复后请重新加载页面";
            NotCopied = "Not copied: the browser does not allow it. Mark the text and press Ctrl+C.", "未能复制：浏览器不允许。请选中文本后按 Ctrl+C。";
            AnotherBroker = "Another broker: its topics are shown, and {n} messages of the one before are put away", "已换到另一个代理：现显示其主题，此前代理的 {n} 条消息已收起";
            NotKept = "This browser keeps nothing more: what was saved is gone when the tab is closed. Free some room in the browser, or export it.", "浏览器无法再保存数据：关闭标签页后所存内容将丢失。请清理浏览器空间，或将其导出。";
            TooManyConnections = "{n} connections are the most: close one first.", "最多 {n} 个连接，请先关闭一个。";
            AddressWithUser = "User name and password have fields of their own: the address is part of links.", "用户名和密码请填入对应字段：地址会出现在链接中。";

            // Help, links, hints
            More = "More", "更多";
            Help = "Keyboard shortcuts", "键盘快捷键";
            SingleKeys = "Single keys do something", "启用单键快捷键";
            KeysElsewhere = "In a part of the page", "在页面局部";
            KeyFilterMessages = "Filter the messages", "筛选消息";
            KeyFilterTopics = "Filter the topics", "筛选主题";
            KeySubscribe = "Add a subscription", "添加订阅";
            KeyPublish = "Write a message", "撰写消息";
            KeyPause = "Pause or resume the list", "暂停或继续列表";
            KeyNextConnection = "The next connection", "下一个连接";
            KeyTheme = "Another theme", "切换主题配色";
            KeyLanguage = "简体中文", "English";
            KeySend = "Publish what the form says", "发布表单中的消息";
            KeyList = "Go through a list or the tree", "在列表或主题树中移动";
            KeyTree = "Open and close a level of the tree", "展开或折叠主题树的层级";
            KeyEscape = "Close what lies over the page", "关闭弹出的内容";
            Share = "Share what is seen", "分享当前视图";
            ShareHint = "The link says what is looked at: topic, filters, view. No password, and no messages, are in it.", "链接包含当前查看的主题、筛选和视图，不含密码和消息。";
            ShareLocal = "This address works on this machine only. To open it on a phone, start the broker on an address of the network: tabmq --http 0.0.0.0:8083 --allow-anonymous", "此地址仅在本机有效。若要在手机上打开，请让代理监听网络地址：tabmq --http 0.0.0.0:8083 --allow-anonymous";
            Link = "Link", "链接";
            CopyLink = "Copy link", "复制链接";
            QrCode = "QR code of the link", "链接的二维码";
            LinkTooLong = "The link is too long for a QR code.", "链接过长，无法生成二维码。";
            HintsTitle = "New here?", "初次使用？";
            HintSelect = "Choose a topic to look into its values.", "选择一个主题即可查看其值。";
            HintPublish = "Answer a device with the form below: Ctrl+Enter sends.", "使用下方表单回复设备，按 Ctrl+Enter 发送。";
            HintPublishTab = "Answer a device on the tab “{tab}”: “{button}” sends.", "在“{tab}”标签页中回复设备，点按“{button}”即可发送。";
            HintPublishTouch = "Answer a device with the form below: “{button}” sends.", "使用下方表单回复设备，点按“{button}”即可发送。";
            HintKeys = "“?” shows every key.", "按“?”查看所有快捷键。";
            HintsClose = "Hide the hints", "隐藏提示";
            ShowHints = "Show the hints again", "再次显示提示";
        }
    };
}
