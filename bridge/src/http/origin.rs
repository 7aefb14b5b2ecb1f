//! Which web pages may use the broker.
//!
//! A page from anywhere on the web runs in a browser that can reach brokers which the page's author cannot: those on
//! the visitor's own machine or network. Browsers let it open a WebSocket to any of them, and send simple requests,
//! but they say where the page comes from, in the header Origin. So what changes something, and every WebSocket, is
//! for these only:
//!
//! - programs that are no browser (no Origin);
//! - the broker's own page: Origin and Host are equal. Not on a loopback address: a stranger's domain may be made to point
//!   at 127.0.0.1 ("DNS rebinding"), and then they are equal too;
//! - pages of this machine, such as `trunk serve` at http://localhost:8080;
//! - those named by `--allow-origin`; a broker behind a proxy on the same machine needs it.
//!
//! Plain GET needs no such check: a browser does not show the answer to a page of another origin. But a stranger's domain
//! that points here is the same origin to it; so where nobody has to log in, the API answers under this machine's own names
//! only ([`ForeignName`]).

use super::connection::LocalAddress;
use super::problem::ApiError;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::RwLock;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Origins that are allowed beyond the rule of this module.
#[derive(Debug, Default)]
pub struct OriginPolicy {
    allowed: RwLock<Vec<String>>,
}

impl OriginPolicy {
    /// `allowed` are origins in lower case, as `scheme://host:port`; `*` is any.
    pub fn new(allowed: Vec<String>) -> Self {
        OriginPolicy { allowed: RwLock::new(allowed) }
    }

    /// Takes other origins in their place.
    pub fn replace(&self, allowed: Vec<String>) {
        *self.allowed.write() = allowed;
    }

    /// Whether this name for the broker at `local` may be a stranger's domain that points here. An address is not.
    fn is_foreign(&self, host: &str, local: Option<SocketAddr>) -> bool {
        let host = host.to_ascii_lowercase();
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        let is_address = host.starts_with('[') || name.parse::<IpAddr>().is_ok();
        let is_named = |allowed: &String| {
            allowed == "*" || allowed.split_once("://").is_some_and(|(_, authority)| authority == host)
        };
        local.is_none_or(|local| local.ip().to_canonical().is_loopback())
            && !is_address
            && !is_loopback(&host)
            && !self.allowed.read().iter().any(is_named)
    }

    /// Whether a page from `origin` may use the broker at `local`, which it calls `host`.
    fn allows(&self, origin: &str, host: Option<&str>, local: Option<SocketAddr>) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.allowed.read().iter().any(|allowed| allowed == "*" || *allowed == origin) {
            return true;
        }
        // "null" is the origin of a sandbox or a local file: nobody in particular.
        let Some((_, authority)) = origin.split_once("://") else { return false };
        let at_loopback = local.is_none_or(|local| local.ip().to_canonical().is_loopback());
        is_loopback(authority)
            || (!at_loopback && host.is_some_and(|host| host.eq_ignore_ascii_case(authority)))
    }
}

/// A request extension: the request calls a loopback address by a name that is not known for this machine's.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForeignName;

/// The middleware: refuses what a page of a foreign origin must not do.
pub(super) async fn check(
    State(policy): State<Arc<OriginPolicy>>,
    mut request: Request,
    next: Next,
) -> Response {
    let local = request.extensions().get::<LocalAddress>().map(|local| local.0);
    let headers = request.headers();
    let is_foreign = text(headers, header::HOST).is_some_and(|host| policy.is_foreign(host, local));
    let harmless =
        matches!(*request.method(), Method::GET | Method::HEAD) && !headers.contains_key(header::UPGRADE);
    if !harmless
        && let Some(origin) = text(headers, header::ORIGIN)
        && !policy.allows(origin, text(headers, header::HOST), local)
    {
        let detail = format!(
            "pages from {} may not use this broker; start it with --allow-origin and that origin if they should",
            origin.escape_debug()
        );
        return ApiError::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    if is_foreign {
        request.extensions_mut().insert(ForeignName);
    }
    next.run(request).await
}

/// The header as text; what is no text is something that no rule allows.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Whether `host:port` is this machine's own.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let (loopback, lan) = ("127.0.0.1:8083", "192.168.1.5:8083");
        let cases = [
            // its own page
            ("http://127.0.0.1:8083", "127.0.0.1:8083", loopback, true),
            ("http://localhost:8083", "localhost:8083", loopback, true),
            ("http://[::1]:8083", "[::1]:8083", "[::1]:8083", true),
            ("http://192.168.1.5:8083", "192.168.1.5:8083", lan, true),
            ("http://Broker.lan:8083", "broker.LAN:8083", lan, true),
            // trunk serve
            ("http://localhost:8080", "localhost:8083", loopback, true),
            ("http://127.0.0.1:8080", "192.168.1.5:8083", lan, true),
            // named
            ("https://Example.org", "x", loopback, true),
            // strangers
            ("https://evil.example", "127.0.0.1:8083", loopback, false),
            ("https://evil.example", "192.168.1.5:8083", lan, false),
            ("http://192.168.1.5:9999", "192.168.1.5:8083", lan, false),
            ("http://localhost.evil.example", "x", loopback, false),
            ("http://127.0.0.1.evil.example:80", "x", loopback, false),
            ("null", "127.0.0.1:8083", loopback, false),
            ("", "", loopback, false),
            // a stranger's domain that points here
            ("http://evil.example:8083", "evil.example:8083", loopback, false),
        ];
        let policy = OriginPolicy::new(vec!["https://example.org".to_owned()]);
        for (origin, host, local, expected) in cases {
            let local = local.parse().unwrap();
            assert_eq!(
                policy.allows(origin, Some(host), Some(local)),
                expected,
                "{origin} at {host}, {local}"
            );
        }
        let anybody = OriginPolicy::new(vec!["*".to_owned()]);
        assert!(anybody.allows("https://evil.example", None, None));
        assert!(!OriginPolicy::default().allows("https://evil.example", None, None));
    }
}
