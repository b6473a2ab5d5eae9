//! The runtimes that Lambda has of those that the manifest can name, in one table.

use sf_model::{Function, RuntimeFacts, RuntimeFamily};
use sf_provider::PythonTarget;

use crate::settings::Architecture;

/// A runtime of Lambda's.
#[derive(Debug)]
pub(crate) struct LambdaRuntime {
    pub(crate) family: RuntimeFamily,
    /// As in the manifest: `22`, `3.12`.
    pub(crate) version: &'static str,
    /// As in CreateFunction.
    pub(crate) name: &'static str,
    /// The last day on which Lambda patches it (`YYYY-MM-DD`).
    pub(crate) end_of_life: &'static str,
}

/// Oldest first. From <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>.
#[rustfmt::skip] // a table
pub(crate) const LAMBDA_RUNTIMES: &[LambdaRuntime] = &[
    LambdaRuntime { family: RuntimeFamily::Node,   version: "20",   name: "nodejs20.x", end_of_life: "2026-04-30" },
    LambdaRuntime { family: RuntimeFamily::Node,   version: "22",   name: "nodejs22.x", end_of_life: "2027-04-30" },
    LambdaRuntime { family: RuntimeFamily::Node,   version: "24",   name: "nodejs24.x", end_of_life: "2028-04-30" },
    LambdaRuntime { family: RuntimeFamily::Python, version: "3.11", name: "python3.11", end_of_life: "2027-06-30" },
    LambdaRuntime { family: RuntimeFamily::Python, version: "3.12", name: "python3.12", end_of_life: "2028-10-31" },
    LambdaRuntime { family: RuntimeFamily::Python, version: "3.13", name: "python3.13", end_of_life: "2029-06-30" },
    LambdaRuntime { family: RuntimeFamily::Python, version: "3.14", name: "python3.14", end_of_life: "2029-06-30" },
];

/// What programs run on: the operating system alone.
pub(crate) const PROGRAMS: &str = "provided.al2023";

/// Lambda's runtime for a language, of a version or the newest.
pub(crate) fn find(family: RuntimeFamily, version: Option<&str>) -> Option<&'static LambdaRuntime> {
    of(family).rfind(|runtime| version.is_none_or(|version| version == runtime.version))
}

/// The manifest's names of what Lambda has of a language.
pub(crate) fn known(family: RuntimeFamily) -> Vec<String> {
    of(family).map(|runtime| format!("`{}{}`", family.name(), runtime.version)).collect()
}

fn of(family: RuntimeFamily) -> impl DoubleEndedIterator<Item = &'static LambdaRuntime> {
    LAMBDA_RUNTIMES.iter().filter(move |runtime| runtime.family == family)
}

/// What the packages of a Python function must fit. Lambda's Python runtimes from 3.12 on have glibc 2.34, the one before 2.26.
pub(crate) fn python(function: &Function, architecture: Architecture) -> Option<PythonTarget> {
    if function.runtime.family != RuntimeFamily::Python {
        return None;
    }
    let runtime = find(RuntimeFamily::Python, function.runtime.version.as_deref())?;
    let architecture = match architecture {
        Architecture::Arm64 => "aarch64",
        Architecture::X86_64 => "x86_64",
    };
    let glibc = if runtime.version == "3.11" { "2_17" } else { "2_28" };
    Some(PythonTarget {
        version: runtime.version.into(),
        architecture: architecture.into(),
        glibc: glibc.into(),
    })
}

impl LambdaRuntime {
    /// Whether Lambda has stopped patching it while the makers of the language have not, which the model warns of.
    pub(crate) fn has_ended_here_alone(&self) -> bool {
        let manifest = format!("{}{}", self.family.name(), self.version);
        let ended_everywhere = RuntimeFacts::find(&manifest).is_ok_and(RuntimeFacts::has_ended);
        // Dates in this form sort as texts.
        self.end_of_life < sf_model::RUNTIMES_AS_OF && !ended_everywhere
    }
}

#[cfg(test)]
mod tests {
    use sf_model::RUNTIMES;

    use super::*;

    #[test]
    fn the_newest_is_the_last_of_its_language() {
        assert_eq!(find(RuntimeFamily::Node, None).unwrap().name, "nodejs24.x");
        assert_eq!(find(RuntimeFamily::Python, None).unwrap().name, "python3.14");
        assert_eq!(find(RuntimeFamily::Python, Some("3.12")).unwrap().name, "python3.12");
        assert!(find(RuntimeFamily::Node, Some("18")).is_none());
        assert!(find(RuntimeFamily::Web, None).is_none());
    }

    #[test]
    fn every_runtime_can_be_named_in_the_manifest() {
        for runtime in LAMBDA_RUNTIMES {
            let of_model = |facts: &&RuntimeFacts| {
                facts.family == runtime.family && facts.version == Some(runtime.version)
            };
            assert!(RUNTIMES.iter().any(|facts| of_model(&facts)), "{}", runtime.name);
            assert_eq!(runtime.end_of_life.len(), 10);
        }
    }
}
