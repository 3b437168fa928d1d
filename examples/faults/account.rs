//! Owns what became of every message, out of what producers and consumers told: which are lost, which were handled again and
//! whether that is excused, and which commits came too early. Leaves what the brokers say to `broker`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::process::Line;

type Place = (String, u64);

/// What became of every message that was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) acked: usize,
    /// Acknowledged, and no process has handled them.
    pub(crate) lost: Vec<String>,
    /// Handlings after a message's first one, each excused.
    pub(crate) repeated: usize,
    /// Those that nothing excuses, in words.
    pub(crate) unexcused: Vec<String>,
    /// Commits above a message that was not handled by then, in words.
    pub(crate) early: Vec<String>,
    /// The longest time without any handling, in milliseconds.
    pub(crate) gap: u64,
}

/// What one consumer told of its partitions, messages and commits.
struct Told {
    /// By partition, the times at which it came.
    assigned: BTreeMap<Place, Vec<u64>>,
    /// By partition, the offsets committed with their times.
    committed: BTreeMap<Place, Vec<(u64, u64)>>,
    /// In order, with their times.
    handled: Vec<(u64, String)>,
}

fn place(fields: &serde_json::Value) -> Place {
    (fields["topic"].as_str().unwrap_or_default().to_owned(), fields["partition"].as_u64().unwrap_or_default())
}

impl Told {
    fn of(lines: &[Line]) -> Self {
        let mut told = Self { assigned: BTreeMap::new(), committed: BTreeMap::new(), handled: Vec::new() };
        for line in lines {
            let parts = |name: &str| line.fields[name].as_array().cloned().unwrap_or_default();
            match line.name.as_str() {
                "partitions_assigned" => {
                    parts("partitions").iter().for_each(|part| told.assigned.entry(place(part)).or_default().push(line.at));
                }
                "offsets_committed" if line.fields["success"] == true => {
                    for part in parts("offsets") {
                        let offset = part["offset"].as_u64().unwrap_or_default();
                        told.committed.entry(place(&part)).or_default().push((offset, line.at));
                    }
                }
                "handled" => told.handled.push((line.at, line.fields["id"].as_str().unwrap_or_default().to_owned())),
                _ => {}
            }
        }
        told
    }
}

impl Account {
    /// Of what producers and consumers told, a list of lines for each process. Messages in `letters` became dead letters.
    pub(crate) fn of(producers: &[Vec<Line>], consumers: &[Vec<Line>], letters: &BTreeSet<String>) -> Self {
        let mut account = Self::default();
        let mut acked: BTreeMap<String, (Place, u64)> = BTreeMap::new();
        for line in producers.iter().flatten().filter(|line| line.name == "producer_send_success") {
            let id = line.fields["value"].as_str().unwrap_or_default().to_owned();
            acked.insert(id, (place(&line.fields), line.fields["offset"].as_u64().unwrap_or_default()));
        }
        let told: Vec<Told> = consumers.iter().map(|lines| Told::of(lines)).collect();
        let mut handled: BTreeMap<&str, Vec<(u64, usize)>> = BTreeMap::new();
        for (process, told) in told.iter().enumerate() {
            told.handled.iter().for_each(|(at, id)| handled.entry(id).or_default().push((*at, process)));
        }
        handled.values_mut().for_each(|times| times.sort_unstable());
        account.acked = acked.len();
        account.lost = acked.keys().filter(|id| !handled.contains_key(id.as_str()) && !letters.contains(*id)).cloned().collect();
        for (id, times) in handled.iter().filter(|(_, times)| times.len() > 1) {
            // What was not acknowledged may lie in the log all the same, and more than once.
            let Some((place, offset)) = acked.get(*id) else { continue };
            for pair in times.windows(2) {
                match excuse(&told, place, *offset, pair[0], pair[1]) {
                    Ok(()) => account.repeated += 1,
                    Err(why) => account.unexcused.push(format!("{id} at {}-{}@{offset}: {why}", place.0, place.1)),
                }
            }
        }
        account.early = early(&told, &acked, &handled, letters);
        let mut all: Vec<u64> = handled.values().flatten().map(|(at, _)| *at).collect();
        all.sort_unstable();
        account.gap = all.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        account
    }

    /// Nothing is lost, nothing is repeated without an excuse, and no commit came too early.
    pub(crate) fn is_right(&self) {
        assert!(self.lost.is_empty(), "{self}; lost: {:?}", &self.lost[..self.lost.len().min(10)]);
        assert!(self.early.is_empty(), "{self}; {:?}", &self.early[..self.early.len().min(10)]);
        assert!(self.unexcused.is_empty(), "{self}; {:?}", &self.unexcused[..self.unexcused.len().min(10)]);
    }
}

/// A message is handled again rightly if its partition has come anew to who does so since the first time, and no commit of it had
/// been answered before.
fn excuse(told: &[Told], place: &Place, offset: u64, first: (u64, usize), again: (u64, usize)) -> Result<(), String> {
    let assigned = told[again.1].assigned.get(place).into_iter().flatten();
    let Some(assigned) = assigned.copied().filter(|at| *at <= again.0).max() else {
        return Err(format!("process {} handled it and was never assigned its partition", again.1));
    };
    if first.1 == again.1 && assigned < first.0 {
        return Err(format!("process {} handled it twice, at {} and {}, in one assignment", again.1, first.0, again.0));
    }
    let answered = told.iter().flat_map(|told| told.committed.get(place).into_iter().flatten());
    let before = answered.filter(|(next, at)| *next > offset && *at < assigned).min_by_key(|(_, at)| *at);
    match before {
        Some((next, at)) => {
            Err(format!("it was committed (to {next}) at {at}, before process {} was assigned at {assigned}", again.1))
        }
        None => Ok(()),
    }
}

/// Commits above a message that nobody had handled by then.
fn early(
    told: &[Told],
    acked: &BTreeMap<String, (Place, u64)>,
    handled: &BTreeMap<&str, Vec<(u64, usize)>>,
    letters: &BTreeSet<String>,
) -> Vec<String> {
    // When a message was handled first, by its place.
    let mut at: BTreeMap<&Place, BTreeMap<u64, (&str, u64)>> = BTreeMap::new();
    for (id, (place, offset)) in acked.iter().filter(|(id, _)| !letters.contains(*id)) {
        let first = handled.get(id.as_str()).map_or(u64::MAX, |times| times[0].0);
        at.entry(place).or_default().insert(*offset, (id, first));
    }
    let mut early = Vec::new();
    for (place, commits) in told.iter().flat_map(|told| &told.committed) {
        let Some(messages) = at.get(place) else { continue };
        let mut seen = 0;
        for (next, answered) in commits {
            for (offset, (id, first)) in messages.range(seen.min(*next)..*next).filter(|(_, (_, first))| first > answered) {
                early
                    .push(format!("{id} at {}-{}@{offset} was handled at {first} and committed at {answered}", place.0, place.1));
            }
            seen = seen.max(*next);
        }
    }
    early
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acked, lost, repeated, unexcused, early, gap } = self;
        let (lost, unexcused, early) = (lost.len(), unexcused.len(), early.len());
        write!(f, "{acked} messages, {lost} lost, {repeated} handled again with an excuse and {unexcused} without, ")?;
        write!(f, "{early} commits too early, longest gap {gap} ms")
    }
}
