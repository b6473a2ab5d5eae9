//! The runtimes there are, in one table.

use crate::diagnostic::{Invalid, Span};
use crate::names;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuntimeFamily {
    /// JavaScript and TypeScript.
    Node,
    /// Python.
    Python,
    /// Any program.
    Web,
}

/// `node`, `node22`, `python3.11`, `web`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// The language.
    pub family: RuntimeFamily,
    /// The pinned version: `22`, `3.11`; `None` for the newest that the target offers.
    pub version: Option<String>,
    /// Where it is said, or the function's span.
    pub span: Span,
}

/// A runtime as data.
#[derive(Debug)]
pub struct RuntimeFacts {
    /// As it stands in the manifest.
    pub name: &'static str,
    /// The language.
    pub family: RuntimeFamily,
    /// The version it pins; `None` for the newest that the target offers.
    pub version: Option<&'static str>,
    /// The last day on which its makers fix security holes (`YYYY-MM-DD`), where one is set.
    pub end_of_life: Option<&'static str>,
}

/// Every runtime there is. Dates from <https://nodejs.org/en/about/previous-releases> and
/// <https://devguide.python.org/versions/>.
#[rustfmt::skip] // a table
pub const RUNTIMES: &[RuntimeFacts] = &[
    RuntimeFacts { name: "node",       family: RuntimeFamily::Node,   version: None,         end_of_life: None },
    RuntimeFacts { name: "node18",     family: RuntimeFamily::Node,   version: Some("18"),   end_of_life: Some("2025-04-30") },
    RuntimeFacts { name: "node20",     family: RuntimeFamily::Node,   version: Some("20"),   end_of_life: Some("2026-04-30") },
    RuntimeFacts { name: "node22",     family: RuntimeFamily::Node,   version: Some("22"),   end_of_life: Some("2027-04-30") },
    RuntimeFacts { name: "node24",     family: RuntimeFamily::Node,   version: Some("24"),   end_of_life: Some("2028-04-30") },
    RuntimeFacts { name: "python",     family: RuntimeFamily::Python, version: None,         end_of_life: None },
    RuntimeFacts { name: "python3.11", family: RuntimeFamily::Python, version: Some("3.11"), end_of_life: Some("2027-10-31") },
    RuntimeFacts { name: "python3.12", family: RuntimeFamily::Python, version: Some("3.12"), end_of_life: Some("2028-10-31") },
    RuntimeFacts { name: "python3.13", family: RuntimeFamily::Python, version: Some("3.13"), end_of_life: Some("2029-10-31") },
    RuntimeFacts { name: "python3.14", family: RuntimeFamily::Python, version: Some("3.14"), end_of_life: Some("2030-10-31") },
    RuntimeFacts { name: "web",        family: RuntimeFamily::Web,    version: None,         end_of_life: None },
];

/// The day on which [`RUNTIMES`] was last gone over. This crate has no clock, so that a manifest means the same every
/// day: a runtime counts as ended if it had ended on this day.
pub const RUNTIMES_AS_OF: &str = "2026-11-24";

impl RuntimeFacts {
    /// The entry of this name.
    ///
    /// # Errors
    /// `unknown-runtime`, naming those that exist.
    pub fn find(name: &str) -> Result<&'static Self, Invalid> {
        RUNTIMES.iter().find(|facts| facts.name == name).ok_or_else(|| {
            let known = RUNTIMES.iter().map(|facts| facts.name);
            let hint = names::choose(name, known);
            Invalid::new("unknown-runtime", format!("unknown runtime `{name}`"), hint)
        })
    }

    /// Whether nobody fixes its security holes any more.
    pub fn has_ended(&self) -> bool {
        // Dates in this form sort as texts.
        self.end_of_life.is_some_and(|day| day < RUNTIMES_AS_OF)
    }
}

impl RuntimeFamily {
    /// The name in the manifest of the newest one of this language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Web => "web",
        }
    }

    /// The language of a source file, by its extension.
    pub(crate) fn of_file(file: &str) -> Option<Self> {
        let (_, name) = file.rsplit_once('/').unwrap_or(("", file));
        match name.rsplit_once('.')?.1 {
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" => Some(Self::Node),
            "py" => Some(Self::Python),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_well_formed() {
        for facts in RUNTIMES {
            let name = format!("{}{}", facts.family.name(), facts.version.unwrap_or_default());
            assert_eq!(facts.name, name);
            assert!(facts.end_of_life.is_none_or(|day| day.len() == 10 && day.as_bytes()[4] == b'-'));
        }
        assert!(RuntimeFacts::find("node20").unwrap().has_ended());
        assert!(!RuntimeFacts::find("node22").unwrap().has_ended());
        assert!(RuntimeFacts::find("nodejs22").unwrap_err().hint.contains("`node22`"));
    }
}
