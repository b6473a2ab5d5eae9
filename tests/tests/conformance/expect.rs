//! Whether a value is what a step expects.

use serde_json::Value as Json;

/// Why not; `Ok` if it is.
pub(crate) fn matches(expected: &Json, found: &Json) -> Result<(), String> {
    at("", expected, found)
}

fn at(path: &str, expected: &Json, found: &Json) -> Result<(), String> {
    let differs = || Err(format!("{}: expected {}, found {}", place(path), short(expected), short(found)));
    if let Some((name, argument)) = matcher(expected) {
        return if special(name, argument, found) { Ok(()) } else { differs() };
    }
    match (expected, found) {
        (Json::Object(wanted), Json::Object(members)) => wanted.iter().try_for_each(|(name, inner)| {
            let path = format!("{path}/{name}");
            match members.get(name) {
                Some(found) => at(&path, inner, found),
                None if is_absent(inner) => Ok(()),
                None => Err(format!("{}: expected {}, found nothing", place(&path), short(inner))),
            }
        }),
        (Json::Array(wanted), Json::Array(items)) if wanted.len() == items.len() => wanted
            .iter()
            .zip(items)
            .enumerate()
            .try_for_each(|(index, (wanted, found))| at(&format!("{path}/{index}"), wanted, found)),
        // 1 and 1.0 are one number.
        (Json::Number(a), Json::Number(b)) if a.as_f64() == b.as_f64() => Ok(()),
        _ if expected == found => Ok(()),
        _ => differs(),
    }
}

/// `{"$name": argument}`; bytes are values.
fn matcher(expected: &Json) -> Option<(&str, &Json)> {
    let members = expected.as_object().filter(|members| members.len() == 1)?;
    let (name, argument) = members.iter().next()?;
    name.strip_prefix('$').filter(|name| *name != "bytes").map(|name| (name, argument))
}

fn is_absent(expected: &Json) -> bool {
    matcher(expected).is_some_and(|(name, _)| name == "absent")
}

fn special(name: &str, argument: &Json, found: &Json) -> bool {
    let items = || found.as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |json: &Json| json.as_f64().unwrap_or(f64::NAN);
    match name {
        "any" => !found.is_null(),
        "absent" => false,
        "length" => {
            found.as_array().map(Vec::len)
                == argument.as_u64().and_then(|length| usize::try_from(length).ok())
        }
        "set" => is_set(argument.as_array().map(Vec::as_slice).unwrap_or_default(), items()),
        "some" => items().iter().any(|item| matches(argument, item).is_ok()),
        "count" => {
            items().iter().filter(|item| matches(&argument[0], item).is_ok()).count() as u64
                == argument[1].as_u64().unwrap_or(u64::MAX)
        }
        "contains" => {
            let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            argument.as_str().is_some_and(|part| text.contains(part))
        }
        "not" => matches(argument, found).is_err(),
        "below" => number(found) < number(argument),
        "above" => number(found) > number(argument),
        _ => panic!("the suite knows no `${name}`"),
    }
}

/// Whether each wanted item has a found one of its own, and none is left. Few items: each permutation that the first fit misses would be a case
/// whose expectations overlap, and those are to be written apart.
fn is_set(wanted: &[Json], found: &[Json]) -> bool {
    let mut left: Vec<&Json> = found.iter().collect();
    let all = wanted.iter().all(|wanted| {
        let fit = left.iter().position(|found| matches(wanted, found).is_ok());
        fit.map(|index| left.swap_remove(index)).is_some()
    });
    all && left.is_empty()
}

fn place(path: &str) -> &str {
    if path.is_empty() { "value" } else { path }
}

pub(crate) fn short(json: &Json) -> String {
    let text = json.to_string();
    if text.len() <= 600 {
        return text;
    }
    format!("{}… ({} bytes)", text.chars().take(500).collect::<String>(), text.len())
}

#[test]
fn what_matches_and_what_does_not() {
    use serde_json::json;
    let good = [
        (json!({"a": 1}), json!({"a": 1.0, "b": 2})),
        (json!([{"$any": true}]), json!([7])),
        (json!({"a": {"$absent": true}}), json!({})),
        (json!({"$set": [1, {"b": 2}]}), json!([{"b": 2, "c": 3}, 1])),
        (json!({"$count": [1, 2]}), json!([1, 2, 1])),
        (json!({"$bytes": "AA=="}), json!({"$bytes": "AA=="})),
        (json!({"$not": {"$contains": "x"}}), json!("y")),
    ];
    for (expected, found) in good {
        assert_eq!(matches(&expected, &found), Ok(()), "{expected} {found}");
    }
    let bad = [
        (json!({"a": 1}), json!({})),
        (json!([1]), json!([1, 2])),
        (json!(null), json!(false)),
        (json!({"a": {"$absent": true}}), json!({"a": null})),
        (json!({"$set": [1, 1]}), json!([1, 2])),
        (json!({"$length": 1}), json!([])),
        (json!({"$below": 5}), json!(5)),
        (json!({"$any": true}), json!(null)),
    ];
    for (expected, found) in bad {
        assert!(matches(&expected, &found).is_err(), "{expected} {found}");
    }
}
