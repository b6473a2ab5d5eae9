//! The few styles there are. A terminal that shows none loses no meaning.

use anstyle::{AnsiColor, Style};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const CREATE: Style = AnsiColor::Green.on_default();
pub(crate) const UPDATE: Style = AnsiColor::Yellow.on_default();
pub(crate) const DELETE: Style = AnsiColor::Red.on_default();
pub(crate) const URL: Style = AnsiColor::Cyan.on_default();
