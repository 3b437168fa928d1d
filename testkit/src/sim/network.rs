//! Owns the way between members and servers: how long a request and its reply take, which of them is lost, and what is cut
//! off. Leaves what a request does to whoever sends it.
//!
//! Requests and replies are lost independently, and a request on its way outlives the crash of its sender. What goes over one
//! connection keeps its order; a connection whose request was given up is closed, and the old request may then arrive
//! behind the new one.

use super::dice::Dice;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A member by its number.
pub(crate) type MemberNo = usize;

/// Whom a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Server {
    /// A broker of the cluster.
    Broker(u8),
    /// The shared deduplicator's store.
    Store,
    /// The shared error sink.
    Sink,
}

/// What a request is about; each kind of a member has a connection of its own to each server, but what the group is told
/// goes over one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Operation {
    /// Heartbeats, joins and leaves.
    Group,
    /// Commits.
    Commit,
    /// Reading.
    Fetch,
    /// Writing.
    Produce,
    /// Questions about topics.
    Metadata,
    /// Looking ids up.
    Check,
    /// Marking ids.
    Mark,
    /// Handing dead letters over.
    Letter,
}

impl Operation {
    /// Which connection it goes over.
    fn connection(self) -> u8 {
        match self {
            Operation::Group | Operation::Commit => 0,
            Operation::Fetch => 1,
            Operation::Produce => 2,
            Operation::Metadata => 3,
            Operation::Check | Operation::Mark => 4,
            Operation::Letter => 5,
        }
    }
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// When the request arrives; `None` if it is lost.
    pub(crate) arrives: Option<Instant>,
    /// How long the reply takes; `None` if it is lost.
    pub(crate) reply: Option<Duration>,
    /// Nobody will ever answer, and the client of the server does not notice.
    pub(crate) hangs: bool,
}

/// How bad the network is, in parts of 1,000 calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Weather {
    pub(crate) lost_requests: u64,
    pub(crate) lost_replies: u64,
    /// Calls that take a tenth of a second to one.
    pub(crate) slow: u64,
    /// Requests that arrive long after they were given up.
    pub(crate) late: u64,
}

impl Weather {
    pub(crate) const FAIR: Weather = Weather { lost_requests: 0, lost_replies: 0, slow: 0, late: 0 };
    pub(crate) const ROUGH: Weather = Weather { lost_requests: 8, lost_replies: 8, slow: 20, late: 4 };
    pub(crate) const STORMY: Weather = Weather { lost_requests: 60, lost_replies: 80, slow: 60, late: 40 };
}

/// A call that is answered by nobody is given up by a client after this long.
pub(crate) const GIVEN_UP: Duration = Duration::from_secs(3);

type Connection = (MemberNo, Server, u8);

#[derive(Debug)]
pub(crate) struct Network {
    dice: Dice,
    pub(crate) weather: Weather,
    /// Until when nothing of a member reaches a server, or comes back.
    cut: BTreeMap<(MemberNo, Server), Instant>,
    /// Until when a server takes requests and never answers them.
    hung: BTreeMap<Server, Instant>,
    /// Until when a server refuses connections.
    down: BTreeMap<Server, Instant>,
    /// Until when each request to a server takes longer, and by how much.
    slow: BTreeMap<Server, (Instant, Duration)>,
    last: BTreeMap<Connection, Instant>,
}

impl Network {
    pub(crate) fn new(dice: Dice) -> Self {
        Network {
            dice,
            weather: Weather::FAIR,
            cut: BTreeMap::new(),
            hung: BTreeMap::new(),
            down: BTreeMap::new(),
            slow: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    pub(crate) fn cut(&mut self, member: MemberNo, server: Server, until: Instant) {
        self.cut.insert((member, server), until);
    }

    pub(crate) fn hang(&mut self, server: Server, until: Instant) {
        self.hung.insert(server, until);
    }

    pub(crate) fn down(&mut self, server: Server, until: Instant) {
        self.down.insert(server, until);
    }

    pub(crate) fn slow(&mut self, server: Server, until: Instant, by: Duration) {
        self.slow.insert(server, (until, by));
    }

    /// Everything works from now on.
    pub(crate) fn heal(&mut self) {
        self.weather = Weather::FAIR;
        self.cut.clear();
        self.hung.clear();
        self.down.clear();
        self.slow.clear();
    }

    pub(crate) fn is_down(&self, server: Server, now: Instant) -> bool {
        self.down.get(&server).is_some_and(|until| *until > now)
    }

    /// A connection is closed because its request was given up: the next one does not wait behind it.
    pub(crate) fn closed(&mut self, member: MemberNo, server: Server, operation: Operation) {
        self.last.remove(&(member, server, operation.connection()));
    }

    /// Decides what becomes of a call.
    pub(crate) fn fate(&mut self, member: MemberNo, server: Server, operation: Operation, now: Instant) -> Fate {
        let weather = self.weather;
        let mut way = self.dice.millis(1, 4);
        if self.dice.chance(weather.slow) {
            way += self.dice.millis(100, 1_000);
        }
        let late = self.dice.chance(weather.late);
        if late {
            way += GIVEN_UP + self.dice.millis(0, 20_000);
        }
        if let Some((_, by)) = self.slow.get(&server).filter(|(until, _)| *until > now) {
            way += *by;
        }
        let back = self.dice.millis(1, 4);
        let lost = self.dice.chance(weather.lost_requests);
        let unheard = self.dice.chance(weather.lost_replies);
        let arrives_anyway = self.dice.chance(500);
        let connection = (member, server, operation.connection());
        let mut arrives = now + way;
        if let Some(last) = self.last.get(&connection) {
            arrives = arrives.max(*last);
        }
        self.last.insert(connection, arrives);
        let hangs = self.hung.get(&server).is_some_and(|until| *until > now);
        let cut = self.cut.get(&(member, server)).is_some_and(|until| *until > now);
        if hangs {
            return Fate { arrives: arrives_anyway.then_some(arrives), reply: None, hangs: true };
        }
        Fate { arrives: (!lost && !cut).then_some(arrives), reply: (!unheard && !cut).then_some(back), hangs: false }
    }
}
