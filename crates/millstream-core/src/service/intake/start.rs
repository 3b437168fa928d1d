//! Owns where an epoch starts, and why. Leaves starting it to the intake.

use crate::contract::{Assigned, Error, ErrorKind, Offset, Operation};

/// Where a group starts that has no commit and never had one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartAt {
    /// At the first record in the log. The default: nothing is lost (F11).
    #[default]
    Earliest,
    /// After the last record. Whatever came before the first start is not handled; said in the log.
    Latest,
    /// Nowhere: the service ends with an error. For groups that must never start anew.
    Fail,
}

/// Where an epoch starts, and why.
pub(crate) fn start_at(assigned: &Assigned, policy: StartAt) -> Result<Offset, Error> {
    if let Some(at) = assigned.resume {
        tracing::info!(partition = %assigned.partition, at, "starts where a restart asked");
        return Ok(at);
    }
    if let Some(committed) = &assigned.committed {
        tracing::info!(partition = %assigned.partition, at = committed.offset, "starts at the committed offset");
        return Ok(committed.offset);
    }
    match policy {
        StartAt::Earliest => {
            let at = assigned.log_start.unwrap_or(0);
            tracing::info!(partition = %assigned.partition, at, "starts at the log's beginning: the group has no commit");
            Ok(at)
        }
        StartAt::Latest => {
            let at = assigned.end.unwrap_or(0);
            tracing::warn!(partition = %assigned.partition, at, "starts at the log's end: what came before is not handled");
            Ok(at)
        }
        StartAt::Fail => {
            let text = format!(
                "the group has no commit for {} and its start policy is to fail; reset its offsets first",
                assigned.partition
            );
            Err(Error::new(ErrorKind::Configuration, Operation::Group, text))
        }
    }
}
