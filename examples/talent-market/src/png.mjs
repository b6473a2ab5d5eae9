// Just enough of PNG (https://www.w3.org/TR/png-3/) for a program without dependencies: 8 bits a channel, RGB or RGBA, not interlaced.
// A real one would take `sharp`.

import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const CHANNELS = { 2: 3, 6: 4 };
/** So that a small file does not unpack to all the memory there is. */
const MOST_PIXELS = 16_000_000;

/** A file -> `{ width, height, channels, pixels }`, row by row. */
export function decode(file) {
  if (!file.subarray(0, 8).equals(SIGNATURE)) throw new Error("it is no PNG file");
  const data = [];
  let header;
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const body = file.subarray(at + 8, at + 8 + length);
    const type = file.toString("latin1", at + 4, at + 8);
    if (type === "IHDR") header = body;
    if (type === "IDAT") data.push(body);
    at += length + 12;
  }
  const [width, height, channels] = [header.readUInt32BE(0), header.readUInt32BE(4), CHANNELS[header[9]]];
  if (header[8] !== 8 || channels === undefined || header[12] !== 0) throw new Error("its kind of PNG is not supported");
  if (width * height > MOST_PIXELS) throw new Error("it is too large");
  const stride = width * channels;
  const rows = inflateSync(Buffer.concat(data), { maxOutputLength: (stride + 1) * height });
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) unfilter(rows.subarray(y * (stride + 1)), pixels, y * stride, stride, channels);
  return { width, height, channels, pixels };
}

/** One row: its first byte says how each byte was predicted from the one before it, the one above, or both. */
function unfilter(row, pixels, start, stride, channels) {
  for (let x = 0; x < stride; x++) {
    const left = x < channels ? 0 : pixels[start + x - channels];
    const up = start === 0 ? 0 : pixels[start + x - stride];
    const corner = x < channels || start === 0 ? 0 : pixels[start + x - stride - channels];
    const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][row[0]];
    pixels[start + x] = row[x + 1] + predicted;
  }
}

function paeth(left, up, corner) {
  const [toLeft, toUp, toCorner] = [left, up, corner].map((value) => Math.abs(left + up - corner - value));
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** So that neither side is longer than `most`: each pixel is the mean of a square of the picture. */
export function shrink({ width, height, channels, pixels }, most) {
  const side = Math.max(1, Math.ceil(Math.max(width, height) / most));
  const small = { width: Math.ceil(width / side), height: Math.ceil(height / side), channels };
  small.pixels = Buffer.alloc(small.width * small.height * channels);
  for (let at = 0; at < small.pixels.length; at++) {
    const channel = at % channels;
    const left = (Math.floor(at / channels) % small.width) * side;
    const top = Math.floor(at / channels / small.width) * side;
    let [sum, count] = [0, 0];
    for (let y = top; y < Math.min(top + side, height); y++) {
      for (let x = left; x < Math.min(left + side, width); x++, count++) sum += pixels[(y * width + x) * channels + channel];
    }
    small.pixels[at] = Math.round(sum / count);
  }
  return small;
}

export function encode({ width, height, channels, pixels }) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, channels === 4 ? 6 : 2], 8);
  const stride = width * channels;
  const rows = [];
  for (let y = 0; y < height; y++) rows.push(Buffer.of(0), pixels.subarray(y * stride, (y + 1) * stride));
  const chunks = [chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.concat(rows))), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...chunks]);
}

function chunk(type, body) {
  const whole = Buffer.alloc(body.length + 12);
  whole.writeUInt32BE(body.length, 0);
  whole.write(type, 4, "latin1");
  whole.set(body, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, body.length + 8)), body.length + 8);
  return whole;
}
