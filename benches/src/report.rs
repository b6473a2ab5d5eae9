//! The table.

use std::fmt;
use std::time::Duration;

/// What stands above the table.
pub(crate) const INTRODUCTION: &str = "\
# Benchmarks

Made by `cargo xtask bench`, which measures both sides in one run on one machine; do not edit. Every number is the median of interleaved runs. A bar
is a ratio to something measured beside it wherever that is possible, since absolute times are the machine's.

";

/// A measured thing and what stands beside it.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) sf: String,
    pub(crate) beside: String,
    pub(crate) ratio: Option<f64>,
    pub(crate) bar: String,
    pub(crate) held: Option<bool>,
}

/// All of them, with remarks below.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// A row whose bar is the time itself.
    pub(crate) fn time(&mut self, what: &str, sf: Duration, bar: Duration) {
        self.rows.push(Row {
            what: what.to_owned(),
            sf: show(sf),
            beside: String::new(),
            ratio: None,
            bar: format!("under {}", show(bar)),
            held: Some(sf < bar),
        });
    }

    /// A row whose bar is a ratio of times; no bar: only for comparison.
    pub(crate) fn times(
        &mut self,
        what: &str,
        sf: Duration,
        rival: &str,
        beside: Duration,
        bar: Option<f64>,
    ) {
        let ratio = sf.as_secs_f64() / beside.as_secs_f64();
        self.rows.push(Row {
            what: what.to_owned(),
            sf: show(sf),
            beside: format!("{rival}: {}", show(beside)),
            ratio: Some(ratio),
            bar: bar.map_or_else(|| "-".to_owned(), |bar| format!("under {bar}x")),
            held: bar.map(|bar| ratio < bar),
        });
    }

    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | sf | beside | ratio | bar | held |")?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for row in &self.rows {
            let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}x"));
            let held = row.held.map_or("", |held| if held { "yes" } else { "**no**" });
            writeln!(f, "| {} | {} | {} | {ratio} | {} | {held} |", row.what, row.sf, row.beside, row.bar)?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "- {note}")?;
        }
        Ok(())
    }
}

/// Three digits that matter.
pub(crate) fn show(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..1.0 => format!("{:.0} µs", ms * 1e3),
        ..10.0 => format!("{ms:.2} ms"),
        ..100.0 => format!("{ms:.1} ms"),
        ..10_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}
