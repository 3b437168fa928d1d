//! Requests that no client library makes: what an operator or misfortune does to a group or a log. Plain servers only.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Answers that pass: a coordinator that is being found or loaded, or is busy with the transaction before.
const PASSING: [i16; 5] = [14, 15, 16, 51, 3];

/// A request's body, and an answer that is read from its front.
#[derive(Default)]
struct Bytes(Vec<u8>, usize);

impl Bytes {
    fn int(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        let length = i16::try_from(text.len()).expect("a short text");
        self.int(&length.to_be_bytes()).int(text.as_bytes())
    }

    /// A text as newer requests have it, of less than 127 bytes.
    fn compact(self, text: &str) -> Self {
        let length = u8::try_from(text.len() + 1).expect("a short text");
        assert!(length < 128, "its length is one byte");
        self.int(&[length]).int(text.as_bytes())
    }

    fn take(&mut self, count: usize) -> &[u8] {
        self.1 += count;
        &self.0[self.1 - count..self.1]
    }

    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().expect("two bytes"))
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().expect("four bytes"))
    }

    fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take(8).try_into().expect("eight bytes"))
    }

    fn read(&mut self) -> String {
        let length = usize::try_from(self.i16()).unwrap_or(0);
        String::from_utf8_lossy(self.take(length)).into_owned()
    }

    fn read_compact(&mut self) -> String {
        let length = usize::from(self.take(1)[0]).saturating_sub(1);
        String::from_utf8_lossy(self.take(length)).into_owned()
    }
}

/// A connection to one broker.
struct Wire(TcpStream);

impl Wire {
    fn to(server: &str) -> Self {
        let stream = TcpStream::connect(server).expect("the broker is there");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        Wire(stream)
    }

    /// The answer's body. `flexible` requests have tags in their headers, and so have their answers.
    fn ask(&mut self, key: i16, version: i16, flexible: bool, body: &Bytes) -> Bytes {
        let mut request =
            Bytes::default().int(&key.to_be_bytes()).int(&version.to_be_bytes()).int(&7_i32.to_be_bytes()).text("wire");
        if flexible {
            request = request.int(&[0]);
        }
        request = request.int(&body.0);
        let length = i32::try_from(request.0.len()).expect("a short request");
        self.0.write_all(&[length.to_be_bytes().as_slice(), &request.0].concat()).expect("it takes a request");
        let mut length = [0; 4];
        self.0.read_exact(&mut length).expect("it answers");
        let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).expect("a length")];
        self.0.read_exact(&mut answer).expect("it answers");
        let mut answer = Bytes(answer, 0);
        assert_eq!(answer.i32(), 7, "the answer of another request");
        if flexible {
            answer.take(1);
        }
        answer
    }

    /// As `ask`, again and again while the code that `code` reads is one that passes.
    fn ask_until(&mut self, key: i16, version: i16, body: &Bytes, mut code: impl FnMut(&mut Bytes) -> i16) -> Bytes {
        for _ in 0..200 {
            let mut answer = self.ask(key, version, false, body);
            let found = code(&mut answer);
            if found == 0 {
                return answer;
            }
            assert!(PASSING.contains(&found), "request {key} is answered with error {found}");
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("request {key} is not answered")
    }
}

/// Throws the member of that name out of a group of the classic protocol, as its operator does.
pub(crate) fn expel(server: &str, group: &str, client_id: &str) {
    let mut wire = Wire::to(server);
    let mut answer = wire.ask(15, 0, false, &Bytes::default().int(&1_i32.to_be_bytes()).text(group));
    assert_eq!((answer.i32(), answer.i16()), (1, 0), "the group is described");
    for _ in 0..4 {
        answer.read();
    }
    let members = (0..answer.i32()).map(|_| {
        let (member, client) = (answer.read(), answer.read());
        answer.read();
        for _ in 0..2 {
            let bytes = usize::try_from(answer.i32()).unwrap_or(0);
            answer.take(bytes);
        }
        (client, member)
    });
    let members: BTreeMap<String, String> = members.collect();
    let member = members.get(client_id).unwrap_or_else(|| panic!("{group} has no member {client_id}: {members:?}"));
    let mut answer = wire.ask(13, 0, false, &Bytes::default().text(group).text(member));
    assert_eq!(answer.i16(), 0, "the member is gone");
}

/// As [`expel`], of a group of the protocol of KIP-848 that has this one member.
pub(crate) fn expel_lone(server: &str, group: &str, client_id: &str) {
    let mut wire = Wire::to(server);
    let mut answer = wire.ask(69, 0, true, &Bytes::default().int(&[2]).compact(group).int(&[0, 0]));
    answer.i32();
    assert_eq!((answer.take(1)[0], answer.i16()), (2, 0), "the group is described");
    for _ in 0..3 {
        answer.read_compact();
    }
    answer.take(8);
    answer.read_compact();
    assert_eq!(answer.take(1)[0], 2, "{group} has one member");
    let member = answer.read_compact();
    for _ in 0..2 {
        answer.read_compact();
    }
    answer.i32();
    assert_eq!(answer.read_compact(), client_id);
    // Epoch -1 says that it leaves; all else is left as it is.
    let leaving = Bytes::default().compact(group).compact(&member).int(&(-1_i32).to_be_bytes()).int(&[0, 0]);
    let leaving = leaving.int(&(-1_i32).to_be_bytes()).int(&[0, 0, 0, 0]);
    let mut answer = wire.ask(68, 0, true, &leaving);
    answer.i32();
    assert_eq!(answer.i16(), 0, "the member is gone");
}

/// Writes the marker of a transaction without records to a partition: it takes one offset. `name` is the transaction's own.
pub(crate) fn mark(server: &str, name: &str, topic: &str, partition: u32) {
    let mut wire = Wire::to(server);
    let behind_throttle = |answer: &mut Bytes| {
        answer.i32();
        answer.i16()
    };
    wire.ask_until(10, 1, &Bytes::default().text(name).int(&[1]), behind_throttle);
    let begin = Bytes::default().text(name).int(&60_000_i32.to_be_bytes());
    let mut answer = wire.ask_until(22, 0, &begin, behind_throttle);
    let (producer, epoch) = (answer.i64(), answer.i16());
    let of = |body: Bytes| body.text(name).int(&producer.to_be_bytes()).int(&epoch.to_be_bytes());
    let one = 1_i32.to_be_bytes();
    let partition = i32::try_from(partition).expect("few partitions").to_be_bytes();
    let body = of(Bytes::default()).int(&one).text(topic).int(&one).int(&partition);
    wire.ask_until(24, 0, &body, |answer| {
        answer.i32();
        answer.i32();
        answer.read();
        answer.i32();
        answer.i32();
        answer.i16()
    });
    wire.ask_until(26, 0, &of(Bytes::default()).int(&[0]), behind_throttle);
    // The next transaction of the name begins when the marker of this one is written.
    wire.ask_until(22, 0, &begin, behind_throttle);
}
