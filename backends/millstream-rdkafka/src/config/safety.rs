//! Owns what is forced: settings whose defaults in librdkafka lose or double records, and those that this backend says itself.
//! Whoever sets one otherwise is refused with the reason.

use super::preset::Setting;

const fn forced(name: &'static str, value: &'static str, reason: &'static str) -> Setting {
    Setting { name, value, reason }
}

/// What every producer gets.
pub(super) const PRODUCER: &[Setting] = &[
    forced("enable.idempotence", "true", "a retry would write a record twice, or behind a later one"),
    forced("acks", "-1", "a receipt means that all replicas in sync have the record"),
    forced(
        "message.timeout.ms",
        "0",
        "a record that the client gives up lets later ones overtake it; how long a send waits is `delivery_timeout`",
    ),
    forced("enable.gapless.guarantee", "false", "with it one record refused by the broker ends the client for all"),
];

/// What every consumer gets.
pub(super) const CONSUMER: &[Setting] = &[
    forced("enable.auto.commit", "false", "an offset moves after its record is settled, and not by a clock"),
    forced("enable.auto.offset.store", "false", "what was fetched is not what was settled"),
    forced("auto.offset.reset", "error", "an offset outside the log is told and never reset in silence"),
    forced("isolation.level", "read_committed", "records of aborted transactions do not exist"),
    forced("check.crcs", "true", "a record damaged on its way is not handed out"),
    forced("enable.partition.eof", "true", "the end of a partition is told, so that lag is 0 at rest"),
    forced("allow.auto.create.topics", "false", "a misspelt topic is an error and no new topic"),
];

/// What the backend says itself, and by what it is said instead.
pub(super) const OURS: &[(&str, &str)] = &[
    ("bootstrap.servers", "the servers are named when the configuration is made"),
    ("metadata.broker.list", "the servers are named when the configuration is made"),
    ("client.id", "it is `client_id`"),
    ("group.id", "the group is that of the consumer's request"),
    ("group.instance.id", "it is `instance_id`"),
    ("group.protocol", "it is `group_protocol`"),
    ("partition.assignment.strategy", "it follows the request's protocol: eager is range, cooperative is cooperative-sticky"),
    ("session.timeout.ms", "it is that of the consumer's request"),
    ("max.poll.interval.ms", "it follows the request's session and budget"),
    ("socket.timeout.ms", "a consumer's is below its budget for revocations, which an unanswered commit would hold up"),
    ("message.max.bytes", "it is `max_record_bytes`"),
    ("partitioner", "partitions are chosen by Millstream, alike for all clients"),
    ("transactional.id", "transactions are not supported"),
    ("security.protocol", "it follows from `danger_plaintext` and `sasl`"),
    ("sasl.mechanism", "it follows from `sasl`"),
    ("sasl.mechanisms", "it follows from `sasl`"),
    ("sasl.username", "it is said by `sasl`"),
    ("sasl.password", "it is said by `sasl`"),
    ("enable.sasl.oauthbearer.unsecure.jwt", "tokens come from `Sasl::oauth_bearer`; an unsecured one proves nothing"),
    ("enable.ssl.certificate.verification", "it is `danger_no_verification`"),
    ("ssl.endpoint.identification.algorithm", "it is `danger_no_verification`"),
];

/// Other names of settings above.
const ALIASES: &[(&str, &str)] = &[
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("auto.commit.enable", "enable.auto.commit"),
];

/// Why a user's setting cannot be taken; `None` if it can.
pub(super) fn refusal(name: &str, value: &str) -> Option<String> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, of)| *of);
    if let Some((_, reason)) = OURS.iter().find(|(ours, _)| *ours == name) {
        return Some(format!("`{name}` cannot be set: {reason}"));
    }
    if let Some(forced) = PRODUCER.iter().chain(CONSUMER).find(|forced| forced.name == name) {
        let same = forced.value == value || (name == "acks" && value == "all");
        return (!same).then(|| format!("`{name}` is `{}` and cannot be set otherwise: {}", forced.value, forced.reason));
    }
    if matches!(name, "max.in.flight" | "max.in.flight.requests.per.connection")
        && !value.parse().is_ok_and(|n: u32| (1..=5).contains(&n))
    {
        return Some(format!("`{name}` is 1 to 5: an idempotent producer keeps order within 5 requests"));
    }
    if matches!(name, "retries" | "message.send.max.retries") {
        return Some(format!("`{name}` cannot be set: what passes is tried again until it has passed"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn an_override_of_a_safety_setting_is_refused_with_the_reason() {
        for (name, value, reason) in [
            ("enable.auto.commit", "true", "settled"),
            ("auto.commit.enable", "true", "settled"),
            ("enable.auto.offset.store", "true", "settled"),
            ("auto.offset.reset", "latest", "silence"),
            ("acks", "1", "replicas"),
            ("request.required.acks", "0", "replicas"),
            ("enable.idempotence", "false", "twice"),
            ("isolation.level", "read_uncommitted", "aborted"),
            ("check.crcs", "false", "damaged"),
            ("max.in.flight", "6", "order"),
            ("retries", "0", "passes"),
            ("delivery.timeout.ms", "1000", "overtake"),
            ("enable.ssl.certificate.verification", "false", "danger_no_verification"),
            ("security.protocol", "plaintext", "danger_plaintext"),
        ] {
            let words = refusal(name, value).unwrap_or_else(|| panic!("{name} was taken"));
            assert!(words.contains(reason), "{words}");
        }
    }

    #[test]
    fn what_is_safe_may_be_said_again_and_the_rest_is_passed_through() {
        for (name, value) in
            [("acks", "all"), ("acks", "-1"), ("enable.auto.commit", "false"), ("linger.ms", "3"), ("max.in.flight", "1")]
        {
            assert_eq!(refusal(name, value), None, "{name}");
        }
    }
}
