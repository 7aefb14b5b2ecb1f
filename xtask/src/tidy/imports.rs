//! Arrows point one way: which room never imports which other.

use super::lexer::{self, UsedPath};
use super::{Finding, Source};

/// One line of the never-import table.
struct Rule {
    /// A directory, or a module's path without `.rs`: the room is that file and all below the directory.
    room: &'static str,
    /// Parts of the room that may.
    except: &'static [&'static str],
    /// Paths, with all that is below them. `crate::` is the room's own crate; a bare word is also a keyword.
    never: &'static [&'static str],
    why: &'static str,
}

const SOCKETS: &[&str] = &[
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::os",
    "tokio::net",
    "socket2",
];

const RULES: &[Rule] = &[
    Rule {
        room: "shared/src",
        except: &[],
        never: &["tokio", "futures_util", "async", "await", "std::net", "std::fs", "std::thread"],
        why: "shared is MQTT without I/O: bytes in, packets out",
    },
    Rule {
        room: "shared/src",
        except: &[],
        never: &["std::time::Instant", "std::time::SystemTime", "Instant::now", "SystemTime::now"],
        why: "time is an argument",
    },
    Rule {
        room: "shared/src",
        except: &[],
        never: &["yew", "web_sys", "js_sys", "wasm_bindgen", "gloo_timers"],
        why: "shared is also the broker's",
    },
    Rule {
        room: "bridge/src/broker",
        except: &[],
        never: &[
            "tokio",
            "tokio_util",
            "tokio_tungstenite",
            "axum",
            "async",
            "await",
            "std::fs",
            "std::thread",
        ],
        why: "the broker's core is pure and synchronous",
    },
    Rule {
        room: "bridge/src/broker",
        except: &[],
        never: &["std::time::Instant", "std::time::SystemTime", "Instant::now", "SystemTime::now"],
        why: "time is an argument",
    },
    Rule { room: "bridge/src/broker", except: &[], never: SOCKETS, why: "the broker's core knows no socket" },
    Rule {
        room: "bridge/src/broker",
        except: &[],
        never: &[
            "crate::store::memory",
            "crate::store::database",
            "crate::connection",
            "crate::listener",
            "crate::http",
        ],
        why: "the core knows the trait Store, and none of those who call it",
    },
    Rule {
        room: "bridge/src/listener",
        except: &[],
        never: &["crate::broker", "tabmq_shared::packet", "tabmq_shared::codec"],
        why: "a listener yields byte streams and nothing else",
    },
    Rule {
        room: "bridge/src/connection",
        except: &[],
        never: &[
            "crate::listener::tcp",
            "crate::listener::tls",
            "crate::listener::websocket",
            "axum",
            "tokio_tungstenite",
            "tokio::net",
            "std::net::TcpStream",
        ],
        why: "a connection does not know which transport it has",
    },
    Rule {
        room: "bridge/src/store",
        except: &[],
        never: &["crate::broker", "crate::connection", "crate::listener", "crate::http"],
        why: "a store keeps plain records",
    },
    Rule { room: "bridge/src/store", except: &[], never: SOCKETS, why: "a store knows no socket" },
    Rule {
        room: "bridge/src/http",
        except: &[],
        never: &["crate::connection", "crate::listener"],
        why: "lib.rs wires them",
    },
    Rule {
        room: "bridge/src",
        except: &[],
        never: &["tabmq_web", "yew", "web_sys"],
        why: "the broker is not the page",
    },
    Rule {
        room: "web/src",
        except: &[],
        never: &["tabmq", "tokio", "axum"],
        why: "the page is not the broker",
    },
    Rule {
        room: "web/src/components",
        except: &[],
        never: &["tabmq_web_client::transport", "tabmq_shared::codec"],
        why: "components show their props and emit callbacks; they know no bytes",
    },
    Rule {
        room: "web/src/pages",
        except: &[],
        never: &["tabmq_web_client::transport", "tabmq_shared::codec"],
        why: "pages arrange components; they know no bytes",
    },
    Rule {
        room: "web/client/src",
        except: &[],
        never: &["yew", "web_sys::Window", "web_sys::window", "tabmq_web"],
        why: "the client is plain code, and runs where there is no window",
    },
    Rule {
        room: "web/client/src",
        except: &["web/client/src/transport"],
        never: &["web_sys::WebSocket"],
        why: "transport.rs is the only file that knows the socket",
    },
    Rule {
        room: "web/src",
        except: &[],
        never: &["web_sys::WebSocket"],
        why: "web/client is the only place that knows the socket",
    },
    Rule {
        room: "web/npm/src",
        except: &[],
        never: &["yew", "web_sys", "tabmq_web"],
        why: "the package for JavaScript is the client and nothing of the page",
    },
];

/// Rooms of the table that later work builds. Taken from here as soon as they exist: a rule that looks at nothing must
/// not look as if it held.
const NOT_BUILT_YET: &[&str] = &["bridge/src/store"];

/// Every import or path that a rule forbids, and every rule whose room is gone.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        let exists = sources.iter().any(|source| is_in(&source.path, rule.room));
        if exists == NOT_BUILT_YET.contains(&rule.room) {
            let problem =
                if exists { "exists and is still listed in NOT_BUILT_YET" } else { "does not exist" };
            let what = format!("{}: this room of the never-import table {problem}", rule.room);
            findings.push(Finding { path: "xtask/src/tidy/imports.rs".into(), line: 1, what });
        }
    }
    for source in sources.iter().filter(|source| source.path.ends_with(".rs")) {
        findings.extend(check_file(source));
    }
    findings
}

fn check_file(source: &Source) -> Vec<Finding> {
    if source.path.ends_with("/tests.rs") || source.path.contains("/tests/") {
        return Vec::new(); // `#[cfg(test)] mod tests;`
    }
    let rules: Vec<&Rule> = RULES.iter().filter(|rule| rule.governs(&source.path)).collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let module = module_path(&source.path);
    let mut findings = Vec::new();
    for used in lexer::used_paths(&source.text) {
        let path = absolute(&used, &module);
        for rule in &rules {
            if let Some(never) = rule.never.iter().find(|never| begins_with(&path, never)) {
                let what = format!("{} is never used in {}: {}", never, rule.room, rule.why);
                let finding = Finding { path: source.path.clone(), line: used.line, what };
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
    }
    findings
}

impl Rule {
    fn governs(&self, path: &str) -> bool {
        is_in(path, self.room) && !self.except.iter().any(|part| is_in(path, part))
    }
}

/// Whether the file `path` belongs to `room`.
fn is_in(path: &str, room: &str) -> bool {
    path.strip_prefix(room).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// `bridge/src/broker/router.rs` is the module `broker::router`; `mod.rs`, `lib.rs` and `main.rs` stand for their
/// directory.
fn module_path(path: &str) -> Vec<String> {
    let inside = path.split_once("/src/").map_or(path, |(_, inside)| inside);
    let mut module: Vec<String> = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// The path with `self` and `super` resolved.
fn absolute(used: &UsedPath, module: &[String]) -> Vec<String> {
    let mut rest = used.segments.as_slice();
    let mut base = match rest.first().map(String::as_str) {
        Some("self" | "super") => {
            let mut base = vec!["crate".to_owned()];
            base.extend_from_slice(module);
            base
        }
        _ => Vec::new(),
    };
    while let Some((first, behind)) = rest.split_first() {
        match first.as_str() {
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest = behind;
    }
    base.extend_from_slice(rest);
    base
}

fn begins_with(path: &[String], prefix: &str) -> bool {
    let mut segments = path.iter();
    prefix.split("::").all(|wanted| segments.next().is_some_and(|segment| segment == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of `text`, as if it were the file `path`, on which a rule is broken.
    fn broken(path: &str, text: &str) -> Vec<usize> {
        let source = Source { path: path.into(), text: text.into() };
        check_file(&source).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn every_forbidden_path_is_found_in_its_room() {
        for rule in RULES {
            for never in rule.never {
                let text = match *never {
                    "async" => "async fn f() {}".to_owned(),
                    "await" => "x.await".to_owned(),
                    path => format!("use {path};"),
                };
                let path = format!("{}/made_up.rs", rule.room);
                assert!(!broken(&path, &text).is_empty(), "{path} may not say: {text}");
            }
        }
    }

    #[test]
    fn all_ways_to_write_a_path() {
        let check =
            |path: &str, text: &str, lines: &[usize]| assert_eq!(broken(path, text), lines, "{path}: {text}");
        let broker = "bridge/src/broker/router.rs";
        check(broker, "use std::{\n  fmt,\n  net::{IpAddr, TcpStream as Stream},\n};", &[3]);
        check(broker, "fn f() {\n  tokio::spawn(g())\n}", &[2]);
        check(broker, "fn f() -> ::std::net::TcpStream {}", &[1]);
        check(broker, "use super::super::connection::Life;", &[1]);
        check(broker, "use crate::{broker, listener};", &[1]);
        check(broker, "pub use tokio::*;", &[1]);
        check(broker, "let t = Instant::now();", &[1]);
        check("bridge/src/broker/mod.rs", "use super::http;", &[1]);
        check("bridge/src/broker.rs", "use axum;", &[1]);
        check("web/src/state/mod.rs", "use web_sys::{Window, WebSocket};", &[1]);
        // The next room has a name that only begins in the same way.
        check("bridge/src/brokerage.rs", "use tokio::spawn;", &[]);
    }

    #[test]
    fn what_may_stay() {
        let check = |path: &str, text: &str| assert_eq!(broken(path, text), [0; 0], "{path}: {text}");
        let broker = "bridge/src/broker/router.rs";
        check(broker, "use std::net::{IpAddr, SocketAddr};");
        check(broker, "// use tokio::spawn;\n/* tokio::net /* nested */ axum::x */");
        check(
            broker,
            "const A: &str = \"tokio::net\"; const B: &str = r#\"axum::\"x\" \"#; const C: char = '\"';",
        );
        check(broker, "use self::tokio::x; use crate::tokio::y;");
        check(broker, "#[cfg(test)]\nmod tests {\n  use tokio::test;\n  fn f() { { } }\n}");
        check(broker, "#[cfg(test)]\nuse tokio::test;\nfn f() {}");
        check("web/client/src/transport.rs", "use web_sys::WebSocket;");
        check("tests/harness/lib.rs", "use tokio::net::TcpStream;");
    }

    #[test]
    fn code_behind_a_test_module_is_read() {
        let text = "#[cfg(test)]\nmod tests { fn f() { \"}\" } }\nuse tokio::x;";
        assert_eq!(broken("bridge/src/broker/router.rs", text), [3]);
    }

    #[test]
    fn a_rule_without_a_room_is_reported() {
        assert!(!check(&[]).is_empty());
    }
}
