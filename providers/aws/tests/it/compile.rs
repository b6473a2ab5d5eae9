use sf_plan::{Addr, Desired, Value};
use sf_provider::{Artifacts, Backend};
use sf_provider_aws::Aws;

use crate::support::{artifacts, compile, load};

/// As JSON, in the order in which `compile` gives them.
fn printed(objects: &[Desired]) -> serde_json::Value {
    let object = |object: &Desired| {
        serde_json::json!({
            "addr": object.addr,
            "inputs": object.inputs,
            "after": object.after,
            "protect": object.protect,
        })
    };
    objects.iter().map(object).collect()
}

const ABLE: &str = include_str!("fixtures/able.toml");
const MARKET: &str = include_str!("../../../../examples/talent-market/sf.toml");
const CONFORMANCE: &str = include_str!("../../../../kits/conformance/sf.toml");

#[test]
fn everything_that_a_manifest_can_say_becomes_objects() {
    insta::assert_json_snapshot!("able", printed(&compile(ABLE)));
}

#[test]
fn the_market_example_becomes_objects() {
    insta::assert_json_snapshot!("market", printed(&compile(MARKET)));
}

#[test]
fn the_conformance_project_becomes_objects() {
    insta::assert_json_snapshot!("conformance", printed(&compile(CONFORMANCE)));
}

/// Every object that one refers to is there, and none of them waits for itself.
#[test]
fn the_objects_are_a_graph_without_circles() {
    for manifest in [ABLE, MARKET, CONFORMANCE] {
        sf_plan::graph(compile(manifest)).unwrap();
    }
}
