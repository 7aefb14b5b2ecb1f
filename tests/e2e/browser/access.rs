//! What every view must be, light and dark, on a desktop and on a phone: axe-core, the checker that most of the field
//! uses, finds nothing; nothing is wider than the window; and on a phone, whatever is touched is large enough for a thumb.

use super::scenes::{DESKTOP, Household, Look, PHONE, walk};
use anyhow::{Context, Result, ensure};
use harness::{Tab, browser_test, npm};
use serde_json::{Value, json};

const AXE: &str = "axe-core@4.10.3";

/// What axe is asked about: everything that WCAG 2.2 AA wants, and good practice.
const RUN: &str = "window.found = null;
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
        .then(result => window.found = result.violations.map(v =>
            v.id + ': ' + v.help + '\\n' + v.nodes.map(n => '    ' + n.html.slice(0, 200) + '\\n    ' + n.failureSummary).join('\\n')));";

/// In CSS pixels, both ways. WCAG 2.2 AA wants 24.
const THUMB: u32 = 40;

/// What can be touched and is too small. A field is as large as its label; a word in a sentence, and a line of a payload's
/// tree, may be as high as their line.
const TOO_SMALL: &str = "const found = [];
    const inert = document.querySelector('dialog[open]');
    for (const it of document.querySelectorAll('button, a[href], select, summary, textarea, input, [role=treeitem], [role=option], [role=row]')) {
        if (inert && !inert.contains(it)) continue;
        if (it.closest('.payload-view, p, dd, .table-head')) continue;
        const box = (it.closest('label') ?? it).getBoundingClientRect();
        if (box.width === 0 || box.height === 0) continue;
        if (Math.min(box.width, box.height) < arguments[0] - 0.5)
            found.push(`${it.dataset.test ?? it.outerHTML.slice(0, 80)} ${Math.round(box.width)}x${Math.round(box.height)}`);
    }
    return [...new Set(found)];";

async fn check_every_view(look: Look) -> Result<()> {
    let axe = match npm::package(AXE).await {
        Ok(directory) => std::fs::read_to_string(directory.join("axe.min.js"))?,
        Err(why) => {
            println!("skipped: {why:#}");
            return Ok(());
        }
    };
    browser_test(&format!("axe_{}", look.name()), async |broker, browser| {
        let mut home = Household::move_in(broker).await?;
        let mut findings = Vec::new();
        let check = &mut async |tab: &Tab<'_>, scene: &str| -> Result<()> {
            let found = ask_axe(tab, &axe).await?;
            findings.extend(found.into_iter().map(|finding| format!("{scene}: {finding}")));
            tab.nothing_hangs_out().await.with_context(|| scene.to_owned())?;
            if look.is_narrow() {
                let small = tab.script(TOO_SMALL, vec![json!(THUMB)]).await?;
                let small = small.as_array().into_iter().flatten().filter_map(Value::as_str);
                findings.extend(small.map(|small| format!("{scene}: too small for a thumb: {small}")));
            }
            Ok(())
        };
        walk(browser, broker, &mut home, look, check).await?;
        ensure!(findings.is_empty(), "{}", findings.join("\n"));
        Ok(())
    })
    .await
}

async fn ask_axe(tab: &Tab<'_>, axe: &str) -> Result<Vec<String>> {
    // Fading colours are no colours.
    tab.script("document.getAnimations().forEach(fading => fading.finish?.())", vec![]).await.ok();
    tab.script(&format!("if (!window.axe) {{ {axe} }}"), vec![]).await?;
    tab.script(RUN, vec![]).await?;
    let found = tab.script_when("return window.found", Value::is_array).await?;
    let found = found.as_array().context("no list")?.iter();
    Ok(found.filter_map(Value::as_str).map(str::to_owned).collect())
}

#[tokio::test]
async fn axe_finds_nothing_in_any_view() -> Result<()> {
    check_every_view(Look { size: DESKTOP, theme: "light", lang: "en" }).await
}

#[tokio::test]
async fn axe_finds_nothing_in_the_dark() -> Result<()> {
    check_every_view(Look { size: DESKTOP, theme: "dark", lang: "zh" }).await
}

#[tokio::test]
async fn axe_finds_nothing_on_a_phone() -> Result<()> {
    check_every_view(Look { size: PHONE, theme: "light", lang: "zh" }).await
}

#[tokio::test]
async fn axe_finds_nothing_on_a_phone_in_the_dark() -> Result<()> {
    check_every_view(Look { size: PHONE, theme: "dark", lang: "en" }).await
}
