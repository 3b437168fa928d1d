//! What an event looks like.
