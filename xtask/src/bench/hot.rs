//! `cargo xtask hot`: finds the functions that a message runs, and has them lie side by side in the broker.
//!
//! Between two messages a processor forgets. Then a message costs what it takes to fetch its code again, above all the
//! pages that the code is on: 76 of them where the linker leaves the functions among all others, 36 where they are
//! together (docs/speed.md). So `bridge/hot.ld`, a script for the linker, names them; this writes it anew, by
//! looking at a broker that valgrind runs. A name that no function has any more does nothing.

use super::measure;
use super::peers::Peer;
use crate::build;
use crate::command::{self, Context, Result};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What the broker is looked at with: devices, the page, and acknowledgements in both versions.
const LOADS: [(&str, bool); 6] = [
    ("-V 311 --qos 0", false),
    ("-V 311 --qos 1", false),
    ("-V 5 --qos 1", false),
    ("-V 5 --qos 2", false),
    ("-V 5 --qos 0", true),
    ("-V 5 --qos 1", true),
];

/// Messages for each load, 100 a second; it is looked at in the middle of them.
const SECONDS: u64 = 6;

/// A function is a message's own if it ran this many instructions while it was looked at: one or two for each message, and
/// not what a timer does now and then.
const INSTRUCTIONS: u64 = 300;

/// Looks, and writes `bridge/hot.ld`.
pub(crate) fn write() -> Result<()> {
    if !command::on_path("valgrind") {
        return Err("valgrind is not installed: `apt-get install valgrind`".into());
    }
    let broker = build::broker_with_names()?;
    let directory = std::env::temp_dir().join(format!("tabmq-hot-{}", std::process::id()));
    fs::create_dir_all(&directory).context(format!("make {}", directory.display()))?;
    let found = look(&broker, &directory);
    let _ = fs::remove_dir_all(&directory);
    let patterns = patterns(found?);
    let path = command::workspace_root().join("bridge").join("hot.ld");
    fs::write(&path, script(&patterns)).context(format!("write {}", path.display()))?;
    println!("==> {} functions in {}", patterns.len(), path.display());
    Ok(())
}

/// What each load has run, as callgrind writes it.
fn look(broker: &Path, directory: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (index, (load, websocket)) in LOADS.into_iter().enumerate() {
        println!("==> {load}{}", if websocket { ", WebSocket" } else { "" });
        let out = directory.join(index.to_string());
        let peer = Peer::tabmq("TabMQ".to_owned(), broker).under(vec![
            "valgrind".to_owned(),
            "--tool=callgrind".to_owned(),
            "--instr-atstart=no".to_owned(),
            "--demangle=no".to_owned(),
            format!("--callgrind-out-file={}", out.display()),
        ]);
        let running = peer.start()?;
        let url = if websocket { running.websocket_url() } else { format!("mqtt://{}", running.mqtt) };
        let seconds = SECONDS as f64;
        let loading = std::thread::scope(|scope| {
            let load = scope.spawn(|| {
                measure::load(broker, &url, &format!("{load} --rate 100"), seconds, &[running.pid()])
            });
            std::thread::sleep(Duration::from_secs(SECONDS / 3));
            control(&["-i", "on"], running.pid())?;
            std::thread::sleep(Duration::from_secs(SECONDS / 3));
            control(&["-i", "off"], running.pid())?;
            control(&["-d"], running.pid())?;
            load.join().map_err(|_| "the load generator's thread has ended".into()).flatten()
        })?;
        if let Some(error) = loading.error {
            return Err(error.into());
        }
        let dump = directory.join(format!("{index}.1"));
        found.push(fs::read_to_string(&dump).context(format!("read {}", dump.display()))?);
    }
    Ok(found)
}

/// Has valgrind do something in the process.
fn control(what: &[&str], pid: u32) -> Result<()> {
    command::output(Command::new("callgrind_control").args(what).arg(pid.to_string())).map(drop)
}

/// The functions' names without what differs between two builds; those that most loads run come first, and last those of
/// the standard library, whose names are shared by functions of many types.
fn patterns(found: Vec<String>) -> Vec<String> {
    let mut loads: BTreeMap<String, usize> = BTreeMap::new();
    for text in found {
        for name in hot(&text) {
            *loads.entry(name).or_default() += 1;
        }
    }
    let mut patterns: Vec<(String, usize)> = loads.into_iter().collect();
    let is_shared =
        |name: &str| ["_ZN3std", "_ZN4core", "_ZN5alloc"].iter().any(|start| name.starts_with(start));
    patterns.sort_by_key(|(name, loads)| (is_shared(name), Reverse(*loads), name.clone()));
    patterns.into_iter().map(|(name, _)| name).collect()
}

/// Names of Rust's functions that ran often, from callgrind's output.
fn hot(text: &str) -> Vec<String> {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut costs: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut current, mut is_call) = ("", false);
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            // `(7) name` the first time, `(7)` after that.
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                names.insert(id, name);
            }
            if line.starts_with("fn=") {
                current = id;
            }
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(['+', '-', '*']) || line.starts_with(|c: char| c.is_ascii_digit()) {
            // The line after a call is what the called function took.
            if !std::mem::take(&mut is_call) {
                let cost = line.rsplit(' ').next().and_then(|cost| cost.parse::<u64>().ok());
                *costs.entry(current).or_default() += cost.unwrap_or_default();
            }
        }
    }
    let hot = costs.into_iter().filter(|(_, cost)| *cost >= INSTRUCTIONS).map(|(id, _)| id);
    let mut hot: Vec<String> = hot.filter_map(|id| without_hash(names.get(id)?)).collect();
    hot.sort();
    hot.dedup();
    hot
}

/// `_ZN5tabmq3hub3Hub8exchange17h*` of `_ZN5tabmq3hub3Hub8exchange17h0123456789abcdefE`; `None` if it is not Rust's.
fn without_hash(name: &str) -> Option<String> {
    let (path, _) = name.strip_prefix("_ZN")?.rsplit_once("17h")?;
    Some(format!("_ZN{path}17h*"))
}

fn script(patterns: &[String]) -> String {
    let mut script = String::from(
        "/* What a message runs, side by side, so that it is on few pages. Written by `cargo xtask hot`; see xtask/src/bench/hot.rs. */\n\
         SECTIONS\n{\n  .text.hot : ALIGN(4096)\n  {\n",
    );
    for pattern in patterns {
        script.push_str(&format!("    *(.text.{pattern})\n"));
    }
    script.push_str("  }\n}\nINSERT BEFORE .text;\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = "\
positions: line
fn=(1) _ZN5tabmq3hub3Hub8exchange17h0123456789abcdefE
0 200
cfn=(2) _ZN5tabmq6broker6Broker12once_in_time17h0123456789abcdefE
calls=2 0
0 100000
+3 150
fn=(2)
0 20
fn=(3) memcpy
0 5000
fn=(4) _ZN5tabmq6outbox4take17hfedcba9876543210E.llvm.123
0 300
";

    #[test]
    fn functions_that_run_for_each_message_are_found_by_what_they_took_themselves() {
        assert_eq!(hot(FOUND), ["_ZN5tabmq3hub3Hub8exchange17h*", "_ZN5tabmq6outbox4take17h*"]);
    }

    #[test]
    fn what_most_loads_run_comes_first() {
        let other = FOUND.replace("exchange", "exchanged");
        let expected = ["6outbox4take", "3hub3Hub8exchange", "3hub3Hub8exchanged"];
        let patterns = patterns(vec![FOUND.to_owned(), other]);
        assert_eq!(patterns, expected.map(|name| format!("_ZN5tabmq{name}17h*")));
        assert!(script(&patterns).contains("\n    *(.text._ZN5tabmq6outbox4take17h*)\n"));
    }
}
