//! Where retry topics cannot work, and who says so.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_missing_retry_topic_is_found_before_anything_starts() {
    let memory = Memory::builder().auto_create(false).build();
    for name in [NEW, LETTERS, FIRST] {
        memory.create_topic(&topic(name), TopicConfig::new(1)).expect("a new topic");
    }
    let service = service(&memory, &Desk::failing(0), errors()).build().expect("a valid service");
    let error = service.run().await.expect_err("there is no second retry topic");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("the retry topic paper.orders.new.retry.2 does not exist"), "{error}");
}

#[test]
fn retry_topics_are_refused_where_they_cannot_work_or_would_break_an_order() {
    async fn quiet(_: Position) {}
    let positions = || HandlerSettings::new().id_source(IdSource::Position);
    let refused = |errors: ErrorHandling, topic: &str, settings: HandlerSettings| {
        let builder = super::desk(&Memory::new(), errors).add_consumer_handler_with(topic, GROUP, quiet, settings);
        builder.build().expect_err("it cannot work").to_string()
    };
    let retries = errors;
    for (text, part) in [
        (
            refused(retries(), LETTERS, positions()),
            "reads the dead-letter topic `paper.orders.new.dlq`, which has no retry topics",
        ),
        (refused(retries(), FIRST, positions()), "a retry topic, which the service reads itself"),
        (refused(retries(), NEW, positions().followers(Followers::Park)), "parks what follows a dead letter"),
        (refused(retries().followers(Followers::Park), NEW, positions()), "parks what follows a dead letter"),
        (refused(retries(), NEW, positions().lanes(LanePolicy::ByPartition)), "wants a partition's order"),
        (refused(retries().retry_topics([Duration::ZERO]), NEW, positions()), "retry topic 1 has no delay"),
        (
            refused(retries().retry_topics([minutes(1); 17]), NEW, positions()),
            "17 retry topics are declared, and 16 are the most",
        ),
        (refused(retries(), &format!("paper.orders.{}", "x".repeat(235)), positions()), "249"),
    ] {
        assert!(text.contains(part) && text.contains("remedy:"), "{part:?} is missing in:\n{text}");
    }
}
