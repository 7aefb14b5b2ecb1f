//! What may come in as a dependency: the licences, sources and bans of `deny.toml`, without cargo-deny, which takes minutes to
//! build. It looks at all that any feature brings on any platform, in this workspace and in those beside it.
//!
//! `cargo deny check` knows more, advisories first of all: `cargo xtask test` runs it where it is installed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail"
)]

use serde_json::{Value, json};
use spdx::{Expression, Licensee, ParseMode};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspaces.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "tests/peers/rumqttd/Cargo.toml", "tests/fuzz/Cargo.toml"];

/// Where crates come from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn licences_sources_and_bans() {
    let policy = Policy::read(&std::fs::read_to_string(root().join("deny.toml")).unwrap());
    let mut findings = Vec::new();
    for manifest in MANIFESTS {
        let metadata = metadata(manifest);
        assert!(metadata["packages"].as_array().unwrap().len() > 50, "{manifest}: hardly any packages");
        findings.extend(policy.findings(&metadata).into_iter().map(|what| format!("{manifest}: {what}")));
    }
    findings.sort();
    assert!(findings.is_empty(), "see deny.toml:\n{}", findings.join("\n"));
}

#[test]
fn what_may_not_come_in_is_found() {
    let policy = Policy::read(
        "[licenses]\nallow = ['MIT', 'Apache-2.0 WITH LLVM-exception']\n\
         exceptions = [{ crate = 'special', allow = ['MPL-2.0'] }]\n\
         [bans]\nwildcards = 'deny'\ndeny = [{ crate = 'openssl', use-instead = 'rustls' }]\n\
         [sources]\nunknown-registry = 'deny'\nunknown-git = 'deny'\n",
    );
    let finding = |name: &str, license: Value, source: Value, requirement: &str| {
        let dependency = json!({"name": "other", "req": requirement, "source": CRATES_IO});
        let package = json!({"name": name, "version": "1.0.0", "license": license, "source": source,
                             "dependencies": [dependency]});
        policy.findings(&json!({"packages": [package]})).join("; ")
    };
    let cases = [
        ("good", json!("MIT"), json!(CRATES_IO), "^1", ""),
        ("old", json!("GPL-3.0/MIT"), json!(CRATES_IO), "^1", ""),
        ("ours", json!("MIT"), json!(null), "^1", ""),
        ("special", json!("MPL-2.0"), json!(CRATES_IO), "^1", ""),
        ("exception", json!("Apache-2.0 WITH LLVM-exception"), json!(CRATES_IO), "^1", ""),
        ("other", json!("MPL-2.0"), json!(CRATES_IO), "^1", "its licence, MPL-2.0, is not allowed"),
        ("both", json!("MIT AND GPL-3.0"), json!(CRATES_IO), "^1", "its licence, MIT AND GPL-3.0, is not"),
        ("apache", json!("Apache-2.0"), json!(CRATES_IO), "^1", "its licence, Apache-2.0, is not allowed"),
        ("none", json!(null), json!(CRATES_IO), "^1", "it does not say its licence"),
        ("odd", json!("Do what you like"), json!(CRATES_IO), "^1", "its licence, Do what you like, is not"),
        (
            "git",
            json!("MIT"),
            json!("git+https://x.example/y"),
            "^1",
            "it comes from git+https://x.example/y",
        ),
        ("openssl", json!("MIT"), json!(CRATES_IO), "^1", "it is banned: use rustls"),
        ("wild", json!("MIT"), json!(null), "*", "any version of other would do"),
    ];
    for (name, license, source, requirement, expected) in cases {
        let found = finding(name, license, source, requirement);
        assert!(found.contains(expected) && expected.is_empty() == found.is_empty(), "{name}: {found}");
    }
}

/// What deny.toml says, as far as it is looked at here.
struct Policy {
    allowed: Vec<Licensee>,
    /// By crate.
    exceptions: HashMap<String, Vec<Licensee>>,
    /// Crates that must not come in, with what to use instead.
    banned: HashMap<String, String>,
}

impl Policy {
    fn read(text: &str) -> Policy {
        let table: toml::Table = toml::from_str(text).expect("deny.toml is TOML");
        let says = |section: &str, key: &str| table[section][key].as_str() == Some("deny");
        assert!(
            says("sources", "unknown-registry")
                && says("sources", "unknown-git")
                && says("bans", "wildcards")
        );
        let word = |value: &toml::Value, key: &str| value[key].as_str().expect(key).to_owned();
        let licences = |value: &toml::Value| {
            let names =
                value["allow"].as_array().expect("a list").iter().map(|name| name.as_str().expect("a name"));
            names.map(|name| Licensee::parse(name).expect("a licence of SPDX")).collect::<Vec<_>>()
        };
        let list = |section: &str, key: &str| table[section][key].as_array().expect("a list").clone();
        let exceptions =
            list("licenses", "exceptions").iter().map(|one| (word(one, "crate"), licences(one))).collect();
        let banned =
            list("bans", "deny").iter().map(|one| (word(one, "crate"), word(one, "use-instead"))).collect();
        Policy { allowed: licences(&table["licenses"]), exceptions, banned }
    }

    /// What is wrong with the packages of `cargo metadata`, a sentence each.
    fn findings(&self, metadata: &Value) -> Vec<String> {
        let packages = metadata["packages"].as_array().expect("packages");
        packages.iter().flat_map(|package| self.findings_of(package)).collect()
    }

    fn findings_of(&self, package: &Value) -> Vec<String> {
        let name = package["name"].as_str().unwrap();
        let source = package["source"].as_str();
        let mut found: Vec<String> =
            self.licence_finding(name, package["license"].as_str()).into_iter().collect();
        if let Some(source) = source.filter(|source| *source != CRATES_IO) {
            found.push(format!("it comes from {source}, which is not crates.io"));
        }
        if let Some(instead) = self.banned.get(name) {
            found.push(format!("it is banned: use {instead}"));
        }
        // Other people's manifests are not ours to mend, and their Cargo.lock is.
        if source.is_none() {
            let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
            let wild = dependencies.filter(|one| one["req"] == "*" && !one["source"].is_null());
            found
                .extend(wild.map(|one| format!("any version of {} would do", one["name"].as_str().unwrap())));
        }
        let version = package["version"].as_str().unwrap();
        found.into_iter().map(|what| format!("{name} {version}: {what}")).collect()
    }

    fn licence_finding(&self, name: &str, licence: Option<&str>) -> Option<String> {
        let Some(licence) = licence else { return Some("it does not say its licence".to_owned()) };
        let exceptions = self.exceptions.get(name).map(Vec::as_slice).unwrap_or_default();
        // Lax: `MIT/Apache-2.0` is how crates used to say `OR`.
        let is_allowed = Expression::parse_mode(licence, ParseMode::LAX).is_ok_and(|expression| {
            expression.evaluate(|asked| {
                self.allowed.iter().chain(exceptions).any(|licensee| licensee.satisfies(asked))
            })
        });
        (!is_allowed).then(|| format!("its licence, {licence}, is not allowed"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What cargo knows of all packages of this workspace.
fn metadata(manifest: &str) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments =
        ["metadata", "--format-version", "1", "--locked", "--all-features", "--manifest-path", manifest];
    let output = Command::new(cargo).current_dir(root()).args(arguments).output().expect("cargo runs");
    assert!(output.status.success(), "{manifest}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
