//! The simulator itself: it is repeatable, and what it finds can be made small.

use sf_simulator::{Case, play, shrink};

#[test]
fn a_seed_tells_the_same_story_twice_byte_for_byte() {
    for seed in 0..100 {
        let case = Case::draw(seed);
        assert_eq!(Case::draw(seed), case);
        let (first, second) = (play(&case, true), play(&case, true));
        assert!(!first.trace.is_empty());
        assert_eq!(first.trace.join("\n"), second.trace.join("\n"), "seed {seed}");
        assert_eq!(first.broken, second.broken);
    }
}

#[test]
fn other_seeds_tell_other_stories() {
    let traces: std::collections::BTreeSet<_> =
        (0..50).map(|seed| play(&Case::draw(seed), true).trace).collect();
    assert_eq!(traces.len(), 50);
}

/// `cargo xtask test` plays many more.
#[test]
fn no_rule_is_broken() {
    for seed in 0..200 {
        assert_eq!(play(&Case::draw(seed), false).broken, None, "cargo xtask simulate --seed {seed}");
    }
}

/// With the state in files.
#[test]
fn no_rule_is_broken_on_a_disk() {
    for seed in 0..20 {
        let case = Case { on_disk: true, ..Case::draw(seed) };
        assert_eq!(play(&case, false).broken, None, "seed {seed}");
    }
}

/// The cases are worth their time: everything that can go wrong does, and processes die in the midst of their work.
#[test]
fn everything_happens() {
    let cases: Vec<_> = (0..300).map(Case::draw).collect();
    let on_disk = (0..20).map(|seed| Case { on_disk: true, ..Case::draw(seed) });
    let cases: Vec<_> = cases.into_iter().chain(on_disk).collect();
    let told: String = cases.iter().flat_map(|case| play(case, true).trace).collect::<Vec<_>>().join("\n");
    for what in [
        "the process dies, before a call",
        "the process dies, after a call took effect",
        "the process dies, before a call's answer arrives",
        "the process dies, before a save",
        "the process dies, in the midst of a save",
        "the process dies, after a save",
        "the process dies, before a question",
        "the process dies, before the release is recorded",
        "the cloud does what a dead process asked for",
        "Ctrl-C",
        "AnswerLost",
        "AnswerGarbled",
        "HalfMade(true)",
        "HalfMade(false)",
        "Panics",
        "there is no ",
        "somebody deletes",
        "somebody changes",
        "the state is lost",
        "an old state is brought back",
        "nobody consents",
        "cut short",
        "unchanged",
    ] {
        assert!(told.contains(what), "never: {what}");
    }
}

/// Not of the rules, since none of them can be broken at will: of something that happens in one history and not in another.
#[test]
fn a_case_is_made_as_small_as_it_can_be() {
    let outlived = |case: &Case| play(case, false).tally.late_calls > 0;
    let case = (0..500).map(Case::draw).find(|case| outlived(case)).unwrap();
    let smallest = shrink(&case, outlived);
    assert!(outlived(&smallest));
    let objects: usize = smallest.acts.iter().map(|act| act.manifest.nodes.len()).sum();
    let faults: usize = smallest.acts.iter().map(|act| act.faults.len()).sum();
    // Hardly more than a process that dies while it calls.
    assert!(smallest.acts.len() <= 2 && objects <= 2 && faults == 1, "{smallest:?}");
    assert!(!smallest.on_disk && !smallest.remove);
}

#[test]
fn what_does_not_fail_is_not_made_smaller() {
    let case = Case::draw(1);
    assert_eq!(shrink(&case, |_| false), case);
}
