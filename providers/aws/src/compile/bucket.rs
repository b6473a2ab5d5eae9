//! `[buckets.NAME]` -> a bucket; every `bucket` of `on` -> a permission to call, and an entry in the bucket's one notification.

use std::collections::BTreeSet;

use sf_model::{Bucket, EventKind, Function};
use sf_plan::Value;

use super::permission::Caller;
use super::text::Text;
use super::{Cx, Inputs, Object, live, output, text, texts};
use crate::names::{self, addr, arn, short_hash};

/// A `bucket` of `on`.
pub(crate) struct Change<'a> {
    pub(crate) bucket: &'a str,
    event: &'a str,
    prefix: &'a str,
    suffix: &'a str,
}

impl<'a> Change<'a> {
    /// `None` for what is no change of a bucket.
    pub(crate) fn of(kind: &'a EventKind) -> Option<Self> {
        match kind {
            EventKind::Bucket { bucket, event, prefix, suffix } => Some(Self {
                bucket,
                event,
                prefix: prefix.as_deref().unwrap_or_default(),
                suffix: suffix.as_deref().unwrap_or_default(),
            }),
            EventKind::Schedule(_)
            | EventKind::Queue { .. }
            | EventKind::Topic { .. }
            | EventKind::Table { .. } => None,
        }
    }

    /// Whether there may be a key for which both are to be told, which S3 refuses to have.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html>
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let either = |a: bool, b: bool| a || b;
        self.bucket == other.bucket
            && self.event == other.event
            && either(self.prefix.starts_with(other.prefix), other.prefix.starts_with(self.prefix))
            && either(self.suffix.ends_with(other.suffix), other.suffix.ends_with(self.suffix))
    }

    fn entry(&self, function: &str) -> Value {
        let events = if self.event == "removed" { "s3:ObjectRemoved:*" } else { "s3:ObjectCreated:*" };
        let said = format!("{}\n{}\n{}", self.event, self.prefix, self.suffix);
        let mut entry = Inputs::from([
            ("Id".into(), text(format!("{function}-{}", short_hash(&said)))),
            ("Alias".into(), live(function)),
            ("Events".into(), texts([events])),
        ]);
        for (end, wanted) in [("Prefix", self.prefix), ("Suffix", self.suffix)] {
            if !wanted.is_empty() {
                entry.insert(end.into(), text(wanted));
            }
        }
        Value::Map(entry)
    }
}

pub(super) fn compile(cx: &Cx<'_>, name: &str, bucket: &Bucket) -> Vec<Object> {
    let bucket = Object::new(addr::bucket(name), [("Bucket", text(names::bucket(&cx.scope, name)))])
        .protected(bucket.protect);
    let mut entries = Vec::new();
    let mut permissions = BTreeSet::new();
    for function in cx.app.functions.values() {
        for change in changes(function).filter(|change| change.bucket == name) {
            entries.push(change.entry(&function.name));
            permissions.insert(caller(cx, &function.name, name, &what(name)).addr());
        }
    }
    let mut objects = vec![bucket];
    if !entries.is_empty() {
        let notification = Object::new(
            addr::notification(name),
            [("Bucket", output(addr::bucket(name), "name")), ("Functions", Value::List(entries))],
        );
        // S3 tries the permissions when it is told.
        objects.push(notification.after(permissions));
    }
    objects
}

pub(super) fn permissions(cx: &Cx<'_>, function: &Function) -> Vec<Object> {
    let buckets: BTreeSet<&str> = changes(function).map(|change| change.bucket).collect();
    let permission = |bucket: &str| caller(cx, &function.name, bucket, &what(bucket)).object();
    buckets.into_iter().map(permission).collect()
}

fn changes(function: &Function) -> impl Iterator<Item = Change<'_>> {
    function.on.iter().filter_map(|event| Change::of(&event.kind))
}

fn what(bucket: &str) -> String {
    addr::bucket(bucket).to_string()
}

fn caller<'a>(cx: &Cx<'_>, function: &'a str, bucket: &str, what: &'a str) -> Caller<'a> {
    let source = Text::plain(arn::bucket(&names::bucket(&cx.scope, bucket)));
    Caller { function, what, service: "s3.amazonaws.com", source }
}
