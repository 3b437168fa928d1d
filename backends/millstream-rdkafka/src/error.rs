//! Owns what librdkafka's errors mean: their kind, whether trying again helps, and what is known of the effect. One table; what
//! is in no line of it is taken for trouble that passes, and its effect for unknown.

use crate::client::ClientHooks;
use millstream_core::contract::{Applied, Error, ErrorKind, NotApplied, Operation, TopicPartition, TryAgain};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

/// What an error of the library means. `Applied` is what is known of a change that failed with it.
struct Meaning {
    kind: ErrorKind,
    again: bool,
    applied: Applied,
}

const fn meaning(kind: ErrorKind, again: bool, applied: Applied) -> Meaning {
    Meaning { kind, again, applied }
}

const REFUSED: Applied = Applied::NotApplied(NotApplied::Refused);
const NOT_SENT: Applied = Applied::NotApplied(NotApplied::NotSent);
const STALE: Applied = Applied::NotApplied(NotApplied::Stale);
const FENCED: Applied = Applied::NotApplied(NotApplied::Fenced);

/// The table.
fn meaning_of(code: Code) -> Meaning {
    match code {
        // Nobody answered: it may have been done.
        Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut => {
            meaning(ErrorKind::TimedOut, true, Applied::Unknown)
        }
        Code::BrokerTransportFailure | Code::NetworkException | Code::PurgeInflight | Code::Retry | Code::Interrupted => {
            meaning(ErrorKind::Unavailable, true, Applied::Unknown)
        }
        Code::NotEnoughReplicasAfterAppend => meaning(ErrorKind::Unavailable, true, Applied::Unknown),
        // It never left.
        Code::QueueFull => meaning(ErrorKind::Full, true, NOT_SENT),
        Code::TimedOutQueue => meaning(ErrorKind::TimedOut, true, NOT_SENT),
        Code::PurgeQueue
        | Code::AllBrokersDown
        | Code::Resolve
        | Code::WaitingForCoordinator
        | Code::WaitCache
        | Code::NoOffset
        | Code::InProgress
        | Code::PreviousInProgress => meaning(ErrorKind::Unavailable, true, NOT_SENT),
        // The broker did not do it and may do it later.
        Code::NotEnoughReplicas
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::BrokerNotAvailable
        | Code::ReplicaNotAvailable
        | Code::FencedLeaderEpoch
        | Code::UnknownLeaderEpoch
        | Code::KafkaStorageError
        | Code::CoordinatorLoadInProgress
        | Code::CoordinatorNotAvailable
        | Code::NotCoordinator
        | Code::OffsetNotAvailable
        | Code::UnstableOffsetCommit
        | Code::ThrottlingQuotaExceeded => meaning(ErrorKind::Unavailable, true, NOT_SENT),
        // The group is between generations.
        Code::IllegalGeneration | Code::RebalanceInProgress | Code::StaleMemberEpoch | Code::AssignmentLost => {
            meaning(ErrorKind::Unavailable, true, STALE)
        }
        // Somebody else has its place.
        Code::UnknownMemberId
        | Code::FencedInstanceId
        | Code::FencedMemberEpoch
        | Code::UnreleasedInstanceId
        | Code::Fenced
        | Code::InvalidProducerEpoch
        | Code::ProducerFenced => meaning(ErrorKind::Fenced, false, FENCED),
        // Refused for good.
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::UnknownTopicId => {
            meaning(ErrorKind::UnknownTopic, false, REFUSED)
        }
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            meaning(ErrorKind::TooLarge, false, REFUSED)
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication => meaning(ErrorKind::Unauthorized, false, REFUSED),
        Code::OffsetMetadataTooLarge
        | Code::InvalidCommitOffsetSize
        | Code::InvalidMessage
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::InvalidRequiredAcks
        | Code::InvalidTopic
        | Code::InvalidGroupId
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidConfig
        | Code::InvalidRequest
        | Code::InvalidArgument
        | Code::InconsistentGroupProtocol
        | Code::UnsupportedAssignor
        | Code::TopicAlreadyExists
        | Code::BadMessage => meaning(ErrorKind::Invalid, false, REFUSED),
        Code::PolicyViolation => meaning(ErrorKind::Unwritable, false, REFUSED),
        Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::NotImplemented => meaning(ErrorKind::Unsupported, false, REFUSED),
        Code::SSL => meaning(ErrorKind::Unauthorized, false, NOT_SENT),
        // The client has given itself up.
        Code::Fatal | Code::GaplessGuarantee | Code::Inconsistent | Code::OutOfOrderSequenceNumber => {
            meaning(ErrorKind::Internal, false, Applied::Unknown)
        }
        Code::BrokerDestroy | Code::DestroyBroker => meaning(ErrorKind::Ended, false, Applied::Unknown),
        _ => meaning(ErrorKind::Unavailable, true, Applied::Unknown),
    }
}

/// An error of the library in the contract's words.
pub(crate) fn of(operation: Operation, code: Code, context: &str) -> Error {
    let Meaning { kind, again, applied } = meaning_of(code);
    let error = Error::new(kind, operation, format!("{context}: {code}"));
    error.with_try_again(if again { TryAgain::Yes } else { TryAgain::No }).with_applied(applied)
}

/// What became of an entry of a commit.
pub(crate) fn of_commit(code: Option<Code>) -> Applied {
    match code {
        None | Some(Code::NoError) => Applied::Applied,
        Some(code) => meaning_of(code).applied,
    }
}

/// Why a record was not delivered; `written` says whether it may be in the log all the same.
pub(crate) fn of_delivery(code: Code, place: &TopicPartition, written: bool) -> Error {
    let error = of(Operation::Send, code, &place.to_string());
    match (error.applied(), written) {
        // Nothing left the client, whatever the code says.
        (Applied::Unknown, false) => error.with_applied(NOT_SENT),
        (Applied::NotApplied(_), true) if error.is_retriable() => error.with_applied(Applied::Unknown),
        _ => error,
    }
}

/// Trouble of a consumer that goes on trying.
pub(crate) fn of_consumer(code: Code) -> Error {
    of(Operation::Fetch, code, "the consumer has trouble")
}

pub(crate) fn of_kafka(operation: Operation, error: &KafkaError, context: &str) -> Error {
    of(operation, error.rdkafka_error_code().unwrap_or(Code::Fail), context)
}

/// The end of a client.
pub(crate) fn fatal(code: Code, reason: &str) -> Error {
    let Meaning { kind, .. } = meaning_of(code);
    let text = format!("the client cannot go on: {code} {reason}");
    Error::new(kind, Operation::Group, text).with_try_again(TryAgain::No)
}

/// Why a client was not made. A value is never repeated: it may be a secret.
pub(crate) fn of_config(error: &KafkaError, hooks: &ClientHooks) -> Error {
    let text = match error {
        KafkaError::ClientConfig(_, reason, name, _) if crate::config::is_hidden(name) => {
            let unknown = reason.starts_with("No such");
            format!("`{name}` {}", if unknown { "is no setting of librdkafka" } else { "has a value that librdkafka refuses" })
        }
        KafkaError::ClientConfig(_, reason, name, _) => format!("`{name}`: {reason}"),
        KafkaError::ClientCreation(reason) => reason.clone(),
        other => other.to_string(),
    };
    Error::new(ErrorKind::Configuration, Operation::Connect, hooks.credentials.clean(&text).into_owned())
}

pub(crate) fn bad_config(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, Operation::Connect, text)
}

pub(crate) fn bad_request(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Invalid, Operation::Group, text)
}

pub(crate) fn of_text(text: String) -> Error {
    Error::new(ErrorKind::Invalid, Operation::Group, text)
}

pub(crate) fn no_topic(operation: Operation, topic: &str) -> Error {
    Error::new(ErrorKind::UnknownTopic, operation, format!("there is no topic {topic}"))
}

pub(crate) fn no_partition(operation: Operation, place: &TopicPartition, partitions: u32) -> Error {
    let text = format!("topic {} has {partitions} partitions, none is {}", place.topic, place.partition);
    Error::new(ErrorKind::UnknownTopic, operation, text)
}

pub(crate) fn too_large(place: &TopicPartition, size: usize, limit: usize) -> Error {
    Error::new(ErrorKind::TooLarge, Operation::Send, format!("a record of {size} bytes; {place} takes {limit}"))
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Ended, Operation::Group, "the consumer was closed")
}

pub(crate) fn thread_ended() -> Error {
    Error::new(ErrorKind::Internal, Operation::Group, "the consumer's thread ended")
}

pub(crate) fn unheard(group: &str) -> Error {
    Error::new(ErrorKind::TimedOut, Operation::Close, format!("group {group} did not hear that its member leaves"))
}

#[cfg(test)]
mod tests {
    use super::{Code, of, of_commit, of_delivery};
    use millstream_core::contract::{Applied, ErrorKind, NotApplied, Operation, TopicPartition};

    fn kind(code: Code) -> (ErrorKind, bool, Applied) {
        let error = of(Operation::Send, code, "x");
        (error.kind(), error.is_retriable(), error.applied())
    }

    #[test]
    fn trouble_that_passes_is_tried_again_and_refusals_are_not() {
        let not = Applied::NotApplied;
        for (code, expected) in [
            (Code::MessageTimedOut, (ErrorKind::TimedOut, true, Applied::Unknown)),
            (Code::BrokerTransportFailure, (ErrorKind::Unavailable, true, Applied::Unknown)),
            (Code::NotEnoughReplicas, (ErrorKind::Unavailable, true, not(NotApplied::NotSent))),
            (Code::NotEnoughReplicasAfterAppend, (ErrorKind::Unavailable, true, Applied::Unknown)),
            (Code::KafkaStorageError, (ErrorKind::Unavailable, true, not(NotApplied::NotSent))),
            (Code::QueueFull, (ErrorKind::Full, true, not(NotApplied::NotSent))),
            (Code::UnknownTopicOrPartition, (ErrorKind::UnknownTopic, false, not(NotApplied::Refused))),
            (Code::MessageSizeTooLarge, (ErrorKind::TooLarge, false, not(NotApplied::Refused))),
            (Code::TopicAuthorizationFailed, (ErrorKind::Unauthorized, false, not(NotApplied::Refused))),
            (Code::SaslAuthenticationFailed, (ErrorKind::Unauthorized, false, not(NotApplied::Refused))),
            (Code::FencedInstanceId, (ErrorKind::Fenced, false, not(NotApplied::Fenced))),
            (Code::UnsupportedVersion, (ErrorKind::Unsupported, false, not(NotApplied::Refused))),
            (Code::PolicyViolation, (ErrorKind::Unwritable, false, not(NotApplied::Refused))),
        ] {
            assert_eq!(kind(code), expected, "{code:?}");
        }
    }

    #[test]
    fn what_nobody_knows_is_taken_for_trouble_that_passes() {
        assert_eq!(kind(Code::Unknown), (ErrorKind::Unavailable, true, Applied::Unknown));
    }

    #[test]
    fn a_commit_is_applied_not_applied_or_unknown() {
        let not = Applied::NotApplied;
        for (code, applied) in [
            (None, Applied::Applied),
            (Some(Code::NoError), Applied::Applied),
            (Some(Code::IllegalGeneration), not(NotApplied::Stale)),
            (Some(Code::RebalanceInProgress), not(NotApplied::Stale)),
            (Some(Code::StaleMemberEpoch), not(NotApplied::Stale)),
            (Some(Code::UnknownMemberId), not(NotApplied::Fenced)),
            (Some(Code::FencedMemberEpoch), not(NotApplied::Fenced)),
            (Some(Code::OffsetMetadataTooLarge), not(NotApplied::Refused)),
            (Some(Code::GroupAuthorizationFailed), not(NotApplied::Refused)),
            (Some(Code::NotCoordinator), not(NotApplied::NotSent)),
            (Some(Code::TimedOutQueue), not(NotApplied::NotSent)),
            (Some(Code::OperationTimedOut), Applied::Unknown),
            (Some(Code::BrokerTransportFailure), Applied::Unknown),
            (Some(Code::RequestTimedOut), Applied::Unknown),
        ] {
            assert_eq!(of_commit(code), applied, "{code:?}");
        }
    }

    #[test]
    fn a_record_that_may_have_been_written_is_never_called_unwritten() {
        let place = TopicPartition::new("shared.a".parse().expect("a topic"), 0);
        let of = |code, written| of_delivery(code, &place, written).applied();
        assert_eq!(of(Code::MessageTimedOut, true), Applied::Unknown);
        assert_eq!(of(Code::MessageTimedOut, false), Applied::NotApplied(NotApplied::NotSent));
        assert_eq!(of(Code::NotEnoughReplicas, true), Applied::Unknown);
        assert_eq!(of(Code::MessageSizeTooLarge, false), Applied::NotApplied(NotApplied::Refused));
    }
}
