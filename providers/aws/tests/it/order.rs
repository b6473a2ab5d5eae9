//! The order in which a manifest says things is of no consequence.

use fastrand::Rng;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::support::compile;

/// Lists whose order means something: layers lie over each other, and steps follow each other.
const ORDERED: [&str; 2] = ["layers", "steps"];

/// The manifest as TOML again, its keys and lists in another order.
fn shuffled(manifest: &Json, rng: &mut Rng) -> String {
    let Json::Object(sections) = manifest else { panic!("a manifest is a table") };
    let mut sections: Vec<_> = sections.iter().collect();
    rng.shuffle(&mut sections);
    sections
        .into_iter()
        .map(|(name, section)| format!("{name} = {}\n", inline(section, false, rng)))
        .collect()
}

fn inline(value: &Json, ordered: bool, rng: &mut Rng) -> String {
    match value {
        Json::Object(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            rng.shuffle(&mut entries);
            let entry = |(key, value): (&String, &Json)| {
                format!("\"{key}\" = {}", inline(value, ORDERED.contains(&key.as_str()), rng))
            };
            let entries: Vec<String> = entries.into_iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Json::Array(items) => {
            let mut items: Vec<&Json> = items.iter().collect();
            if !ordered {
                rng.shuffle(&mut items);
            }
            let items: Vec<String> = items.into_iter().map(|item| inline(item, false, rng)).collect();
            format!("[{}]", items.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn another_order_of_the_manifest_is_the_same_objects(seed: u64) {
        let text = include_str!("fixtures/able.toml");
        let manifest: Json = toml_edit::de::from_str(text).unwrap();
        let other = shuffled(&manifest, &mut Rng::with_seed(seed));
        prop_assert_eq!(compile(&other), compile(text));
    }
}
