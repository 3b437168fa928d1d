//! Owns the cases of what arrives: clauses P5 and C16, from the producer's call to the consumer's batch.

use super::Scene;
use super::driver::{Seen, contents, error, produce, producer_of, record};
use crate::conformance::World;
use crate::conformance::case::{Case, Checked, Entry, IntoChecked, table};
use bytes::Bytes;
use millstream_core::contract::{ErrorKind, Producer, Record, Transport};
use millstream_core::topic::Topic;

/// The largest record that a case makes, in bytes.
const MOST: usize = 64 << 20;

table! {
    /// The cases of this room.
    <W: World> Scene<W>;
    P5, C16 => keys_values_and_timestamps_arrive_as_they_were_sent;
    P5, C16 => null_keys_and_tombstones_arrive_as_they_were_sent;
    P5, C16 => headers_arrive_as_they_were_sent_or_are_refused;
    P5, C4, C16 => a_large_record_arrives_whole;
}

/// Sends records to partition 0 and answers what is read there.
async fn round_trip<W: World>(scene: &Scene<W>, topic: &Topic, sent: &[Record]) -> Vec<Seen> {
    let answers = producer_of(scene).await.send(&produce(sent)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    contents(scene, topic.as_str(), topic, 0, sent.len()).await
}

/// P5 and C16: any bytes, none at all, and the timestamp arrive; who brings no timestamp is stamped.
async fn keys_values_and_timestamps_arrive_as_they_were_sent<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("as-sent", 1).await;
    let mut odd = record(&topic, 0, "x").at(1_700_000_000_123);
    odd.value = Some(Bytes::from_static(b"\0\xff\xfe not text \n"));
    odd.key = Some(Bytes::from((0..=255).collect::<Vec<u8>>()));
    let sent = [odd, record(&topic, 0, ""), record(&topic, 0, "plain")];
    for (sent, read) in sent.iter().zip(round_trip(scene, &topic, &sent).await) {
        assert_eq!(read.key.as_deref(), sent.key.as_deref());
        assert_eq!(read.value.as_deref(), sent.value.as_deref());
        assert!(read.headers.is_empty(), "{read:?}");
        assert!(sent.timestamp.is_none_or(|sent| sent == read.timestamp));
        assert!(read.timestamp > 0, "who brings no timestamp is stamped");
    }
}

/// P5 and C16: a null is neither nothing nor empty bytes.
async fn null_keys_and_tombstones_arrive_as_they_were_sent<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("nulls", 1).await;
    let mut tombstone = record(&topic, 0, "gone");
    tombstone.value = None;
    let mut nothing = record(&topic, 0, "").without_key();
    nothing.value = None;
    let sent = [tombstone, record(&topic, 0, "keyless").without_key(), nothing, record(&topic, 0, "")];
    let read = round_trip(scene, &topic, &sent).await;
    let of = |key: Option<&[u8]>, value: Option<&[u8]>| (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
    let read: Vec<_> = read.into_iter().map(|seen| (seen.key, seen.value)).collect();
    assert_eq!(read, [of(Some(b"gone"), None), of(None, Some(b"keyless")), of(None, None), of(Some(b""), Some(b""))]);
}

/// P5 and C16: repeated, empty and null headers arrive in order, or their record is refused.
async fn headers_arrive_as_they_were_sent_or_are_refused<W: World>(scene: &Scene<W>) {
    let topic = scene.create_topic("headers", 1).await;
    let mut odd = record(&topic, 0, "x").header("twice", "1").header("other", "").header("twice", "2").header("twice", "1");
    odd.headers.push((String::from("null"), None));
    odd.headers.push((String::from("raw"), Some(Bytes::from_static(b"\0\xff"))));
    let transport = scene.transport().await;
    if !transport.capabilities().headers.is_yes() {
        let answers = producer_of(scene).await.send(&produce(&[odd])).await;
        assert_eq!(error(&answers[0]).kind(), ErrorKind::Unsupported);
        return;
    }
    let sent: Vec<_> =
        odd.headers.iter().map(|(name, value)| (name.clone(), value.as_ref().map(|value| value.to_vec()))).collect();
    let read = round_trip(scene, &topic, &[odd, record(&topic, 0, "bare")]).await;
    assert_eq!(read[0].headers, sent);
    assert!(read[1].headers.is_empty(), "{:?}", read[1]);
}

/// P5, C4 and C16: what is below the limit is taken, and read, whole. A tenth is left to what a backend adds.
async fn a_large_record_arrives_whole<W: World>(scene: &Scene<W>) -> Checked {
    let topic = scene.create_topic("large", 1).await;
    let most = scene.transport().await.capabilities().max_record_bytes;
    if most > MOST {
        return Err(format!("a record of {most} bytes is more than a case should send").into());
    }
    let mut large = record(&topic, 0, "large");
    large.value = Some((0..most / 10 * 9).map(|at| (at % 251) as u8).collect::<Vec<u8>>().into());
    let sent = [record(&topic, 0, "small"), large, record(&topic, 0, "after")];
    let read = round_trip(scene, &topic, &sent).await;
    for (sent, read) in sent.iter().zip(&read) {
        assert!(
            read.value.as_deref() == sent.value.as_deref(),
            "{} bytes are not what was sent",
            read.value.as_ref().map_or(0, Vec::len)
        );
    }
    Ok(())
}
