//! A case: plain data, so that it can be made smaller while it still fails.

use std::collections::{BTreeMap, BTreeSet};

use sf_plan::{Desired, Digest, Value};

use crate::kinds::addr;

/// A history to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Where it comes from. How long each call takes is drawn from it as well.
    pub seed: u64,
    /// Calls at once.
    pub concurrency: usize,
    /// Whether the state is in files, and not in memory.
    pub on_disk: bool,
    /// Deploys, one after the other.
    pub acts: Vec<Act>,
    /// Whether all of it is removed at the end.
    pub remove: bool,
}

/// One deploy, and what happens before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Act {
    /// What others do.
    pub before: Vec<Outside>,
    /// How long after the one before: milliseconds.
    pub pause_ms: u64,
    /// What is deployed.
    pub manifest: Manifest,
    /// Whether every object is looked at first.
    pub refresh: bool,
    /// Whether data may be destroyed.
    pub consent: bool,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// What happens behind `sf`'s back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Somebody deletes the newest object at this place.
    Delete(usize),
    /// Somebody changes it.
    Change(usize, u8),
    /// The state is lost.
    LoseState,
    /// The state as it was after the nth deploy before this one is brought back.
    RestoreState(usize),
}

/// What goes wrong with a deploy. Numbers count from 0 within the deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies there: at a moment before or after anything that reaches the cloud or the store.
    Crash(usize),
    /// Ctrl-C is pressed there.
    Stop(usize),
    /// An attempt at a call.
    Call(usize, CallFault),
    /// A question is not answered; whether asking again would help.
    Question(usize, bool),
    /// A save of the state.
    Save(usize, SaveFault),
    /// The release cannot be recorded.
    Record,
}

impl Fault {
    /// The same at earlier times, the earliest first.
    pub(crate) fn earlier(self) -> impl Iterator<Item = Self> {
        let at = move |at: usize| match self {
            Self::Crash(_) => Self::Crash(at),
            Self::Stop(_) => Self::Stop(at),
            Self::Call(_, fault) => Self::Call(at, fault),
            Self::Question(_, is_transient) => Self::Question(at, is_transient),
            Self::Save(_, fault) => Self::Save(at, fault),
            Self::Record => Self::Record,
        };
        let now = match self {
            Self::Crash(now) | Self::Stop(now) => now,
            Self::Call(now, _) | Self::Question(now, _) | Self::Save(now, _) => now,
            Self::Record => 0,
        };
        (0..now).map(at)
    }
}

/// What goes wrong with an attempt at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// Refused for now, without effect.
    Throttled,
    /// Refused for good, without effect.
    Refused,
    /// It has its effect, but the answer is lost, and the driver knows that it may try again.
    AnswerLost,
    /// The same, but the driver does not know.
    AnswerGarbled,
    /// Something is there, but not all of it; whether that answer arrives.
    HalfMade(bool),
    /// The driver panics, without effect.
    Panics,
}

/// What goes wrong with a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveFault {
    /// It is not saved.
    Fails,
    /// It is saved, and the store says that it is not.
    LooksFailed,
}

/// Which of the places have an object, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// By place.
    pub nodes: BTreeMap<usize, Node>,
    /// Places in the order in which they may use each other: an object uses those before it only.
    pub order: Vec<usize>,
}

/// One object of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// An input.
    pub value: u8,
    /// An input of no consequence.
    pub noise: u8,
    /// Whose outputs it refers to: to the one that a change in place may change, or to the one that stays.
    pub refers: BTreeMap<usize, bool>,
    /// Whom it comes after.
    pub after: BTreeSet<usize>,
    /// Whether it holds data.
    pub protect: bool,
}

impl Manifest {
    /// The objects that it asks for.
    pub fn desired(&self) -> Vec<Desired> {
        let rank = |place: usize| self.order.iter().position(|other| *other == place).unwrap_or(place);
        let is_usable = |user: usize, used: usize| self.nodes.contains_key(&used) && rank(used) < rank(user);
        let desired = self.nodes.iter().map(|(place, node)| {
            let mut inputs = BTreeMap::from([
                ("value".to_owned(), value(node.value)),
                ("noise".to_owned(), Value::Lit(node.noise.into())),
            ]);
            for (used, is_restless) in node.refers.iter().filter(|(used, _)| is_usable(*place, **used)) {
                let output = if *is_restless { "out" } else { "id" };
                inputs.insert(format!("n{used}"), Value::Ref { of: addr(*used), output: output.into() });
            }
            let after = node.after.iter().filter(|used| is_usable(*place, **used)).map(|used| addr(*used));
            Desired {
                addr: addr(*place),
                inputs: Value::Map(inputs),
                after: after.collect(),
                protect: node.protect,
            }
        });
        desired.collect()
    }
}

/// Values of each sort that inputs can have.
pub(crate) fn value(number: u8) -> Value {
    match number {
        3 => Value::Secret { hash: Digest("5ec2e7".into()) },
        4 => Value::Artifact(Digest("a27".into())),
        5 => Value::Map([("$ref".to_owned(), Value::List(vec![Value::Lit(1.into())]))].into()),
        plain => Value::Lit(plain.into()),
    }
}
