//! `was` on AWS, where names cannot change: everything stays, and is called otherwise.

use sf_e2e::{Aws, Renaming};

use crate::support::{changes, is_clean, leaves_nothing, nothing_changes};

#[test]
fn another_name_makes_no_other_object() {
    let Some(aws) = Aws::start("another_name_makes_no_other_object", &[]) else { return };
    let env = aws.env();
    let mut shop = Renaming::new(&env, "aws");
    let _ = shop.project.deploy();
    shop.set_secret();
    shop.works();
    shop.commands_know_it();
    let before = aws.state();

    shop.rename();
    let asked = changes(&aws, || {
        let _ = shop.project.deploy();
    });
    let of_code =
        ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias", "PutObject"];
    let other: Vec<_> =
        asked.iter().filter(|call| !of_code.iter().any(|name| call.starts_with(name))).collect();
    assert_eq!(other, Vec::<&String>::new());
    for kind in ["functions", "tables", "buckets", "queues", "topics", "secrets", "apis", "roles"] {
        assert!(!before.of_kind(kind).is_empty(), "{kind}: {before:?}");
        assert_eq!(aws.state().of_kind(kind), before.of_kind(kind));
    }
    shop.still_has("sales");
    shop.works();
    shop.commands_know_it();
    nothing_changes(&aws, &shop.project);
    is_clean(&aws);
    leaves_nothing(&aws, &shop.project);
}
