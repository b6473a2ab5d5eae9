//! What a provider cannot do. Cases and steps that need it (`"needs": ["binary-frames"]`) are left out there, and said to be.

use serde_json::Value as Json;

use crate::suite::Case;

/// Everything that a case may say that it needs.
const KNOWN: [&str; 1] = ["binary-frames"];

struct Lack {
    provider: &'static str,
    what: &'static str,
    why: &'static str,
}

/// See `docs/providers/aws.md`, "What the counterpart cannot show", for how each was checked instead.
const LACKS: [Lack; 1] = [Lack {
    provider: "aws",
    what: "binary-frames",
    why: "API Gateway closes the connection of a client that sends one, with 1003",
}];

/// The cases without what needs more than the provider can do, and a line about each of those.
pub(crate) fn without_lacking(provider: &str, cases: Vec<Case>) -> (Vec<Case>, Vec<String>) {
    let mut left_out = Vec::new();
    let mut played = Vec::new();
    for mut case in cases {
        if let Some(lack) = lack(provider, &case.needs) {
            left_out.push(format!("{}: {} ({})", case.name, lack.why, lack.what));
            continue;
        }
        let mut nth = 0;
        case.steps.retain(|step| {
            nth += 1;
            let lack = lack(provider, &step["needs"]);
            left_out
                .extend(lack.map(|lack| format!("{}, step {nth}: {} ({})", case.name, lack.why, lack.what)));
            lack.is_none()
        });
        played.push(case);
    }
    (played, left_out)
}

fn lack(provider: &str, needs: &Json) -> Option<&'static Lack> {
    let needs: Vec<_> = needs.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let unknown = needs.iter().find(|what| !KNOWN.contains(what));
    assert!(unknown.is_none(), "nobody knows what {unknown:?} is");
    LACKS.iter().find(|lack| lack.provider == provider && needs.contains(&lack.what))
}

#[test]
fn only_what_a_provider_lacks_is_left_out() {
    use serde_json::json;
    let cases = || {
        let plain = Case { name: "plain".into(), steps: vec![json!({})], needs: Json::Null, alone: false };
        let steps = vec![json!({}), json!({ "needs": ["binary-frames"] })];
        let step = Case { name: "step".into(), steps, needs: Json::Null, alone: false };
        let whole = Case {
            name: "whole".into(),
            steps: vec![json!({})],
            needs: json!(["binary-frames"]),
            alone: false,
        };
        vec![plain, step, whole]
    };
    let (played, left_out) = without_lacking("self-hosted", cases());
    assert_eq!((played.len(), played[1].steps.len(), left_out.len()), (3, 2, 0));
    let (played, left_out) = without_lacking("aws", cases());
    assert_eq!((played.len(), played[1].steps.len()), (2, 1));
    assert!(left_out[0].starts_with("step, step 2: API Gateway"), "{left_out:?}");
    assert!(left_out[1].starts_with("whole: API Gateway"), "{left_out:?}");
}
