//! `name=value&name=value`, percent-encoded: the form of everything that the page keeps, be it in the address bar or
//! in the browser's storage.

/// Name and value.
pub type Pair = (String, String);

/// The pairs of a query or fragment, without its `?` or `#`. What is not valid UTF-8 is left out.
///
/// A `+` stays a `+`: here it is far more often a wildcard than a space.
pub fn decode(text: &str) -> Vec<Pair> {
    let pairs = text.split('&').filter(|part| !part.is_empty());
    pairs
        .filter_map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((unescape(name)?, unescape(value)?))
        })
        .collect()
}

/// The opposite of [`decode`].
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        escape(name, &mut out);
        out.push('=');
        escape(value, &mut out);
    }
    out
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' | b':' | b'$' => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                out.extend([byte >> 4, byte & 15].map(|nibble| {
                    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
                }));
            }
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut nibble = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (nibble()?, nibble()?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for value in ["", "home/+/#", "a b&c=d%e?", "日本/語", "line\nline", "$SYS/#"] {
            let text = encode([("name", value), ("other", "1")]);
            assert!(text.is_ascii() && !text.contains([' ', '#', '\n']), "{text}");
            let expected = [("name".into(), value.into()), ("other".into(), "1".into())];
            assert_eq!(decode(&text), expected);
        }
    }

    #[test]
    fn takes_what_people_type() {
        let cases: [(&str, &[(&str, &str)]); 5] = [
            ("", &[]),
            ("a", &[("a", "")]),
            ("filter=home/+/t&&x=1", &[("filter", "home/+/t"), ("x", "1")]),
            ("bad=%zz&cut=%4&utf8=%ff&ok=%41", &[("ok", "A")]),
            ("a=b=c", &[("a", "b=c")]),
        ];
        for (text, expected) in cases {
            let decoded = decode(text);
            let decoded: Vec<_> = decoded.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(decoded, expected, "{text}");
        }
    }
}
