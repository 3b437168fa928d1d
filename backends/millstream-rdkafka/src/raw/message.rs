//! Owns a record as librdkafka holds it, freed when dropped.

use rdkafka::bindings as sys;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::{self, NonNull};
use std::slice;

/// A record.
pub(crate) struct Message {
    /// What librdkafka frees, and the message in it.
    event: NonNull<sys::rd_kafka_event_t>,
    message: NonNull<sys::rd_kafka_message_t>,
}

// SAFETY: an event is owned by nobody else once it is taken off its queue, and librdkafka lets any thread read and free it.
unsafe impl Send for Message {}

impl Message {
    /// Takes over an event that was just taken off a queue, if there is a record in it; else it is freed.
    ///
    /// # Safety
    /// `event` must be valid and of the type of fetched records, and nobody else may free it.
    pub(super) unsafe fn take(event: NonNull<sys::rd_kafka_event_t>) -> Option<Self> {
        // SAFETY: said by the caller. Such an event has one message, which lives as long as the event.
        let message = unsafe { sys::rd_kafka_event_message_next(event.as_ptr()) };
        let Some(message) = NonNull::new(message.cast_mut()) else {
            // SAFETY: it is ours, and is not looked at any more.
            unsafe { sys::rd_kafka_event_destroy(event.as_ptr()) };
            return None;
        };
        Some(Message { event, message })
    }

    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: it is valid until `drop`, and nobody writes to it.
        unsafe { self.message.as_ref() }
    }

    /// The record's offset.
    pub(crate) fn offset(&self) -> i64 {
        self.raw().offset
    }

    /// The epoch of the leader that it was written under; negative if it is not known.
    pub(crate) fn leader_epoch(&self) -> i32 {
        // SAFETY: the message is valid, and only read.
        unsafe { sys::rd_kafka_message_leader_epoch(self.message.as_ptr()) }
    }

    pub(crate) fn timestamp(&self) -> i64 {
        // SAFETY: the message is valid; no type of timestamp is asked for.
        unsafe { sys::rd_kafka_message_timestamp(self.message.as_ptr(), ptr::null_mut()) }
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        // SAFETY: key and length belong together, and live as long as the message.
        unsafe { bytes(self.raw().key, self.raw().key_len) }
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.raw().payload, self.raw().len) }
    }

    /// Each header in order. A name that is no text is shown with `?` in place of what is none.
    pub(crate) fn each_header(&self, mut each: impl FnMut(&str, Option<&[u8]>)) {
        let mut headers: *mut sys::rd_kafka_headers_t = ptr::null_mut();
        // SAFETY: the message is valid; the headers that are written stay its own.
        let found = unsafe { sys::rd_kafka_message_headers(self.message.as_ptr(), &mut headers) };
        if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut len): (*const c_char, *const c_void, usize) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers live as long as the message; an index behind the last one is answered by an error.
            let got = unsafe { sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut len) };
            if got != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            // SAFETY: a header's name ends with a zero, and its value has that length; both live as long as the message.
            let (name, value) = unsafe { (CStr::from_ptr(name), bytes(value.cast_mut(), len)) };
            each(&name.to_string_lossy(), value);
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it is ours alone, and is not looked at any more; the message goes with it.
        unsafe { sys::rd_kafka_event_destroy(self.event.as_ptr()) }
    }
}

/// `None` for a null pointer, which is no empty text.
///
/// # Safety
/// If it is not null, `len` bytes at `start` must be readable for `'a`.
unsafe fn bytes<'a>(start: *mut c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: said by the caller.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast_const().cast(), len) })
}
