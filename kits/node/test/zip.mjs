// A ZIP file of a folder, its entries stored as they are: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

import { readFile, readdir } from "node:fs/promises";
import { join, relative } from "node:path";

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Version, flags (names in UTF-8), method, time and date, checksum, both sizes, length of the name, no extra fields. */
function facts(name, bytes) {
  const out = Buffer.alloc(26);
  out.writeUInt16LE(20, 0);
  out.writeUInt16LE(0x0800, 2);
  out.writeUInt16LE(0x21, 8);
  out.writeUInt32LE(crc32(bytes), 10);
  out.writeUInt32LE(bytes.length, 14);
  out.writeUInt32LE(bytes.length, 18);
  out.writeUInt16LE(name.length, 22);
  return out;
}

const signature = (text) => Buffer.from(`PK${text}`, "latin1");

export async function zipOf(folder) {
  const files = [];
  const directory = [];
  let at = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const name = Buffer.from(relative(folder, path).replaceAll("\\", "/"));
    const bytes = await readFile(path);
    const about = facts(name, bytes);
    // No comment, the first disk, no attributes within, those of a file that all may read, and where its own header is.
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((0o100644 << 16) >>> 0, 6);
    rest.writeUInt32LE(at, 10);
    directory.push(signature("\x01\x02"), Buffer.from([20, 3]), about, rest, name);
    const parts = [signature("\x03\x04"), about, name, bytes];
    files.push(...parts);
    at += parts.reduce((size, part) => size + part.length, 0);
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  const count = directory.length / 5;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...files, central, signature("\x05\x06"), end]);
}
