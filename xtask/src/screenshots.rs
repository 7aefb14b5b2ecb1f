//! `cargo xtask screenshots`: the README's pictures of the page, as the tests in Chromium have just seen it.

use crate::build::{self, Profile, target_directory};
use crate::command::{self, Result, cargo};
use crate::setup;

/// What the tests call a picture, and what it is called in docs/.
const PICTURES: [(&str, &str); 5] = [
    ("page-1280x800-light", "page"),
    ("page-1280x800-dark", "page-dark"),
    ("charts-1280x800-light", "charts"),
    ("clients-1280x800-light", "clients"),
    ("topics-412x915-light", "phone"),
];

/// Runs the tests that take pictures and copies these to docs/, made small.
pub(crate) fn take() -> Result<()> {
    setup::test_tools(true)?;
    let broker = build::broker_with_page(Profile::E2e)?;
    let mut tests = cargo(["test", "--package", "tabmq-tests", "--features", "e2e", "--test", "browser"]);
    command::run(tests.args(["--", "looks::"]).env("TABMQ_BIN", broker))?;
    let (taken, docs) = (target_directory()?.join("screenshots"), command::workspace_root().join("docs"));
    for (from, to) in PICTURES {
        let mut page_build = cargo(["run", "--quiet", "--package", "page-build", "--", "picture"]);
        page_build.arg(taken.join(format!("{from}.png"))).arg(docs.join(format!("{to}.png")));
        command::run(&mut page_build)?;
    }
    Ok(())
}
