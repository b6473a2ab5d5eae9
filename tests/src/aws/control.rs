//! The counterpart's control endpoints.

use serde_json::{Value as Json, json};

use super::{Aws, Entry, State};
use crate::http;

impl Aws {
    /// Every request so far, oldest first.
    ///
    /// # Panics
    /// If it does not answer; the same goes for the other control endpoints.
    #[track_caller]
    pub fn log(&self) -> Vec<Entry> {
        self.log_since(0)
    }

    /// Every request after the one with this number.
    #[track_caller]
    pub fn log_since(&self, number: u64) -> Vec<Entry> {
        let answer = self.control("GET", &format!("log?since={number}"), &Json::Null);
        let entries = answer["entries"].as_array().unwrap_or_else(|| panic!("no entries: {answer}"));
        entries.iter().map(Entry::of).collect()
    }

    /// The number of the newest request; 0 if there was none.
    #[track_caller]
    pub fn now(&self) -> u64 {
        self.log().last().map_or(0, |entry| entry.number)
    }

    /// Lets requests fail: a rule of its README, `{"service", "operation", "match", "nth", "count", "probability", "action"}`.
    #[track_caller]
    pub fn fault(&self, rule: &Json) {
        self.control("POST", "faults", rule);
    }

    /// The rules for failures, with how often each was `seen` to fit and has `fired`.
    #[track_caller]
    pub fn faults(&self) -> Vec<Json> {
        self.control("GET", "faults", &Json::Null)["rules"].as_array().cloned().unwrap_or_default()
    }

    /// Nothing fails on purpose any more.
    #[track_caller]
    pub fn clear_faults(&self) {
        self.control("DELETE", "faults", &Json::Null);
    }

    /// Forgets everything: resources, log, faults.
    #[track_caller]
    pub fn reset(&self) {
        self.control("POST", "reset", &json!({}));
    }

    /// Names of everything that exists.
    #[track_caller]
    pub fn state(&self) -> State {
        State::of(&self.control("GET", &format!("state?region={}", super::REGION), &Json::Null))
    }

    /// What somebody who cares for security would find fault with, as `kind where: detail`.
    #[track_caller]
    pub fn audit(&self) -> Vec<String> {
        let answer = self.control("GET", "audit", &Json::Null);
        let findings = answer["findings"].as_array().unwrap_or_else(|| panic!("no findings: {answer}"));
        let text = |finding: &Json, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        findings
            .iter()
            .map(|one| format!("{} {}: {}", text(one, "kind"), text(one, "where"), text(one, "detail")))
            .collect()
    }

    /// What AWS would have ignored in requests, such as members that it does not know: `operation object: warning`.
    #[track_caller]
    pub fn warnings(&self) -> Vec<String> {
        let log = self.log();
        log.iter()
            .flat_map(|entry| entry.warnings.iter().map(move |text| format!("{entry}: {text}")))
            .collect()
    }

    /// Requests that were refused, with their codes: what a test that failed wants to know.
    pub(super) fn what_went_wrong(&self) -> String {
        let answer = http::send("GET", &format!("{}/_oracle/log", self.url), &[], b"");
        let entries = answer.ok().and_then(|answer| serde_json::from_slice::<Json>(&answer.body).ok());
        let entries = entries.as_ref().and_then(|log| log["entries"].as_array()).cloned().unwrap_or_default();
        let refused: Vec<_> = entries
            .iter()
            .map(Entry::of)
            .filter(|entry| !entry.is_ok())
            .map(|entry| entry.in_full())
            .collect();
        let newest = &refused[refused.len().saturating_sub(30)..];
        let messages = self.oracle.messages();
        let messages: Vec<_> = messages.lines().collect();
        let messages = messages[messages.len().saturating_sub(20)..].join("\n");
        format!("--- refused by the counterpart of AWS\n{}\n{messages}", newest.join("\n"))
    }

    #[track_caller]
    fn control(&self, method: &str, what: &str, body: &Json) -> Json {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.request(method, &format!("{}/_oracle/{what}", self.url), &[], body.as_bytes());
        assert_eq!(answer.status, 200, "{method} /_oracle/{what}: {}", answer.text());
        answer.json()
    }
}
