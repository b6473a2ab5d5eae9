//! `[tables.NAME]`

use crate::app::{Table, TableKey};
use crate::decode::{Spanned, section};
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::scalar::{FirstName, ProviderName};
use crate::validate::Check;

section! {
    /// A table for records.
    TableSection {
        /// The attributes that find a record.
        key: KeySection = required,
        /// The attribute that holds the time, in seconds since 1970, at which a record is deleted.
        ttl: String,
        /// Refuse to delete or replace it unless `--data` is given. Default: true in stages whose name begins with `prod`.
        protect: bool,
        /// The first name that it had, by which providers go on knowing it: a new name in the manifest then makes no new object.
        was: FirstName,
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

section! {
    /// The attributes that find a record, each with its type: `id:string`, `number` or `bytes`.
    KeySection {
        /// The attribute that says where a record is kept.
        partition: TableKey = required,
        /// The attribute that sorts the records of one partition.
        sort: TableKey,
    }
}

impl TableSection {
    pub(crate) fn lower(self, span: Span, check: &mut Check<'_>) -> Option<Table> {
        let key = self.key?.value;
        let partition = key.partition?.value;
        let same = |name: &str| name == partition.name;
        if let Some(sort) = key.sort.as_ref().filter(|sort| same(&sort.value.name)) {
            let message = format!("`{}` is both partition and sort key", partition.name);
            let error = Diagnostic::error("bad-value", sort.span, message);
            check.problems.push(error.hint("sort by another attribute, or leave `sort` out"));
        }
        if let Some(ttl) = self.ttl.as_ref().filter(|ttl| same(&ttl.value)) {
            let message = format!("`{}` cannot be both partition key and time of expiry", partition.name);
            let error = Diagnostic::error("bad-value", ttl.span, message);
            check.problems.push(error.hint("keep the time in an attribute of its own: `expires-at`"));
        }
        Some(Table {
            partition,
            sort: key.sort.map(|sort| sort.value),
            ttl: self.ttl.map(|ttl| ttl.value),
            protect: check.protects(self.protect),
            span,
        })
    }
}
