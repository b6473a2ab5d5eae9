//! Listing keys. With a delimiter, what is folded into a common prefix is skipped by a seek in the index, so that a page costs as much as it shows.

use std::ops::Bound;

use rusqlite::{Connection, params};

use super::object::{Bucket, COLUMNS, object};
use super::{Listing, ObjectInfo, Page};
use crate::table::after_all_that_begin_with;
use crate::{AppId, Data, DataError};

/// A page as it grows.
struct Pager<'a> {
    listing: &'a Listing,
    delimiter: Option<&'a str>,
    page: Page,
    /// The last key or common prefix in it.
    last: Option<String>,
}

/// Where to go on after an object.
enum Step {
    Next,
    /// Behind all keys of a common prefix.
    Seek(Bound<Vec<u8>>),
    End,
}

impl<'a> Pager<'a> {
    fn new(listing: &'a Listing) -> Self {
        let delimiter = listing.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        Self { listing, delimiter, page: Page::default(), last: None }
    }

    /// The common prefix that a key is folded into.
    fn fold<'k>(&self, key: &'k str) -> Option<&'k str> {
        let (rest, delimiter) = (key.strip_prefix(&self.listing.prefix)?, self.delimiter?);
        key.get(..self.listing.prefix.len() + rest.find(delimiter)? + delimiter.len())
    }

    /// Where the keys of the page begin; `None` if there can be none.
    fn start(&self) -> Option<Bound<Vec<u8>>> {
        let prefix = &self.listing.prefix;
        let Some(after) = self.listing.after.as_ref().filter(|after| *after >= prefix) else {
            return Some(Bound::Included(prefix.clone().into_bytes()));
        };
        match self.fold(after) {
            // The common prefix is not behind it, so none of the keys in it is shown.
            Some(common) => after_all_that_begin_with(common.as_bytes()).map(Bound::Included),
            None => Some(Bound::Excluded(after.clone().into_bytes())),
        }
    }

    fn add(&mut self, object: ObjectInfo) -> Step {
        if !object.key.starts_with(&self.listing.prefix) {
            return Step::End;
        }
        if self.page.objects.len() + self.page.prefixes.len() == self.listing.limit {
            self.page.next = self.last.take();
            return Step::End;
        }
        let Some(common) = self.fold(&object.key) else {
            self.last = Some(object.key.clone());
            self.page.objects.push(object);
            return Step::Next;
        };
        self.last = Some(common.to_owned());
        self.page.prefixes.push(common.to_owned());
        match after_all_that_begin_with(common.as_bytes()) {
            Some(end) => Step::Seek(Bound::Included(end)),
            None => Step::End,
        }
    }

    /// Reads objects from a place on; says where to go on, if not here.
    fn read(
        &mut self,
        db: &Connection,
        bucket: i64,
        from: &Bound<Vec<u8>>,
    ) -> Result<Option<Bound<Vec<u8>>>, DataError> {
        let (operator, from) = match from {
            Bound::Included(bytes) => (">=", &bytes[..]),
            Bound::Excluded(bytes) => (">", &bytes[..]),
            Bound::Unbounded => (">=", &[][..]),
        };
        let mut query = db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM objects WHERE resource = ?1 AND key {operator} ?2 ORDER BY key"
        ))?;
        let mut rows = query.query(params![bucket, from])?;
        while let Some(row) = rows.next()? {
            match self.add(object(row)?) {
                Step::Next => {}
                Step::Seek(place) => return Ok(Some(place)),
                Step::End => break,
            }
        }
        Ok(None)
    }
}

fn list(db: &Connection, bucket: &Bucket, listing: &Listing) -> Result<Page, DataError> {
    if !(1..=1000).contains(&listing.limit) {
        return Err(DataError::bad_request(format!("the limit is {}, not 1 to 1,000", listing.limit)));
    }
    let mut pager = Pager::new(listing);
    let mut place = pager.start();
    while let Some(from) = place {
        place = pager.read(db, bucket.id, &from)?;
    }
    Ok(pager.page)
}

impl Data {
    /// A page of keys.
    pub async fn list_objects(&self, app: &AppId, bucket: &str, listing: Listing) -> Result<Page, DataError> {
        let (app, bucket) = (app.clone(), bucket.to_owned());
        let read = move |db: &Connection| list(db, &Bucket::find(db, &app, &bucket)?, &listing);
        self.read("list objects", read).await
    }
}
