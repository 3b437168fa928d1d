//! Owns the handing of a token to a client that never asks for one: nobody polls an administering client's main queue.

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::{CString, NulError, c_char};

/// Gives `client` a token that ends at `expires_at`, in milliseconds since the Unix epoch. Answers whether it was taken: one
/// that has ended, or has bytes in it that no token may have, is not.
///
/// # Errors
/// If a text has a null byte in it.
pub(crate) fn set_token<C: ClientContext>(
    client: &Client<C>,
    token: &str,
    principal: &str,
    expires_at: i64,
) -> Result<bool, NulError> {
    let (token, principal) = (CString::new(token)?, CString::new(principal)?);
    let mut reason: [c_char; 256] = [0; 256];
    // SAFETY: the client outlives the call, which copies both texts; the buffer is as long as is said; there are no extensions.
    let answer = unsafe {
        sys::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            token.as_ptr(),
            expires_at,
            principal.as_ptr(),
            std::ptr::null_mut(),
            0,
            reason.as_mut_ptr(),
            reason.len(),
        )
    };
    Ok(answer == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR)
}
