//! What holds for every text.

use proptest::prelude::*;
use sf_model::{Loaded, Severity, render, to_json};

use crate::common::{example, load_text, source};

/// Loads, and checks what must hold of the result whatever the text.
fn check(text: &str) -> Loaded {
    let loaded = load_text(text, None, None);
    let failed = loaded.diagnostics.iter().any(|one| one.severity == Severity::Error);
    assert_eq!(loaded.app.is_none(), failed, "no App if and only if an error: {:?}", loaded.diagnostics);
    for span in loaded.diagnostics.iter().filter_map(|one| one.span) {
        assert!(text.get(span.start..span.end).is_some(), "{span:?} is no place in the text");
    }
    let source = source(text);
    render(&source, &loaded.diagnostics, true);
    to_json(&source, &loaded.diagnostics);
    loaded
}

/// The App as text, without its spans.
fn without_spans(app: &sf_model::App) -> String {
    let debug = format!("{app:?}");
    let mut text = String::new();
    let mut parts = debug.split("Span { ");
    text.push_str(parts.next().unwrap());
    for part in parts {
        text.push_str(part.split_once('}').unwrap().1);
    }
    text
}

/// The example in blocks that begin with a header, each with its lines.
fn blocks(text: &str) -> Vec<Vec<String>> {
    let mut blocks = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with('[') {
            blocks.push(Vec::new());
        }
        blocks.last_mut().unwrap().push(line.to_owned());
    }
    blocks
}

/// Blocks in another order, and the keys of each in another order.
fn shuffled(text: &str) -> impl Strategy<Value = String> {
    let mut blocks = blocks(text);
    let top = blocks.remove(0);
    let inner: Vec<_> = blocks
        .into_iter()
        .map(|mut block| {
            let header = block.remove(0);
            Just(block).prop_shuffle().prop_map(move |keys| format!("{header}\n{}", keys.join("\n")))
        })
        .collect();
    (inner, Just(top))
        .prop_flat_map(|(blocks, top)| (Just(blocks).prop_shuffle(), Just(top)))
        .prop_map(|(blocks, top)| format!("{}\n{}\n", top.join("\n"), blocks.join("\n")))
}

/// The example with a few lines lost, doubled or swapped, or characters put in or taken out.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        0..6u8,
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        "[\\[\\]{}\"'=.,$#a-z0-9 \\\\\u{e9}]{1,4}",
    );
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut lines: Vec<String> = example().lines().map(str::to_owned).collect();
        for (kind, at, other, text) in edits {
            let (at, other) = (at.index(lines.len()), other.index(lines.len()));
            match kind {
                0 => drop(lines.remove(at)),
                1 => lines.insert(other, lines[at].clone()),
                2 => lines.swap(at, other),
                _ => {
                    let line = &mut lines[at];
                    let mut place = other % (line.len() + 1);
                    while !line.is_char_boundary(place) {
                        place -= 1;
                    }
                    if kind == 3 {
                        line.truncate(place);
                    } else {
                        line.insert_str(place, &text);
                    }
                }
            }
        }
        lines.join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn any_text_is_survived(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn anything_like_toml_is_survived(text in "(\\[{1,2}[a-z.\"]{1,9}\\]{1,2}\n|[a-z.-]{1,9} ?= ?([0-9.:T-]{1,6}|\"[a-z$\\{\\}:., \u{e9}]{0,9}\"|\\{[a-z= ]{0,8}\\}|\\[[\"a-z, ]{0,9}\\])\n){0,12}") {
        check(&text);
    }

    #[test]
    fn a_mutated_manifest_is_survived(text in mutated()) {
        check(&text);
    }

    #[test]
    fn the_order_is_of_no_consequence(text in shuffled(&example())) {
        let expected = load_text(&example(), Some("prod"), None).app.unwrap();
        let loaded = load_text(&text, Some("prod"), None);
        prop_assert!(loaded.app.is_some(), "{}", render(&source(&text), &loaded.diagnostics, false));
        prop_assert_eq!(without_spans(&loaded.app.unwrap()), without_spans(&expected));
    }

    #[test]
    fn the_order_within_arrays_is_of_no_consequence(
        http in Just(vec!["\"GET /a\"", "\"PUT /a\"", "{ route = \"GET /b/{x}\" }", "\"ANY /c/{p+}\""]).prop_shuffle(),
        on in Just(vec!["{ queue = \"q\" }", "{ schedule = \"0 3 * * *\" }", "{ schedule = \"rate(1 hour)\" }", "{ topic = \"t\" }"]).prop_shuffle(),
    ) {
        let text = |http: &[&str], on: &[&str]| format!(
            "sf = 1\nproject.name = \"p\"\nqueues.q = {{}}\ntopics.t = {{}}\n[functions.f]\nhandler = \"a.mjs#f\"\nhttp = [{}]\non = [{}]\n",
            http.join(", "), on.join(", ")
        );
        let sorted = |items: &[&'static str]| { let mut items = items.to_vec(); items.sort_unstable(); items };
        let one = load_text(&text(&http, &on), None, None).app.unwrap();
        let other = load_text(&text(&sorted(&http), &sorted(&on)), None, None).app.unwrap();
        prop_assert_eq!(without_spans(&one), without_spans(&other));
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    for text in [
        format!("{}a = 1\n", "a.".repeat(100_000)),
        format!("[{}a]\n", "a.".repeat(100_000)),
        format!("a = {}\n", "[".repeat(100_000)),
        format!("a = {}\n", "{a=".repeat(100_000)),
        format!("{}a = 1\n", "\"a\".".repeat(100_000)),
        format!("a = {{ {}a = 1 }}\n", "a.".repeat(100_000)),
    ] {
        assert_eq!(check(&text).diagnostics[0].code, "syntax", "{}", &text[..20]);
    }
}

/// Not a benchmark: a bound that only a wrong algorithm exceeds.
#[test]
fn a_large_manifest_loads() {
    use std::fmt::Write as _;
    let mut text = String::from("sf = 1\nproject.name = \"p\"\n");
    for index in 0..1_000 {
        let next = index + 1;
        write!(
            text,
            "[functions.f{index}]\nhandler = \"src/f{index}.mjs#run\"\nhttp = [\"GET /f{index}/{{id}}\", \"POST /f{index}\"]\n\
             uses = {{ b{index} = \"read\", f{next} = \"call\" }}\nenv = {{ A = \"${{stage}}\", B = \"${{bucket.b{index}.name}}\" }}\n[buckets.b{index}]\n"
        )
        .unwrap();
    }
    text.push_str("[functions.f1000]\nhandler = \"src/last.mjs#run\"\n");
    let started = std::time::Instant::now();
    let loaded = check(&text);
    assert_eq!(loaded.app.unwrap().functions.len(), 1_001);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
