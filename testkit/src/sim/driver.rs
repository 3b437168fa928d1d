//! Owns one run: what befalls the members and when, until faults stop and everything settles. Leaves what a member is to
//! `node`, and what is wrong to `checks`.

mod befall;
mod judge;
mod plan;

use super::checks::{Checks, Violation};
use super::dice::Dice;
use super::fault::{Fault, Schedule};
use super::history::{History, What};
use super::network::{Server, Weather};
use super::node::{End, Running, start};
use super::world::World;
use crate::now::instant_now;
use judge::Dates;
use millstream_core::contract::{ErrorKind, Produce, Record, TopicPartition, partition_for_key};
use millstream_core::topic::Topic;
use millstream_memory::{Cleanup, Memory};
use plan::Invariant;
pub(super) use plan::{Members, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// What a run is to show. [`Simulation::check`](super::Simulation::check) runs both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Faults all along, and then it is over at once, as if all power was cut: nothing bad has happened.
    Safety,
    /// Faults stop, and then everything settles within 300 s of virtual time: more than the longest back-off, a session that runs
    /// out and a rebalance together. The services are then told to stop, and end in time.
    Liveness,
}

/// What came of a run.
pub(super) struct Outcome {
    pub(super) violations: Vec<Violation>,
    pub(super) history: History,
    pub(super) schedule: Schedule,
    /// How long it took in virtual time.
    pub(super) took: Duration,
}

/// What is to be done at a time.
enum Act {
    Start(usize),
    Befall(Fault),
    GoOn(usize, Duration),
    Calm,
    OpenLetters,
    OpenOutputs,
    /// An operator restarts a member.
    Restart(usize),
}

struct Member {
    service: usize,
    name: Arc<str>,
    incarnation: u32,
    running: Option<Running>,
    /// Whether its next process is waited for.
    starting: bool,
    told: bool,
    /// By when it must have ended, because it has nothing to wait for.
    soon: Option<(Duration, Duration)>,
    down: Duration,
}

/// A service without a running handler has ended by then, in fair weather: its last commit and leaving are a few requests.
const SOON: Duration = Duration::from_secs(4);

struct Driver {
    plan: Plan,
    world: Arc<World>,
    members: Vec<Member>,
    acts: BTreeMap<(Instant, u64), Act>,
    dice: Dice,
    last_act: u64,
    put_off: u64,
    /// Until when faults last that make requests slow.
    foul_until: Instant,
    /// The topics that are fed, in order.
    fed: Vec<Topic>,
    /// Of a run that looks for them.
    dates: Option<Dates>,
}

/// Runs one seed; with `schedule` in place of its own faults.
pub(super) fn run(plan: &Plan, seed: u64, mode: Mode, schedule: Option<Schedule>) -> Outcome {
    assert!(!plan.services.is_empty(), "nothing is simulated: give the simulation a `.service(name, members, |node| …)`");
    let (outcome, _) = once(plan, seed, mode, schedule, None);
    judge::dated(plan, seed, mode, outcome)
}

/// Runs one seed once, and looks for dates if there are some to be found.
fn once(plan: &Plan, seed: u64, mode: Mode, schedule: Option<Schedule>, dates: Option<Dates>) -> (Outcome, Dates) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O is made of memory only");
    let outcome = runtime.block_on(async { Driver::new(plan.clone(), seed, dates).run(seed, mode, schedule).await });
    // What still runs is nobody's any more, and is dropped here.
    drop(runtime);
    outcome
}

impl Driver {
    fn new(plan: Plan, seed: u64, dates: Option<Dates>) -> Self {
        let mut checks = Checks::new(plan.rules);
        checks.begin(instant_now());
        checks.each = plan.each.clone();
        let world = World::new(seed, plan.brokers, plan.partitions, checks);
        let mut members = Vec::new();
        for (service, of) in plan.services.iter().enumerate() {
            for index in 0..of.count {
                let name: Arc<str> = if of.count == 1 { of.name.as_str().into() } else { format!("{}-{index}", of.name).into() };
                world.history().names.push(name.clone());
                let down = Duration::from_secs(1);
                let member =
                    Member { service, name, incarnation: 0, running: None, starting: true, told: false, soon: None, down };
                members.push(member);
            }
        }
        let mut dice = Dice::new(seed, 2);
        // Some worlds run as they would, in others tasks overtake each other.
        let put_off = if dice.chance(500) { 0 } else { dice.between(20, 300) };
        Driver {
            plan,
            world,
            members,
            acts: BTreeMap::new(),
            dice,
            last_act: 0,
            put_off,
            foul_until: instant_now(),
            fed: Vec::new(),
            dates,
        }
    }

    fn at(&mut self, when: Instant, act: Act) {
        self.last_act += 1;
        self.acts.insert((when, self.last_act), act);
    }

    async fn run(mut self, seed: u64, mode: Mode, schedule: Option<Schedule>) -> (Outcome, Dates) {
        let begin = instant_now();
        for (topic, config) in &self.plan.topics {
            // A topic that is named twice is there already.
            let _ = self.world.memory.create_topic(topic, config.clone());
        }
        let schedule = schedule.unwrap_or_else(|| self.plan.faults_of(seed));
        for (at, fault) in &schedule.0 {
            self.at(begin + *at, Act::Befall(fault.clone()));
        }
        for member in 0..self.members.len() {
            let delay = self.dice.millis(0, 1_500);
            self.at(begin + delay, Act::Start(member));
        }
        if let Some(after) = self.plan.deploys {
            self.restart_all(begin + after);
        }
        let feeding = self.feed(seed);
        let weather = if self.dice.chance(500) { Weather::FAIR } else { Weather::ROUGH };
        self.world.servers().network.weather = weather;
        self.until(begin + self.plan.faults_for).await;
        if mode == Mode::Liveness {
            self.heal();
            // What is still to be fed is fed.
            let _ = feeding.await;
            self.settle().await;
            let at = self.world.at();
            self.world.checks().look_back(at);
        } else {
            feeding.abort();
        }
        if mode == Mode::Liveness {
            self.stop().await;
        }
        let at = self.world.at();
        self.world.checks().look_back(at);
        for member in &self.members {
            if let Some(running) = &member.running {
                running.link.cut();
            }
        }
        self.judge(mode);
        let violations = self.world.checks().violations().to_vec();
        let history = std::mem::take(&mut *self.world.history());
        (Outcome { violations, history, schedule, took: begin.elapsed() }, self.dates.unwrap_or_default())
    }

    /// Feeds records, spread over the time of faults.
    fn feed(&mut self, seed: u64) -> tokio::task::JoinHandle<()> {
        let mut dice = Dice::new(seed, 4);
        let mut records: Vec<Record> = self.plan.feeds.iter().flat_map(|feed| feed(&mut dice)).collect();
        self.fed = BTreeSet::from_iter(records.iter().map(|record| record.topic.clone())).into_iter().collect();
        let span = u64::try_from(self.plan.faults_for.as_millis()).unwrap_or(0) * 7 / 10;
        let gap = span / (records.len() as u64).max(1);
        records.reverse();
        let world = self.world.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(300)).await;
            while let Some(record) = records.pop() {
                world.publish(record);
                sleep(dice.millis(0, gap * 2)).await;
            }
        })
    }

    /// Does what is due until a time, and starts again what has ended.
    async fn until(&mut self, end: Instant) {
        loop {
            self.look();
            self.date();
            let now = instant_now();
            while let Some(due) = self.acts.first_key_value().map(|(key, _)| *key).filter(|(when, _)| *when <= now) {
                if let Some(act) = self.acts.remove(&due) {
                    self.act(act);
                }
            }
            if now >= end {
                return;
            }
            let next = self.acts.first_key_value().map_or(end, |((when, _), _)| *when);
            sleep_until(next.min(end).min(now + Duration::from_millis(100))).await;
        }
    }

    /// Finds processes that have ended.
    fn look(&mut self) {
        for number in 0..self.members.len() {
            let member = &mut self.members[number];
            let Some(running) = member.running.take_if(|running| running.task.is_finished()) else { continue };
            let (told, down, soon) = (std::mem::take(&mut member.told), member.down, member.soon.take());
            let at = self.world.at();
            if let Some((since, soon)) = soon
                && at > soon
                && !self.world.checks().has_called_since(number, since)
            {
                let text = format!("{} had nothing to wait for and took {:?} to end", member.name, at - since);
                self.world.violated("I12", text);
            }
            let end = futures_now(running.task);
            match end {
                Some(End::Died) => self.world.note(Some(number), What::Crashed),
                Some(End::Ended(Ok(()))) => {
                    self.world.note(Some(number), What::Stopped("in order".into()));
                    if !told {
                        self.world.violated("I10", format!("{} has ended though nobody told it to", self.members[number].name));
                    }
                }
                Some(End::Ended(Err(error))) => {
                    if error.kind() == ErrorKind::Internal {
                        self.world.violated("I10", format!("{} has broken: {error}", self.members[number].name));
                    }
                    self.world.note(Some(number), What::Stopped(error.to_string()));
                }
                None => self.world.violated("I10", format!("the run of {} panicked", self.members[number].name)),
            }
            if !self.members[number].starting {
                self.members[number].starting = true;
                self.at(instant_now() + down, Act::Start(number));
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Start(number) => self.start(number),
            Act::GoOn(number, after) => {
                if let Some(running) = &self.members[number].running
                    && running.process.is_paused()
                {
                    let at = self.world.at();
                    self.world.checks().goes_on(number, after, at);
                    self.world.note(Some(number), What::Fault("goes on".into()));
                    running.process.go_on();
                }
            }
            Act::Calm => self.world.servers().network.weather = Weather::ROUGH,
            Act::OpenLetters => self.closed(".dlq", false),
            Act::OpenOutputs => self.closed("", false),
            Act::Restart(member) => self.befall(Fault::Restart { member, down: Duration::from_millis(300), twice: false }),
            Act::Befall(fault) => self.befall(fault),
        }
    }

    fn start(&mut self, number: usize) {
        let seed = self.dice.next();
        let member = &mut self.members[number];
        if member.running.is_some() {
            return;
        }
        member.starting = false;
        member.incarnation += 1;
        let describe = self.plan.services[member.service].describe.clone();
        let version = 1 + u32::from(self.plan.deploys.is_some_and(|after| self.world.at() >= after));
        let process = (member.incarnation, version);
        match start(&self.world, number, &member.name, process, seed, self.put_off, &describe) {
            Ok(running) => {
                self.world.servers().processes.insert(number, running.process.clone());
                member.running = Some(running);
            }
            Err(error) => self.world.violated("build", format!("{} cannot be built: {error}", member.name)),
        }
    }

    /// Whether a member says that a partition is parked.
    fn is_parked(&self, place: &TopicPartition) -> bool {
        let name = format!("partition {place}");
        self.members.iter().filter_map(|member| member.running.as_ref()).any(|running| {
            let health = running.handle.health();
            health.troubles.get(&name).is_some_and(|trouble| trouble.starts_with("parked"))
        })
    }

    /// What of the inputs is not committed yet: the group, the partition, the commit and the end.
    fn lag(&self) -> Vec<String> {
        let mut lag = Vec::new();
        let servers = self.world.servers();
        for (name, group) in servers.coordinator.groups() {
            for place in self.world.places(&group.wanted()) {
                let end = self.world.memory.end(&place.topic, place.partition).unwrap_or(0);
                let committed = group.committed.get(&place).map_or(0, |committed| committed.offset);
                if committed < end && !(self.plan.may_park && self.is_parked(&place)) {
                    lag.push(format!("{name} has committed {place} to {committed} of {end}"));
                }
            }
        }
        lag
    }

    /// Waits until everything is settled (I10).
    async fn settle(&mut self) {
        let by = instant_now() + self.plan.settles_within;
        // Twice in a row: what is settled may have led to more.
        let mut quiet = 0;
        while quiet < 3 {
            self.until(instant_now() + Duration::from_millis(400)).await;
            let lag = self.lag();
            let waits = self.acts.values().any(|act| matches!(act, Act::Restart(_)));
            let all_run = !waits && self.members.iter().all(|member| member.running.is_some());
            quiet = if lag.is_empty() && all_run { quiet + 1 } else { 0 };
            if instant_now() > by {
                let within = self.plan.settles_within;
                let lag = lag.first().map_or("a member does not run", String::as_str);
                return self.world.violated("I10", format!("not settled {within:?} after faults stopped: {lag}"));
            }
        }
    }

    /// Stops all members in order, and looks whether they end in time (I12).
    async fn stop(&mut self) {
        for number in 0..self.members.len() {
            let Some(running) = self.members[number].running.take() else { continue };
            self.world.note(Some(number), What::Stopping);
            let at = self.world.at();
            let within = if self.members[number].told { Duration::from_secs(1) } else { self.plan.stops_within };
            self.world.checks().told_to_stop(number, at, within);
            running.handle.stop();
            let name = self.members[number].name.clone();
            match timeout(self.plan.stops_within + Duration::from_secs(3), running.task).await {
                Ok(Ok(End::Ended(Ok(())))) => self.world.note(Some(number), What::Stopped("in order".into())),
                Ok(Ok(End::Ended(Err(error)))) => self.world.violated("I12", format!("{name} did not end well: {error}")),
                Ok(Ok(End::Died)) => self.world.violated("I12", format!("{name} died while it stopped")),
                Ok(Err(_)) => self.world.violated("I12", format!("{name} panicked while it stopped")),
                Err(_) => self.world.violated("I12", format!("{name} did not end within {:?}", self.plan.stops_within)),
            }
        }
    }
}

/// The output of a task that has finished.
fn futures_now(task: tokio::task::JoinHandle<End>) -> Option<End> {
    let mut task = std::pin::pin!(task);
    match task.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(end) => end.ok(),
        std::task::Poll::Pending => None,
    }
}

impl World {
    /// Appends a record that comes from outside, to the partition of its key.
    pub(crate) fn publish(&self, mut record: Record) {
        let partitions = self.create_by_use(&record.topic);
        if record.partition.is_none() {
            let key = record.key.clone().unwrap_or_default();
            record.partition = Some(partition_for_key(&key, partitions));
        }
        let request = Produce::of(std::slice::from_ref(&record)).expect("it has a partition");
        self.append(None, &request);
    }
}
