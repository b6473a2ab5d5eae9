//! One stage's deploys, made call by call, so that each can be spoilt.

use std::collections::BTreeMap;

use sf_plan::{
    Call, Desired, IntentAction, Lineage, Object, ObjectKey, Outcome, Plan, Run, Schemas, Seen, State,
    Status, absorb, diff, graph, schedule,
};

use super::bench::{Connection, Violation};
use crate::{Cx, Scope};

/// How calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Once each.
    Once,
    /// Twice each; the second answer counts.
    Twice,
    /// Once each, until the process dies before the nth call.
    DieBefore(usize),
    /// Once each, until the process dies after the nth call, before it learns the answer.
    DieAfter(usize),
}

/// A stage and what is recorded of it.
pub(super) struct Rehearsal<'a> {
    pub(super) connection: &'a Connection,
    pub(super) schemas: &'a dyn Schemas,
    pub(super) cx: Cx,
    /// What a store would hold.
    pub(super) state: State,
    /// For messages.
    pub(super) during: String,
}

impl<'a> Rehearsal<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        schemas: &'a dyn Schemas,
        scope: Scope,
        during: impl Into<String>,
    ) -> Self {
        let state = State::new(Lineage(format!("{}-{}", scope.project, scope.stage)));
        let cx = Cx::new(scope, connection.artifacts.clone());
        Self { connection, schemas, cx, state, during: during.into() }
    }

    pub(super) fn broken(&self, broken: impl Into<String>) -> Violation {
        Violation { during: self.during.clone(), broken: broken.into() }
    }

    pub(super) fn plan(&self, desired: &[Desired]) -> Result<Plan, Violation> {
        let graph = graph(desired.to_vec()).map_err(|errors| self.broken(format!("no graph: {errors:?}")))?;
        let changes = diff(&graph, &self.state, self.schemas);
        Ok(schedule(&graph, &self.state, changes))
    }

    /// Asks what became of calls whose end is not recorded.
    pub(super) async fn recover(&mut self) -> Result<(), Violation> {
        let mut seen = Seen::default();
        for (token, intent) in &self.state.pending {
            let driver = &self.connection.driver;
            // As the engine asks: what was to be deleted is known by its record.
            let found = match (&intent.action, self.state.objects.get(&intent.key)) {
                (IntentAction::Delete, Some(object)) => driver.read(&self.cx, &intent.key, object).await,
                (IntentAction::Delete, None) => Ok(None),
                (IntentAction::Create { .. } | IntentAction::Update { .. }, _) => {
                    driver.find(&self.cx, intent).await
                }
            };
            let found = found.map_err(|error| self.broken(format!("find `{}`: {error}", intent.key)))?;
            seen.intents.insert(token.clone(), found);
        }
        absorb(&mut self.state, seen);
        Ok(())
    }

    /// The state is lost: what is known is what the provider knows.
    pub(super) async fn lose_state(&mut self) -> Result<(), Violation> {
        let found = self.discover().await?;
        self.state = State::new(Lineage(format!("{}-again", self.state.lineage.0)));
        self.state.objects = found;
        Ok(())
    }

    pub(super) async fn discover(&self) -> Result<BTreeMap<ObjectKey, Object>, Violation> {
        let found = self.connection.driver.discover(&self.cx).await;
        found.map_err(|error| self.broken(format!("discover: {error}")))
    }

    /// Deploys; `false` if the process died meanwhile.
    pub(super) async fn deploy(&mut self, desired: &[Desired], manner: Manner) -> Result<bool, Violation> {
        self.recover().await?;
        let plan = self.plan(desired)?;
        let mut run = Run::new(plan, self.state.clone()).map_err(|error| self.broken(error.to_string()))?;
        let mut made = 0;
        loop {
            let (calls, _) = run.ready(1);
            self.save(&mut run);
            let Some(call) = calls.first() else { break };
            if manner == Manner::DieBefore(made) {
                return Ok(false);
            }
            let outcome = self.make(call, manner).await?;
            if manner == Manner::DieAfter(made) {
                return Ok(false);
            }
            made += 1;
            run.finish(call.step, outcome);
            self.save(&mut run);
        }
        let (_, report) = run.end();
        if report.is_success() {
            return Ok(true);
        }
        let failed: Vec<_> = report.failed.iter().map(|(key, error)| format!("`{key}`: {error}")).collect();
        Err(self.broken(format!("the deploy works: {}", failed.join("; "))))
    }

    async fn make(&self, call: &Call, manner: Manner) -> Result<Outcome, Violation> {
        let outcome = self.connection.driver.call(&self.cx, call).await;
        if manner != Manner::Twice {
            return Ok(outcome);
        }
        let again = self.connection.driver.call(&self.cx, call).await;
        let is_same = match (&outcome, &again) {
            (Outcome::Done { id: first, .. }, Outcome::Done { id: second, .. }) => first == second,
            (first, second) => first == second,
        };
        let key = &call.key;
        if is_same {
            Ok(again)
        } else {
            Err(self
                .broken(format!("the same call again, `{key}`, ends as the first: {outcome:?}, {again:?}")))
        }
    }

    fn save(&mut self, run: &mut Run) {
        if let Some(save) = run.unsaved() {
            self.state = save.state.clone();
        }
    }

    /// Nothing is left to do, and what is there is what is recorded.
    pub(super) async fn expect_converged(&self, desired: &[Desired]) -> Result<(), Violation> {
        let left = self.plan(desired)?;
        let changes: Vec<_> = left.actual_changes().collect();
        if !changes.is_empty() {
            return Err(self.broken(format!("nothing is left to do: {changes:?}")));
        }
        let found = self.discover().await?;
        for (key, object) in &self.state.objects {
            match found.get(key) {
                None => return Err(self.broken(format!("`{key}` is recorded and so is discovered"))),
                Some(found) => self.expect_same(key, "discover", found, object)?,
            }
        }
        match found.keys().find(|key| !self.state.objects.contains_key(key)) {
            Some(key) => Err(self.broken(format!("`{key}` is discovered, and so is recorded"))),
            None => Ok(()),
        }
    }

    /// Protection is the manifest's word and not asked of the provider; a status other than ready is ours.
    pub(super) fn expect_same(
        &self,
        key: &ObjectKey,
        question: &str,
        found: &Object,
        recorded: &Object,
    ) -> Result<(), Violation> {
        let plain = |object: &Object| Object { protect: false, status: Status::Ready, ..object.clone() };
        if plain(found) == plain(recorded) {
            return Ok(());
        }
        Err(self
            .broken(format!("{question} `{key}` answers what is recorded: {found:?}, recorded {recorded:?}")))
    }
}
