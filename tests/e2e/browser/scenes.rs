//! Every view of the page, one after the other: what pictures are taken of ([`looks`](super::looks)), and what is
//! checked in each of them ([`access`](super::access)).

use super::views::Guarded;
use anyhow::Result;
use harness::{
    Broker, Browser, Device, DeviceOptions, Gateway, Hook, Message, Tab, Version, last_toast, topic_node,
};
use serde_json::json;

const ESCAPE: &str = "\u{e00c}";

/// A width and height in CSS pixels.
pub(crate) const DESKTOP: (u32, u32) = (1280, 800);
pub(crate) const PHONE: (u32, u32) = (412, 915);

/// How the page is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) size: (u32, u32),
    pub(crate) theme: &'static str,
    pub(crate) lang: &'static str,
}

impl Look {
    /// Whether the page's parts are tabs.
    pub(crate) fn is_narrow(self) -> bool {
        self.size == PHONE
    }

    /// `1280x800-dark-zh`.
    pub(crate) fn name(self) -> String {
        format!("{}x{}-{}-{}", self.size.0, self.size.1, self.theme, self.lang)
    }

    /// Opens a page like this; `more` is the rest of its address.
    pub(crate) async fn open<'b>(self, browser: &'b Browser, page: &str, more: &str) -> Result<Tab<'b>> {
        let tab = browser.open(&format!("{page}?theme={}&lang={}{more}", self.theme, self.lang)).await?;
        tab.resize(self.size.0, self.size.1).await?;
        Ok(tab)
    }
}

/// The devices of a small household, and what they have said.
pub(crate) struct Household {
    lamp: Device,
    _pump: Device,
}

impl Household {
    pub(crate) async fn move_in(broker: &Broker) -> Result<Household> {
        let mut lamp = Device::connect(broker, "lamp-living", Version::V5).await?;
        for (topic, payload) in KEPT {
            lamp.publish(&Message::retained(topic, payload, 1)).await?;
        }
        lamp.subscribe("home/living/+/set", 1).await?;
        let mut pump = Device::connect(broker, "garden-pump", Version::V311).await?;
        pump.subscribe("garden/#", 1).await?;
        let kept = DeviceOptions { keep_session: true, ..DeviceOptions::new("door-sensor", Version::V5) };
        let (mut door, _) = Device::connect_with(broker, kept).await?;
        door.subscribe("home/door/set", 1).await?;
        drop(door); // its messages wait for it
        lamp.publish(&Message::new("home/door/set", "open", 1)).await?;
        Ok(Household { lamp, _pump: pump })
    }
}

/// What is kept.
const KEPT: [(&str, &str); 8] = [
    ("home/kitchen/temperature", "21.5"),
    ("home/kitchen/light", "on"),
    ("home/living/lamp/state", r#"{"on":true,"brightness":180,"color":[255,214,170]}"#),
    ("home/door", "closed"),
    ("garden/pump", "off"),
    ("garden/soil/moisture", "0.31"),
    ("energy/meter/total", "18234.771"),
    ("workshop/printer/progress", "68 %"),
];

const LAMP: &str = "home/living/lamp/state";

/// Goes through all of it with this look, and says so at each stop.
pub(crate) async fn walk(
    browser: &Browser,
    broker: &Broker,
    home: &mut Household,
    look: Look,
    at: &mut impl AsyncFnMut(&Tab<'_>, &str) -> Result<()>,
) -> Result<()> {
    let tab = look.open(browser, &broker.page_url(), "").await?;
    tab.connected().await?;
    let page = Page { tab: &tab, narrow: look.is_narrow() };
    page.explorer(home, at).await?;
    page.publishing(at).await?;
    page.dialogs(at).await?;
    page.charts(home, at).await?;
    page.places(at).await?;
    page.connections(broker, at).await?;
    tab.script("localStorage.clear()", vec![]).await?; // the next look is a first visit again
    tab.close().await?;
    elsewhere(browser, broker, look, at).await
}

struct Page<'a> {
    tab: &'a Tab<'a>,
    narrow: bool,
}

impl Page<'_> {
    /// On a phone, to this part of the explorer.
    async fn part(&self, name: &str) -> Result<()> {
        if self.narrow { self.tab.click(&Hook::named(&format!("tab-{name}"))).await } else { Ok(()) }
    }

    async fn escape(&self, from: &Hook) -> Result<()> {
        self.tab.press(ESCAPE).await?;
        self.tab.wait_until_gone(from).await
    }

    async fn menu(&self, topic: &str) -> Result<()> {
        let script = "const row = document.querySelector(arguments[0]), box = row.getBoundingClientRect();
            row.dispatchEvent(new MouseEvent('contextmenu',
                { bubbles: true, cancelable: true, clientX: box.left + 60, clientY: box.top + 10 }))";
        let row = format!("[data-test=topic-node][data-topic=\"{topic}\"]");
        self.tab.script(script, vec![json!(row)]).await?;
        self.tab.wait_for(&Hook::named("menu")).await
    }

    async fn explorer(
        &self,
        home: &mut Household,
        at: &mut impl AsyncFnMut(&Tab<'_>, &str) -> Result<()>,
    ) -> Result<()> {
        let tab = self.tab;
        self.part("topics").await?;
        tab.wait_for(&topic_node(LAMP)).await?;
        tab.wait_for(&Hook::named("hints")).await?;
        at(tab, "first").await?;
        tab.click(&Hook::named("hints-close")).await?;
        home.lamp
            .publish(&Message::new(LAMP, r#"{"on":true,"brightness":90,"color":[255,180,120]}"#, 1))
            .await?;
        self.part("messages").await?;
        tab.click(&Hook::named("more-filters")).await?;
        tab.wait_for(&Hook::named("filter-qos")).await?;
        at(tab, "messages").await?;
        tab.fill(&Hook::named("message-filter"), "nothing like it").await?;
        at(tab, "none-found").await?;
        tab.click(&Hook::named("nothing-reset")).await?;
        tab.wait_until_gone(&Hook::named("nothing-reset")).await?;
        tab.click(&Hook::named("more-filters")).await?;

        self.part("topics").await?;
        // Not by the mouse, which would scroll first: the element is another row's then.
        tab.click_if_there(&topic_node(LAMP)).await?;
        tab.wait_for(&Hook::named("tree-line")).await?;
        at(tab, "message").await?;
        tab.click(&Hook::named("compare")).await?;
        tab.wait_for(&Hook::named("diff")).await?;
        at(tab, "compared").await?;
        tab.click(&Hook::named("compare-end")).await?;
        tab.select(&Hook::named("format"), "hex").await?;
        at(tab, "hex").await?;
        tab.select(&Hook::named("format"), "").await?;

        self.part("topics").await?;
        self.menu("home/kitchen").await?;
        at(tab, "menu").await?;
        tab.click(&Hook::named("menu-clear-retained")).await?;
        tab.wait_for(&Hook::named("question")).await?;
        at(tab, "question").await?;
        self.escape(&Hook::named("question")).await?;
        self.part("messages").await?;
        tab.click(&Hook::named("clear")).await?;
        tab.wait_for(&last_toast()).await?;
        at(tab, "cleared").await?;
        tab.click(&last_toast().inner("[data-test=undo]")).await
    }

    async fn publishing(&self, at: &mut impl AsyncFnMut(&Tab<'_>, &str) -> Result<()>) -> Result<()> {
        let tab = self.tab;
        self.part("publish").await?;
        tab.fill(&Hook::named("publish-payload"), "{\"on\": tru").await?;
        tab.wait_for(&Hook::named("json-state").with("data-state", "invalid")).await?;
        at(tab, "publish").await?;
        tab.click(&Hook::named("publish-options")).await?;
        for flag in ["publish-repeat", "publish-request"] {
            tab.click(&Hook::named(flag)).await?;
        }
        tab.fill(&Hook::named("publish-payload"), "{{n}}").await?;
        tab.click(&Hook::named("publish-send")).await?;
        tab.wait_for(&Hook::named("run")).await?;
        at(tab, "publish-options").await?;
        tab.click(&Hook::named("run-stop")).await?;
        tab.click(&Hook::named("publish-options")).await
    }

    async fn dialogs(&self, at: &mut impl AsyncFnMut(&Tab<'_>, &str) -> Result<()>) -> Result<()> {
        let tab = self.tab;
        let dialog = Hook::css("dialog[open]");
        for (part, open, name) in [
            ("publish", "publish-shelf", "shelf"),
            ("topics", "subscribe-options", "subscription"),
            ("topics", "connection-state", "connection"),
        ] {
            self.part(part).await?;
            tab.click(&Hook::named(open)).await?;
            tab.wait_for(&dialog).await?;
            at(tab, name).await?;
            if name == "connection" {
                let open = "document.querySelectorAll('.dialog details').forEach(part => part.open = true)";
                tab.script(open, vec![]).await?;
                tab.select(&Hook::named("auth"), "scram").await?;
                at(tab, "connection-more").await?;
                tab.select(&Hook::named("auth"), "other").await?;
                at(tab, "connection-other").await?;
            }
            self.escape(&dialog).await?;
        }
        if self.narrow {
            tab.click(&Hook::named("more")).await?;
            tab.wait_for(&Hook::named("menu")).await?;
            at(tab, "more").await?;
            self.escape(&Hook::named("menu")).await?;
        }
        for (open, name) in [("recordings", "recordings"), ("share-open", "share"), ("help-open", "help")] {
            if self.narrow {
                tab.click(&Hook::named("more")).await?;
            }
            tab.click(&Hook::named(open)).await?;
            tab.wait_for(&dialog).await?;
            at(tab, name).await?;
            self.escape(&dialog).await?;
        }
        Ok(())
    }

    async fn charts(
        &self,
        home: &mut Household,
        at: &mut impl AsyncFnMut(&Tab<'_>, &str) -> Result<()>,
    ) -> Result<()> {
        let tab = self.tab;
        self.part("charts").await?;
        if self.narrow {
            at(tab, "no-charts").await?;
        }
        let link = "location.hash = 'tab=charts&charts=@60@home/kitchen/temperature,garden/soil/moisture'";
        tab.script(link, vec![]).await?;
        tab.wait_for(&Hook::named("chart-series")).await?;
        for n in 0..20_u32 {
            let value = 21.0 + f64::from(n % 7) / 10.0;
            home.lamp.publish(&Message::new("home/kitchen/temperature", format!("{value:.1}"), 1)).await?;
        }
        // What was kept before is in it, too.
        let points = "return +document.querySelector('[data-test=chart-series]').dataset.count";
        tab.script_when(points, |n| n.as_f64() >= Some(20.0)).await?;
        at(tab, "charts").await
    }

    /// The broker's inside, with something to look into.
    async fn places(&self, at: &mut impl AsyncFnMut(&Tab<'_>, &str) -> Result<()>) -> Result<()> {
        let tab = self.tab;
        for (view, row, key, detail) in [
            ("clients", "client-row", "lamp-living", "client-subscriptions"),
            ("retained", "retained-row", LAMP, "payload-view"),
        ] {
            tab.click(&Hook::named(&format!("place-{view}"))).await?;
            let row = Hook::named(row).with("data-key", key);
            tab.wait_for(&row).await?;
            at(tab, view).await?;
            tab.click(&row).await?;
            tab.wait_for(&Hook::css(".side").inner(&format!("[data-test={detail}]"))).await?;
            at(tab, &format!("{view}-one")).await?;
        }
        tab.click(&Hook::named("place-events")).await?;
        tab.wait_for(&Hook::named("event-row")).await?;
        at(tab, "events").await?;
        tab.click(&Hook::named("place-broker")).await?;
        let lines = "return document.querySelectorAll('[data-test=tile-in] polyline').length";
        tab.script_when(lines, |n| *n == 1).await?;
        at(tab, "broker").await?;
        tab.click(&Hook::named("place-explore")).await
    }

    /// Two of them, of which one leads nowhere.
    async fn connections(
        &self,
        broker: &Broker,
        at: &mut impl AsyncFnMut(&Tab<'_>, &str) -> Result<()>,
    ) -> Result<()> {
        let tab = self.tab;
        tab.click(&Hook::named("new-connection")).await?;
        // Port 9 is for what is to be discarded; nobody listens there.
        let nowhere = format!("ws://{}:9/mqtt", broker.http().ip());
        tab.fill(&Hook::named("settings-broker"), &nowhere).await?;
        tab.click(&Hook::named("connect")).await?;
        tab.wait_for(&Hook::named("connection-notice").inner(".countdown")).await?;
        self.part("messages").await?;
        at(tab, "unreachable").await
    }
}

/// What needs another server: a broker that is idle, one that wants to know who asks, a gateway.
async fn elsewhere(
    browser: &Browser,
    broker: &Broker,
    look: Look,
    at: &mut impl AsyncFnMut(&Tab<'_>, &str) -> Result<()>,
) -> Result<()> {
    let mut idle = Broker::start().await?;
    let tab = look.open(browser, &idle.page_url(), "").await?;
    tab.connected().await?;
    Page { tab: &tab, narrow: look.is_narrow() }.part("messages").await?;
    tab.wait_for(&Hook::named("demo-start")).await?;
    at(&tab, "idle").await?;
    tab.click(&Hook::named("demo-start")).await?;
    tab.wait_for(&Hook::named("message-row").with("data-topic", "demo/meter")).await?;
    at(&tab, "demo").await?;
    tab.close().await?;
    idle.stop().await?;

    let guarded = Guarded::start().await?;
    let tab = look.open(browser, &guarded.broker.page_url(), "#view=clients").await?;
    tab.wait_for(&Hook::named("log-in")).await?;
    at(&tab, "log-in").await?;
    tab.close().await?;

    let gateway = Gateway::start(broker.mqtt().port()).await?;
    let tab = look.open(browser, &gateway.page_url(), "#view=broker").await?;
    tab.wait_for(&Hook::named("gateway-upstream").with("data-state", "on")).await?;
    at(&tab, "gateway").await?;
    tab.close().await
}
