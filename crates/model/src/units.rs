//! Sizes and durations as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::diagnostic::Invalid;

/// A number of bytes, written `256MiB`: a whole number and `B`, `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const SIZE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// In the largest unit that gives a whole number.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, bytes): &&(&str, u64)| self.0 >= *bytes && self.0.is_multiple_of(*bytes);
        let (unit, bytes) = SIZE_UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl FromStr for ByteSize {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (number, unit) = split(text);
        let bytes = SIZE_UNITS.iter().find(|(name, _)| *name == unit);
        if let (Ok(number), Some((_, bytes))) = (number.parse::<u64>(), bytes)
            && let Some(size) = number.checked_mul(*bytes)
        {
            return Ok(Self(size));
        }
        let meant = match unit.to_ascii_lowercase().as_str() {
            "k" | "kb" | "kib" => "KiB",
            "g" | "gb" | "gib" => "GiB",
            "b" | "byte" | "bytes" => "B",
            _ => "MiB",
        };
        let number = if number.is_empty() || number.parse::<u64>().is_err() { "256" } else { number };
        Err(Invalid::new(
            "bad-size",
            format!("`{text}` is not a size"),
            format!("write a whole number and `B`, `KiB`, `MiB` or `GiB`: `{number}{meant}`"),
        ))
    }
}

/// A length of time, written `10s` or `1h30m`: whole numbers, each with `ms`, `s`, `m`, `h` or `d`, the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

const TIME_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// `1h30m`; `0s` for none. What is shorter than a millisecond is left out.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in TIME_UNITS {
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl FromStr for Period {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        millis(text).map(|millis| Self(Duration::from_millis(millis))).ok_or_else(|| {
            let (number, _) = split(text);
            let number = if number.parse::<u64>().is_ok() { number } else { "10" };
            Invalid::new(
                "bad-duration",
                format!("`{text}` is not a duration"),
                format!("write a whole number and `ms`, `s`, `m`, `h` or `d`: `{number}s`, `1h30m`"),
            )
        })
    }
}

fn millis(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut larger = u64::MAX;
    while !rest.is_empty() {
        let (number, tail) = split(rest);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let (_, unit) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
        if *unit >= larger {
            return None;
        }
        larger = *unit;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*unit)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// The leading digits and what follows them.
fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        assert_eq!("256MiB".parse::<ByteSize>().unwrap().0, 256 << 20);
        assert_eq!("1536MiB".parse::<ByteSize>().unwrap().to_string(), "1536MiB");
        assert_eq!("1024MiB".parse::<ByteSize>().unwrap().to_string(), "1GiB");
        assert_eq!(ByteSize(0).to_string(), "0B");
        for (bad, good) in
            [("256MB", "`256MiB`"), ("1G", "`1GiB`"), ("lots", "`256MiB`"), ("99999999999GiB", "GiB")]
        {
            assert!(bad.parse::<ByteSize>().unwrap_err().hint.contains(good), "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!("1h30m".parse::<Period>().unwrap().0, Duration::from_secs(5400));
        assert_eq!("90m".parse::<Period>().unwrap().to_string(), "1h30m");
        assert_eq!("1500ms".parse::<Period>().unwrap().to_string(), "1s500ms");
        for bad in ["", "10", "10 s", "s", "10sec", "1m1h", "1s1s", "-1s", "1.5s", "99999999999999999999s"] {
            assert_eq!(bad.parse::<Period>().unwrap_err().code, "bad-duration", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(millis in 0u64..u64::MAX / 2, bytes: u64) {
            let period = Period(Duration::from_millis(millis));
            prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
            let size = ByteSize(bytes);
            prop_assert_eq!(size.to_string().parse::<ByteSize>().unwrap(), size);
        }
    }
}
