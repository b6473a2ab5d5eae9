//! A state put together from its objects: the whole one, and the changes since.
//!
//! Nobody need hold the lock for it. What a writer does meanwhile is seen as a state that was there at some moment, since the changes are
//! listed before the whole state is read, and are deleted only after that contains them.

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::UpdateVersion;
use object_store::path::Path;
use sf_plan::{Serial, State};

use super::entry::{Change, Entry};
use super::objects::{Objects, numbered};
use crate::store::StoreError;
use crate::store::format::{self, STATE_FORMAT, Unreadable};

/// Objects that are read at once.
const READS: usize = 16;

/// So often a chain is looked at again that does not hold together: somebody was writing.
const LOOKS: u32 = 4;

/// Where the objects of one state are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// `<stage>.json`: the whole state.
    pub(super) whole: Path,
    /// `<stage>.journal/`: the changes since.
    pub(super) journal: Path,
}

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The newest state.
    pub(super) state: Option<State>,
    /// The version of the object with the whole state, if there is one.
    pub(super) whole: Option<UpdateVersion>,
    /// That object's size in bytes.
    pub(super) whole_size: u64,
    /// All changes that are there, those that the whole state contains included.
    pub(super) journal: Vec<u64>,
    /// The size of those that it does not contain, in bytes.
    pub(super) journal_size: u64,
}

impl Chain {
    /// The newest serial; 0 if there is no state.
    pub(super) fn serial(&self) -> Serial {
        self.state.as_ref().map_or(Serial(0), |state| state.serial)
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_none() && self.journal.is_empty()
    }

    pub(super) async fn load(objects: &Objects, place: &Place) -> Result<Self, StoreError> {
        let mut look = 1;
        loop {
            match Self::look(objects, place).await? {
                Ok(chain) => return Ok(chain),
                Err(_) if look < LOOKS => look += 1,
                Err(broken) => return Err(broken),
            }
        }
    }

    /// The inner error: it does not hold together, which may be since somebody is writing.
    async fn look(objects: &Objects, place: &Place) -> Result<Result<Self, StoreError>, StoreError> {
        let listed = objects.numbered(&place.journal).await?;
        let mut chain =
            Self { journal: listed.iter().map(|(serial, _)| *serial).collect(), ..Self::default() };
        if let Some(found) = objects.read(&place.whole).await? {
            let state =
                format::read(&found.bytes).map_err(|cause| unreadable(objects, &place.whole, cause))?;
            chain.whole_size = found.bytes.len() as u64;
            (chain.state, chain.whole) = (Some(state), Some(found.tag));
        }
        let base = chain.serial().0;
        let newer: Vec<_> = listed.into_iter().filter(|(serial, _)| *serial > base).collect();
        chain.journal_size = newer.iter().map(|(_, size)| size).sum();
        let paths: Vec<_> = newer.iter().map(|(serial, _)| numbered(&place.journal, *serial)).collect();
        let reads = stream::iter(paths)
            .map(|path| async move { Ok::<_, StoreError>((objects.read(&path).await?, path)) });
        let read: Vec<_> = reads.buffered(READS).try_collect::<Vec<_>>().await?;
        for ((serial, _), (found, path)) in newer.into_iter().zip(read) {
            let Some(found) = found else {
                return Ok(Err(corrupt(objects, &path, "it was deleted while it was read")));
            };
            let entry = Entry::read(&found.bytes).map_err(|cause| unreadable(objects, &path, cause))?;
            if let Err(cause) = chain.follow(serial, entry) {
                return Ok(Err(corrupt(objects, &path, &cause)));
            }
        }
        Ok(Ok(chain))
    }

    /// Goes on by one save.
    fn follow(&mut self, serial: u64, entry: Entry) -> Result<(), String> {
        if entry.serial().0 != serial {
            return Err(format!("it holds change {}", entry.serial().0));
        }
        if let Some(state) = &self.state {
            if entry.lineage != state.lineage {
                return Err("it belongs to another history".into());
            }
            if serial != state.serial.0 + 1 {
                return Err(format!("change {serial} follows state {}", state.serial.0));
            }
        }
        match (entry.change, &mut self.state) {
            (Change::Whole(state), _) if state.lineage != entry.lineage => {
                return Err("it belongs to another history".into());
            }
            (Change::Whole(state), known) => *known = Some(state),
            (Change::Delta(delta), Some(state)) => state.apply(delta),
            (Change::Delta(_), None) => {
                return Err("the state that it goes on from is gone".into());
            }
        }
        Ok(())
    }
}

fn corrupt(objects: &Objects, at: &Path, cause: &str) -> StoreError {
    StoreError::Corrupt { at: objects.url(at), cause: cause.to_owned() }
}

pub(super) fn unreadable(objects: &Objects, at: &Path, cause: Unreadable) -> StoreError {
    let at = objects.url(at);
    match cause {
        Unreadable::Newer(found) => StoreError::Newer { at, found, known: STATE_FORMAT },
        cause @ (Unreadable::Damaged(_) | Unreadable::Cut) => {
            StoreError::Corrupt { at, cause: cause.to_string() }
        }
    }
}
