// Tables as DynamoDB's. An item has its version in an attribute of its own, new with every write: conditions compare it, and a write whose answer was lost is known
// by it. `reach` is what driver.mjs found of the table; requests and answers are those of docs/data-api.md.

import { randomUUID } from "node:crypto";

import { failure } from "../context.mjs";
import { toJson } from "../data.mjs";
import { parseWithBytes } from "../protocol.mjs";
import { use } from "./clients.mjs";
import { NOTHING, badRequest, cursorOf, isObject, keyOf, keyOfCursor, rangeOf, wholeKey } from "./keys.mjs";
import { VERSION, attributeValue, marshalled, unmarshalled } from "./values.mjs";

/** Bytes of an item as JSON. */
const LARGEST = 400 * 1024;
/** Items of a page when nothing is said. */
const PAGE = 100;

export async function get(reach, request) {
  const { key } = written(reach, request);
  const input = { TableName: reach.name, Key: wholeKey(reach.use.key, key), ConsistentRead: true };
  const { Item } = await use(reach.world, "dynamodb", "GetItem", input, reach.about);
  return Item === undefined || isExpired(reach, Item) ? { item: null } : found(Item);
}

export async function put(reach, { item: given, ifAbsent, ifVersion }) {
  if (ifAbsent === true && ifVersion !== undefined) throw badRequest("`ifAbsent` and `ifVersion` exclude each other");
  const text = toJson(reach.about.what, given, true);
  const item = parseWithBytes(text);
  if (!isObject(item)) throw badRequest("the item is not an object");
  const size = Buffer.byteLength(text);
  if (size > LARGEST) throw tooLarge(`the item has ${size} bytes as JSON, the limit is 400 KB`);
  keyOf(reach.use.key, item);
  const version = randomUUID();
  const Item = { ...marshalled(item), [VERSION]: { S: version } };
  const condition = ifAbsent === true ? absent(reach) : ifVersion === undefined ? {} : unchanged(reach, ifVersion);
  const on = {
    ConditionalCheckFailedException: (error) => {
      // Sent twice, since the answer to the first was lost: what is in the way is our own.
      if (error.Item?.[VERSION]?.S === version) return undefined;
      throw conflict(error, ifAbsent === true);
    },
    ValidationException: (error) => {
      throw /size/i.test(error.message) ? tooLarge(`${reach.about.what}: ${error.message}`) : badRequest(`${reach.about.what}: ${error.message}`);
    },
  };
  await use(reach.world, "dynamodb", "PutItem", { TableName: reach.name, Item, ...condition }, { ...reach.about, on });
  return { version };
}

async function remove(reach, request) {
  const { key } = written(reach, { key: request.key });
  const condition = request.ifVersion === undefined ? {} : unchanged(reach, request.ifVersion);
  const input = { TableName: reach.name, Key: wholeKey(reach.use.key, key), ReturnValues: "ALL_OLD", ...condition };
  const on = {
    ConditionalCheckFailedException: (error) => {
      throw conflict(error, false);
    },
  };
  // A second one would say that there was nothing.
  const { Attributes } = await use(reach.world, "dynamodb", "DeleteItem", input, { ...reach.about, on, once: true });
  return { existed: Attributes !== undefined && !isExpired(reach, Attributes) };
}
export { remove as delete };

export async function query(reach, request) {
  const { partition, sort, reverse, limit, cursor } = written(reach, request);
  const { key: definition } = reach.use;
  const [[name, kind], second] = definition;
  const { [name]: value } = keyOf([[name, kind]], { [name]: partition });
  const range = rangeOf(definition, sort);
  const start = cursor === undefined ? undefined : keyOfCursor(definition, cursor);
  if (start !== undefined && !isSame(start[name], value)) throw badRequest("the cursor is of another partition");
  if (range === NOTHING) return { items: [], cursor: null };
  const conditions = ["#partition = :partition", ...(range.expression === null ? [] : [range.expression])];
  const input = {
    KeyConditionExpression: conditions.join(" AND "),
    ExpressionAttributeNames: { "#partition": name, ...(range.expression === null ? {} : { "#sort": second[0] }) },
    ExpressionAttributeValues: { ":partition": value, ...range.values },
    ScanIndexForward: reverse !== true,
  };
  return await page(reach, "Query", input, limit, start);
}

export async function scan(reach, request) {
  const { limit, cursor } = written(reach, request);
  return await page(reach, "Scan", {}, limit, cursor === undefined ? undefined : keyOfCursor(reach.use.key, cursor));
}

/**
 * Up to `limit` items. One more is asked for, so that the last page is known to be the last; where DynamoDB ends its own page (at 1 MB) ours ends too, unless all of
 * it has expired.
 */
async function page(reach, operation, input, limit = PAGE, start = undefined) {
  const items = [];
  let from = start;
  do {
    const bounds = { TableName: reach.name, ConsistentRead: true, Limit: limit + 1 - items.length, ExclusiveStartKey: from };
    const answer = await use(reach.world, "dynamodb", operation, { ...input, ...bounds }, reach.about);
    items.push(...answer.Items.filter((item) => !isExpired(reach, item)).map(found));
    from = answer.LastEvaluatedKey;
    const isCut = answer.Items.length < bounds.Limit && from !== undefined;
    if (isCut && items.length > 0) break;
  } while (from !== undefined && items.length <= limit);
  const isMore = items.length > limit || from !== undefined;
  const shown = items.slice(0, limit);
  return { items: shown, cursor: isMore ? cursorOf(reach.use.key, shown.at(-1).item) : null };
}

/** What goes on the wire to the embedded host, as it is read there: the rules on values are in `toJson` alone. */
function written(reach, request) {
  return parseWithBytes(toJson(reach.about.what, request, true));
}

/** An item that something else wrote has the version `""`. */
function found(attributes) {
  return { item: unmarshalled(attributes), version: attributes[VERSION]?.S ?? "" };
}

function nowInSeconds() {
  return Date.now() / 1000;
}

/** DynamoDB removes what has expired some time later. */
function isExpired({ use: { ttl } }, attributes) {
  const seconds = ttl === undefined ? undefined : attributes[ttl]?.N;
  return seconds !== undefined && Number(seconds) <= nowInSeconds();
}

/** Nothing is there, or only what has expired. */
function absent({ use: { key, ttl } }) {
  const [[name]] = key;
  const none = { ExpressionAttributeNames: { "#key": name }, ReturnValuesOnConditionCheckFailure: "ALL_OLD" };
  if (ttl === undefined) return { ...none, ConditionExpression: "attribute_not_exists(#key)" };
  return {
    ...none,
    ConditionExpression: "attribute_not_exists(#key) OR (attribute_type(#ttl, :number) AND #ttl <= :now)",
    ExpressionAttributeNames: { "#key": name, "#ttl": ttl },
    ExpressionAttributeValues: { ":number": { S: "N" }, ":now": attributeValue(nowInSeconds()) },
  };
}

function unchanged({ use: { key, ttl } }, version) {
  const [[name]] = key;
  const conditions = version === "" ? ["attribute_exists(#key)", "attribute_not_exists(#version)"] : ["#version = :version"];
  const names = version === "" ? { "#key": name, "#version": VERSION } : { "#version": VERSION };
  const values = version === "" ? {} : { ":version": { S: version } };
  if (ttl !== undefined) {
    conditions.push("(NOT attribute_type(#ttl, :number) OR #ttl > :now)");
    names["#ttl"] = ttl;
    Object.assign(values, { ":number": { S: "N" }, ":now": attributeValue(nowInSeconds()) });
  }
  return {
    ConditionExpression: conditions.join(" AND "),
    ExpressionAttributeNames: names,
    ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }),
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  };
}

function conflict(error, isAbsentWanted) {
  const messages = { absent: "there is such an item already", other: "the item has another version", none: "there is no such item any more" };
  const message = isAbsentWanted ? messages.absent : error.Item === undefined ? messages.none : messages.other;
  return failure("conflict", message, { status: 409, cause: error });
}

function tooLarge(message) {
  return failure("too-large", message, { status: 413 });
}

function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
