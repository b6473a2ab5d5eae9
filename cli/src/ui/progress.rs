//! A bar for whatever takes longer than a second; off a terminal the same news come as plain lines.

use std::fmt::Display;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Ui;

/// How long something may take without a bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Work of a known number of parts that is under way; its end takes the bar off the screen.
pub(crate) struct Progress<'ui> {
    ui: &'ui Ui,
    bar: ProgressBar,
    timer: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Ui {
    /// Begins `total` parts of work; 0 where their number is not known.
    pub(crate) fn progress(&self, verb: &'static str, total: usize) -> Progress<'_> {
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden());
        let template = if total > 0 {
            "{spinner} {prefix} {pos}/{len} {wide_msg}"
        } else {
            "{spinner} {prefix} {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(verb);
        let timer = self.animate.then(|| show_later(bar.clone()));
        if let Ok(mut shown) = self.bar.lock() {
            *shown = Some(bar.clone());
        }
        Progress { ui: self, bar, timer }
    }
}

/// Shows the bar once patience is over, unless the work ends before.
fn show_later(bar: ProgressBar) -> (Sender<()>, JoinHandle<()>) {
    let (done, wait) = channel();
    let thread = std::thread::spawn(move || {
        if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(100));
        }
    });
    (done, thread)
}

impl Progress<'_> {
    /// What is being done now; only the bar shows it.
    pub(crate) fn working_on(&self, what: impl Display) {
        self.bar.set_message(what.to_string());
    }

    /// One more part is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.timer.take() {
            let _ = done.send(());
            let _ = thread.join();
        }
        if let Ok(mut shown) = self.ui.bar.lock() {
            *shown = None;
        }
        self.bar.finish_and_clear();
    }
}
