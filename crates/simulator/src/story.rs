//! A case, played from its beginning to its end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sf_engine::{
    Applied, Control, Draft, Limits, LocalStore, LockInfo, Provider, Released, Session, Stop, Witness,
    releases, stop_pair,
};
use sf_plan::{Addr, Desired, ObjectKey, Plan, State, Status};
use sf_provider::testkit::NoArtifacts;
use sf_provider::{Cx, Scope};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::case::{Act, Case, Manifest, Outside};
use crate::cloud::Cloud;
use crate::inspect::{Inspector, difference};
use crate::kinds::Knowledge;
use crate::store::{Backup, FaultyStore, Keeper, MemoryStore};
use crate::tally::Tally;
use crate::world::{LAG, World};

/// What came of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// The rule that was broken, as a sentence; `None` if none was.
    pub broken: Option<String>,
    /// What happened, counted.
    pub tally: Tally,
    /// What happened, if it was to be recorded.
    pub trace: Vec<String>,
}

/// Plays a case in a world of its own.
pub fn play(case: &Case, is_recorded: bool) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(cause) => {
            return Played { broken: Some(format!("a runtime: {cause}")), ..Played::default() };
        }
    };
    runtime.block_on(async {
        let world = Arc::new(World::new(case.seed, is_recorded));
        let broken = match Stage::set(case, world.clone()) {
            Ok(stage) => stage.tell().await.err(),
            Err(cause) => Some(format!("a folder: {cause}")),
        };
        Played { broken, tally: world.tally(), trace: world.take_trace() }
    })
}

/// How a deploy ended.
enum Ended {
    /// The process died.
    Died,
    /// There was no plan to run, and why.
    NotBegun(String),
    /// The run could not go on.
    CutShort(String),
    /// It came to its end.
    Over(Box<Released>),
}

/// Everything that a case is played with.
struct Stage<'a> {
    case: &'a Case,
    world: Arc<World>,
    inspector: Arc<Inspector>,
    cloud: Cloud,
    keeper: Arc<dyn Keeper>,
    store: FaultyStore,
    witness: Witness,
    /// The state after each deploy, since it was last lost.
    backups: Vec<Backup>,
    processes: u64,
    /// Whether anything was changed behind the engine's back.
    is_touched: bool,
    folder: Option<TempDir>,
}

impl<'a> Stage<'a> {
    fn set(case: &'a Case, world: Arc<World>) -> std::io::Result<Self> {
        let inspector = Arc::new(Inspector::new(world.clone()));
        let cloud = Cloud::new(world.clone(), inspector.clone());
        let folder = if case.on_disk { Some(TempDir::new()?) } else { None };
        let keeper: Arc<dyn Keeper> = match &folder {
            Some(folder) => Arc::new(LocalStore::new(folder.path(), "model", "dev")),
            None => Arc::new(MemoryStore::default()),
        };
        let store = FaultyStore::new(keeper.clone(), world.clone(), inspector.clone());
        let witness = match &folder {
            Some(folder) => Witness::new(folder.path().join("seen")),
            None => Witness::in_memory(),
        };
        Ok(Self {
            case,
            world,
            inspector,
            cloud,
            keeper,
            store,
            witness,
            backups: Vec::new(),
            processes: 0,
            is_touched: false,
            folder,
        })
    }

    async fn tell(mut self) -> Result<(), String> {
        let mut last = Manifest::default();
        let case = self.case;
        for act in &case.acts {
            for outside in &act.before {
                self.happens(*outside).await;
            }
            tokio::time::sleep(Duration::from_millis(act.pause_ms)).await;
            let ended = self.deploy(act).await;
            self.judge(&act.manifest, ended).await?;
            self.backups.push(self.keeper.back_up());
            last = act.manifest.clone();
        }
        self.finish(last).await?;
        if case.remove {
            self.finish(Manifest::default()).await?;
        }
        Ok(())
    }

    /// Behind the engine's back.
    async fn happens(&mut self, outside: Outside) {
        let what = match outside {
            Outside::Delete(place) => {
                let key = self.cloud.delete_outside(place);
                if let Some(key) = &key {
                    self.inspector.forget_guard(key);
                }
                key.map(|key| format!("somebody deletes {key}"))
            }
            Outside::Change(place, number) => {
                self.cloud.change_outside(place, number).map(|key| format!("somebody changes {key}"))
            }
            Outside::LoseState => {
                // Nobody loses a file within a second of writing it.
                tokio::time::sleep(2 * LAG).await;
                self.backups.clear();
                self.bring_back(&Backup::default()).await;
                Some("the state is lost".to_owned())
            }
            Outside::RestoreState(back) => match self.backups.iter().rev().nth(back).cloned() {
                Some(backup) => {
                    tokio::time::sleep(2 * LAG).await;
                    self.bring_back(&backup).await;
                    Some("an old state is brought back".to_owned())
                }
                None => None,
            },
        };
        if let Some(what) = what {
            self.world.count(|tally| &mut tally.outside);
            self.is_touched |= matches!(outside, Outside::Delete(_) | Outside::Change(..));
            self.world.tell(|| what);
        }
    }

    async fn bring_back(&self, backup: &Backup) {
        self.keeper.bring_back(backup);
        self.inspector.set_durable(self.keeper.load().await.ok().flatten());
        self.inspector.forget_guards();
    }

    /// As `sf deploy` does it; the process may die meanwhile.
    async fn deploy(&mut self, act: &Act) -> Ended {
        self.processes += 1;
        let (handle, stop) = stop_pair();
        self.world.begin(act, handle);
        self.world.tell(|| format!("deploy {}: {}", self.processes, summary(&act.manifest)));
        let ended = tokio::select! {
            biased;
            () = self.world.died() => Ended::Died,
            ended = self.session(act, stop) => ended,
        };
        // What was in flight falls.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.inspector.end();
        if self.world.is_dead() { Ended::Died } else { ended }
    }

    async fn session(&self, act: &Act, stop: Stop) -> Ended {
        let who = LockInfo {
            who: "ada".into(),
            host: "simulator".into(),
            pid: 1,
            command: "sf deploy".into(),
            started_ms: self.processes,
        };
        let scope = Scope { project: "sample".into(), stage: "dev".into() };
        let provider =
            Provider { driver: Arc::new(self.cloud.clone()), cx: Cx::new(scope, Arc::new(NoArtifacts)) };
        let session = match Session::open(&self.store, provider, who).await {
            Ok(session) => session,
            Err(error) => return Ended::NotBegun(error.to_string()),
        };
        let mut session = session.witnessed(Some(self.witness.clone()));
        if session.outdated().is_some()
            && let Err(error) = session.rediscover().await
        {
            return Ended::NotBegun(error.to_string());
        }
        if act.refresh
            && let Err(error) = session.refresh().await
        {
            return Ended::NotBegun(error.to_string());
        }
        let desired = act.manifest.desired();
        let plan = match session.plan(desired.clone(), &Knowledge) {
            Ok(plan) => plan,
            Err(errors) => return Ended::NotBegun(format!("{errors:?}")),
        };
        self.check_order(&session, &plan, &desired);
        if plan.destroyed_data().next().is_some() && !act.consent {
            return Ended::NotBegun("nobody consents".into());
        }
        let (events, heard) = mpsc::unbounded_channel();
        self.inspector.begin(&plan, desired.clone(), &session.observed().state, act.consent, heard);
        let limits = Limits { concurrency: self.case.concurrency, ..Limits::default() };
        let control = Control { limits, stop, events, rescue: self.rescue() };
        match session.release(plan, Draft { desired, ..Draft::default() }, control).await {
            Ok(released) => Ended::Over(Box::new(released)),
            Err(error) => Ended::CutShort(error.to_string()),
        }
    }

    /// A plan does not depend on the order in which objects are desired.
    fn check_order(&self, session: &Session<'_>, plan: &Plan, desired: &[Desired]) {
        let reversed = desired.iter().rev().cloned().collect();
        if session.plan(reversed, &Knowledge).as_ref() != Ok(plan) {
            self.world.broken("a plan does not depend on the order of what is desired");
        }
    }

    /// Where a rescue file is written to in a case on a disk. Otherwise it cannot be written: what was done is found all the same.
    fn rescue(&self) -> PathBuf {
        let name = "sf-state.rescue.json";
        self.folder
            .as_ref()
            .map_or_else(|| PathBuf::from("/nowhere/at/all").join(name), |dir| dir.path().join(name))
    }

    /// What must hold after any deploy.
    async fn judge(&self, manifest: &Manifest, ended: Ended) -> Result<(), String> {
        self.world.tell(|| match &ended {
            Ended::Died => "the process is dead".to_owned(),
            Ended::NotBegun(why) => format!("not begun: {why}"),
            Ended::CutShort(why) => format!("cut short: {why}"),
            Ended::Over(released) if released.applied.report.is_success() => "all done".to_owned(),
            Ended::Over(_) => "not all done".to_owned(),
        });
        self.world.verdict()?;
        let Ended::Over(released) = ended else { return Ok(()) };
        let Released { applied, release } = *released;
        if !self.inspector.is_durable(&applied.state) {
            return Err("what a run leaves is what was saved last".to_owned());
        }
        if !applied.report.is_success() {
            return Ok(());
        }
        self.inspector.succeeded(&applied.state);
        self.check_nothing_left(manifest, &applied.state)?;
        if release.is_ok() { self.check_release(manifest).await } else { Ok(()) }
    }

    /// A plan of the same manifest from where a whole deploy ended is empty.
    fn check_nothing_left(&self, manifest: &Manifest, state: &State) -> Result<(), String> {
        let graph = sf_plan::graph(manifest.desired()).map_err(|errors| format!("a graph: {errors:?}"))?;
        let changes = sf_plan::diff(&graph, state, &Knowledge);
        let plan = sf_plan::schedule(&graph, state, changes);
        match plan.actual_changes().next() {
            Some(change) => Err(format!("nothing is left to do after a deploy: {change:?}")),
            None if plan.steps.is_empty() => Ok(()),
            None => Err(format!("nothing is left to record after a deploy: {:?}", plan.steps)),
        }
    }

    async fn check_release(&self, manifest: &Manifest) -> Result<(), String> {
        let all = releases(self.keeper.as_ref()).await.map_err(|error| error.to_string())?;
        if all.windows(2).any(|pair| pair[0].about.number + 1 != pair[1].about.number) {
            return Err("releases are counted without gaps".to_owned());
        }
        let desired: Vec<_> = manifest.desired().into_iter().map(Desired::normalized).collect();
        match all.last() {
            Some(newest) if newest.desired == desired => Ok(()),
            None if desired.is_empty() => Ok(()),
            newest => Err(format!("the newest release is what is deployed: {newest:?}")),
        }
    }

    /// Nothing goes wrong any more: one deploy puts everything right, and a second one has nothing to do.
    async fn finish(&mut self, manifest: Manifest) -> Result<(), String> {
        tokio::time::sleep(2 * LAG).await;
        self.world.tell(|| "from now on nothing goes wrong".to_owned());
        let act = Act { manifest, refresh: self.is_touched, consent: true, ..Act::default() };
        let applied = self.clean(&act).await?;
        self.check_all(&act.manifest, &applied.state)?;
        self.clean(&Act { refresh: false, ..act }).await?;
        let counted = self.world.counted();
        // Where nothing was ever recorded, it must be asked whether there is anything.
        let asks = usize::from(!self.inspector.is_recorded());
        if !counted.is_at_most(asks) {
            return Err(format!("a second deploy asks and writes nothing: {counted:?}"));
        }
        self.is_touched = false;
        self.backups.clear();
        Ok(())
    }

    async fn clean(&mut self, act: &Act) -> Result<Applied, String> {
        let ended = self.deploy(act).await;
        let applied = match &ended {
            Ended::Over(released) if released.applied.report.is_success() => released.applied.clone(),
            Ended::Over(released) => {
                let report = &released.applied.report;
                let why = report.failed.first().map_or_else(
                    || format!("{:?} never had their turn", report.skipped),
                    |(key, error)| format!("{key}: {error}"),
                );
                self.world.verdict()?;
                return Err(format!("a clean deploy works: {why}"));
            }
            Ended::NotBegun(why) | Ended::CutShort(why) => {
                self.world.verdict()?;
                return Err(format!("a clean deploy works: {why}"));
            }
            Ended::Died => return Err("nobody dies in a clean deploy".to_owned()),
        };
        self.judge(&act.manifest, ended).await?;
        Ok(applied)
    }

    /// What is recorded is what is there, and that is what the manifest says.
    fn check_all(&self, manifest: &Manifest, state: &State) -> Result<(), String> {
        if !state.pending.is_empty() {
            return Err(format!("nothing is pending: {:?}", state.pending));
        }
        if let Some(difference) = difference(&state.objects, &self.cloud.objects()) {
            return Err(difference);
        }
        let graph = sf_plan::graph(manifest.desired()).map_err(|errors| format!("a graph: {errors:?}"))?;
        let addrs: Vec<&Addr> = state.objects.keys().map(|key| &key.addr).collect();
        let wanted: Vec<&Addr> = graph.nodes().map(|node| &node.addr).collect();
        if addrs != wanted {
            return Err(format!("what is there is what is wanted: {addrs:?}, wanted {wanted:?}"));
        }
        for (key, object) in &state.objects {
            let deps: BTreeSet<ObjectKey> = state
                .objects
                .keys()
                .filter(|dep| graph.deps(&key.addr).contains(&dep.addr))
                .cloned()
                .collect();
            let protect = graph.get(&key.addr).is_some_and(|node| node.protect);
            if object.status != Status::Ready || object.deps != deps || object.protect != protect {
                return Err(format!("{key} is recorded as the manifest has it: {object:?}"));
            }
        }
        Ok(())
    }
}

fn summary(manifest: &Manifest) -> String {
    let nodes = manifest.desired().into_iter().map(|node| {
        let protect = if node.protect { " (data)" } else { "" };
        let after: Vec<String> = node.after.iter().map(Addr::to_string).collect();
        let after = if after.is_empty() { String::new() } else { format!(" after {}", after.join(", ")) };
        format!("{}{protect} {}{after}", node.addr, node.inputs.to_json())
    });
    nodes.collect::<Vec<_>>().join("; ")
}
