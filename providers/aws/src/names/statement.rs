//! The ids of statements in a function's own policy: letters, digits, `-` and `_` only, at most 100 of them. What a statement is for can be told
//! from its id, since nothing else says it: `sf-GET_20_2fprofiles_2f_7bid_7d` is for `GET /profiles/{id}`.

use std::fmt::Write as _;

use super::short_hash;

/// What the ids of ours begin with.
const OURS: &str = "sf-";
/// What those begin with that are too long to be told.
const UNTOLD: &str = "sf_";
const LONGEST: usize = 100;

/// The id of the statement for that.
pub(crate) fn id(what: &str) -> String {
    let mut id = OURS.to_owned();
    for byte in what.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            id.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(id, "_{byte:02x}");
        }
    }
    if id.len() <= LONGEST { id } else { format!("{UNTOLD}{}", short_hash(what)) }
}

/// What the statement of that id is for; `None` if it is not ours, or cannot be told.
pub(crate) fn what(id: &str) -> Option<String> {
    let mut bytes = id.strip_prefix(OURS)?.bytes();
    let mut what = Vec::new();
    while let Some(byte) = bytes.next() {
        what.push(match byte {
            b'_' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(what).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_says_what_it_is_for() {
        assert_eq!(id("GET /profiles/{id}"), "sf-GET_20_2fprofiles_2f_7bid_7d");
        assert_eq!(what("sf-GET_20_2fprofiles_2f_7bid_7d").as_deref(), Some("GET /profiles/{id}"));
        assert_eq!(what("somebody-elses"), None);
        assert_eq!(what("sf-broken_2"), None);
    }

    #[test]
    fn long_ones_fit_and_stay_different() {
        let [one, two] = ["a", "b"].map(|end| id(&format!("GET /{}{end}", "x/".repeat(60))));
        assert_ne!(one, two);
        assert!(one.len() <= LONGEST);
        assert_eq!(what(&one), None);
    }

    proptest! {
        #[test]
        fn every_id_is_one_that_aws_takes(text in "\\PC{0,60}") {
            let id = id(&text);
            prop_assert!(id.len() <= LONGEST);
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            if let Some(what) = what(&id) {
                prop_assert_eq!(what, text);
            }
        }
    }
}
