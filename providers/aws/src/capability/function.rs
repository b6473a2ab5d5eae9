//! What a function is: its size, its time, its language, its rights.

use std::time::Duration;

use sf_model::{ByteSize, Diagnostic, Function, Interface, Period, Runtime, RuntimeFamily};

use super::unsupported;
use crate::compile::{Cx, role};
use crate::{kit, runtimes};

/// What CreateFunction takes.
const MEMORY: (ByteSize, ByteSize) = (ByteSize(128 << 20), ByteSize(10_240 << 20));
const LONGEST_TIMEOUT: Duration = Duration::from_secs(900);
/// Characters of the policies in a role: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const LARGEST_POLICY: usize = 10_240;

pub(super) fn check(cx: &Cx<'_>, function: &Function) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    found.extend(memory(function));
    found.extend(timeout(function));
    found.extend(runtime(function));
    found.extend(warm(cx, function));
    found.extend(warm_rollout(function));
    found.extend(bridge(cx, function));
    let size = role::policy_size(cx, function);
    if size > LARGEST_POLICY {
        let message = format!("function `{}` uses more than the policy of one role can say", function.name);
        let hint = "split it into several functions, each with what it needs";
        found.push(Diagnostic::error("capability", function.span, message).hint(hint));
    }
    found
}

/// A web program is started by a program for its own architecture, which this `sf` may have been built without.
fn bridge(cx: &Cx<'_>, function: &Function) -> Option<Diagnostic> {
    let architecture = cx.settings.architecture(function);
    let is_missing = function.interface == Interface::Web && !kit::has_bridge(architecture);
    is_missing.then(|| {
        let feature = format!(
            "web functions on {} with this sf, which was built without the bridge for it (function `{}`)",
            architecture.as_str(),
            function.name
        );
        let hint = "use a released sf, build sf on Linux of that architecture, or name a ready bridge in SF_WEB_BRIDGE_X86_64 or \
                    SF_WEB_BRIDGE_AARCH64 when you build it";
        // What this `sf` was built with says nothing of the provider: a code of its own.
        Diagnostic { code: "no-bridge".into(), ..unsupported(function.interface_span, &feature, hint) }
    })
}

fn memory(function: &Function) -> Option<Diagnostic> {
    let (least, most) = MEMORY;
    let whole = function.memory.next_multiple_of(1 << 20);
    let nearest = ByteSize(whole.clamp(least.0, most.0));
    (nearest.0 != function.memory).then(|| {
        let feature = format!("{} of memory (function `{}`)", ByteSize(function.memory), function.name);
        let hint =
            format!("write `memory = \"{nearest}\"`: Lambda has from {least} to {most}, in steps of 1MiB");
        unsupported(function.span, &feature, &hint)
    })
}

fn timeout(function: &Function) -> Option<Diagnostic> {
    let (said, longest) = (Period(function.timeout), Period(LONGEST_TIMEOUT));
    if function.timeout > LONGEST_TIMEOUT {
        let feature = format!("a timeout of {said} (function `{}`)", function.name);
        let hint = format!(
            "write `timeout = \"{longest}\"` at most, and send what takes longer through a queue in parts"
        );
        return Some(unsupported(function.span, &feature, &hint));
    }
    (function.timeout.subsec_nanos() > 0).then(|| {
        let whole = Period(Duration::from_secs(function.timeout.as_secs() + 1));
        let message = format!("the timeout of function `{}` is {whole} on AWS, not {said}", function.name);
        let warning = Diagnostic::warning("rounded", function.span, message);
        warning.hint("Lambda counts whole seconds")
    })
}

fn runtime(function: &Function) -> Option<Diagnostic> {
    let Runtime { family, version, span } = &function.runtime;
    if function.interface == Interface::Web {
        return (*family != RuntimeFamily::Web).then(|| {
            let message = format!("the runtime of the program `{}` has no effect on AWS", function.name);
            let warning = Diagnostic::warning("no-effect", *span, message);
            warning.hint("a program runs on Amazon Linux alone: its build must bring along what it runs on")
        });
    }
    let named = format!("{}{}", family.name(), version.as_deref().unwrap_or_default());
    let Some(runtime) = runtimes::find(*family, version.as_deref()) else {
        let known = runtimes::known(*family).join(", ");
        let hint = format!("use `{}` for the newest it has, or {known}", family.name());
        return Some(unsupported(*span, &format!("runtime `{named}`"), &hint));
    };
    runtime.has_ended_here_alone().then(|| {
        let message = format!("Lambda does not patch the runtime `{named}` any more");
        let warning = Diagnostic::warning("runtime-end-of-life", *span, message);
        warning.hint(format!("it ended on {}: use `{}`", runtime.end_of_life, family.name()))
    })
}

/// Instances that are kept ready are among those that are reserved.
fn warm(cx: &Cx<'_>, function: &Function) -> Option<Diagnostic> {
    let (instances, span) = function.warm?;
    let reserved = cx.settings.of(&function.name).reserved_concurrency?;
    (instances > reserved).then(|| {
        let message = format!(
            "function `{}` has {instances} warm instances, but only {reserved} reserved ones",
            function.name
        );
        let hint = format!("write `reserved-concurrency = {instances}` at least, or leave it out");
        Diagnostic::error("capability", span, message).hint(hint)
    })
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>: versions that share an alias's calls have no instances kept ready.
fn warm_rollout(function: &Function) -> Option<Diagnostic> {
    let (_, span) = function.warm?;
    let rollout = function.rollout.as_ref().filter(|rollout| rollout.kind != "all-at-once")?;
    let message = format!(
        "function `{}` has warm instances and a {} rollout: AWS gives an alias either of them",
        function.name, rollout.kind
    );
    let hint = "leave out `warm` or `rollout`";
    Some(Diagnostic::error("capability", span, message).hint(hint))
}
