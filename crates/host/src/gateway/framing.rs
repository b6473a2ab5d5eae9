//! Where messages begin and end on a connection, told from its bytes alone, and stricter than HTTP allows.
//!
//! hyper reads what RFC 9112 lets a lenient server read: lines that end in a bare line feed, `Content-Length` beside `Transfer-Encoding`, a
//! length that is given twice. Proxies in front of the host may see other messages in such bytes, which is all that request smuggling is. So
//! whatever two readers could understand differently is refused here, before hyper sees it.

/// Of a line so much is kept; those that matter (a length, a coding, a chunk's size) are shorter, or refused.
const LINE: usize = 128;
/// All trailer fields of a body together.
const MAX_TRAILERS: usize = 8 << 10;

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The request line or a header.
    Head,
    /// A body of known length: so many bytes are to come.
    Body(u64),
    /// The line before a chunk.
    ChunkSize,
    /// A chunk: so many bytes are to come.
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    /// What follows the last chunk.
    Trailers,
}

/// What the lines of a head said so far.
#[derive(Clone, Copy, Default)]
struct Head {
    /// The request line was there.
    begun: bool,
    length: Option<u64>,
    chunked: bool,
}

/// A line as it comes, without its line feed.
struct Line {
    kept: [u8; LINE],
    length: usize,
    last: u8,
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.kept.get_mut(self.length..) {
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
        }
        self.length += bytes.len();
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// Without its carriage return; `None` if it has none.
    fn text(&self) -> Option<&[u8]> {
        let length = self.length.checked_sub(1).filter(|_| self.last == b'\r')?;
        Some(&self.kept[..length.min(LINE)])
    }

    fn is_cut(&self) -> bool {
        self.length > LINE
    }
}

/// Follows a connection from message to message.
pub(super) struct Framing {
    state: State,
    head: Head,
    line: Line,
    trailers: usize,
}

impl Framing {
    pub(super) fn new() -> Self {
        let line = Line { kept: [0; LINE], length: 0, last: 0 };
        Self { state: State::Head, head: Head::default(), line, trailers: 0 }
    }

    /// Whether the last message is complete and the next one has not begun.
    pub(super) fn is_between_messages(&self) -> bool {
        self.state == State::Head && !self.head.begun && self.line.length == 0
    }

    /// Takes what came; the place of the first byte that is refused, if one is.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if let State::Body(left) | State::Chunk(left) = self.state {
                let step = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                at += step;
                self.state = self.after_bytes(left - step as u64);
                continue;
            }
            let end = rest.iter().position(|byte| *byte == b'\n');
            self.line.push(&rest[..end.unwrap_or(rest.len())]);
            let Some(end) = end else { break };
            self.state = self.after_line().ok_or(at + end)?;
            self.line.length = 0;
            self.line.last = 0;
            at += end + 1;
        }
        Ok(())
    }

    fn after_bytes(&self, left: u64) -> State {
        match (self.state, left) {
            (State::Body(_), 0) => State::Head,
            (State::Chunk(_), 0) => State::ChunkEnd,
            (State::Chunk(_), left) => State::Chunk(left),
            (_, left) => State::Body(left),
        }
    }

    /// `None`: the line is refused.
    fn after_line(&mut self) -> Option<State> {
        let text = self.line.text()?;
        match self.state {
            State::Head if !text.is_empty() => {
                if self.head.begun {
                    self.head = header(self.head, text, self.line.is_cut())?;
                }
                self.head.begun = true;
                Some(State::Head)
            }
            State::Head => {
                let head = std::mem::take(&mut self.head);
                Some(match head.length {
                    _ if head.chunked => State::ChunkSize,
                    None | Some(0) => State::Head,
                    Some(length) => State::Body(length),
                })
            }
            State::ChunkSize if !self.line.is_cut() => match chunk_size(text)? {
                0 => {
                    self.trailers = 0;
                    Some(State::Trailers)
                }
                size => Some(State::Chunk(size)),
            },
            State::ChunkEnd if text.is_empty() => Some(State::ChunkSize),
            State::Trailers if text.is_empty() => Some(State::Head),
            State::Trailers => {
                self.trailers += self.line.length;
                (self.trailers <= MAX_TRAILERS).then_some(State::Trailers)
            }
            State::ChunkSize | State::ChunkEnd | State::Body(_) | State::Chunk(_) => None,
        }
    }
}

/// Takes a header line into account; `None` if it is refused.
fn header(mut head: Head, line: &[u8], is_cut: bool) -> Option<Head> {
    // A line that begins with a space would continue the one before: obsolete since RFC 7230.
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return None;
    }
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let (name, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default().trim_ascii());
    let is_length = name.eq_ignore_ascii_case(b"content-length");
    let is_coding = name.eq_ignore_ascii_case(b"transfer-encoding");
    if !is_length && !is_coding {
        return Some(head);
    }
    // One of them, once: two of either are two opinions about where the message ends.
    if is_cut || head.chunked || head.length.is_some() {
        return None;
    }
    if is_length {
        head.length = Some(number(value, 10, 18)?);
    } else {
        head.chunked = value.eq_ignore_ascii_case(b"chunked");
        // A coding that nobody here decodes would reach the function as the body itself.
        head.chunked.then_some(())?;
    }
    Some(head)
}

/// The hexadecimal size before `;`. Extensions mean nothing to anybody and are skipped.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
    number(&line[..end], 16, 15)
}

/// Nothing but digits, at most so many: no sign, no space, no `0x`.
fn number(text: &[u8], radix: u32, most: usize) -> Option<u64> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    if text.is_empty() || text.len() > most || !text.iter().all(is_digit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(text).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scanned(bytes: &[u8]) -> Result<bool, usize> {
        let mut framing = Framing::new();
        framing.scan(bytes).map(|()| framing.is_between_messages())
    }

    #[test]
    fn whole_messages_pass_one_after_the_other() {
        let wire = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 5\r\n\r\na\nb\r\nPOST / HTTP/1.1\r\n\
            transfer-encoding: Chunked\r\n\r\n3;ext=1\r\n\n\n\n\r\n0\r\ntrailer: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(scanned(wire), Ok(true));
        assert_eq!(scanned(&wire[..wire.len() - 2]), Ok(false));
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        let heads = [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "Content-Length: 5\r\ncontent-length: 6\r\n\r\n",
            "Content-Length: 5, 5\r\n\r\n",
            "Content-Length: +5\r\n\r\n",
            "Content-Length: 0x5\r\n\r\n",
            "Content-Length: 5 5\r\n\r\n",
            "Content-Length:\r\n\r\n",
            "Content-Length: 99999999999999999999\r\n\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n",
            "Transfer-Encoding: identity\r\n\r\n",
            "Transfer-Encoding: xchunked\r\n\r\n",
            "a: b\r\n c: folded\r\n\r\n",
            "a: b\n\r\n",
            "a: b\r\n\n",
            "Transfer-Encoding: chunked\r\n\r\n5\n",
            "Transfer-Encoding: chunked\r\n\r\n5 \r\n",
            "Transfer-Encoding: chunked\r\n\r\n0x5\r\n",
            "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
            "Transfer-Encoding: chunked\r\n\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\na: b\n\r\n",
        ];
        for head in heads {
            let wire = format!("POST / HTTP/1.1\r\nhost: a\r\n{head}");
            assert!(scanned(wire.as_bytes()).is_err(), "{head:?}");
        }
        let long = "a".repeat(200);
        let extension = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;{long}\r\n");
        let padded = format!("POST / HTTP/1.1\r\nContent-Length: {}5\r\n\r\n", " ".repeat(200));
        let trailers = format!(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{}",
            format!("a: {long}\r\n").repeat(60)
        );
        for wire in [extension, padded, trailers] {
            assert!(scanned(wire.as_bytes()).is_err(), "{wire:?}");
        }
    }

    #[test]
    fn the_refused_byte_is_named() {
        assert_eq!(scanned(b"GET / HTTP/1.1\r\na: b\n\r\n"), Err(20));
    }

    proptest! {
        /// How the network cuts the bytes makes no difference.
        #[test]
        fn pieces_are_judged_as_the_whole(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("GET / HTTP/1.1\r\n"), Just("content-length: 3\r\n"), Just("transfer-encoding: chunked\r\n"), Just("\r\n"),
                    Just("abc"), Just("3\r\n"), Just("0\r\n"), Just("\n"), Just(" "), Just("x: y\r\n"),
                ],
                0..12,
            ),
            size in 1usize..7,
        ) {
            let wire = parts.concat();
            let whole = scanned(wire.as_bytes());
            let mut framing = Framing::new();
            let mut pieces = Ok(());
            for (index, piece) in wire.as_bytes().chunks(size).enumerate() {
                pieces = framing.scan(piece).map_err(|at| index * size + at);
                if pieces.is_err() {
                    break;
                }
            }
            prop_assert_eq!(pieces.map(|()| framing.is_between_messages()), whole);
        }
    }
}
