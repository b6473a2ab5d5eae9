//! Frames of `docs/worker-protocol.md`.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::Decoder;

pub(super) const REQUEST: u8 = 1;
pub(super) const BODY: u8 = 2;
pub(super) const CANCEL: u8 = 3;
pub(super) const CREDIT: u8 = 4;
pub(super) const READY: u8 = 16;
pub(super) const RESPONSE: u8 = 17;
pub(super) const ERROR: u8 = 18;
pub(super) const FATAL: u8 = 19;
/// Flag: this is the end of the body.
pub(super) const END: u8 = 1;
/// Bytes of one body that may be under way unacknowledged.
pub(super) const WINDOW: usize = 1 << 20;
/// A receiver acknowledges at the latest after so many bytes.
pub(super) const ACKNOWLEDGE: usize = 1 << 19;

const HEADER: usize = 9;
const MAX_FRAME: usize = 16 << 20;

pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) id: u32,
    pub(super) payload: Bytes,
}

/// Takes frames out of a stream of bytes.
pub(super) struct FrameDecoder;

impl Decoder for FrameDecoder {
    type Item = Frame;
    type Error = std::io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, std::io::Error> {
        let Some((mut head, _)) = buffer.split_at_checked(HEADER) else { return Ok(None) };
        let (length, kind, id) = (head.get_u32() as usize, head.get_u8(), head.get_u32());
        if !(5..=MAX_FRAME).contains(&length) {
            return Err(std::io::Error::other("a frame of impossible length"));
        }
        if buffer.len() < 4 + length {
            buffer.reserve(4 + length - buffer.len());
            return Ok(None);
        }
        buffer.advance(HEADER);
        Ok(Some(Frame { kind, id, payload: buffer.split_to(length - 5).freeze() }))
    }
}

/// Bounded by callers far below the frame limit; a length that does not fit is a fault that the other side reports.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

pub(super) fn request(out: &mut BytesMut, id: u32, head: &[u8], body: &[u8], last: bool) {
    out.reserve(HEADER + 5 + head.len() + body.len());
    out.put_u32(length(10 + head.len() + body.len()));
    out.put_u8(REQUEST);
    out.put_u32(id);
    out.put_u8(if last { END } else { 0 });
    out.put_u32(length(head.len()));
    out.put_slice(head);
    out.put_slice(body);
}

pub(super) fn body(out: &mut BytesMut, id: u32, bytes: &[u8], last: bool) {
    out.put_u32(length(6 + bytes.len()));
    out.put_u8(BODY);
    out.put_u32(id);
    out.put_u8(if last { END } else { 0 });
    out.put_slice(bytes);
}

pub(super) fn cancel(out: &mut BytesMut, id: u32) {
    out.put_u32(5);
    out.put_u8(CANCEL);
    out.put_u32(id);
}

pub(super) fn credit(out: &mut BytesMut, id: u32, bytes: usize) {
    out.put_u32(9);
    out.put_u8(CREDIT);
    out.put_u32(id);
    out.put_u32(length(bytes));
}

/// The parts of a RESPONSE payload: whether it is the end, the head's JSON, the first bytes of the body.
pub(super) fn split_response(mut payload: Bytes) -> Option<(bool, Bytes, Bytes)> {
    if payload.len() < 5 {
        return None;
    }
    let (flags, head) = (payload.get_u8(), payload.get_u32() as usize);
    if payload.len() < head {
        return None;
    }
    let head = payload.split_to(head);
    Some((flags & END != 0, head, payload))
}
