//! What must never happen, looked at as it happens: the invariants I1 to I21, from what the servers and the attempts show and
//! without asking the engine. Liveness and shutdown (I10, I12) are the driver's.
//!
//! | file | noun | invariants |
//! | --- | --- | --- |
//! | `settled` | what is settled, told from the outside | I1, I2, I6 |
//! | `attempts` | calls of handlers | I5, I7, I8, I9, I15, I17, I21 |
//! | `epochs` | ownership as members see it | I3, I11, I16, I17, I21 |
//! | `outputs` | what outputs are known by | I15 |
//! | `letters` | letters that the error sink keeps | I1, I6 |
//! | `copies` | copies in retry topics | I2, I5 |
//! | `removed` | what is in no log any more: deleted records, topics that were created again | I1 |
//! | `each` | what a user says of every record | |

mod attempts;
mod copies;
mod each;
mod epochs;
mod letters;
mod outputs;
mod removed;
mod settled;

use super::network::MemberNo;
use super::world::World;
use millstream_core::contract::{Offset, RecordView, TopicPartition};
use std::fmt;
use std::time::Duration;

pub(crate) use attempts::Call;
pub(crate) use each::Each;
pub(crate) use outputs::id_of;

/// What a service must keep beyond the invariants, and what it is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Calls a record may have in one epoch.
    pub(crate) most_calls: u32,
    /// Records of an epoch that may be delivered and unsettled.
    pub(crate) in_flight: u64,
    /// The reprocessing run of the services.
    pub(crate) run: u32,
    /// How long the members' sessions are.
    pub(crate) session: Duration,
    /// Whether its handlers keep tables, whose redeliveries are applied again by design.
    pub(crate) keeps_tables: bool,
    /// Whether calls for a key follow offset order.
    pub(crate) ordered: bool,
    /// Whether ids are claimed, so that no two records of one are handled at once.
    pub(crate) claims: bool,
    /// Whether its services have an error sink.
    pub(crate) error_sink: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            most_calls: u32::MAX,
            in_flight: 4_096,
            run: 0,
            session: Duration::from_secs(45),
            keeps_tables: false,
            ordered: true,
            claims: false,
            error_sink: false,
        }
    }
}

/// Something that must not have happened. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Which invariant: one of the framework's, `I1` to `I21`, a user's own by the name it was given, or `build` if a service could
    /// not be built.
    pub invariant: String,
    /// When, since the run's beginning, in virtual time.
    pub at: Duration,
    /// What.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: violated at {:.3} s: {}", self.invariant, self.at.as_secs_f64(), self.text)
    }
}

/// All that is watched.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) rules: Rules,
    violations: Vec<Violation>,
    settled: settled::Settled,
    attempts: attempts::Attempts,
    epochs: epochs::Epochs,
    outputs: outputs::Outputs,
    copies: copies::Copies,
    letters: letters::Letters,
    removed: removed::Removed,
    pub(crate) each: Vec<Each>,
}

impl Checks {
    pub(crate) fn new(rules: Rules) -> Self {
        Checks { rules, ..Checks::default() }
    }

    pub(crate) fn violated(&mut self, invariant: &'static str, at: Duration, text: String) {
        // What follows from the first is no news.
        if self.violations.len() < 16 {
            self.violations.push(Violation { invariant: invariant.to_owned(), at, text });
        }
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) fn found(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// A record is in the log.
    pub(crate) fn landed(
        &mut self,
        world: &World,
        member: Option<MemberNo>,
        place: &TopicPartition,
        offset: Offset,
        view: RecordView<'_>,
    ) {
        let at = world.at();
        for index in 0..self.each.len() {
            if let Err(text) = self.each[index].holds(&world.memory, place, view) {
                let invariant = self.each[index].name().to_owned();
                self.found(Violation { invariant, at, text });
            }
        }
        self.copies.landed(member.is_some(), place, offset, view);
        if member.is_none() {
            // Whatever its headers say: it is nobody's letter, copy or output.
            return;
        }
        if let Err(text) = self.outputs.landed(place, view) {
            self.violated("I7", at, text);
        }
        if let Err((invariant, text)) = self.settled.letter(world, place, offset, view) {
            self.violated(invariant, at, text);
        }
    }
}
