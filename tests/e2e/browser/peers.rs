//! What the page's client can do, each with this broker and with mosquitto over WebSocket: nothing of it may hang on
//! what only our own broker does.

use anyhow::{Context, Result, ensure};
use harness::{
    Broker, Browser, Device, ForeignBroker, Hook, Listens, Message, Program, Tab, Version, browser_test,
    eventually, last_toast, subscription, target_directory, topic_node, unique,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::process::Command;

/// A broker that the page is to talk to.
enum Peer<'a> {
    Own(&'a mut Broker),
    Mosquitto { page: String, broker: Box<ForeignBroker> },
}

impl Peer<'_> {
    /// Opens the page, connected in this version; `more` is for the address.
    async fn open<'b>(&self, browser: &'b Browser, version: &str, more: &str) -> Result<Tab<'b>> {
        let tab = browser.open(&self.address(version, more)).await?;
        tab.connected().await?;
        Ok(tab)
    }

    fn address(&self, version: &str, more: &str) -> String {
        match self {
            Peer::Own(broker) => format!("{}?lang=en&version={version}{more}", broker.page_url()),
            Peer::Mosquitto { page, broker } => {
                format!("{page}?lang=en&version={version}&broker={}{more}", broker.websocket_url())
            }
        }
    }

    async fn kill(&mut self) -> Result<()> {
        match self {
            Peer::Own(broker) => broker.kill().await,
            Peer::Mosquitto { broker, .. } => broker.kill().await,
        }
    }

    async fn start_again(&mut self) -> Result<()> {
        match self {
            Peer::Own(broker) => broker.start_again().await,
            Peer::Mosquitto { broker, .. } => broker.start_again().await,
        }
    }
}

impl Listens for Peer<'_> {
    fn listens(&self, version: Version) -> SocketAddr {
        match self {
            Peer::Own(broker) => broker.listens(version),
            Peer::Mosquitto { broker, .. } => broker.listens(version),
        }
    }
}

/// Tries it in each version, first with our broker, then with mosquitto.
async fn with_each(
    name: &str,
    versions: &[&str],
    scenario: impl AsyncFn(&mut Peer<'_>, &Browser, &str) -> Result<()>,
) -> Result<()> {
    browser_test(name, async |broker, browser| {
        let page = broker.page_url();
        let mosquitto = Peer::Mosquitto { page, broker: Box::new(ForeignBroker::mosquitto().await?) };
        for (whose, mut peer) in [("ours", Peer::Own(broker)), ("mosquitto", mosquitto)] {
            for version in versions {
                scenario(&mut peer, browser, version)
                    .await
                    .with_context(|| format!("MQTT {version} with {whose}"))?;
            }
        }
        Ok(())
    })
    .await
}

fn message(topic: &str) -> Hook {
    Hook::named("message-row").with("data-topic", topic)
}

/// The marks of the newest message of a topic: `R`, `q1`, what became of it.
async fn marks(tab: &Tab<'_>, topic: &str, are_meant: impl Fn(&str) -> bool) -> Result<String> {
    tab.text_when(&message(topic).inner(".marks"), are_meant).await
}

/// How many messages of a topic are in the list.
async fn listed(tab: &Tab<'_>, topic: &str, count: u64) -> Result<()> {
    let row = message(topic);
    eventually(&format!("{count} rows of {topic}"), async || {
        Ok((tab.count(&row).await? == count).then_some(()))
    })
    .await
}

#[tokio::test]
async fn every_version_at_every_qos() -> Result<()> {
    with_each("peer_qos", &["3.1", "3.1.1", "5.0"], async |peer, browser, version| {
        let tab = peer.open(browser, version, "").await?;
        let spoken = format!("MQTT {}", version.trim_end_matches(".0"));
        tab.text_when(&Hook::named("connection-state"), |text| text.contains(&spoken)).await?;
        // Without a second subscription that matches: brokers may send a copy for each.
        tab.unsubscribe_all().await?;
        let topic = unique("qos");
        tab.subscribe(&format!("{topic}/#"), 2).await?;
        let mut device = Device::connect(peer, &unique("device"), Version::V311).await?;
        device.subscribe(&format!("{topic}/tab/#"), 2).await?;
        for qos in 0..=2 {
            let from_tab = format!("{topic}/tab/{qos}");
            tab.publish(&from_tab, "from the page", qos, false).await?;
            let got = device.message().await?;
            ensure!(got == Message::new(&from_tab, "from the page", qos), "QoS {qos}: {got:?}");
            let state = if qos == 0 { "sent" } else { "acknowledged" };
            tab.wait_for(&message(&from_tab).inner(&format!("[data-test=delivery][data-state={state}]")))
                .await?;
            listed(&tab, &from_tab, 2).await?; // as it was sent, and as it came back

            let from_device = format!("{topic}/device/{qos}");
            device.publish(&Message::new(&from_device, "from a device", qos)).await?;
            tab.shows(&from_device, "from a device").await?;
            marks(&tab, &from_device, |text| text.contains(&format!("q{qos}"))).await?;
        }
        tab.close().await
    })
    .await
}

#[tokio::test]
async fn a_subscription_with_every_option() -> Result<()> {
    with_each("peer_options", &["5.0"], async |peer, browser, version| {
        let tab = peer.open(browser, version, "").await?;
        tab.unsubscribe_all().await?;
        let room = unique("room");
        let mut device = Device::connect(peer, &unique("device"), Version::V5).await?;
        let topic = |name: &str| format!("{room}/{name}");
        device.publish(&Message::retained(&topic("kept"), "from before", 1)).await?;
        let filter = topic("#");
        tab.click(&Hook::named("subscribe-options")).await?;
        tab.fill(&Hook::named("subscription-filter"), &filter).await?;
        tab.select(&Hook::named("subscription-qos"), "1").await?;
        tab.fill(&Hook::named("subscription-id"), "7").await?;
        tab.select(&Hook::named("subscription-retain-handling"), "2").await?;
        tab.click(&Hook::named("subscription-no-local")).await?;
        tab.click(&Hook::named("subscription-save")).await?;
        let row = subscription(&filter);
        tab.wait_for(&row.clone().with("data-state", "granted")).await?;
        let shown = tab.text(&row).await?.unwrap_or_default();
        ensure!(["NL", "RH2", "#7", "q1"].iter().all(|mark| shown.contains(mark)), "{shown}");

        tab.publish(&topic("own"), "mine", 1, false).await?; // no local
        device.publish(&Message::retained(&topic("now"), "theirs", 2)).await?;
        // The retain flag as it was published, at the lower of the two QoS, in the subscription's colour.
        marks(&tab, &topic("now"), |text| text.contains('R') && text.contains("q1")).await?;
        ensure!(tab.count(&message(&topic("now")).inner(".colours i")).await? == 1, "no colour");
        listed(&tab, &topic("own"), 1).await?;
        listed(&tab, &topic("kept"), 0).await?;
        // As the broker says it, for whoever looks.
        tab.click(&message(&topic("now"))).await?;
        tab.text_when(&Hook::named("properties"), |text| text.contains('7')).await?;

        // Changed while connected: at QoS 0, and with what is retained.
        tab.click(&row.clone().inner("[data-test=subscription-edit]")).await?;
        tab.select(&Hook::named("subscription-qos"), "0").await?;
        tab.select(&Hook::named("subscription-retain-handling"), "0").await?;
        tab.click(&Hook::named("subscription-rap")).await?;
        tab.click(&Hook::named("subscription-save")).await?;
        listed(&tab, &topic("kept"), 1).await?;
        device.publish(&Message::retained(&topic("later"), "theirs", 2)).await?;
        let shown = marks(&tab, &topic("later"), |text| text.contains("q0")).await?;
        // mosquitto 2.0.11 goes on with what the first SUBSCRIBE said of it.
        if matches!(peer, Peer::Own(_)) {
            ensure!(!shown.contains('R'), "the retain flag as it was published, unasked: {shown}");
        }
        tab.text_when(&row, |text| text.contains("RAP0")).await?;
        tab.close().await
    })
    .await
}

#[tokio::test]
async fn a_shared_subscription_gets_its_part() -> Result<()> {
    with_each("peer_shared", &["5.0"], async |peer, browser, version| {
        let tab = peer.open(browser, version, "").await?;
        tab.unsubscribe_all().await?;
        let jobs = unique("jobs");
        let filter = format!("$share/workers/{jobs}/#");
        tab.subscribe(&filter, 1).await?;
        let mut worker = Device::connect(peer, &unique("worker"), Version::V5).await?;
        worker.subscribe(&filter, 1).await?;
        let mut boss = Device::connect(peer, &unique("boss"), Version::V5).await?;
        const JOBS: u64 = 12;
        for n in 0..JOBS {
            boss.publish(&Message::new(&format!("{jobs}/{n}"), "work", 1)).await?;
        }
        let mut elsewhere = 0;
        eventually("each job, once", async || {
            while let Ok(message) = tokio::time::timeout(harness::QUIET, worker.message()).await {
                message?;
                elsewhere += 1;
            }
            let here =
                tab.count(&Hook::css(&format!("[data-test=message-row][data-topic^='{jobs}/']"))).await?;
            ensure!(here + elsewhere <= JOBS, "one job twice: {here} here, {elsewhere} elsewhere");
            Ok((here + elsewhere == JOBS && here > 0 && elsewhere > 0).then_some(()))
        })
        .await?;
        tab.close().await
    })
    .await
}

#[tokio::test]
async fn retained_messages_are_marked_cleared_and_brought_back() -> Result<()> {
    with_each("peer_retained", &["3.1.1", "5.0"], async |peer, browser, version| {
        let house = unique("house");
        let topic = |name: &str| format!("{house}/{name}");
        let mut device = Device::connect(peer, &unique("device"), Version::V5).await?;
        for name in ["door", "lamp"] {
            device.publish(&Message::retained(&topic(name), name, 1)).await?;
        }
        let tab = peer.open(browser, version, "").await?;
        tab.subscribe(&topic("#"), 1).await?;
        for name in ["door", "lamp"] {
            marks(&tab, &topic(name), |text| text.contains('R')).await?;
            tab.wait_for(&topic_node(&topic(name)).inner(".mark.retained")).await?;
        }
        // From the menu of the level above them.
        let menu = "document.querySelector(arguments[0]).dispatchEvent(
            new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: 60, clientY: 200 }))";
        let node = format!("[data-test=topic-node][data-topic=\"{house}\"]");
        tab.script(menu, vec![json!(node)]).await?;
        tab.click(&Hook::named("menu-clear-retained")).await?;
        tab.text_when(&Hook::named("question"), |text| text.contains('2') && text.contains(&house)).await?;
        tab.click(&Hook::named("question-yes")).await?;
        tab.text_when(&last_toast(), |text| text.contains('2')).await?;
        tab.wait_until_gone(&topic_node(&topic("door")).inner(".mark.retained")).await?;
        let mut late = Device::connect(peer, &unique("late"), Version::V311).await?;
        late.subscribe(&topic("#"), 1).await?;
        late.nothing().await?;
        tab.click(&last_toast().inner("[data-test=undo]")).await?;
        let mut again = [late.message().await?.topic, late.message().await?.topic];
        again.sort();
        ensure!(again == [topic("door"), topic("lamp")], "{again:?}");
        tab.close().await
    })
    .await
}

#[tokio::test]
async fn the_will_of_a_closed_tab() -> Result<()> {
    with_each("peer_will", &["3.1.1", "5.0"], async |peer, browser, version| {
        let topic = unique("will");
        let mut device = Device::connect(peer, &unique("device"), Version::V5).await?;
        device.subscribe(&topic, 2).await?;
        let more = format!("&will_topic={topic}&will_payload=closed&will_qos=1&will_retain=1");
        peer.open(browser, version, &more).await?.close().await?;
        let got = device.message().await?;
        ensure!(got == Message::new(&topic, "closed", 1), "{got:?}");
        let mut late = Device::connect(peer, &unique("late"), Version::V5).await?;
        late.subscribe(&topic, 1).await?;
        ensure!(late.message().await?.retain, "it is not retained");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn after_an_outage_nothing_of_ours_is_lost() -> Result<()> {
    with_each("peer_outage", &["3.1.1", "5.0"], async |peer, browser, version| {
        let tab = peer.open(browser, version, "").await?;
        let news = unique("news");
        let topic = |name: &str| format!("{news}/{name}");
        tab.subscribe(&topic("#"), 1).await?;
        peer.kill().await?;
        tab.disconnected().await?;
        let countdown = Hook::named("connection-notice").inner(".countdown");
        tab.text_when(&countdown, |text| text.contains("next attempt in")).await?;
        // Said while nobody listens, it waits.
        tab.publish(&topic("meanwhile"), "patient", 1, false).await?;
        let delivery = message(&topic("meanwhile")).inner("[data-test=delivery]");
        tab.wait_for(&delivery.clone().with("data-state", "sending")).await?;

        peer.start_again().await?;
        tab.connected().await?;
        tab.wait_for(&subscription(&topic("#")).with("data-state", "granted")).await?;
        tab.wait_for(&delivery.with("data-state", "acknowledged")).await?;
        let gap = Hook::named("gap-row");
        eventually("the gap", async || Ok((tab.count(&gap).await? == 1).then_some(()))).await?;
        let mut device = Device::connect(peer, &unique("device"), Version::V5).await?;
        device.publish(&Message::new(&topic("after"), "heard", 1)).await?;
        tab.shows(&topic("after"), "heard").await?;
        tab.close().await
    })
    .await
}

/// With our broker alone: mosquitto closes a WebSocket before its DISCONNECT has gone out, so nobody can know why.
#[tokio::test]
async fn two_tabs_with_one_id_do_not_fight() -> Result<()> {
    browser_test("taken_over", async |broker, browser| {
        let url = format!("{}?lang=en&client_id=same", broker.page_url());
        let (first, second) = (browser.open(&url).await?, browser.open(&url).await?);
        second.connected().await?;
        let notice = Hook::named("connection-notice");
        first.text_when(&notice, |text| text.contains("Taken over")).await?;
        ensure!(first.count(&notice.clone().inner(".countdown")).await? == 0, "it will fight back");
        first.click(&Hook::named("new-client-id")).await?;
        first.connected().await?;
        second.connected().await?;
        ensure!(second.count(&Hook::named("gap-row")).await? == 0, "the second one was thrown out, too");
        first.close().await?;
        second.close().await
    })
    .await
}

#[tokio::test]
async fn a_request_is_answered() -> Result<()> {
    with_each("peer_request", &["5.0"], async |peer, browser, version| {
        let tab = peer.open(browser, version, "").await?;
        tab.unsubscribe_all().await?;
        let ask = unique("ask");
        let mut oracle = Device::connect(peer, &unique("oracle"), Version::V5).await?;
        oracle.subscribe(&ask, 1).await?;
        tab.fill(&Hook::named("publish-topic"), &ask).await?;
        tab.fill(&Hook::named("publish-payload"), "how warm?").await?;
        tab.click(&Hook::named("publish-options")).await?;
        tab.click(&Hook::named("publish-request")).await?;
        tab.click(&Hook::named("publish-send")).await?;
        let properties = oracle.properties().await?;
        let topic = properties.response_topic.clone().context("no response topic")?;
        oracle.reply(&topic, properties.correlation_data, "21.5").await?;
        tab.wait_for(&Hook::named("request").with("data-state", "answered")).await?;
        tab.text_when(&Hook::named("answer"), |text| text == "21.5").await?;
        tab.close().await
    })
    .await
}

/// A file that goes with its value.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Result<Scratch> {
        let file = target_directory()?.join(unique(name));
        std::fs::write(&file, text)?;
        Ok(Scratch(file))
    }

    fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// With a wrong password, a right one, and one that a profile keeps only when it is asked to.
async fn with_a_password(browser: &Browser, address: &str) -> Result<()> {
    let tab = browser.open(address).await?;
    tab.wait_for(&Hook::named("connection-state")).await?;
    for (password, is_right) in [("wrong", false), ("123456", true)] {
        tab.click(&Hook::named("connection-state")).await?;
        tab.fill(&Hook::named("settings-username"), "ann").await?;
        tab.fill(&Hook::named("settings-password"), password).await?;
        if is_right {
            tab.click(&Hook::named("profile-keep")).await?;
            tab.fill(&Hook::named("name"), "with password").await?;
            ensure!(
                tab.count(&Hook::css(".dialog .warning")).await? == 0,
                "a warning before it is asked for"
            );
            tab.click(&Hook::named("profile-password")).await?;
            tab.text_when(&Hook::css(".dialog .warning"), |text| text.contains("read")).await?;
        }
        tab.click(&Hook::named("connect")).await?;
        if is_right {
            tab.connected().await?;
        } else {
            let notice = Hook::named("connection-notice");
            tab.text_when(&notice, |text| text.contains("Refused") && text.contains("password")).await?;
        }
    }
    let kept = async |name: &str| -> Result<Value> {
        let script = "return JSON.stringify({ ...window[arguments[0]] }).includes('123456')";
        tab.script(script, vec![json!(name)]).await
    };
    ensure!(kept("localStorage").await? == true, "the password was to be kept in the profile");
    ensure!(kept("sessionStorage").await? == false, "the tab keeps the password, too");
    let address = tab.script("return location.href", vec![]).await?;
    ensure!(!address.as_str().unwrap_or_default().contains("123456"), "{address}");
    tab.script("localStorage.clear()", vec![]).await?;
    tab.close().await
}

#[tokio::test]
async fn names_and_passwords() -> Result<()> {
    browser_test("peer_passwords", async |broker, browser| {
        let guarded = super::views::Guarded::start().await?;
        with_a_password(browser, &format!("{}?lang=en", guarded.broker.page_url())).await.context("ours")?;
        let users = Scratch::new("users", "")?;
        Program::spawn(Command::new("mosquitto_passwd").args(["-b", &users.path(), "ann", "123456"]))?
            .success()
            .await?;
        let foreign = ForeignBroker::mosquitto_with(&[], &format!("password_file {}", users.path())).await?;
        let url = format!("{}?lang=en&broker={}&username=ann", broker.page_url(), foreign.websocket_url());
        with_a_password(browser, &url).await.context("mosquitto")
    })
    .await
}

/// What the rules forbid to publish; forbidden filters are in [`away`](super::away).
async fn what_is_denied(browser: &Browser, address: &str) -> Result<()> {
    let tab = browser.open(address).await?;
    tab.connected().await?;
    tab.unsubscribe_all().await?;
    tab.subscribe("open/#", 1).await?;
    tab.publish("secret/door", "open", 1, false).await?;
    let failed = message("secret/door").inner("[data-test=delivery][data-state=failed]");
    tab.text_when(&failed, |text| text.contains("not authorised")).await?;
    tab.publish("open/door", "open", 1, false).await?;
    listed(&tab, "open/door", 2).await?;
    tab.close().await
}

#[tokio::test]
async fn what_the_rules_forbid_is_said_with_the_reason() -> Result<()> {
    browser_test("peer_denied", async |broker, browser| {
        let rule = "[[rule]]\nallow = ['publish', 'subscribe']\ntopics = ['open/#']\nanyone = true\n";
        let config = Scratch::new("rules.toml", rule)?;
        let mut ours = Broker::start_with(&["--config", &config.path()]).await?;
        what_is_denied(browser, &format!("{}?lang=en", ours.page_url())).await.context("ours")?;
        ours.stop().await?;
        let rules = Scratch::new("acl", "topic readwrite open/#\n")?;
        let foreign = ForeignBroker::mosquitto_with(&[], &format!("acl_file {}", rules.path())).await?;
        let url = format!("{}?lang=en&broker={}", broker.page_url(), foreign.websocket_url());
        what_is_denied(browser, &url).await.context("mosquitto")
    })
    .await
}
