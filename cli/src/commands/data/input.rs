//! Arguments that hold data: `JSON`, `@FILE`, or `-` for stdin.

use std::io::Read;

use serde_json::Value as Json;

use crate::errors::Error;

/// The bytes, and what to call the place they are from.
pub(crate) fn bytes(argument: &str, name: &str) -> Result<(Vec<u8>, String), Error> {
    if argument == "-" {
        return Ok((stdin()?, "stdin".to_owned()));
    }
    match argument.strip_prefix('@') {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|cause| Error::io("read", path, &cause))?;
            Ok((bytes, path.to_owned()))
        }
        None => Ok((argument.as_bytes().to_vec(), name.to_owned())),
    }
}

/// JSON.
pub(crate) fn json(argument: &str, name: &str) -> Result<Json, Error> {
    let (bytes, place) = bytes(argument, name)?;
    serde_json::from_slice(&bytes).map_err(|cause| {
        Error::usage("bad-json", format!("read `{place}`: {cause}"))
            .hint("it is to be JSON: text needs its quotes, '\"text\"'")
    })
}

/// All of stdin.
pub(crate) fn stdin() -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|cause| Error::io("read", "stdin", &cause))?;
    Ok(bytes)
}
