//! Owns the cases of the client itself: clauses T1 and T2.

use super::Harness;
use super::driver::{fill, member};
use millstream_core::contract::Transport;

/// T1: what a transport makes is independent of what else it makes.
pub async fn two_groups_read_everything_each<H: Harness>(harness: &H) {
    let topic = harness.create_topic("two-groups", 1).await;
    fill(harness, &topic, 0, &["a", "b", "c"]).await;
    for group in ["two-groups-1", "two-groups-2"] {
        let mut member = member(harness, group, &topic).await;
        let assigned = member.assigned_one().await;
        member.begin(assigned.epoch, 0);
        let read: Vec<String> = member.records(3).await.iter().map(|(_, seen)| seen.text()).collect();
        assert_eq!(read, ["a", "b", "c"], "group {group}");
    }
}

/// T2: capabilities never change.
pub async fn capabilities_never_change<H: Harness>(harness: &H) {
    let transport = harness.transport().await;
    let before = transport.capabilities();
    let topic = harness.create_topic("capabilities", 1).await;
    fill(harness, &topic, 0, &["a"]).await;
    assert_eq!(transport.capabilities(), before);
    assert_eq!(harness.transport().await.capabilities(), before);
}
