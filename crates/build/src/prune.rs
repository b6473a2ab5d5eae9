//! Forgets artifacts that nobody needs any more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use sf_plan::Digest;

use crate::Layout;

/// What was built or used since this long may belong to a deploy of another stage that is under way.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// Says that artifacts are in use: they are not idle for an hour. One that is not in the cache is left out.
///
/// # Errors
/// The cache cannot be written.
pub fn touch<'a>(layout: &Layout, used: impl IntoIterator<Item = &'a Digest>) -> io::Result<()> {
    for digest in used {
        match fs::File::options().append(true).open(layout.zip(digest)) {
            Ok(zip) => zip.set_modified(SystemTime::now())?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// The artifacts in the cache that were not used for an hour.
///
/// # Errors
/// The cache cannot be read.
pub fn idle(layout: &Layout) -> io::Result<BTreeSet<Digest>> {
    let entries = match fs::read_dir(layout.cache.join("artifacts")) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        result => result?,
    };
    let mut idle = BTreeSet::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // Files with other names are nobody's concern.
        let Some(digest) = name.to_str().and_then(|name| name.strip_suffix(".zip")) else { continue };
        let modified = entry.metadata()?.modified()?;
        // A time in the future is a clock that was set: not old.
        if modified.elapsed().is_ok_and(|age| age > FRESH) {
            idle.insert(Digest(digest.to_owned()));
        }
    }
    Ok(idle)
}

/// Removes artifacts from the cache. One that is missing later is built or fetched again.
///
/// # Errors
/// The cache cannot be written.
pub fn forget<'a>(layout: &Layout, artifacts: impl IntoIterator<Item = &'a Digest>) -> io::Result<()> {
    for digest in artifacts {
        match fs::remove_file(layout.zip(digest)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_of_late_is_not_idle() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout { root: root.path().to_owned(), cache: root.path().join("cache") };
        assert_eq!(idle(&layout).unwrap(), BTreeSet::new(), "there is no cache yet");
        let digest = |name: &str| Digest(name.to_owned());
        let old = SystemTime::now() - 2 * FRESH;
        fs::create_dir_all(layout.cache.join("artifacts")).unwrap();
        for (name, time) in [("fresh", SystemTime::now()), ("touched", old), ("old", old)] {
            fs::File::create(layout.zip(&digest(name))).unwrap().set_modified(time).unwrap();
        }
        touch(&layout, [&digest("touched"), &digest("absent")]).unwrap();
        assert_eq!(idle(&layout).unwrap(), BTreeSet::from([digest("old")]));
        forget(&layout, [&digest("old"), &digest("absent")]).unwrap();
        let left = ["fresh", "touched", "old"].map(|name| layout.zip(&digest(name)).is_file());
        assert_eq!(left, [true, true, false]);
    }
}
