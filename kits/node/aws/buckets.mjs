// Buckets as S3's. `reach` is what driver.mjs found of the bucket; the rest is as `Driver` of data.mjs says.

import { SfError, failure } from "../context.mjs";
import { checkedChunk } from "../data.mjs";
import { clientOf, failureOf, sdk, use } from "./clients.mjs";

const MAX_KEY = 1024;
/** Bytes of names and values. */
const LARGEST_METADATA = 2048;
/** Seconds. */
const LINK = { usual: 900, longest: 604_800 };
/** Bytes of a part: 10,000 of them are more than a function can pass on in its 15 minutes. */
const PART = 8 * 1024 * 1024;
/** Parts that are sent at once, while the next one is filled. */
const UNDER_WAY = 2;

function badRequest(message, status = 400) {
  return failure("bad-request", message, { status });
}

/** Where a call goes. */
function place({ name }, key) {
  const isKey = Buffer.byteLength(key) <= MAX_KEY && !/\p{Cc}/u.test(key);
  if (!isKey) throw badRequest(`a key is 1 to ${MAX_KEY} bytes of UTF-8 without control characters`);
  return { Bucket: name, Key: key };
}

const none = () => null;

export async function get(reach, key, range) {
  // As to HTTP, a range that ends before it begins is none.
  const isRange = range !== undefined && !(range[1] < range[0]);
  const input = { ...place(reach, key), ...(isRange ? { Range: `bytes=${range[0]}-${range[1] ?? ""}` } : {}) };
  const on = {
    NoSuchKey: none,
    InvalidRange: (error) => {
      throw badRequest(`the object has ${error.ActualObjectSize ?? "fewer"} bytes, and none of them is in the range`, 416);
    },
  };
  const output = await use(reach.world, "s3", "GetObject", input, { ...reach.about, on });
  if (output === null) return null;
  return { facts: factsOf(output), source: output.Body, broken: (cause) => failureOf(cause, reach.about) };
}

export async function head(reach, key) {
  const on = { NotFound: none, NoSuchKey: none };
  const output = await use(reach.world, "s3", "HeadObject", place(reach, key), { ...reach.about, on });
  return output === null ? null : factsOf(output);
}

function factsOf({ ContentRange, ContentLength, ETag, ContentType, Metadata, LastModified }) {
  // Of a part, the range tells how long the whole is.
  const total = /\/(\d+)$/.exec(ContentRange ?? "")?.[1] ?? ContentLength;
  const contentType = ContentType ?? "application/octet-stream";
  return { size: Number(total), etag: ETag, contentType, metadata: Metadata ?? {}, modified: LastModified };
}

export async function put(reach, key, object) {
  const { metadata, contentType, body } = object;
  const size = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (size > LARGEST_METADATA) throw failure("too-large", `the metadata have ${size} bytes, the limit is 2 KB`, { status: 413 });
  const target = { ...place(reach, key), ContentType: contentType, Metadata: metadata };
  if (typeof body === "string" || body instanceof Uint8Array) return await putWhole(reach, target, Buffer.from(body), object);
  const parts = partsOf(body);
  const first = await parts.next();
  const second = await parts.next();
  if (second.done) return await putWhole(reach, target, first.value ?? Buffer.alloc(0), object);
  return await putParts(reach, target, joined([first.value, second.value], parts), object);
}

/** The condition of a put, and what its failures are. One that is tried again after a lost answer would find its own object in the way: it is made once. */
function conditionOf(reach, key, { ifAbsent, ifMatch }) {
  if (!ifAbsent && ifMatch === undefined) return { input: {}, about: reach.about };
  const conflict = (error) => {
    throw failure("conflict", ifAbsent ? `there is an object \`${key}\` already` : `the object \`${key}\` has another etag`, { status: 409, cause: error });
  };
  const gone = (error) => {
    throw failure("conflict", `there is no object \`${key}\``, { status: 409, cause: error });
  };
  const on = { PreconditionFailed: conflict, ConditionalRequestConflict: conflict, ...(ifMatch === undefined ? {} : { NoSuchKey: gone }) };
  const input = ifAbsent ? { IfNoneMatch: "*" } : { IfMatch: ifMatch };
  return { input, about: { ...reach.about, once: true, on } };
}

async function putWhole(reach, target, bytes, object) {
  const { input, about } = conditionOf(reach, target.Key, object);
  const { ETag } = await use(reach.world, "s3", "PutObject", { ...target, ...input, Body: bytes, ContentLength: bytes.length }, about);
  return { etag: ETag, size: bytes.length };
}

/** A body as pieces of a part's size; the last may be shorter. */
async function* partsOf(source) {
  let chunks = [];
  let size = 0;
  for await (const chunk of source) {
    let bytes = Buffer.from(checkedChunk(chunk));
    while (size + bytes.length >= PART) {
      const rest = PART - size;
      yield Buffer.concat([...chunks, bytes.subarray(0, rest)], PART);
      bytes = bytes.subarray(rest);
      chunks = [];
      size = 0;
    }
    if (bytes.length > 0) chunks.push(bytes);
    size += bytes.length;
  }
  if (size > 0) yield Buffer.concat(chunks, size);
}

async function* joined(first, rest) {
  for (;;) {
    const part = first.shift();
    if (part === undefined) break;
    yield part;
  }
  yield* rest;
}

/** A multipart upload, which is nothing until it is complete. */
async function putParts(reach, { Bucket, Key, ...rest }, parts, object) {
  const s3 = (operation, input, about = reach.about) => use(reach.world, "s3", operation, { Bucket, Key, ...input }, about);
  const { UploadId } = await s3("CreateMultipartUpload", rest);
  try {
    const { Parts, size } = await sendParts(parts, (PartNumber, Body) => s3("UploadPart", { UploadId, PartNumber, Body, ContentLength: Body.length }));
    const { input, about } = conditionOf(reach, Key, object);
    const { ETag } = await s3("CompleteMultipartUpload", { UploadId, MultipartUpload: { Parts }, ...input }, about);
    return { etag: ETag, size };
  } catch (error) {
    // What is left of it costs money; the error is that of the upload all the same.
    await s3("AbortMultipartUpload", { UploadId }).catch(() => {});
    throw error;
  }
}

async function sendParts(parts, upload) {
  const Parts = [];
  const underWay = new Set();
  let size = 0;
  try {
    for await (const part of parts) {
      const PartNumber = Parts.length + 1;
      const entry = { PartNumber, ETag: undefined };
      Parts.push(entry);
      size += part.length;
      const sending = upload(PartNumber, part).then(({ ETag }) => {
        entry.ETag = ETag;
        underWay.delete(sending);
      });
      underWay.add(sending);
      if (underWay.size >= UNDER_WAY) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    return { Parts, size };
  } catch (error) {
    // An upload that ends after its abortion would stay.
    await Promise.allSettled(underWay);
    throw error;
  }
}

export async function remove(reach, key) {
  await use(reach.world, "s3", "DeleteObject", place(reach, key), reach.about);
}

export async function list(reach, { prefix, delimiter, limit, cursor }) {
  const input = { Bucket: reach.name, Prefix: prefix, Delimiter: delimiter, MaxKeys: limit, ContinuationToken: cursor };
  const output = await use(reach.world, "s3", "ListObjectsV2", input, reach.about);
  const objects = (output.Contents ?? []).map(({ Key, Size, ETag, LastModified }) => ({ key: Key, size: Size, etag: ETag, modified: LastModified }));
  const prefixes = (output.CommonPrefixes ?? []).map(({ Prefix }) => Prefix);
  return { objects, prefixes, cursor: output.IsTruncated ? output.NextContinuationToken : null };
}

/** A link lives no longer than the credentials of the function that made it. */
export async function url(reach, key, { method, expires = LINK.usual }) {
  if (method !== "GET" && method !== "PUT") throw badRequest(`\`method\` is GET or PUT, not ${String(method)}`);
  if (!Number.isSafeInteger(expires) || expires < 1 || expires > LINK.longest) throw badRequest(`\`expires\` is 1 to ${LINK.longest} seconds`);
  const client = clientOf(reach.world, "s3");
  const command = new (sdk("client-s3")[method === "GET" ? "GetObjectCommand" : "PutObjectCommand"])(place(reach, key));
  try {
    return await sdk("s3-request-presigner").getSignedUrl(client, command, { expiresIn: expires });
  } catch (error) {
    throw error instanceof SfError ? error : failureOf(error, reach.about);
  }
}
