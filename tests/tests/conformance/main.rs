//! The conformance suite (`kits/conformance`): one definition of what portable functions may rely on, played in every language against a
//! provider. `SF_CONFORMANCE_PROVIDER` names it (the embedded host without), `SF_CONFORMANCE_ONLY` narrows the cases by name.

mod expect;
mod needs;
mod play;
mod suite;
mod target;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use play::Player;
use suite::Case;
use target::Target;

/// Cases at once: most of them wait for something.
const AT_ONCE: usize = 4;

#[test]
fn node() {
    conforms("node", &chosen(), true);
}

#[test]
fn python() {
    conforms("python", &chosen(), true);
}

#[test]
fn node_on_aws() {
    conforms("node", "aws", false);
}

#[test]
fn python_on_aws() {
    conforms("python", "aws", false);
}

/// The provider that is asked for.
fn chosen() -> String {
    std::env::var("SF_CONFORMANCE_PROVIDER").unwrap_or_else(|_| "self-hosted".to_owned())
}

/// `is_anywhere`: somebody's own account is fine, too.
fn conforms(language: &str, provider: &str, is_anywhere: bool) {
    let cases = suite::load(std::env::var("SF_CONFORMANCE_ONLY").ok().as_deref());
    assert!(!cases.is_empty(), "no case has such a name");
    let env = sf_e2e::Env::new();
    let Some(target) = Target::deploy(&env, language, provider, is_anywhere) else { return };
    let (cases, left_out) = needs::without_lacking(provider, cases);
    for line in &left_out {
        println!("{language} on {provider}: left out: {line}");
    }
    let (alone, together): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.alone);
    let failures = [play(&target, &together, AT_ONCE), play(&target, &alone, 1)].concat();
    target.remove();
    let (passed, failed) = (cases.len() - failures.len(), failures.len());
    println!("{language} on {provider}: {passed} passed, {failed} failed, {} left out", left_out.len());
    assert!(failures.is_empty(), "{language} on {}:\n\n{}", target.provider, failures.join("\n\n"));
}

/// Plays so many at once; gives what failed.
fn play(target: &Target<'_>, cases: &[&Case], at_once: usize) -> Vec<String> {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A step that panics is a failure of its case; the others go on.
                    let played = catch_unwind(AssertUnwindSafe(|| run(target, case)));
                    if let Err(why) = played.unwrap_or_else(|panic| Err(said(panic.as_ref()))) {
                        failures
                            .lock()
                            .expect("no panic while held")
                            .push(format!("{}\n    {why}", case.name));
                    }
                }
            });
        }
    });
    failures.into_inner().expect("no panic while held")
}

fn said(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

fn run(target: &Target<'_>, case: &Case) -> Result<(), String> {
    let mut player = Player::new(target, &case.name);
    for (index, step) in case.steps.iter().enumerate() {
        player.step(step).map_err(|why| format!("step {}: {why}", index + 1))?;
    }
    Ok(())
}
