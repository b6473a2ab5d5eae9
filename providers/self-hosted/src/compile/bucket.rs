//! `[buckets.NAME]` -> `bucket/NAME`

use sf_model::Bucket;
use sf_plan::Addr;

use super::{Inputs, protection};
use crate::names;

pub(super) fn compile(name: &str, bucket: &Bucket) -> (Addr, Inputs) {
    (Addr::new(names::BUCKET, name), protection(bucket.protect).into_iter().collect())
}
