//! Owns what a user says must be true: asking it, and finding out when it was not any more. Leaves what the framework itself
//! must keep to `checks`.

use super::*;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// When each of a user's invariants was violated first, and in which words. A run that looks for that asks them all along.
#[derive(Default)]
pub(super) struct Dates {
    /// So many events had happened when they were asked last.
    asked: usize,
    found: BTreeMap<String, (Duration, String)>,
}

/// Asks an invariant; one that panics, as an `assert!` does, says no in these words.
fn ask(holds: &Invariant, history: &History, memory: &Memory) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| holds(history, memory))).unwrap_or_else(|panic| Err(words(&*panic)))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without words").to_owned()
}

impl Driver {
    /// Asks the user's own invariants.
    pub(super) fn judge(&mut self, mode: Mode) {
        self.date();
        self.show_letters();
        let at = self.world.at();
        let finally = self.plan.finally.iter().filter(|_| mode == Mode::Liveness);
        for (name, holds) in self.plan.always.iter().chain(finally) {
            let answer = ask(holds, &self.world.history(), &self.world.memory);
            if let Err(text) = answer {
                self.world.checks().found(Violation { invariant: name.clone(), at, text });
            }
        }
    }

    /// Puts before the invariants what the sink keeps.
    fn show_letters(&self) {
        if self.plan.rules.error_sink {
            let letters = self.world.servers().sink.letters().to_vec();
            self.world.history().letters = letters;
        }
    }

    /// Of a run that looks for that: asks what must always be true, and keeps the event by which it is not.
    pub(super) fn date(&mut self) {
        let Some(dates) = &mut self.dates else { return };
        let open: Vec<_> = self.plan.always.iter().filter(|(name, _)| !dates.found.contains_key(name)).cloned().collect();
        let from = dates.asked;
        self.show_letters();
        let history = self.world.history().clone();
        let until = |events: usize| History { events: history.events[..events].to_vec(), ..history.clone() };
        let mut found = Vec::new();
        for (name, holds) in open {
            if ask(&holds, &history, &self.world.memory).is_ok() {
                continue;
            }
            // What is violated stays so: the first number of events of which it says no.
            let (mut low, mut high) = (from, history.events.len());
            while low < high {
                let middle = low.midpoint(high);
                match ask(&holds, &until(middle), &self.world.memory) {
                    Ok(()) => low = middle + 1,
                    Err(_) => high = middle,
                }
            }
            // Of events of which it said yes it says no now: the log tells it, which is as it is now.
            let low = if low == from { history.events.len() } else { low };
            if let Err(text) = ask(&holds, &until(low), &self.world.memory) {
                let at = low.checked_sub(1).and_then(|last| history.events.get(last)).map_or(Duration::ZERO, |event| event.at);
                found.push((name, (at, text)));
            }
        }
        if let Some(dates) = &mut self.dates {
            dates.asked = history.events.len();
            dates.found.extend(found);
        }
    }
}

/// Runs a seed once more that a user's invariant found at its end, to say when that was violated first.
pub(super) fn dated(plan: &Plan, seed: u64, mode: Mode, outcome: Outcome) -> Outcome {
    let is_users = |violation: &Violation| plan.always.iter().any(|(name, _)| *name == violation.invariant);
    if !outcome.violations.iter().any(is_users) {
        return outcome;
    }
    let (again, dates) = once(plan, seed, mode, Some(outcome.schedule.clone()), Some(Dates::default()));
    if again.history.hash() != outcome.history.hash() {
        // It does not repeat: its dates are not this run's.
        return outcome;
    }
    let mut violations = outcome.violations;
    for violation in &mut violations {
        if let Some((at, text)) = dates.found.get(&violation.invariant) {
            (violation.at, violation.text) = (*at, text.clone());
        }
    }
    violations.sort_by_key(|violation| violation.at);
    Outcome { violations, ..outcome }
}
