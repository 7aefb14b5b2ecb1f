//! The views of the broker's inside: clients, what is kept, events, the broker; logging in; who talks to whom.

use anyhow::{Context, Result, ensure};
use harness::{
    Broker, Browser, Device, DeviceOptions, Gateway, Hook, Message, Program, Tab, Version, browser_test,
    eventually, http, last_toast, topic_node, unique,
};
use serde_json::{Value, json};

fn named(name: &str) -> Hook {
    Hook::named(name)
}

fn row(kind: &str, key: &str) -> Hook {
    named(kind).with("data-key", key)
}

/// Opens a view by its address.
async fn view<'b>(browser: &'b Browser, broker: &Broker, fragment: &str) -> Result<Tab<'b>> {
    let tab = browser.open(&format!("{}#view={fragment}", broker.page_url())).await?;
    tab.connected().await?;
    Ok(tab)
}

#[tokio::test]
async fn clients_come_go_and_are_ended() -> Result<()> {
    browser_test("view_clients", async |broker, browser| {
        let mut meter = Device::connect(broker, "meter-7", Version::V5).await?;
        meter.subscribe("home/+/set", 1).await?;
        let kept = DeviceOptions { keep_session: true, ..DeviceOptions::new("lamp-1", Version::V311) };
        let (mut lamp, _) = Device::connect_with(broker, kept).await?;
        lamp.subscribe("home/lamp/#", 1).await?;
        drop(lamp);

        let tab = view(browser, broker, "clients").await?;
        tab.wait_for(&row("client-row", "meter-7").with("data-state", "connected")).await?;
        tab.wait_for(&row("client-row", "lamp-1").with("data-state", "absent")).await?;
        // It comes by itself,
        let late = Device::connect(broker, "late-3", Version::V311).await?;
        tab.wait_for(&row("client-row", "late-3")).await?;
        // and goes.
        late.disconnect().await?;
        tab.wait_until_gone(&row("client-row", "late-3")).await?;

        tab.click(&named("clients-absent")).await?;
        tab.wait_until_gone(&row("client-row", "meter-7")).await?;
        tab.click(&named("clients-all")).await?;
        tab.fill(&named("place-find"), "METER").await?;
        tab.wait_until_gone(&row("client-row", "lamp-1")).await?;
        tab.click(&row("client-row", "meter-7")).await?;
        tab.wait_for(&named("client-subscription").with("data-filter", "home/+/set")).await?;
        let address = tab.script("return location.hash", vec![]).await?;
        let address = address.as_str().context("no address")?.to_owned();
        ensure!(
            address.contains("view=clients")
                && address.contains("find=METER")
                && address.contains("item=meter-7"),
            "{address}"
        );

        tab.click(&named("client-disconnect")).await?;
        tab.click(&named("question-yes")).await?;
        tab.text_when(&last_toast(), |text| text.contains("meter-7 was disconnected")).await?;
        meter.ended().await?;

        tab.fill(&named("place-find"), "").await?;
        tab.click(&row("client-row", "lamp-1")).await?;
        tab.click(&named("client-remove")).await?;
        tab.text_when(&named("question"), |text| text.contains("1 subscriptions")).await?;
        tab.click(&named("question-yes")).await?;
        tab.wait_until_gone(&row("client-row", "lamp-1")).await
    })
    .await
}

#[tokio::test]
async fn rows_do_not_move_under_the_pointer() -> Result<()> {
    browser_test("view_held", async |broker, browser| {
        let _b = Device::connect(broker, "b", Version::V5).await?;
        let tab = view(browser, broker, "clients").await?;
        let first = row("client-row", "b");
        tab.wait_for(&first).await?;
        let point = "const row = document.querySelector('[data-test=client-row]').getBoundingClientRect();
            for (const [x, y] of [[5, 5], [9, 6]]) {
                document.elementFromPoint(row.x + x, row.y + y).dispatchEvent(new PointerEvent('pointermove', { bubbles: true, screenX: x, screenY: y }));
            }";
        tab.script(point, vec![]).await?;
        let _a = Device::connect(broker, "a", Version::V5).await?;
        // The next walk through the list has seen it.
        let seen = "return performance.getEntriesByType('resource').filter(it => it.name.includes('/api/v1/clients')).length";
        let before = tab.script(seen, vec![]).await?.as_u64().unwrap_or(0);
        tab.script_when(seen, |n| n.as_u64() >= Some(before + 2)).await?;
        ensure!(tab.count(&row("client-row", "a")).await? == 0, "a row has come under the pointer");
        let leave = "document.querySelector('.clients .spacer').dispatchEvent(new PointerEvent('pointerleave'))";
        tab.script(leave, vec![]).await?;
        tab.wait_for(&row("client-row", "a")).await
    })
    .await
}

#[tokio::test]
async fn what_is_kept_is_looked_into_cleared_and_brought_back() -> Result<()> {
    browser_test("view_retained", async |broker, browser| {
        let mut device = Device::connect(broker, "thermometer", Version::V5).await?;
        for (topic, payload) in
            [("home/door", r#"{"open":true,"battery":87}"#), ("home/lamp", "on"), ("other", "1")]
        {
            device.publish(&Message::retained(topic, payload, 1)).await?;
        }
        let tab = view(browser, broker, "retained").await?;
        tab.click(&row("retained-row", "home/door")).await?;
        tab.text_when(&named("retained-facts"), |text| text.contains("thermometer")).await?;
        tab.text_when(&named("payload-view"), |text| text.contains("battery")).await?;

        // Text finds, and is nothing to clear by.
        tab.fill(&named("place-find"), "lam").await?;
        tab.wait_until_gone(&row("retained-row", "other")).await?;
        ensure!(tab.attribute(&named("retained-clear"), "disabled").await?.is_some(), "a text would clear");
        tab.fill(&named("place-find"), "home/#").await?;
        tab.wait_for(&row("retained-row", "home/door")).await?;
        tab.click(&named("retained-clear")).await?;
        tab.text_when(&named("question"), |text| text.contains("Clear 2 retained messages under home/#"))
            .await?;
        tab.click(&named("question-yes")).await?;
        tab.wait_until_gone(&row("retained-row", "home/lamp")).await?;
        let kept = async || -> Result<Value> {
            let answer = http::get(broker.http(), "/api/v1/retained?filter=home/%23", &[]).await?;
            Ok(answer.json()?["messages"].clone())
        };
        ensure!(kept().await? == json!([]), "not cleared");
        tab.click(&last_toast().inner("[data-test=undo]")).await?;
        tab.wait_for(&row("retained-row", "home/lamp")).await?;
        let lamp = eventually("the lamp's message", async || {
            let kept = kept().await?;
            Ok(kept.as_array().and_then(|all| all.iter().find(|it| it["topic"] == "home/lamp").cloned()))
        })
        .await?;
        ensure!(lamp["payload_base64"] == "b24=" && lamp["qos"] == 1, "{lamp}");

        tab.click(&row("retained-row", "home/door")).await?;
        tab.click(&named("retained-show")).await?;
        tab.text_when(&named("detail-topic"), |text| text.contains("home/door")).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn events_as_they_happen() -> Result<()> {
    browser_test("view_events", async |broker, browser| {
        let tab = view(browser, broker, "events").await?;
        tab.wait_for(&named("events-live").with("data-state", "live")).await?;
        let mut device = Device::connect(broker, "meter-7", Version::V5).await?;
        let event = |kind: &str| row("event-row", "meter-7").with("data-kind", kind);
        tab.wait_for(&event("connected")).await?;
        device.subscribe("home/#", 1).await?;
        tab.text_when(&event("subscribed"), |text| text.contains("home/#")).await?;

        tab.click(&named("events-pause")).await?;
        let other = Device::connect(broker, "other", Version::V311).await?;
        tab.text_when(&named("events-newer"), |text| text.starts_with('1')).await?;
        tab.click(&named("events-newer")).await?;
        tab.wait_for(&row("event-row", "other")).await?;
        other.disconnect().await?;

        // Messages are told of only when somebody asks.
        tab.click(&named("kind-published")).await?;
        tab.click(&named("kind-subscribed")).await?;
        tab.wait_until_gone(&event("subscribed")).await?;
        tab.wait_for(&named("events-live").with("data-state", "live")).await?;
        eventually("an event of a message", async || {
            device.publish(&Message::new("home/power", "400", 1)).await?;
            Ok((tab.count(&event("published")).await? > 0).then_some(()))
        })
        .await?;

        // From an event to its client, and from there to its events.
        tab.click(&event("published").inner("[data-test=event-client]")).await?;
        tab.wait_for(&row("client-detail", "meter-7")).await?;
        tab.click(&named("client-events")).await?;
        tab.wait_for(&event("connected")).await?;
        ensure!(tab.count(&row("event-row", "other")).await? == 0, "somebody else's events");
        let found =
            tab.script("return document.querySelector('[data-test=place-find]').value", vec![]).await?;
        ensure!(found == "meter-7", "{found}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn why_somebody_has_gone_is_said_in_the_pages_language() -> Result<()> {
    browser_test("view_events_chinese", async |broker, browser| {
        let kept = DeviceOptions { keep_session: true, ..DeviceOptions::new("lamp-1", Version::V5) };
        let (lamp, _) = Device::connect_with(broker, kept).await?;
        let first = Device::connect(broker, "meter-7", Version::V5).await?;
        let second = Device::connect(broker, "meter-7", Version::V5).await?;
        lamp.disconnect().await?;
        let tab = browser.open(&format!("{}?lang=zh#view=events", broker.page_url())).await?;
        tab.connected().await?;
        let event = |client: &str| row("event-row", client).with("data-kind", "disconnected");
        tab.text_when(&event("lamp-1"), |text| text.contains("客户端已断开")).await?;
        let taken_over = "另一连接使用了相同的";
        tab.text_when(&event("meter-7"), |text| text.contains(taken_over)).await?;
        drop((first, second));
        // And in the client's own facts.
        tab.script("location.hash = 'view=clients&item=lamp-1'", vec![]).await?;
        tab.text_when(&row("client-detail", "lamp-1"), |text| text.contains("前结束：客户端")).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_broker_that_was_away_is_heard_again() -> Result<()> {
    browser_test("view_events_restart", async |broker, browser| {
        let tab = view(browser, broker, "events").await?;
        tab.wait_for(&named("events-live").with("data-state", "live")).await?;
        broker.kill().await?;
        tab.wait_for(&named("events-live").with("data-state", "off")).await?;
        tab.wait_for(&named("view-trouble")).await?;
        broker.start_again().await?;
        tab.wait_for(&named("events-live").with("data-state", "live")).await?;
        tab.wait_for(&named("event-row").with("data-kind", "lost")).await?;
        let _device = Device::connect(broker, "meter-7", Version::V5).await?;
        tab.wait_for(&row("event-row", "meter-7")).await
    })
    .await
}

#[tokio::test]
async fn the_broker_s_figures_move() -> Result<()> {
    browser_test("view_broker", async |broker, browser| {
        let mut device = Device::connect(broker, "meter-7", Version::V5).await?;
        let tab = view(browser, broker, "broker").await?;
        let port = broker.mqtt().port().to_string();
        tab.text_when(&named("broker-listeners"), |text| text.contains(&port)).await?;
        tab.text_when(&named("broker-commands"), |text| text.contains(&format!("-p {port}"))).await?;
        eventually("a rate of messages", async || {
            for _ in 0..50 {
                device.publish(&Message::new("a", "1", 1)).await?;
            }
            let rate = tab.text(&named("tile-in").inner(".big")).await?.unwrap_or_default();
            Ok((!rate.is_empty() && !rate.starts_with("0/")).then_some(()))
        })
        .await?;
        let lines = "return document.querySelectorAll('[data-test=tile-in] polyline').length";
        tab.script_when(lines, |n| *n == 1).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn keys_and_links_lead_to_the_views() -> Result<()> {
    browser_test("view_keys", async |broker, browser| {
        let tab = browser.open(&format!("{}?view=broker", broker.page_url())).await?;
        tab.connected().await?;
        tab.wait_for(&named("view-broker")).await?;
        for (key, view) in
            [("2", "view-clients"), ("3", "view-retained"), ("4", "view-events"), ("1", "tree")]
        {
            tab.script("document.activeElement.blur()", vec![]).await?;
            tab.press(key).await?;
            match key {
                "1" => tab.wait_for(&named("message-filter")).await?,
                _ => tab.wait_for(&named(view)).await?,
            }
        }
        tab.click(&named("place-clients")).await?;
        tab.wait_for(&named("view-clients")).await?;
        tab.script("document.activeElement.blur()", vec![]).await?;
        tab.press("/").await?;
        let focused = "return document.activeElement.dataset.test ?? ''";
        tab.script_when(focused, |focused| focused == "place-find").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn who_has_sent_it_and_who_gets_it() -> Result<()> {
    browser_test("view_talk", async |broker, browser| {
        let mut meter = Device::connect(broker, "meter-7", Version::V5).await?;
        let mut screen = Device::connect(broker, "screen-2", Version::V311).await?;
        screen.subscribe("home/+", 1).await?;
        let tab = browser.open(&broker.page_url()).await?;
        tab.connected().await?;
        meter.publish(&Message::new("home/power", "1", 1)).await?;
        tab.click(&topic_node("home/power")).await?;
        tab.wait_for(&row("received-by", "screen-2")).await?;
        let mut n = 1;
        eventually("the sender", async || {
            n += 1;
            meter.publish(&Message::new("home/power", n.to_string(), 1)).await?;
            let sender = tab.text(&named("sent-by")).await?;
            Ok((sender.as_deref() == Some("meter-7")).then_some(()))
        })
        .await?;
        tab.click(&row("received-by", "screen-2").inner("[data-test=receiver]")).await?;
        tab.wait_for(&row("client-detail", "screen-2")).await
    })
    .await
}

/// A broker with the users `ann` (admin), `vic` (viewer) and `tom` (no role); its file goes with it.
pub(crate) struct Guarded {
    pub(crate) broker: Broker,
    file: std::path::PathBuf,
}

impl Guarded {
    pub(crate) async fn start() -> Result<Guarded> {
        let name = format!("tabmq-{}-{}", std::process::id(), unique("views"));
        let file = std::env::temp_dir().join(name);
        let path = file.to_string_lossy().into_owned();
        for (user, role) in [("ann", &["--role", "admin"][..]), ("vic", &["--role", "viewer"]), ("tom", &[])]
        {
            let mut command = Broker::command([&["passwd", "add", &path, user], role].concat())?;
            let mut program = Program::spawn(&mut command)?;
            program.type_line("123456").await?;
            program.close_stdin();
            ensure!(program.wait().await?.success(), "{}", program.stderr.text());
        }
        Ok(Guarded { broker: Broker::start_with(&["--password-file", &path]).await?, file })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

async fn log_in(tab: &Tab<'_>, user: &str, password: &str) -> Result<()> {
    tab.fill(&named("log-in-user"), user).await?;
    tab.fill(&named("log-in-password"), password).await?;
    tab.click(&named("log-in-send")).await
}

#[tokio::test]
async fn logging_in_and_out() -> Result<()> {
    browser_test("view_log_in", async |_, browser| {
        let guarded = Guarded::start().await?;
        let tab = browser.open(&format!("{}#view=clients", guarded.broker.page_url())).await?;
        tab.wait_for(&named("log-in")).await?;
        log_in(&tab, "vic", "1234567").await?;
        tab.text_when(&named("log-in-error"), |text| text.contains("Wrong")).await?;
        log_in(&tab, "tom", "123456").await?;
        tab.text_when(&named("view-trouble"), |text| text.contains("role")).await?;
        tab.click(&named("log-in-as-other")).await?;

        log_in(&tab, "vic", "123456").await?;
        tab.text_when(&named("account"), |text| text.contains("vic") && text.contains("viewer")).await?;
        let keeps = "return [location.href, JSON.stringify(localStorage), JSON.stringify(sessionStorage)].some(it => it.includes('123456'))";
        ensure!(tab.script(keeps, vec![]).await? == false, "the password is kept somewhere");
        // Everything else knows now, too, that the broker is one of ours.
        tab.click(&named("place-broker")).await?;
        tab.wait_for(&named("broker-commands")).await?;
        tab.click(&named("log-out")).await?;
        tab.wait_for(&named("log-in")).await?;
        ensure!(tab.count(&named("broker-listeners")).await? == 0, "something is left of what was seen");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_connection_s_own_password_opens_the_views() -> Result<()> {
    browser_test("view_own_password", async |_, browser| {
        let guarded = Guarded::start().await?;
        let tab = browser.open(&format!("{}?username=ann", guarded.broker.page_url())).await?;
        tab.disconnected().await?;
        tab.click(&named("connection-state")).await?;
        tab.fill(&named("settings-password"), "123456").await?;
        tab.click(&named("connect")).await?;
        tab.connected().await?;
        tab.click(&named("place-clients")).await?;
        tab.text_when(&named("account"), |text| text.contains("ann") && text.contains("admin")).await?;
        tab.wait_for(&named("client-row")).await
    })
    .await
}

#[tokio::test]
async fn a_gateway_shows_its_own_side_only() -> Result<()> {
    browser_test("view_gateway", async |broker, browser| {
        let gateway = Gateway::start(broker.mqtt().port()).await?;
        let tab = browser.open(&gateway.page_url()).await?;
        tab.connected().await?;
        tab.click(&named("place-broker")).await?;
        tab.wait_for(&named("gateway-upstream").with("data-state", "on")).await?;
        ensure!(
            tab.count(&named("place-clients")).await? == 0,
            "what only our own broker can answer is offered"
        );
        tab.screenshot("view-gateway").await?;
        broker.kill().await?;
        tab.wait_for(&named("gateway-upstream").with("data-state", "bad")).await?;
        broker.start_again().await
    })
    .await
}

#[tokio::test]
async fn another_broker_hides_the_views() -> Result<()> {
    browser_test("view_foreign", async |broker, browser| {
        let url = format!("{}?broker=ws://{}/mqtt", broker.page_url(), broker.http());
        let tab = browser.open(&url).await?;
        tab.connected().await?;
        ensure!(
            tab.count(&named("place-clients")).await? == 0,
            "the page's own broker is not the one that is connected"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn bridges_and_how_they_are() -> Result<()> {
    browser_test("view_bridges", async |other, browser| {
        let config = harness::target_directory()?.join(format!("{}.toml", unique("bridge")));
        let bridge = format!(
            "[[bridge]]\nname = 'to-the-other'\naddress = 'mqtt://{}'\nmax-retry-time = 1\n\
             [[bridge.topics]]\npattern = 'shared/#'\ndirection = 'both'\nqos = 1\n",
            other.mqtt()
        );
        std::fs::write(&config, bridge)?;
        let mut broker = Broker::start_with(&["--config", &config.to_string_lossy()]).await?;
        let tab = browser.open(&format!("{}?lang=en#view=broker", broker.page_url())).await?;
        let line = row("bridge", "to-the-other");
        tab.text_when(&line.clone().with("data-state", "on"), |text| text.contains("connected for")).await?;
        // What went over it is counted.
        let mut device = Device::connect(&broker, "device", Version::V5).await?;
        device.publish(&Message::new("shared/door", "open", 1)).await?;
        tab.text_when(&line, |text| text.contains("1 sent")).await?;
        // Gone, with the reason; and back.
        other.kill().await?;
        tab.text_when(&line.clone().with("data-state", "bad"), |text| text.contains("refused")).await?;
        other.start_again().await?;
        tab.wait_for(&line.with("data-state", "on")).await?;
        broker.stop().await?;
        std::fs::remove_file(config)?;
        Ok(())
    })
    .await
}
