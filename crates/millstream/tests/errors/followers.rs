//! What becomes of those behind a dead letter of their key, said for the service or for one handler.

use super::support::*;
use super::*;

async fn refuses_the_first(order: Event<Order>) -> Result<(), HandlerError> {
    if order.number == 1 {
        // So that the others wait behind it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        return Err(HandlerError::permanent("no"));
    }
    Ok(())
}

/// The reasons of letters, in the order of their offsets.
async fn reasons(errors: ErrorHandling, settings: HandlerSettings) -> Vec<String> {
    let memory = Memory::new();
    send_orders(&memory, NEW, [order("a", 1), order("a", 2), order("b", 3), order("a", 4)]).await;
    run_until_settled(desk(&memory, errors).add_consumer_handler_with(NEW, GROUP, refuses_the_first, settings), 4).await;
    let mut letters: Vec<(String, String)> = memory
        .records(&topic("paper.orders.new.dlq"))
        .iter()
        .map(|letter| (said(letter, "__dlq.errors.offset"), said(letter, "millstream-dlq-reason")))
        .collect();
    letters.sort();
    letters.into_iter().map(|(offset, reason)| format!("{offset} {reason}")).collect()
}

#[tokio::test(start_paused = true)]
async fn followers_of_a_dead_letter_go_on_by_default() {
    assert_eq!(reasons(ErrorHandling::new(), HandlerSettings::new()).await, ["0 permanent"]);
}

#[tokio::test(start_paused = true)]
async fn followers_are_parked_with_the_reason_predecessor_where_the_service_says_so() {
    let errors = ErrorHandling::new().followers(Followers::Park);
    assert_eq!(reasons(errors, HandlerSettings::new()).await, ["0 permanent", "1 predecessor", "3 predecessor"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_says_otherwise_than_its_service() {
    let errors = ErrorHandling::new().followers(Followers::Park);
    assert_eq!(reasons(errors, HandlerSettings::new().followers(Followers::Continue)).await, ["0 permanent"]);
    let settings = HandlerSettings::new().followers(Followers::Park);
    assert_eq!(reasons(ErrorHandling::new(), settings).await, ["0 permanent", "1 predecessor", "3 predecessor"]);
}
