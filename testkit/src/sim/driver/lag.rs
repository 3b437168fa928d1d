//! Owns what of the inputs is not committed yet, and which of it may stay so. Leaves how long it may take to `driver`.

use super::*;

impl Driver {
    /// Whether a member says that a partition is parked.
    fn is_parked(&self, place: &TopicPartition) -> bool {
        let name = format!("partition {place}");
        self.members.iter().filter_map(|member| member.running.as_ref()).any(|running| {
            let health = running.handle.health();
            health.troubles.get(&name).is_some_and(|trouble| trouble.starts_with("parked"))
        })
    }

    /// Whether a member says that its breaker of a partition is open.
    fn is_open(&self, place: &TopicPartition) -> bool {
        let of = format!(" on {place}");
        self.members.iter().filter_map(|member| member.running.as_ref()).any(|running| {
            let health = running.handle.health();
            health.troubles.keys().any(|name| name.starts_with("breaker of ") && name.ends_with(&of))
        })
    }

    /// What of the inputs is not committed yet: the group, the partition, the commit and the end. `late` is when those that an
    /// open breaker holds back have had their time to be its probe.
    pub(super) fn lag(&self, late: bool) -> Vec<String> {
        let mut lag = Vec::new();
        let servers = self.world.servers();
        for (name, group) in servers.coordinator.groups() {
            for place in self.world.places(&group.wanted()) {
                let end = self.world.memory.end(&place.topic, place.partition).unwrap_or(0);
                let committed = group.committed.get(&place).map_or(0, |committed| committed.offset);
                let excused =
                    (self.plan.may_park && self.is_parked(&place)) || (late && self.plan.may_stay_open && self.is_open(&place));
                if committed < end && !excused {
                    lag.push(format!("{name} has committed {place} to {committed} of {end}"));
                }
            }
        }
        lag
    }
}
