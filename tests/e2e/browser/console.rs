//! The tests' own guard: whatever goes wrong in the page fails the test, even if nothing looks wrong.

use anyhow::{Result, ensure};
use harness::{browser_test, eventually};

#[tokio::test]
async fn errors_of_the_page_fail_its_test() -> Result<()> {
    // What a page may do wrong: write an error (a panic does), or throw one that nobody catches (so does a panic).
    for wrong in ["console.error('made up')", "throw new Error('made up')"] {
        let outcome = browser_test("console", async |broker, browser| {
            let tab = browser.open(&broker.page_url()).await?;
            tab.connected().await?;
            tab.script(&format!("setTimeout(() => {{ window.went = true; {wrong} }})"), vec![]).await?;
            eventually("wrong thing", async || {
                Ok((tab.script("return window.went", vec![]).await? == true).then_some(()))
            })
            .await
        })
        .await;
        let error = outcome.err().map(|error| format!("{error:#}")).unwrap_or_default();
        ensure!(error.contains("made up"), "{wrong} did not fail its test, or with {error:?}");
    }
    Ok(())
}
