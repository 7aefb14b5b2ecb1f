//! What is typed arrives, in every view, for those who type slowly and for those who use only keys: each field takes a
//! letter, each box and switch its space bar, and the focus stays where it was when the page has been painted anew.

use super::scenes::{DESKTOP, Household, Look, walk};
use anyhow::{Context, Result, ensure};
use harness::{Tab, browser_test};
use serde_json::json;
use std::collections::BTreeMap;

/// Lists the fields and switches that can be used now; a choice of several is not taken back by the same key.
const LIST: &str = "const inert = document.querySelector('dialog[open]');
    window.fields = [...document.querySelectorAll('input:not([type=file]), textarea, select, button[aria-pressed]:not(.segment)')].filter(it =>
        !it.disabled && !it.readOnly && it.checkVisibility() && (!inert || inert.contains(it)));
    return window.fields.map(it => ({ name: it.dataset.test ?? it.outerHTML.slice(0, 80), kind: it.type }));";

/// Gives a field the focus, unless it is gone: another one may have taken it away.
const FOCUS: &str = "const it = window.fields[arguments[0]];
    if (!it.isConnected || it.disabled || !it.checkVisibility()) return null;
    it.focus();
    it.setSelectionRange && /text|search|url|password|textarea/.test(it.type) && it.setSelectionRange(it.value.length, it.value.length);
    return it.type === 'checkbox' ? it.checked : it.value;";

/// Where the focus is after two pictures.
const AFTER: &str = "const done = arguments[arguments.length - 1], it = window.fields[arguments[0]];
    requestAnimationFrame(() => requestAnimationFrame(() => done({
        stays: document.activeElement === it,
        now: document.activeElement?.outerHTML.slice(0, 120),
        value: it.type === 'checkbox' ? it.checked : it.value,
    })));";

/// What a key does to a field, and the key that takes it back.
fn keys(kind: &str) -> Option<(&'static str, &'static str)> {
    const BACKSPACE: &str = "\u{e003}";
    const UP: &str = "\u{e013}";
    const DOWN: &str = "\u{e015}";
    match kind {
        "checkbox" | "button" => Some((" ", " ")),
        "select-one" => Some((DOWN, UP)),
        "text" | "search" | "url" | "password" | "number" | "textarea" => Some(("7", BACKSPACE)),
        _ => None,
    }
}

/// In how many scenes a field is tried: many are in all of them.
const SCENES: usize = 2;

/// The fields of a scene that do not take what is typed; `tried` counts those of each name.
async fn deaf_fields(tab: &Tab<'_>, tried: &mut BTreeMap<String, usize>) -> Result<Vec<String>> {
    let fields = tab.script(LIST, vec![]).await?;
    let mut deaf = Vec::new();
    for (at, field) in fields.as_array().context("no list")?.iter().enumerate() {
        let name = field["name"].as_str().unwrap_or_default();
        let kind = field["kind"].as_str().unwrap_or_default();
        let Some((key, back)) = keys(kind) else { continue };
        let times = tried.entry(name.to_owned()).or_default();
        *times += 1;
        if *times > SCENES {
            continue;
        }
        let before = tab.script(FOCUS, vec![json!(at)]).await?;
        if before.is_null() {
            continue;
        }
        tab.press(key).await?;
        let after = tab.script_async(AFTER, vec![json!(at)]).await?;
        if after["stays"] != true {
            deaf.push(format!("{name}: the focus went to {}", after["now"]));
            continue;
        }
        // A list of one choice has no other, and a switch is no field.
        if after["value"] == before && !["select-one", "button"].contains(&kind) {
            deaf.push(format!("{name}: still {before}"));
        }
        tab.press(back).await?;
        let after = tab.script_async(AFTER, vec![json!(at)]).await?;
        if after["stays"] != true {
            deaf.push(format!("{name}: the second key moved the focus to {}", after["now"]));
        }
    }
    Ok(deaf)
}

#[tokio::test]
async fn every_field_takes_what_is_typed() -> Result<()> {
    let look = Look { size: DESKTOP, theme: "light", lang: "en" };
    browser_test("fields", async |broker, browser| {
        let mut home = Household::move_in(broker).await?;
        let (mut findings, mut tried) = (Vec::new(), BTreeMap::new());
        let check = &mut async |tab: &Tab<'_>, scene: &str| -> Result<()> {
            let deaf = deaf_fields(tab, &mut tried).await.with_context(|| scene.to_owned())?;
            findings.extend(deaf.into_iter().map(|finding| format!("{scene}: {finding}")));
            Ok(())
        };
        walk(browser, broker, &mut home, look, check).await?;
        ensure!(findings.is_empty(), "{}", findings.join("\n"));
        ensure!(tried.len() > 60, "only {} fields were tried: {:?}", tried.len(), tried.keys());
        Ok(())
    })
    .await
}
