//! What happened in cases, counted: a search that broke no rule is worth as much as it tried.

use std::fmt;
use std::ops::AddAssign;

/// How often each thing happened. Faults count if they struck: many are drawn for a moment that never comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Processes that deployed.
    pub deploys: u64,
    /// Attempts at calls.
    pub calls: u64,
    /// Questions to the cloud.
    pub questions: u64,
    /// Saves of the state.
    pub saves: u64,
    /// Processes that died.
    pub deaths: u64,
    /// Ctrl-C.
    pub stops: u64,
    /// Calls that went wrong.
    pub call_faults: u64,
    /// Questions that were not answered.
    pub question_faults: u64,
    /// Saves that failed, or looked so.
    pub save_faults: u64,
    /// Releases that could not be recorded.
    pub lost_releases: u64,
    /// What others did to the cloud and the state.
    pub outside: u64,
    /// Calls that took effect after their caller died.
    pub late_calls: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.deploys += other.deploys;
        self.calls += other.calls;
        self.questions += other.questions;
        self.saves += other.saves;
        self.deaths += other.deaths;
        self.stops += other.stops;
        self.call_faults += other.call_faults;
        self.question_faults += other.question_faults;
        self.save_faults += other.save_faults;
        self.lost_releases += other.lost_releases;
        self.outside += other.outside;
        self.late_calls += other.late_calls;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deploys, calls, questions, saves, .. } = self;
        writeln!(f, "{deploys} deploys made {calls} calls, {questions} questions and {saves} saves;")?;
        let Self { deaths, stops, call_faults, question_faults, save_faults, .. } = self;
        writeln!(
            f,
            "{deaths} died, {stops} were told to stop; {call_faults} calls, {question_faults} questions, {save_faults} saves went wrong;"
        )?;
        let Self { lost_releases, outside, late_calls, .. } = self;
        write!(
            f,
            "{lost_releases} releases were not recorded; {late_calls} calls outlived their caller; {outside} things were done by others"
        )
    }
}
