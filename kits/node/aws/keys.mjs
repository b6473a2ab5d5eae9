// Keys of tables: what may be one, and where a page ended. The rules and their words are those of the embedded host.

import { failure } from "../context.mjs";
import { toJson } from "../data.mjs";
import { parseWithBytes } from "../protocol.mjs";
import { attributeValue } from "./values.mjs";

/** Bytes of a key attribute. */
const LONGEST = 1024;

export function badRequest(message) {
  return failure("bad-request", message, { status: 400 });
}

/** The key's attributes (of `[["id", "string"], …]`) of an item. */
export function keyOf(definition, item) {
  return Object.fromEntries(definition.map(([name, kind]) => [name, checked(name, kind, item[name])]));
}

/** The key that an object with exactly the key's attributes is. */
export function wholeKey(definition, key) {
  const names = definition.map(([name]) => `\`${name}\``).join(" and ");
  if (!isObject(key)) throw badRequest(`the key is not an object with ${names}`);
  const other = Object.keys(key).find((name) => !definition.some(([known]) => known === name));
  if (other !== undefined) throw badRequest(`the key has \`${other}\`; it is ${names} alone`);
  return keyOf(definition, key);
}

export function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function checked(name, kind, value) {
  if (value === undefined) throw badRequest(`the key attribute \`${name}\` is missing`);
  const attribute = attributeOf(name, kind, value);
  const size = typeof value === "string" ? Buffer.byteLength(value) : (value.length ?? 8);
  if (size === 0) throw badRequest(`the key attribute \`${name}\` is empty`);
  if (size > LONGEST) throw failure("too-large", `the key attribute \`${name}\` has ${size} bytes, the limit is 1,024`, { status: 413 });
  return attribute;
}

const KINDS = {
  string: ["a string", (value) => typeof value === "string"],
  number: ["a number", (value) => typeof value === "number"],
  bytes: ['{"$bytes": "base64"}', (value) => value instanceof Uint8Array],
};

function attributeOf(name, kind, value) {
  const [wanted, is] = KINDS[kind];
  if (!is(value)) throw badRequest(`the key attribute \`${name}\` is not ${wanted}`);
  return attributeValue(value);
}

/** Nothing can be in such a range. DynamoDB would refuse it. */
export const NOTHING = Symbol("nothing");
const OPERATORS = { eq: "=", lt: "<", lte: "<=", gt: ">", gte: ">=" };
const CONDITIONS = [...Object.keys(OPERATORS), "between", "prefix"];

/**
 * A condition on the sort key: an expression of `#sort`, with its values; NOTHING where it lets nothing through. An empty value comes before all others, and DynamoDB
 * takes none.
 */
export function rangeOf(definition, sort) {
  if (sort === undefined || sort === null) return { expression: null, values: {} };
  if (definition.length < 2) throw badRequest("the table has no sort key to compare");
  const [condition, ...others] = isObject(sort) ? Object.keys(sort) : [];
  if (others.length > 0 || !CONDITIONS.includes(condition)) throw badRequest(`\`sort\` is one of ${CONDITIONS.join(", ")}`);
  const [, [name, kind]] = definition;
  const given = sort[condition];
  if (condition === "between") return between(name, kind, given);
  if (condition === "prefix") return prefix(name, kind, given);
  const value = attributeOf(name, kind, given);
  if (!isEmpty(given)) return { expression: `#sort ${OPERATORS[condition]} :sort`, values: { ":sort": value } };
  return condition === "gt" || condition === "gte" ? { expression: null, values: {} } : NOTHING;
}

function between(name, kind, pair) {
  if (!Array.isArray(pair) || pair.length !== 2) throw badRequest("`sort.between` is a list of two values");
  const [low, high] = pair.map((value) => attributeOf(name, kind, value));
  if (isEmpty(pair[1]) || order(pair[0], pair[1]) > 0) return NOTHING;
  if (isEmpty(pair[0])) return { expression: "#sort <= :sort", values: { ":sort": high } };
  return { expression: "#sort BETWEEN :sort AND :high", values: { ":sort": low, ":high": high } };
}

function prefix(name, kind, text) {
  if (kind !== "string" || typeof text !== "string") throw badRequest(`the sort key \`${name}\` is no string that could begin with something`);
  return text === "" ? { expression: null, values: {} } : { expression: "begins_with(#sort, :sort)", values: { ":sort": attributeValue(text) } };
}

function isEmpty(value) {
  return typeof value !== "number" && value.length === 0;
}

/** Texts are ordered by their UTF-8. */
function order(one, other) {
  if (typeof one === "number") return one - other;
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** The last key of a page as text that means nothing to others. */
export function cursorOf(definition, item) {
  const key = Object.fromEntries(definition.map(([name]) => [name, item[name]]));
  return Buffer.from(toJson("cursor", key, true)).toString("base64url");
}

export function keyOfCursor(definition, cursor) {
  try {
    return wholeKey(definition, parseWithBytes(Buffer.from(cursor, "base64url").toString()));
  } catch {
    throw badRequest("the cursor is not one that an earlier page gave");
  }
}
