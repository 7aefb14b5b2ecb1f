//! The vectors as data: groups of cases, each a sequence of steps.

use crate::wire;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;

/// Cases that belong together and run in this order.
pub struct Group {
    pub cases: Vec<Case>,
}

/// One connection and what happens on it.
pub struct Case {
    /// `FILE/NAME`, for people and for the rulings.
    pub name: String,
    /// The protocol level: 3, 4 or 5.
    pub level: u8,
    /// Whether it begins with a CONNECT that succeeds.
    pub connect: bool,
    pub steps: Vec<Step>,
    /// Whether the server must have closed the connection at the end; otherwise it must still answer.
    pub expect_disconnect: bool,
}

pub enum Step {
    Send(Vec<u8>),
    Receive(Vec<u8>),
    /// Somebody else publishes.
    Publish {
        topic: String,
        qos: u8,
        payload: Vec<u8>,
    },
}

/// Reads all files of `directory`, in order of their names.
pub fn load(directory: &Path) -> Result<Vec<Group>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut groups = Vec::new();
    for path in paths {
        let family = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let value: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        for value in value.as_array().context("not a list of groups")? {
            groups.push(group(&family, value).with_context(|| format!("in {}", path.display()))?);
        }
    }
    Ok(groups)
}

fn group(family: &str, value: &Value) -> Result<Group> {
    let mut cases = Vec::new();
    for test in value["tests"].as_array().context("a group without tests")? {
        // What a case does not say, its group says.
        let setting = |name: &str| Some(&test[name]).filter(|v| !v.is_null()).unwrap_or(&value[name]).clone();
        let steps = test["msgs"].as_array().context("a case without msgs")?;
        cases.push(Case {
            name: format!("{family}/{}", test["name"].as_str().context("a case without a name")?),
            level: u8::try_from(setting("ver").as_u64().context("a case without a version")?)?,
            connect: setting("connect").as_bool().unwrap_or(true),
            steps: steps.iter().map(step).collect::<Result<_>>()?,
            expect_disconnect: setting("expect_disconnect").as_bool().unwrap_or(true),
        });
    }
    if let Ok(part) = std::env::var("TABMQ_VECTORS_ONLY") {
        cases.retain(|case| case.name.contains(&part));
    }
    Ok(Group { cases })
}

fn step(value: &Value) -> Result<Step> {
    let text = |name: &str| value[name].as_str().with_context(|| format!("no {name} in {value}"));
    Ok(match text("type")? {
        "send" => Step::Send(wire::bytes(text("payload")?)),
        "recv" => Step::Receive(wire::bytes(text("payload")?)),
        "external_publish" => Step::Publish {
            topic: text("topic")?.to_owned(),
            qos: u8::try_from(value["qos"].as_u64().unwrap_or(0))?,
            payload: text("payload")?.as_bytes().to_vec(),
        },
        other => bail!("unknown step {other}"),
    })
}
