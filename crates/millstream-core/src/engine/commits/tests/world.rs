//! The planner in a world whose broker loses requests and replies, and applies late requests over newer ones.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};

type Kept = (Offset, Option<String>);
type Request = BTreeMap<Epoch, Kept>;

/// What happens next. Numbers pick among what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Mark {
        epoch: u64,
        by: u64,
        text: bool,
    },
    Pass(u64),
    Flush,
    Plan,
    Answer(Answer),
    /// A request whose outcome nobody knew is applied now.
    Overtake(usize),
    Close(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Answer {
    Applied,
    Stale,
    /// It was applied and the reply is lost.
    ReplyLost,
    /// Nobody knows, and it may still be applied.
    RequestDelayed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    commits: Commits,
    now: u64,
    marked: Request,
    /// The last known to be applied.
    acknowledged: Request,
    broker: Request,
    wire: Option<(CommitId, Request)>,
    /// Requests that may still be applied, until when.
    afloat: Vec<(Request, u64)>,
    closed: BTreeSet<Epoch>,
}

const LIFE: u64 = 1_000;

impl World {
    fn new() -> Self {
        let policy = CommitPolicy::default().request_life(Duration::from_millis(LIFE));
        let mut commits = Commits::new(policy);
        let mut kept = Request::new();
        for epoch in [E1, E2] {
            commits.open(epoch, partition(epoch), 10, Some(10), at(0));
            kept.insert(epoch, (10, None));
        }
        let (marked, acknowledged, broker) = (kept.clone(), kept.clone(), kept);
        World { commits, now: 0, marked, acknowledged, broker, wire: None, afloat: Vec::new(), closed: BTreeSet::new() }
    }

    fn step(&mut self, step: Step) {
        let now = at(self.now);
        match step {
            Step::Mark { epoch, by, text } => {
                let epoch = Epoch(epoch);
                let kept = self.marked.get_mut(&epoch).expect("both epochs were opened");
                kept.0 += by;
                let text = text.then(|| kept.0.to_string());
                kept.1 = text.clone().or_else(|| kept.1.take());
                self.commits.mark(epoch, kept.0, text, now);
            }
            Step::Pass(millis) => {
                self.now += millis;
                self.afloat.retain(|(_, until)| *until > self.now);
            }
            Step::Flush => self.commits.flush_now(),
            Step::Plan => self.plan(),
            Step::Answer(answer) => self.answer(answer),
            Step::Overtake(pick) => {
                if !self.afloat.is_empty() {
                    let (request, _) = self.afloat.remove(pick % self.afloat.len());
                    self.apply(&request);
                }
            }
            Step::Close(epoch) => {
                self.commits.close(Epoch(epoch));
                self.closed.insert(Epoch(epoch));
            }
        }
        self.rules_hold();
    }

    fn plan(&mut self) {
        let due = self.commits.due(at(self.now));
        let planned = self.commits.plan(at(self.now));
        assert_eq!(planned.is_some(), due == Some(at(self.now)), "it goes exactly when it said");
        let Some((id, entries)) = planned else { return };
        assert!(self.wire.is_none(), "one is outstanding");
        let mut request = Request::new();
        for entry in entries {
            assert!(!self.closed.contains(&entry.epoch), "an ended epoch is committed (I3)");
            assert!(entry.offset >= self.acknowledged[&entry.epoch].0, "the watermark falls");
            let kept = (entry.offset, entry.metadata);
            assert_eq!(kept, self.marked[&entry.epoch], "only what is marked is committed, and all of it (I2)");
            assert_eq!(entry.partition, partition(entry.epoch));
            assert!(request.insert(entry.epoch, kept).is_none());
        }
        assert!(!request.is_empty());
        self.wire = Some((id, request));
    }

    fn answer(&mut self, answer: Answer) {
        let Some((id, request)) = self.wire.take() else { return };
        let applied = match answer {
            Answer::Applied => Applied::Applied,
            Answer::Stale => Applied::NotApplied(NotApplied::Stale),
            Answer::ReplyLost | Answer::RequestDelayed => Applied::Unknown,
        };
        if matches!(answer, Answer::Applied | Answer::ReplyLost) {
            self.apply(&request);
        }
        if answer == Answer::Applied {
            self.acknowledged.extend(request.clone());
        }
        let results = request.iter().map(|(epoch, (offset, _))| (*epoch, *offset, applied)).collect();
        self.commits.outcome(&Committed::new(id, results), at(self.now));
        if answer == Answer::RequestDelayed {
            self.afloat.push((request, self.now + LIFE));
        }
    }

    fn apply(&mut self, request: &Request) {
        // What belongs to somebody else by now is fenced by the broker.
        let owned = request.iter().filter(|(epoch, _)| !self.closed.contains(epoch));
        self.broker.extend(owned.map(|(epoch, kept)| (*epoch, kept.clone())));
    }

    fn rules_hold(&self) {
        for epoch in [E1, E2] {
            let outstanding = self.wire.as_ref().is_some_and(|(_, request)| request.contains_key(&epoch));
            let open = !self.closed.contains(&epoch);
            let kept = self.acknowledged[&epoch] == self.marked[&epoch];
            assert_eq!(self.commits.is_clean(epoch), !outstanding && (kept || !open), "{epoch} of {self:?}");
            let cares = self.wire.is_some() || self.commits.due(at(self.now)).is_some();
            if open {
                assert_eq!(self.commits.committed(epoch), Some(self.acknowledged[&epoch].0));
                assert!(kept || cares, "dirty for ever");
                assert!(self.broker[&epoch] == self.marked[&epoch] || cares, "the group has something else (B58)");
            }
        }
        assert_eq!(self.commits.outstanding(), self.wire.as_ref().map(|(id, _)| *id));
    }

    /// No faults any more, except that what is afloat is applied at the worst moments. Then all is well, and quiet.
    fn heal(mut self) {
        let mut rounds = 0;
        self.answer(Answer::Applied);
        while let Some(due) = self.commits.due(at(self.now)) {
            let wait = u64::try_from(due.since(at(self.now)).as_millis()).expect("short");
            // Just before it goes, a request afloat is applied over what was committed before.
            self.step(Step::Pass(wait.saturating_sub(1)));
            self.step(Step::Overtake(0));
            self.step(Step::Pass(wait.min(1)));
            self.step(Step::Plan);
            self.step(Step::Answer(Answer::Applied));
            rounds += 1;
            assert!(rounds < 10, "it never falls silent");
        }
        self.step(Step::Pass(LIFE));
        for epoch in [E1, E2].into_iter().filter(|epoch| !self.closed.contains(epoch)) {
            assert_eq!(self.broker[&epoch], self.marked[&epoch], "what is settled is committed at last (I10)");
            assert!(self.commits.is_clean(epoch) && !self.commits.in_doubt(epoch));
        }
    }
}

fn walk(world: &World, depth: usize, steps: &[Step], seen: &mut HashSet<(World, usize)>) {
    if !seen.insert((world.clone(), depth)) {
        return;
    }
    if depth == 0 {
        world.clone().heal();
        return;
    }
    for step in steps {
        let mut next = world.clone();
        next.step(*step);
        walk(&next, depth - 1, steps, seen);
    }
}

#[test]
fn every_history_of_eight_steps_is_committed_at_last_and_nothing_unmarked_ever() {
    let mark = |epoch| Step::Mark { epoch, by: 1, text: false };
    let answers = [Answer::Applied, Answer::Stale, Answer::ReplyLost, Answer::RequestDelayed].map(Step::Answer);
    let others = [mark(1), mark(2), Step::Pass(100), Step::Pass(LIFE), Step::Plan, Step::Overtake(0), Step::Close(2)];
    let steps: Vec<Step> = answers.into_iter().chain(others).collect();
    let mut seen = HashSet::new();
    walk(&World::new(), 8, &steps, &mut seen);
    assert!(seen.len() > 40_000, "{} states", seen.len());
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        4 => Just(Answer::Applied), 2 => Just(Answer::Stale), 1 => Just(Answer::ReplyLost), 3 => Just(Answer::RequestDelayed),
    ];
    prop_oneof![
        5 => (1..3u64, 0..7_000u64, prop::bool::weighted(0.2)).prop_map(|(epoch, by, text)| Step::Mark { epoch, by, text }),
        5 => prop_oneof![0..150u64, 0..1_200u64].prop_map(Step::Pass),
        8 => Just(Step::Plan),
        6 => answer.prop_map(Step::Answer),
        1 => Just(Step::Flush),
        2 => (0..9usize).prop_map(Step::Overtake),
        1 => prop::bool::weighted(0.05).prop_map(|close| if close { Step::Close(2) } else { Step::Plan }),
    ]
}

proptest! {
    #[test]
    fn long_histories_are_committed_at_last_and_nothing_unmarked_ever(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.heal();
    }
}
