//! Sizes, times and addresses as people write them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// The largest packet that MQTT has, in bytes, fixed header included.
pub(crate) const MAX_PACKET_SIZE: u32 = 268_435_460;

/// Where to listen, or that nobody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `none`.
    None,
    /// `127.0.0.1:1883`, `[::]:1883`, `localhost:1883`.
    At(SocketAddr),
}

impl Endpoint {
    /// The address, if there is one.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Endpoint::None => None,
            Endpoint::At(address) => Some(address),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Endpoint::None);
        }
        let localhost = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
        match localhost {
            Some(port) => Ok(Endpoint::At((Ipv4Addr::LOCALHOST, port).into())),
            None => text.parse().map(Endpoint::At).map_err(|_| {
                "write IP:PORT, such as 127.0.0.1:1883, 0.0.0.0:1883 (all of IPv4) or [::]:1883 (all)"
                    .to_owned()
            }),
        }
    }
}

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// `none`: in memory.
    None,
    /// In this directory.
    Directory(PathBuf),
}

impl FromStr for Data {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "none" { Data::None } else { Data::Directory(text.into()) })
    }
}

/// A number of bytes: `4096`, `64KiB`, `10MiB`, `1GiB`. KB, MB and GB mean the same: who writes them means that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = split_unit(text).and_then(|(number, unit)| {
            let factor: u64 = match unit.to_ascii_lowercase().as_str() {
                "" | "b" => 1,
                "k" | "kb" | "kib" => 1 << 10,
                "m" | "mb" | "mib" => 1 << 20,
                "g" | "gb" | "gib" => 1 << 30,
                _ => return None,
            };
            number.checked_mul(factor)
        });
        size.map(Size)
            .ok_or_else(|| "write a number of bytes, such as 65536, 64KiB, 10MiB or 1GiB".to_owned())
    }
}

/// A number of seconds: `90`, `30s`, `15m`, `12h`, `7d`, `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u32);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Span(u32::MAX));
        }
        let span = split_unit(text).and_then(|(number, unit)| {
            let factor: u64 = match unit {
                "" | "s" => 1,
                "m" => 60,
                "h" => 60 * 60,
                "d" => 24 * 60 * 60,
                _ => return None,
            };
            u32::try_from(number.checked_mul(factor)?).ok()
        });
        span.map(Span).ok_or_else(|| "write a time, such as 30s, 15m, 12h, 7d or never".to_owned())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::None => f.write_str("none"),
            Endpoint::At(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::None => f.write_str("none"),
            Data::Directory(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            n if n.trailing_zeros() >= 30 => write!(f, "{}GiB", n >> 30),
            n if n.trailing_zeros() >= 20 => write!(f, "{}MiB", n >> 20),
            n if n.trailing_zeros() >= 10 => write!(f, "{}KiB", n >> 10),
            n => n.fmt(f),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u32, &str); 3] = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m")];
        if self.0 == u32::MAX {
            return f.write_str("never");
        }
        match UNITS.iter().find(|(unit, _)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}s", self.0),
        }
    }
}

/// Takes "10 MiB" apart.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// Values of the file are what they are on the command line; where that is a number, a number will do.
fn from_file<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a string or a number")]
    enum Value {
        Number(u64),
        Text(String),
    }
    let text = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text,
    };
    text.parse().map_err(|error| de::Error::custom(format!("'{}' will not do: {error}", text.escape_debug())))
}

macro_rules! read_and_written {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                from_file(deserializer)
            }
        }
    )*};
}

read_and_written!(Endpoint Data Size Span);

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr>(text: &str) -> Option<T> {
        text.parse().ok()
    }

    #[test]
    fn sizes() {
        let cases = [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("64KiB", Some(65_536)),
            ("64 kb", Some(65_536)),
            ("16M", Some(16 << 20)),
            ("1GiB", Some(1 << 30)),
            ("", None),
            ("MiB", None),
            ("1.5MiB", None),
            ("-1", None),
            ("1TiBs", None),
            ("99999999999999GiB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(check::<Size>(text).map(|size| size.0), expected, "{text}");
            assert_eq!(
                expected.and_then(|n| check::<Size>(&Size(n).to_string()).map(|size| size.0)),
                expected
            );
        }
        assert_eq!(
            [0, 1000, 65_536, 3 << 20, 5 << 30].map(|n| Size(n).to_string()),
            ["0", "1000", "64KiB", "3MiB", "5GiB"]
        );
    }

    #[test]
    fn spans() {
        let cases = [
            ("90", Some(90)),
            ("30s", Some(30)),
            ("15m", Some(900)),
            ("12h", Some(43_200)),
            ("7d", Some(604_800)),
            ("never", Some(u32::MAX)),
            ("7w", None),
            ("", None),
            ("99999999d", None),
        ];
        for (text, expected) in cases {
            assert_eq!(check::<Span>(text).map(|span| span.0), expected, "{text}");
            assert_eq!(
                expected.and_then(|n| check::<Span>(&Span(n).to_string()).map(|span| span.0)),
                expected
            );
        }
        assert_eq!([0, 45, 60, 7200, 86_400].map(|n| Span(n).to_string()), ["0s", "45s", "1m", "2h", "1d"]);
    }

    #[test]
    fn endpoints() {
        let cases = [
            ("127.0.0.1:1883", Some("127.0.0.1:1883")),
            ("localhost:0", Some("127.0.0.1:0")),
            ("[::]:1", Some("[::]:1")),
            ("1883", None),
            ("127.0.0.1", None),
            ("example.org:1883", None),
            ("localhost:65536", None),
        ];
        for (text, expected) in cases {
            let found = check::<Endpoint>(text).and_then(Endpoint::address);
            assert_eq!(found.map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
        assert_eq!(check("none"), Some(Endpoint::None));
    }
}
