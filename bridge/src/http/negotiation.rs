//! What a browser takes, and what it already has (RFC 9110, sections 12.5.3 and 13.1.2).

use axum::http::{HeaderMap, header};

/// The forms in which a file may exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// In order of preference: the smaller first.
    const ALL: [Encoding; 3] = [Encoding::Brotli, Encoding::Gzip, Encoding::Identity];

    /// What a file in this form is called, behind its plain name.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Encoding::Brotli => ".br",
            Encoding::Gzip => ".gz",
            Encoding::Identity => "",
        }
    }

    /// As in Content-Encoding.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Encoding::Brotli => Some("br"),
            Encoding::Gzip => Some("gzip"),
            Encoding::Identity => None,
        }
    }

    /// The form of a file with this name.
    pub(super) fn of_file(name: &str) -> Encoding {
        let compressed = [Encoding::Brotli, Encoding::Gzip];
        compressed
            .into_iter()
            .find(|encoding| name.ends_with(encoding.suffix()))
            .unwrap_or(Encoding::Identity)
    }
}

/// The form that the client likes best among those that `available` has. `None`: it accepts none of them.
pub(super) fn choose<T>(
    request: &HeaderMap,
    available: impl Fn(Encoding) -> Option<T>,
) -> Option<(Encoding, T)> {
    let header = joined(request, header::ACCEPT_ENCODING);
    let mut best = None;
    for encoding in Encoding::ALL {
        let quality = quality(&header, encoding);
        if quality > best.as_ref().map_or(0, |(best, _)| *best)
            && let Some(found) = available(encoding)
        {
            best = Some((quality, (encoding, found)));
        }
    }
    best.map(|(_, chosen)| chosen)
}

/// Whether If-None-Match names the entity tag `etag`, so that there is nothing to send.
pub(super) fn is_known(request: &HeaderMap, etag: &str) -> bool {
    // The weak comparison: a proxy that compresses on the way makes weak tags of strong ones.
    let known = joined(request, header::IF_NONE_MATCH);
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// How much `encoding` is wanted, in thousandths; 0 is not at all.
fn quality(header: &str, encoding: Encoding) -> u32 {
    let name = encoding.name().unwrap_or("identity");
    let mut named = None;
    let mut any = None;
    for item in header.split(',') {
        let mut parts = item.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, thousandths);
        if coding.eq_ignore_ascii_case(name) {
            named = Some(quality);
        } else if coding == "*" {
            any = Some(quality);
        }
    }
    // What is not mentioned is not wanted, but the plain form is always good enough.
    let unmentioned = if encoding == Encoding::Identity { 1 } else { 0 };
    named.or(any).unwrap_or(unmentioned)
}

/// A quality between 0 and 1; one that is none counts as 0.
fn thousandths(text: &str) -> u32 {
    let quality: f32 = text.trim().parse().unwrap_or(0.0);
    (quality.clamp(0.0, 1.0) * 1000.0) as u32
}

/// All values of a header that is a list.
fn joined(request: &HeaderMap, name: header::HeaderName) -> String {
    let values = request.get_all(name);
    values.iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_form_is_chosen() {
        use Encoding::{Brotli, Gzip, Identity};
        let all = &[Brotli, Gzip, Identity][..];
        let cases = [
            ("", all, Some(Identity)),
            ("gzip, deflate, br, zstd", all, Some(Brotli)),
            ("gzip, deflate, br, zstd", &[Gzip, Identity], Some(Gzip)),
            ("BR", all, Some(Brotli)),
            ("gzip;q=1.0, br;q=0.5", all, Some(Gzip)),
            ("gzip; q=0.5 , br; q=0.8", all, Some(Brotli)),
            ("br;q=0, gzip;q=0", all, Some(Identity)),
            ("br;q=0.2, identity;q=0.9", all, Some(Identity)),
            ("*", all, Some(Brotli)),
            ("*;q=0.5, br;q=0", all, Some(Gzip)),
            ("deflate", all, Some(Identity)),
            ("identity;q=0", all, None),
            ("*;q=0", all, None),
            ("br;q=x", all, Some(Identity)),
            ("br;q=0.001", &[Brotli, Identity], Some(Brotli)),
        ];
        for (header, available, expected) in cases {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT_ENCODING, header.parse().unwrap());
            let chosen = choose(&request, |encoding| available.contains(&encoding).then_some(()));
            assert_eq!(chosen.map(|(encoding, ())| encoding), expected, "{header}");
        }
    }

    #[test]
    fn known_tags() {
        let cases = [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ];
        for (header, expected) in cases {
            let mut request = HeaderMap::new();
            request.insert(header::IF_NONE_MATCH, header.parse().unwrap());
            assert_eq!(is_known(&request, "\"a\""), expected, "{header}");
        }
    }
}
