//! Owns the cases of demand: clause C4.

use super::Scene;
use super::driver::{ABC, fill, pair};
use crate::conformance::World;
use crate::conformance::case::{Case, Entry, IntoChecked, Need, table};
use millstream_core::contract::Command;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    C4 => a_partition_yields_at_most_its_demand_in_records needs Groups;
    C4 => a_partition_yields_at_most_its_demand_in_bytes needs Groups;
    C4 => one_record_is_admitted_however_large needs Groups;
}

/// C4: a partition yields at most its demand in records, and what it does not yield is not lost.
async fn a_partition_yields_at_most_its_demand_in_records<W: World>(scene: &Scene<W>) {
    let (topic, mut member, few, many) = pair(scene, "records-demand").await;
    fill(scene, &topic, 0, &["a", "b", "c", "d", "e"]).await;
    member.tell(Command::Start { epoch: few.epoch, at: 0 });
    member.want(few.epoch, 2, u64::MAX);
    assert_eq!(member.records(2).await.len(), 2);
    // Without demand it yields nothing, and the other flows.
    fill(scene, &topic, 1, &ABC).await;
    member.begin(many.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == many.epoch), "records of another epoch");
    member.want(few.epoch, 10, u64::MAX);
    assert_eq!(member.records(3).await.iter().map(|(_, seen)| seen.text()).collect::<Vec<_>>(), ["c", "d", "e"]);
}

/// C4: a partition yields at most its demand in bytes.
async fn a_partition_yields_at_most_its_demand_in_bytes<W: World>(scene: &Scene<W>) {
    let (topic, mut member, few, many) = pair(scene, "bytes-demand").await;
    let kilo = "x".repeat(500); // Key and value: 1,000 bytes a record.
    fill(scene, &topic, 0, &[kilo.as_str(); 10]).await;
    member.tell(Command::Start { epoch: few.epoch, at: 0 });
    member.want(few.epoch, 10, 3_500);
    assert_eq!(member.records(3).await.len(), 3);
    fill(scene, &topic, 1, &ABC).await;
    member.begin(many.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == many.epoch), "records of another epoch");
    member.want(few.epoch, 10, 7_000);
    assert_eq!(member.records(7).await.len(), 7);
}

/// C4: whatever the bytes, one record is admitted (F95), and no second one.
async fn one_record_is_admitted_however_large<W: World>(scene: &Scene<W>) {
    let (topic, mut member, large, other) = pair(scene, "however-large").await;
    let big = "x".repeat(50_000);
    fill(scene, &topic, 0, &[big.as_str(); 3]).await;
    member.tell(Command::Start { epoch: large.epoch, at: 0 });
    member.want(large.epoch, 10, 1);
    assert_eq!(member.records(1).await.len(), 1);
    fill(scene, &topic, 1, &ABC).await;
    member.begin(other.epoch, 0);
    assert!(member.records(3).await.iter().all(|(epoch, _)| *epoch == other.epoch), "records of another epoch");
    member.want(large.epoch, 1, 1);
    assert_eq!(member.records(1).await[0].1.offset, 1);
}
