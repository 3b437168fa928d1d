//! Owns running a simulation: a seed, a range of seeds, the same once more, and with fewer faults. Leaves one run to `driver`, what
//! it has shown to `report`.

use super::checks::Violation;
use super::driver::{Mode, Outcome, run};
use super::fault::Schedule;
use super::history::What;
use super::replay::Replay;
use super::report::{REPLAY, Report};
use super::simulation::Simulation;
use std::ops::Range;

impl Simulation {
    /// Runs one seed.
    ///
    /// # Panics
    /// If there is no service.
    pub fn run(&self, seed: u64, mode: Mode) -> Report {
        self.report(seed, mode, None)
    }

    fn report(&self, seed: u64, mode: Mode, schedule: Option<Schedule>) -> Report {
        let Outcome { violations, history, schedule, took } = run(&self.plan, seed, mode, schedule);
        let replay = Replay::of(seed, mode, &self.plan.faults_of(seed), &schedule);
        let hash = history.hash();
        Report { seed, mode, violations, schedule, history, hash, took, replay }
    }

    /// Runs what a report's [`replay`](Report::replay) says: a seed, a mode, and some of the seed's faults or all.
    ///
    /// # Panics
    /// If it is no such line.
    #[track_caller]
    pub fn replay(&self, line: &str) -> Report {
        let replay: Replay = match line.parse() {
            Ok(replay) => replay,
            Err(why) => panic!("{why}"),
        };
        self.run_with(replay.seed, replay.mode, replay.faults(self.plan.faults_of(replay.seed)))
    }

    /// Runs one seed with these faults in place of its own: for a test of one story, or of what a seed never has.
    ///
    /// # Panics
    /// If there is no service.
    pub fn run_with(&self, seed: u64, mode: Mode, schedule: Schedule) -> Report {
        self.report(seed, mode, Some(schedule))
    }

    /// The report of the same failure with as few of its faults as suffice for it.
    pub fn reduced(&self, failed: &Report) -> Report {
        let mut best = failed.clone();
        let fails = |schedule: Schedule| {
            let report = self.run_with(failed.seed, failed.mode, schedule);
            let same = |one: &Violation| failed.violations.first().is_some_and(|first| first.invariant == one.invariant);
            report.violations.first().is_some_and(same).then_some(report)
        };
        let mut size = best.schedule.0.len().div_ceil(2);
        while size > 0 && !best.schedule.0.is_empty() {
            let mut at = 0;
            while at < best.schedule.0.len() {
                match fails(best.schedule.without(at, size)) {
                    Some(report) => best = report,
                    None => at += size,
                }
            }
            size /= 2;
        }
        best
    }

    /// Runs a report's seed once more: the same report, or one that says that it does not repeat exactly (I14).
    pub fn repeated(&self, report: &Report) -> Report {
        let again = self.run_with(report.seed, report.mode, report.schedule.clone());
        if again.hash == report.hash {
            return again;
        }
        let at = again.history.events().iter().zip(report.history.events()).position(|(a, b)| a != b);
        let (at, text) = match at {
            Some(at) => {
                let (first, second) = (&report.history.events()[at], &again.history.events()[at]);
                (second.at, format!("one run says `{}`, the next one `{}`", first.what, second.what))
            }
            None => (again.took, String::from("one run goes on where the other has ended")),
        };
        let violation = Violation { invariant: "I14".to_owned(), at, text };
        Report { violations: vec![violation], ..again }
    }

    /// The first failure that seeds lead to, its faults reduced; `None` if there is none. Each seed is run in both modes, and each
    /// run twice: it must repeat exactly (I14). A service that asks a clock, chance or the order of a hash map for what it does
    /// cannot be replayed.
    pub fn find(&self, seeds: Range<u64>) -> Option<Report> {
        seeds.into_iter().find_map(|seed| self.failure(seed).err()).map(|report| *report)
    }

    /// Runs a seed in both modes; answers whether a handler was called.
    fn failure(&self, seed: u64) -> Result<bool, Box<Report>> {
        let mut called = false;
        for mode in [Mode::Safety, Mode::Liveness] {
            let report = self.run(seed, mode);
            if !report.is_clean() {
                return Err(Box::new(self.reduced(&report)));
            }
            let again = self.repeated(&report);
            if !again.is_clean() {
                return Err(Box::new(again));
            }
            called |= report.history.events().iter().any(|event| matches!(event.what, What::Called(..)));
        }
        Ok(called)
    }

    /// Finds no failure in seeds: what a test calls. A hundred seeds are a good test, and a thousand find what is rare.
    ///
    /// With the environment's `MILLSTREAM_SIM_REPLAY` set to the line that a failure has printed it runs that alone, and
    /// prints all that happened. The variable is for all simulations of the process: name the test.
    ///
    /// # Panics
    /// With the report of the first failure, as [`find`](Self::find) has it; and if no seed had a handler called, for then nothing
    /// was tested.
    #[track_caller]
    pub fn check(&self, seeds: Range<u64>) {
        if let Ok(line) = std::env::var(REPLAY) {
            let report = self.replay(&line);
            assert!(report.is_clean(), "{report:#}");
            return;
        }
        let (mut called, wanted) = (false, !seeds.is_empty());
        for seed in seeds {
            match self.failure(seed) {
                Ok(handled) => called |= handled,
                Err(report) => panic!("{report}"),
            }
        }
        assert!(
            called || !wanted,
            "no handler was called: are the topics that the simulation feeds those that its services read?"
        );
    }
}
