//! Owns what each fault does to the world, and its end. Leaves when it comes to `driver`.

use super::*;

impl Driver {
    pub(super) fn closed(&self, suffix: &str, yes: bool) {
        for topic in self.world.memory.topics() {
            let is_letters = topic.as_str().ends_with(".dlq");
            let is_input = self.inputs().contains(&topic);
            if (suffix.is_empty() && !is_letters && !is_input) || (!suffix.is_empty() && is_letters) {
                // It was just listed.
                let _ = self.world.memory.set_writable(&topic, !yes);
            }
        }
    }

    /// Closes some of the topics of outputs.
    pub(super) fn close_some(&mut self) {
        for topic in self.world.memory.topics() {
            let is_input = self.plan.topics.iter().any(|(input, _)| *input == topic) || self.inputs().contains(&topic);
            if !is_input && !topic.as_str().ends_with(".dlq") && self.dice.chance(600) {
                // It was just listed.
                let _ = self.world.memory.set_writable(&topic, false);
            }
        }
    }

    pub(super) fn input_places(&self) -> Vec<TopicPartition> {
        self.world.places(&self.inputs())
    }

    pub(super) fn befall(&mut self, fault: Fault) {
        let now = instant_now();
        let about = match &fault {
            Fault::Crash { member, .. }
            | Fault::Pause { member, .. }
            | Fault::Restart { member, .. }
            | Fault::Cut { member, .. }
            | Fault::ClockJumps { member, .. } => Some(*member),
            _ => None,
        };
        self.world.note(about, What::Fault(fault.to_string()));
        if let Some(long) = fault.slows_for() {
            // What it has delayed is made up for a little later.
            self.foul_until = self.foul_until.max(now + long + SOON);
            self.members.iter_mut().for_each(|member| member.soon = None);
        }
        match fault {
            Fault::Crash { member, polls, down } => {
                let member = &mut self.members[member];
                member.down = down;
                if let Some(running) = &member.running {
                    // One that is paused dies all the same.
                    if running.process.is_paused() { running.process.kill() } else { running.process.kill_after(polls) }
                }
            }
            Fault::Pause { member, long } => {
                if let Some(running) = &self.members[member].running {
                    running.process.pause();
                    self.at(now + long, Act::GoOn(member, long));
                }
            }
            Fault::Restart { member, down, twice } => {
                let calls = self.world.checks().running(member);
                let fair = now >= self.foul_until && self.world.servers().network.weather == Weather::FAIR;
                let number = member;
                let member = &mut self.members[member];
                // Nobody is there to be told.
                let Some(running) = &member.running else { return };
                // To one that stops already it is the second word, which leaves it a second.
                let within = if twice || member.told { Duration::from_secs(1) } else { self.plan.stops_within };
                let at = self.world.at();
                (member.down, member.told) = (down, true);
                member.soon = (calls == 0 && fair).then_some((at, at + SOON));
                self.world.checks().told_to_stop(number, at, within);
                running.handle.stop();
                if twice {
                    running.handle.stop();
                }
            }
            Fault::Cut { member, long } => {
                let network = &mut self.world.servers().network;
                (0..self.plan.brokers).for_each(|broker| network.cut(member, Server::Broker(broker), now + long));
            }
            Fault::Storm { long } => {
                self.world.servers().network.weather = Weather::STORMY;
                self.at(now + long, Act::Calm);
            }
            Fault::StoreDown { long, hangs } => {
                let servers = &mut *self.world.servers();
                match hangs {
                    true => servers.network.hang(Server::Store, now + long),
                    false => servers.store.failing = Some(now + long),
                }
            }
            Fault::StoreEmptied => {
                self.world.servers().store.clear();
                self.world.checks().forgotten(now);
            }
            Fault::SinkDown { long, hangs } => {
                let servers = &mut *self.world.servers();
                match hangs {
                    true => servers.network.hang(Server::Sink, now + long),
                    false => servers.sink.failing = Some(now + long),
                }
            }
            Fault::SinkSlow { long, by } => self.world.servers().network.slow(Server::Sink, now + long, by),
            Fault::SinkForgets { letters } => self.world.lose_letters(letters),
            Fault::LettersClosed { long } => {
                self.closed(".dlq", true);
                self.at(now + long, Act::OpenLetters);
            }
            Fault::OutputsClosed { long } => {
                self.close_some();
                self.at(now + long, Act::OpenOutputs);
            }
            Fault::BrokerDown { broker, long } => {
                let places = self.world.places(&self.world.memory.topics());
                let servers = &mut *self.world.servers();
                servers.network.down(Server::Broker(broker), now + long);
                servers.leaders.failed(broker, places.into_iter());
            }
            Fault::BrokerHangs { broker, long } => self.world.servers().network.hang(Server::Broker(broker), now + long),
            Fault::LeadersMove => {
                let places = self.world.places(&self.world.memory.topics());
                let leaders = &mut self.world.servers().leaders;
                for place in places {
                    leaders.move_on(place);
                }
                leaders.move_coordinator();
            }
            Fault::GivenAgain => {
                let dice = &mut self.dice;
                self.world.servers().coordinator.all().for_each(|group| group.give_again(|| dice.chance(500)));
            }
            Fault::StaleCommits { commits } => self.world.servers().stale_commits = commits,
            Fault::ClockJumps { member, millis } => {
                if let Some(running) = &self.members[member].running {
                    running.process.jump(millis);
                }
            }
            Fault::Rule(rule) => self.world.servers().rules.add(rule),
            Fault::Gaps => {
                for place in self.input_places() {
                    if self.dice.chance(500) {
                        // It was just listed.
                        let _ = self.world.memory.append_control(&place.topic, place.partition);
                        self.world.wrote();
                    }
                }
            }
            Fault::Replay { records } => {
                for topic in self.inputs() {
                    let all = self.world.memory.records(&topic);
                    for _ in 0..records.min(all.len() as u64) {
                        let mut record = self.dice.pick(&all).clone();
                        record.partition = None;
                        self.world.publish(record.header("millstream-replay-id", "by hand"));
                    }
                }
            }
            Fault::PartitionAdded => {
                for topic in self.inputs() {
                    // It was created by the run itself.
                    let _ = self.world.memory.add_partitions(&topic, 1);
                }
            }
            Fault::Compacts => self.world.compact_all(&self.plan.topics),
            Fault::RecordsDeleted => self.world.delete_unread(&self.inputs(), &mut self.dice),
            Fault::TopicRecreated => {
                self.world.recreate(&self.inputs(), &mut self.dice);
                let when = now + self.dice.millis(500, 4_000);
                self.restart_all(when);
            }
        }
    }

    /// The topics that records come to from outside: those that were named, or, if none was, those that are fed.
    pub(super) fn inputs(&self) -> Vec<Topic> {
        let inputs = self.plan.topics.iter().filter(|(_, config)| config.cleanup == Cleanup::Delete);
        let named: Vec<Topic> = inputs.map(|(topic, _)| topic.clone()).collect();
        if named.is_empty() { self.fed.clone() } else { named }
    }

    /// Restarts all members, one after the other.
    pub(super) fn restart_all(&mut self, mut when: Instant) {
        for member in 0..self.members.len() {
            self.at(when, Act::Restart(member));
            when += self.dice.millis(100, 2_000);
        }
    }

    /// Ends all faults.
    pub(super) fn heal(&mut self) {
        self.world.note(None, What::Fault("faults stop".into()));
        {
            let servers = &mut *self.world.servers();
            servers.network.heal();
            servers.store.failing = None;
            servers.sink.failing = None;
            servers.stale_commits = 0;
            servers.rules.clear();
        }
        self.closed("", false);
        self.closed(".dlq", false);
        self.acts.retain(|_, act| matches!(act, Act::Start(_) | Act::Restart(_)));
        for member in &self.members {
            if let Some(running) = &member.running {
                running.process.go_on();
                running.process.spare();
            }
        }
    }
}
