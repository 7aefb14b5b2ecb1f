//! The page: the files of the directory `TABMQ_PAGE_DIR` of the build, embedded with their compressed forms.

use super::negotiation::{Encoding, choose, is_known};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::borrow::Cow;

/// What the page may do. Its scripts, its module and its styles come from here, it
/// talks to brokers anywhere, and nobody frames it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
     style-src 'self'; img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; \
     worker-src 'self' blob:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// How long the hash in a file's name is, in hexadecimal digits.
const HASH_DIGITS: usize = 16;

/// Shown in place of a page that was not built.
const NO_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>TabMQ</title>\
     <h1>TabMQ is running, but without its page</h1><p>This binary was built without it. \
     <code>cargo xtask run</code> builds the page and starts the broker with it.</p>\
     <p>MQTT over WebSocket is at <code>/mqtt</code>, the API at <code>/api/v1/info</code>.</p></html>\n";

#[derive(RustEmbed)]
#[folder = "$TABMQ_PAGE_DIR"]
struct Files;

/// One form of a file.
struct File {
    data: Cow<'static, [u8]>,
    sha256: [u8; 32],
}

fn embedded(name: &str) -> Option<File> {
    Files::get(name).map(|file| File { data: file.data, sha256: file.metadata.sha256_hash() })
}

/// Where files come from; tests bring their own.
type Lookup = fn(&str) -> Option<File>;

/// Answers GET and HEAD of `path`.
pub(super) fn serve(path: &str, request: &HeaderMap) -> Response {
    respond(embedded, path, request)
}

fn respond(files: Lookup, path: &str, request: &HeaderMap) -> Response {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let Some(plain) = files(name).filter(|_| Encoding::of_file(name) == Encoding::Identity) else {
        return match name {
            "index.html" => html(StatusCode::OK, NO_PAGE),
            _ => html(
                StatusCode::NOT_FOUND,
                "<!doctype html><title>Not found</title><p>There is no such page here. \
                 <a href=\"/\">The broker's page</a>\n",
            ),
        };
    };
    let available = |encoding: Encoding| files(&format!("{name}{}", encoding.suffix()));
    let (encoding, file) = choose(request, available).unwrap_or((Encoding::Identity, plain));
    let etag = etag(&file, encoding);
    let cache = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if is_known(request, &etag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        // Of the file, not of this response: 0 would be a statement about the file (RFC 9110, section 8.6).
        set(&mut response, header::CONTENT_LENGTH, &file.data.len().to_string());
        response
    } else {
        let mut response = Response::new(body(file.data));
        set(&mut response, header::CONTENT_TYPE, content_type(name));
        if let Some(coding) = encoding.name() {
            set(&mut response, header::CONTENT_ENCODING, coding);
        }
        response
    };
    set(&mut response, header::ETAG, &etag);
    set(&mut response, header::CACHE_CONTROL, cache);
    set(&mut response, header::VARY, "accept-encoding");
    set(&mut response, header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

fn html(status: StatusCode, text: &'static str) -> Response {
    let mut response = (status, text).into_response();
    set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

/// All values are made here, of ASCII; one that were not would be left out.
fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn body(data: Cow<'static, [u8]>) -> Body {
    match data {
        Cow::Borrowed(embedded) => Body::from(embedded), // no copy: it is part of the binary
        Cow::Owned(read) => Body::from(read),
    }
}

/// A strong tag: each encoding has its own bytes and so its own hash.
fn etag(file: &File, encoding: Encoding) -> String {
    let digits: String = file.sha256.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}{}\"", encoding.suffix())
}

fn content_type(name: &str) -> &'static str {
    match mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream") {
        "text/html" => "text/html; charset=utf-8",
        "text/css" => "text/css; charset=utf-8",
        "text/javascript" | "application/javascript" => "text/javascript; charset=utf-8",
        other => other,
    }
}

/// Whether the name says what is in it, as in `tabmq-0123456789abcdef.js`: then it never changes.
fn is_hashed(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let hash = stem.rsplit_once('-').map(|(_, hash)| hash);
    hash.is_some_and(|hash| hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the build makes: names by content, and compressed forms beside.
    fn files(name: &str) -> Option<File> {
        let (data, hash): (&'static [u8], u8) = match name {
            "index.html" => (b"<html>", 1),
            "index.html.br" => (b"b", 2),
            "tabmq-0123456789abcdef.wasm" => (b"\0asm", 3),
            "tabmq-0123456789abcdef.wasm.gz" => (b"z", 4),
            "tabmq-0123456789abcdef.wasm.br" => (b"y", 5),
            "tabmq-0123456789abcdef.js" => (b"js", 6),
            "favicon.svg" => (b"<svg>", 7),
            _ => return None,
        };
        Some(File { data: Cow::Borrowed(data), sha256: [hash; 32] })
    }

    fn get(path: &str, accept_encoding: &str, if_none_match: &str) -> Response {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [(header::ACCEPT_ENCODING, accept_encoding), (header::IF_NONE_MATCH, if_none_match)]
        {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        respond(files, path, &headers)
    }

    fn value(response: &Response, name: HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn forms_and_headers() {
        let immutable = "public, max-age=31536000, immutable";
        let (wasm, js) = ("/tabmq-0123456789abcdef.wasm", "/tabmq-0123456789abcdef.js");
        let cases = [
            ("/", "", 200, "", "text/html; charset=utf-8", "no-cache"),
            ("/index.html", "gzip, br", 200, "br", "text/html; charset=utf-8", "no-cache"),
            ("/", "gzip", 200, "", "text/html; charset=utf-8", "no-cache"),
            (wasm, "gzip, br", 200, "br", "application/wasm", immutable),
            (wasm, "gzip", 200, "gzip", "application/wasm", immutable),
            (wasm, "br;q=0", 200, "", "application/wasm", immutable),
            (js, "br", 200, "", "text/javascript; charset=utf-8", immutable),
            ("/favicon.svg", "br", 200, "", "image/svg+xml", "no-cache"),
            ("/index.html.br", "br", 404, "", "text/html; charset=utf-8", "no-cache"),
            ("/nothing", "", 404, "", "text/html; charset=utf-8", "no-cache"),
        ];
        for (path, accept, status, encoding, mime, cache) in cases {
            let response = get(path, accept, "");
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(value(&response, header::CONTENT_ENCODING), encoding, "{path} {accept}");
            assert_eq!(value(&response, header::CONTENT_TYPE), mime, "{path}");
            assert_eq!(value(&response, header::CACHE_CONTROL), cache, "{path}");
            assert!(
                value(&response, header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"),
                "{path}"
            );
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let tag = value(&get("/", "br", ""), header::ETAG).to_owned();
        assert_eq!(tag, format!("\"{}.br\"", "02".repeat(16)));
        let again = get("/", "br", &tag);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!((value(&again, header::ETAG), value(&again, header::CONTENT_LENGTH)), (&*tag, "1"));
        assert_eq!(value(&again, header::VARY), "accept-encoding");
        assert_eq!(get("/", "", &tag).status(), StatusCode::OK, "another form has another tag");
    }

    #[test]
    fn a_binary_without_a_page_says_so() {
        let response = respond(|_| None, "/", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        assert!(NO_PAGE.contains("cargo xtask run"));
    }
}
