//! Owns the search: every state that can be reached, breadth first, so that the first trace to a violation is a shortest
//! one. Leaves what a state is and what may happen in it to a [`Model`].

use super::print::{ByPrint, Fingerprint, fingerprint};
use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

/// Something whose states can be enumerated.
pub trait Model {
    /// All there is to know of a moment.
    type State: Clone + Eq + Hash;
    /// Something that happens in a state, small enough to be kept for each of millions.
    type Action: Copy;

    /// Where it begins.
    fn start(&self) -> Self::State;

    /// Puts all that may happen in `state` into `into`, in an order of its own that never changes.
    fn actions(&self, state: &Self::State, into: &mut Vec<Self::Action>);

    /// What `action` makes of `state`, and what it breaks.
    fn step(&self, state: &Self::State, action: Self::Action) -> (Self::State, Vec<Violation>);

    /// What a state breaks in which nothing happens any more unless a fault does.
    fn at_rest(&self, state: &Self::State) -> Option<Violation>;

    /// Whether an action is a fault: one that need not happen.
    fn is_fault(&self, action: Self::Action) -> bool;

    /// One line about an action, for a trace.
    fn tell(&self, before: &Self::State, action: Self::Action, after: &Self::State) -> String;
}

/// A promise that a state or an action breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The promise, by its id: `I2`.
    pub promise: &'static str,
    /// What is wrong.
    pub what: String,
}

impl Violation {
    /// A broken promise.
    pub fn new(promise: &'static str, what: impl Into<String>) -> Self {
        Violation { promise, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

/// A violation, and a shortest way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// What is broken by the last action.
    pub violation: Violation,
    /// One line an action.
    pub trace: Vec<String>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Actions that were looked at.
    pub steps: u64,
    /// How many actions the furthest state is away from the start.
    pub depth: usize,
    /// States in which only faults can happen.
    pub at_rest: usize,
    /// Whether everything that can be reached was seen: neither the limit nor a violation ended the search before.
    pub complete: bool,
    /// The first violation met.
    pub counterexample: Option<Counterexample>,
}

/// Looks at every state that `model` can reach, up to `limit` of them, and stops at the first violation.
///
/// A state is remembered by its fingerprint and by the step that led to it, some fifty bytes; whole states are kept for
/// two neighbouring depths only.
pub fn search<M: Model>(model: &M, limit: usize) -> Explored {
    let start = model.start();
    let mut seen: HashSet<Fingerprint, ByPrint> = HashSet::default();
    seen.insert(fingerprint(&start));
    let mut came_by: Vec<Option<(u32, M::Action)>> = vec![None];
    let mut explored = Explored { states: 1, steps: 0, depth: 0, at_rest: 0, complete: true, counterexample: None };
    let mut here = vec![(0_u32, start)];
    let mut actions = Vec::new();
    loop {
        let mut next = Vec::new();
        for (index, state) in here.drain(..) {
            actions.clear();
            model.actions(&state, &mut actions);
            if actions.iter().all(|action| model.is_fault(*action)) {
                explored.at_rest += 1;
                if let Some(violation) = model.at_rest(&state) {
                    return explored.ended_by(retrace(model, &came_by, index, None, violation));
                }
            }
            for &action in &actions {
                explored.steps += 1;
                let (after, mut broken) = model.step(&state, action);
                if !broken.is_empty() {
                    let violation = broken.swap_remove(0);
                    return explored.ended_by(retrace(model, &came_by, index, Some(action), violation));
                }
                if !seen.insert(fingerprint(&after)) {
                    continue;
                }
                if explored.states == limit {
                    explored.complete = false;
                    return explored;
                }
                explored.states += 1;
                next.push((u32::try_from(came_by.len()).expect("the limit is below four billion states"), after));
                came_by.push(Some((index, action)));
            }
        }
        if next.is_empty() {
            return explored;
        }
        explored.depth += 1;
        here = next;
    }
}

impl Explored {
    fn ended_by(mut self, counterexample: Counterexample) -> Self {
        (self.complete, self.counterexample) = (false, Some(counterexample));
        self
    }
}

/// Goes the way to a state again, to tell of it.
fn retrace<M: Model>(
    model: &M,
    came_by: &[Option<(u32, M::Action)>],
    mut index: u32,
    last: Option<M::Action>,
    violation: Violation,
) -> Counterexample {
    let mut way: Vec<M::Action> = last.into_iter().collect();
    while let Some((before, action)) = came_by[index as usize] {
        way.push(action);
        index = before;
    }
    let mut state = model.start();
    let mut trace = Vec::new();
    for action in way.into_iter().rev() {
        let (after, _) = model.step(&state, action);
        trace.push(model.tell(&state, action, &after));
        state = after;
    }
    Counterexample { violation, trace }
}
