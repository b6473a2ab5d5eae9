//! Where a page ended: the last key of it, as text that means nothing to others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::key::Key;
use crate::DataError;

/// Says what the rest is, so that another form can come.
const FORM: u8 = 1;

/// The form, the partition's length, the partition, the sort key.
pub(super) fn write(key: &Key) -> String {
    let length = u32::try_from(key.partition.len()).unwrap_or(u32::MAX);
    let mut bytes = vec![FORM];
    bytes.extend(length.to_be_bytes());
    bytes.extend(&key.partition);
    bytes.extend(&key.sort);
    BASE64.encode(bytes)
}

pub(super) fn read(cursor: &str) -> Result<Key, DataError> {
    parse(cursor).ok_or_else(|| DataError::bad_request("the cursor is not one that an earlier page gave"))
}

fn parse(cursor: &str) -> Option<Key> {
    let bytes = BASE64.decode(cursor).ok()?;
    let (&form, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (partition, sort) = rest.split_at_checked(length)?;
    (form == FORM).then(|| Key { partition: partition.to_vec(), sort: sort.to_vec() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_written(partition: Vec<u8>, sort: Vec<u8>) {
            let key = Key { partition, sort };
            prop_assert_eq!(read(&write(&key)).unwrap(), key);
        }

        #[test]
        fn garbage_is_refused_or_some_key(bytes: Vec<u8>, text: String) {
            let _ = read(&BASE64.encode(bytes));
            let _ = read(&text);
        }
    }

    #[test]
    fn what_no_page_gave_is_a_bad_request() {
        for text in ["", "?", "AA", "AQAAAAlh", "Aw"] {
            assert_eq!(read(text).unwrap_err().kind, crate::ErrorKind::BadRequest, "{text}");
        }
    }
}
