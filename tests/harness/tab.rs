//! The page in one tab, as a user sees it. Elements are found by their `data-test` attribute and nothing else, so that
//! layout and words may change.

use crate::{Browser, eventually};
use anyhow::{Context, Result, ensure};
use fantoccini::Locator;
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::key::Key;
use fantoccini::wd::WindowHandle;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The mouse's name in commands.
const MOUSE: &str = "mouse";

/// One tab.
pub struct Tab<'b> {
    browser: &'b Browser,
    window: WindowHandle,
}

/// An element of the page: its `data-test` attribute, and further attributes that pick one of several.
#[derive(Clone, Debug)]
pub struct Hook(String);

impl Hook {
    pub fn named(name: &str) -> Hook {
        Hook(attribute("data-test", name))
    }

    /// Whatever this selector finds: only for what is about looks.
    pub fn css(selector: &str) -> Hook {
        Hook(selector.to_owned())
    }

    /// The one among several whose attribute `name` is `value`.
    pub fn with(self, name: &str, value: &str) -> Hook {
        Hook(self.0 + &attribute(name, value))
    }

    /// The one with `inner` inside this.
    pub fn inner(self, inner: &str) -> Hook {
        Hook(format!("{} {inner}", self.0))
    }
}

fn attribute(name: &str, value: &str) -> String {
    format!("[{name}=\"{}\"]", value.replace('\\', "\\\\").replace('"', "\\\""))
}

impl<'b> Tab<'b> {
    pub(crate) fn new(browser: &'b Browser, window: WindowHandle) -> Tab<'b> {
        Tab { browser, window }
    }

    /// Opens an address in this tab, and waits until all of the page is there.
    pub async fn goto(&self, url: &str) -> Result<()> {
        self.goto_early(url).await?;
        self.whole().await
    }

    pub(crate) async fn goto_early(&self, url: &str) -> Result<()> {
        Ok(self.focus().await?.goto(url).await?)
    }

    /// The same with the page that is there.
    pub async fn reload(&self) -> Result<()> {
        self.reload_early().await?;
        self.whole().await
    }

    /// The same, without waiting until all of the page is there.
    pub async fn reload_early(&self) -> Result<()> {
        Ok(self.focus().await?.refresh().await?)
    }

    /// Waits until the page has more than what its first paint needs. Another page is not waited for.
    async fn whole(&self) -> Result<()> {
        let script =
            "return document.querySelector('[data-test=page]')?.dataset.state ?? document.title !== 'TabMQ'";
        self.script_when(script, |state| *state == "whole" || *state == true).await.map(drop)
    }

    /// Closes the tab, as a user does.
    pub async fn close(self) -> Result<()> {
        let client = self.focus().await?;
        client.close_window().await?;
        // Commands go to a window, and there is always the one that the browser has begun with.
        let left = client.windows().await?.into_iter().next().context("the last window is closed")?;
        Ok(client.switch_to_window(left).await?)
    }

    /// Puts the tab's window away: it is not seen and not painted, and its timers are slowed down.
    pub async fn hide(&self) -> Result<()> {
        self.focus().await?.minimize_window().await?;
        self.is_visible(false).await
    }

    /// Brings its window back.
    pub async fn show(&self) -> Result<()> {
        self.focus().await?.set_window_size(1280, 800).await?;
        self.is_visible(true).await
    }

    async fn is_visible(&self, visible: bool) -> Result<()> {
        let state = json!(if visible { "visible" } else { "hidden" });
        self.script_when("return document.visibilityState", |now| *now == state).await.map(drop)
    }

    /// Stops the page as a browser does with a tab that was in the background for long, or lets it go on.
    pub async fn freeze(&self, frozen: bool) -> Result<()> {
        self.focus().await?;
        let state = if frozen { "frozen" } else { "active" };
        self.browser.devtools("Page.setWebLifecycleState", json!({ "state": state })).await
    }

    /// From now on its user prefers this: `color-scheme` `dark`, `reduced-motion` `reduce`.
    pub async fn prefers(&self, feature: &str, value: &str) -> Result<()> {
        self.focus().await?;
        let features = json!([{ "name": format!("prefers-{feature}"), "value": value }]);
        self.browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await
    }

    /// Sets the size of what is visible of the page, in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let client = self.focus().await?;
        // The window's frame is not the page's: measure it.
        client.set_window_size(width, height).await?;
        let inner = self.script("return [window.innerWidth, window.innerHeight]", vec![]).await?;
        let frame = |outer: u32, inner: &Value| outer.saturating_sub(inner.as_u64().unwrap_or(0) as u32);
        let (extra_width, extra_height) = (frame(width, &inner[0]), frame(height, &inner[1]));
        client.set_window_size(width + extra_width, height + extra_height).await?;
        Ok(())
    }

    /// A picture of the page, as `<target>/screenshots/NAME.png`.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        self.focus().await?;
        self.browser.screenshot(name).await
    }

    /// What is written in an element; none if it is not there.
    pub async fn text(&self, hook: &Hook) -> Result<Option<String>> {
        let script = "return document.querySelector(arguments[0])?.innerText ?? null";
        let text = self.script(script, vec![json!(hook.0)]).await?;
        Ok(text.as_str().map(str::to_owned))
    }

    /// An attribute of an element; none if the element or the attribute is not there.
    pub async fn attribute(&self, hook: &Hook, name: &str) -> Result<Option<String>> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null";
        let value = self.script(script, vec![json!(hook.0), json!(name)]).await?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// Waits until an element's text `is_meant`; returns it.
    pub async fn text_when(&self, hook: &Hook, is_meant: impl Fn(&str) -> bool) -> Result<String> {
        let mut last = None;
        let found = eventually(&format!("text in {hook:?}"), async || {
            last = self.text(hook).await?;
            Ok(last.clone().filter(|text| is_meant(text)))
        })
        .await;
        found.with_context(|| format!("it said {last:?}"))
    }

    /// Waits until an element is there.
    pub async fn wait_for(&self, hook: &Hook) -> Result<()> {
        self.text_when(hook, |_| true).await.map(drop)
    }

    /// Waits until an element is gone.
    pub async fn wait_until_gone(&self, hook: &Hook) -> Result<()> {
        eventually(&format!("disappearance of {hook:?}"), async || {
            Ok(self.text(hook).await?.is_none().then_some(()))
        })
        .await
    }

    /// How many elements there are.
    pub async fn count(&self, hook: &Hook) -> Result<u64> {
        let count =
            self.script("return document.querySelectorAll(arguments[0]).length", vec![json!(hook.0)]).await?;
        count.as_u64().context("no number")
    }

    /// Clicks an element with the mouse, as soon as it is there.
    pub async fn click(&self, hook: &Hook) -> Result<()> {
        self.once_usable(hook, async |element| element.click().await).await
    }

    /// Moves the mouse to an element and presses its button there; it stays pressed.
    pub async fn press_mouse(&self, hook: &Hook) -> Result<()> {
        let element = self.element(hook).await?;
        let actions = MouseActions::new(MOUSE.to_owned())
            .then(PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        Ok(self.focus().await?.perform_actions(actions).await?)
    }

    /// Lets the mouse's button go.
    pub async fn release_mouse(&self) -> Result<()> {
        let actions =
            MouseActions::new(MOUSE.to_owned()).then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        Ok(self.focus().await?.perform_actions(actions).await?)
    }

    /// Does something with an element as soon as it can be used: it may be there and not yet be laid out.
    async fn once_usable(
        &self,
        hook: &Hook,
        act: impl AsyncFn(Element) -> Result<(), CmdError>,
    ) -> Result<()> {
        eventually(&format!("use of {hook:?}"), async || match act(self.element(hook).await?).await {
            Ok(()) => Ok(Some(())),
            // Not laid out yet, or it moved between the look and the click.
            Err(CmdError::Standard(error))
                if [ErrorStatus::ElementNotInteractable, ErrorStatus::ElementClickIntercepted]
                    .contains(&error.error) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        })
        .await
    }

    /// Clicks an element if it is there and stays there.
    pub async fn click_if_there(&self, hook: &Hook) -> Result<()> {
        let script = "document.querySelector(arguments[0])?.click()";
        self.script(script, vec![json!(hook.0)]).await.map(drop)
    }

    /// Types a text in place of what is there.
    pub async fn fill(&self, hook: &Hook, text: &str) -> Result<()> {
        let select_all = format!("{}a{}", char::from(Key::Control), char::from(Key::Null));
        self.once_usable(hook, async |element| element.send_keys(&select_all).await).await?;
        let element = self.element(hook).await?;
        if text.is_empty() {
            return Ok(element.send_keys(&char::from(Key::Delete).to_string()).await?);
        }
        Ok(element.send_keys(text).await?)
    }

    /// Presses these keys while an element has the focus.
    pub async fn keys(&self, hook: &Hook, keys: &str) -> Result<()> {
        Ok(self.element(hook).await?.send_keys(keys).await?)
    }

    /// Pastes a text in place of what is there: for texts that nobody types.
    pub async fn paste(&self, hook: &Hook, text: &str) -> Result<()> {
        self.wait_for(hook).await?;
        let script = "const element = document.querySelector(arguments[0]);
            element.value = arguments[1];
            element.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertFromPaste' }))";
        self.script(script, vec![json!(hook.0), json!(text)]).await.map(drop)
    }

    /// Chooses a value in a `<select>`.
    pub async fn select(&self, hook: &Hook, value: &str) -> Result<()> {
        Ok(self.element(hook).await?.select_by_value(value).await?)
    }

    /// Runs JavaScript in the page.
    pub async fn script(&self, script: &str, args: Vec<Value>) -> Result<Value> {
        Ok(self.focus().await?.execute(script, args).await?)
    }

    /// Runs JavaScript that hands its value to its last argument, a function.
    pub async fn script_async(&self, script: &str, args: Vec<Value>) -> Result<Value> {
        Ok(self.focus().await?.execute_async(script, args).await?)
    }

    /// Runs JavaScript again and again until its value `is_meant`; returns that.
    pub async fn script_when(&self, script: &str, is_meant: impl Fn(&Value) -> bool) -> Result<Value> {
        eventually(&format!("value of {script}"), async || {
            Ok(Some(self.script(script, vec![]).await?).filter(&is_meant))
        })
        .await
    }

    /// Chooses a file with this content in an `<input type="file">`, as the browser's dialog would.
    pub async fn choose_file(&self, hook: &Hook, name: &str, content: &[u8]) -> Result<()> {
        self.wait_for(hook).await?;
        let script = "const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(arguments[2])], arguments[1]));
            const input = document.querySelector(arguments[0]);
            input.files = data.files;
            input.dispatchEvent(new Event('change', { bubbles: true }))";
        self.script(script, vec![json!(hook.0), json!(name), json!(content)]).await.map(drop)
    }

    /// Presses a key, wherever the focus is.
    pub async fn press(&self, key: &str) -> Result<()> {
        let client = self.focus().await?;
        Ok(client.active_element().await?.send_keys(key).await?)
    }

    // What users of the page do.

    /// Waits until the page says that it is connected.
    pub async fn connected(&self) -> Result<()> {
        let hook = Hook::named("connection-state");
        self.text_when(&hook, is_connected).await.map(drop)
    }

    /// Waits until the page says that it is not connected; returns what it says.
    pub async fn disconnected(&self) -> Result<String> {
        let hook = Hook::named("connection-state");
        self.text_when(&hook, |text| !is_connected(text)).await
    }

    /// Fills in the publish form and sends.
    pub async fn publish(&self, topic: &str, payload: &str, qos: u8, retain: bool) -> Result<()> {
        self.fill(&Hook::named("publish-topic"), topic).await?;
        self.fill(&Hook::named("publish-payload"), payload).await?;
        self.select(&Hook::named("publish-qos"), &qos.to_string()).await?;
        self.set_checkbox(&Hook::named("publish-retain"), retain).await?;
        self.click(&Hook::named("publish-send")).await
    }

    /// Removes every subscription.
    pub async fn unsubscribe_all(&self) -> Result<()> {
        let row = Hook::named("subscription-row");
        while self.count(&row).await? > 0 {
            let before = self.count(&row).await?;
            self.click(&Hook::named("subscription-remove")).await?;
            eventually("removal of a subscription", async || {
                Ok((self.count(&row).await? < before).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Adds a subscription and waits until the broker has granted it.
    pub async fn subscribe(&self, filter: &str, qos: u8) -> Result<()> {
        self.fill(&Hook::named("subscribe-filter"), filter).await?;
        self.select(&Hook::named("subscribe-qos"), &qos.to_string()).await?;
        self.click(&Hook::named("subscribe-add")).await?;
        self.wait_for(&subscription(filter).with("data-state", "granted")).await
    }

    /// Whether the middle of an element can be seen: it is not scrolled away, and nothing is before it.
    pub async fn sees(&self, hook: &Hook) -> Result<bool> {
        let script = "const it = document.querySelector(arguments[0]), box = it?.getBoundingClientRect();
            return !!it?.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2))";
        Ok(self.script(script, vec![json!(hook.0)]).await? == json!(true))
    }

    /// Waits until the tab [`sees`](Tab::sees) it.
    pub async fn in_sight(&self, hook: &Hook) -> Result<()> {
        eventually(&format!("{hook:?} in sight"), async || Ok(self.sees(hook).await?.then_some(()))).await
    }

    /// Waits until the message list shows a message with this topic and text.
    pub async fn shows(&self, topic: &str, text: &str) -> Result<()> {
        let hook = Hook::named("message-row").with("data-topic", topic);
        let script = "return [...document.querySelectorAll(arguments[0])].map(row => row.innerText)";
        eventually(&format!("row with {topic} {text}"), async || {
            let rows = self.script(script, vec![json!(hook.0)]).await?;
            let found = rows.as_array().is_some_and(|rows| {
                rows.iter().any(|row| row.as_str().is_some_and(|row| row.contains(text)))
            });
            Ok(found.then_some(()))
        })
        .await
    }

    /// How many messages the page says that it has received.
    pub async fn message_count(&self) -> Result<u64> {
        let count = self.attribute(&Hook::named("message-count"), "data-count").await?;
        count.context("no message count")?.parse().context("the message count is no number")
    }

    /// From now on `window.answers` has, for each click on this element, how many milliseconds passed from the click
    /// until the page had been painted again.
    pub async fn measure_clicks(&self, hook: &Hook) -> Result<()> {
        let script = "window.answers = [];
            const hook = arguments[0];
            document.addEventListener('click', event => {
                if (!event.target.closest(hook)) return;
                const clicked = event.timeStamp;
                requestAnimationFrame(() => setTimeout(() => window.answers.push(performance.now() - clicked)));
            }, { capture: true })";
        self.script(script, vec![json!(hook.0)]).await.map(drop)
    }

    /// Wants that the page is not wider than the window.
    pub async fn nothing_hangs_out(&self) -> Result<()> {
        let widths =
            self.script("return [document.documentElement.scrollWidth, window.innerWidth]", vec![]).await?;
        ensure!(widths[0].as_u64() <= widths[1].as_u64(), "the page is wider than the window: {widths}");
        Ok(())
    }

    async fn set_checkbox(&self, hook: &Hook, on: bool) -> Result<()> {
        let checked =
            self.script("return document.querySelector(arguments[0]).checked", vec![json!(hook.0)]).await?;
        ensure!(checked.is_boolean(), "{hook:?} is not a checkbox");
        if checked == on { Ok(()) } else { self.click(hook).await }
    }

    async fn element(&self, hook: &Hook) -> Result<Element> {
        let client = self.focus().await?;
        let wait = client.wait().at_most(crate::PATIENCE).every(std::time::Duration::from_millis(20));
        wait.for_element(Locator::Css(&hook.0)).await.with_context(|| format!("no element {hook:?}"))
    }

    async fn focus(&self) -> Result<&fantoccini::Client> {
        let client = self.browser.client();
        if client.window().await.ok().as_ref() != Some(&self.window) {
            client.switch_to_window(self.window.clone()).await?;
        }
        Ok(client)
    }
}

/// `connected as tab-7f3a`, in both languages, and neither `not connected` nor `disconnected`.
fn is_connected(text: &str) -> bool {
    let text = text.trim_start().to_lowercase();
    text.starts_with("connected as") || text.starts_with("已连接，标识")
}

/// A row in the list of subscriptions.
pub fn subscription(filter: &str) -> Hook {
    Hook::named("subscription-row").with("data-filter", filter)
}

/// What was said last, and may be taken back.
pub fn last_toast() -> Hook {
    Hook::css("[data-test=toast]:last-child")
}

/// A node of the topic tree.
pub fn topic_node(topic: &str) -> Hook {
    Hook::named("topic-node").with("data-topic", topic)
}
