//! The small language for packets that Mosquitto's vectors are written in, with a few additions.
//!
//! | token | means |
//! |---|---|
//! | `1F0a` | bytes in hexadecimal |
//! | `'text'` | the bytes of the text |
//! | `i7` | 8 bits |
//! | `H7` `k7` `m7` `s7` | 16 bits: number, keep-alive, packet id, string length |
//! | `L7` | 32 bits |
//! | `v7` `r7` | a variable byte integer: any, remaining length |
//! | `"text"` (ours) | a string with its length |
//! | `r*` (ours) | the remaining length: that of all that follows |
//! | `{ … }` (ours) | a variable byte integer and as many bytes: properties |

/// The bytes that `text` describes. Panics where it makes no sense: it is part of a test.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut rest = text;
    let packet = sequence(&mut rest);
    assert!(rest.is_empty(), "unbalanced at {rest:?} in {text:?}");
    packet
}

/// A variable byte integer, also one that is too large to be valid.
pub fn var_int(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (n % 128) as u8;
        n /= 128;
        if n == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn sequence(rest: &mut &str) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        *rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return out };
        match first {
            '}' => return out,
            '{' => {
                *rest = &rest[1..];
                let inner = sequence(rest);
                *rest = rest.strip_prefix('}').expect("a closing brace");
                out.extend(var_int(inner.len()));
                out.extend(inner);
            }
            '\'' | '"' => {
                let (text, after) = rest[1..].split_once(first).expect("a closing quote");
                *rest = after;
                if first == '"' {
                    out.extend((text.len() as u16).to_be_bytes());
                }
                out.extend(text.as_bytes());
            }
            _ => {
                let end = rest.find([' ', '\'', '"', '{', '}']).unwrap_or(rest.len());
                let (token, after) = rest.split_at(end);
                *rest = after;
                if token == "r*" {
                    let tail = sequence(rest);
                    out.extend(var_int(tail.len()));
                    out.extend(tail);
                } else {
                    out.extend(token_bytes(token));
                }
            }
        }
    }
}

fn token_bytes(token: &str) -> Vec<u8> {
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("a number in {token:?}"));
    match token.split_at(1) {
        ("i", n) => vec![number(n) as u8],
        ("H" | "k" | "m" | "s", n) => (number(n) as u16).to_be_bytes().to_vec(),
        ("L", n) => (number(n) as u32).to_be_bytes().to_vec(),
        ("v" | "r", n) => var_int(number(n) as usize),
        _ => {
            assert!(token.len().is_multiple_of(2), "an odd number of digits in {token:?}");
            let digits =
                |i| u8::from_str_radix(&token[i..i + 2], 16).unwrap_or_else(|_| panic!("hex in {token:?}"));
            (0..token.len()).step_by(2).map(digits).collect()
        }
    }
}
