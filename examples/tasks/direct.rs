//! A tool that copies a topic: records sent and read in a loop of its own, without a service.

use millstream::prelude::*;

const OLD: Topic = Topic::literal("market.ticks");
const NEW: Topic = Topic::literal("market.ticks-v2");

/// Copies so many records and answers how many batches it took. Works on any transport.
async fn copy(log: impl Transport, mut records: usize) -> Result<usize, Error> {
    let producer = log.producer().await?;
    let mut reader = log.reader("tools.copy", &[OLD]).await?;
    let mut batches = 0;
    while records > 0 {
        let batch = reader.next_batch().await?;
        let copies = (&batch).into_iter().map(|record| {
            let copy = Record::new(NEW, record.key_bytes().unwrap_or_default(), record.value_bytes().unwrap_or_default());
            copy.at(record.timestamp())
        });
        // Committed when all are confirmed, and not before: a crash here copies some again and loses none.
        for answer in producer.send_all(copies.collect()).await? {
            answer?;
        }
        reader.commit_batch(&batch).await?;
        records = records.saturating_sub(batch.len());
        batches += 1;
    }
    reader.close().await?;
    Ok(batches)
}

pub(crate) async fn run() -> Result<(), Error> {
    let memory = Memory::new();
    let producer = memory.producer().await?;
    for price in ["1.0832", "1.0833", "1.0831"] {
        let receipt = producer.send_one(Record::new(OLD, "EURUSD", price)).await?;
        assert_eq!(receipt.partition, 0);
    }
    copy(memory.clone(), 3).await?;
    let copied: Vec<_> = memory.records(&NEW).into_iter().map(|record| record.value.expect("it has a value")).collect();
    assert_eq!(copied, ["1.0832", "1.0833", "1.0831"]);
    assert_eq!(memory.committed("tools.copy", &OLD, 0).map(|committed| committed.offset), Some(3));
    Ok(())
}
