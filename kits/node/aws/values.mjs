// DynamoDB's attribute values and the items of docs/data-api.md.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html

/** The attribute that holds an item's version. User code does not see it. */
export const VERSION = "sf:version";

/** An item without its version, as attribute values. */
export function marshalled(item) {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, attributeValue(value)]));
}

export function attributeValue(value) {
  if (value === null) return { NULL: true };
  if (typeof value === "string") return { S: value };
  if (typeof value === "number") return { N: String(value) };
  if (typeof value === "boolean") return { BOOL: value };
  if (value instanceof Uint8Array) return { B: value };
  return Array.isArray(value) ? { L: value.map(attributeValue) } : { M: marshalled(value) };
}

/** The plain item; sets, which only others write, are lists. */
export function unmarshalled(attributes) {
  const entries = Object.entries(attributes).filter(([name]) => name !== VERSION);
  return Object.fromEntries(entries.map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(attribute) {
  const [[type, value]] = Object.entries(attribute).filter(([, inner]) => inner !== undefined);
  switch (type) {
    case "S":
    case "BOOL":
    case "SS":
      return value;
    case "N":
      return Number(value);
    case "NS":
      return value.map(Number);
    case "B":
      return bytes(value);
    case "BS":
      return value.map(bytes);
    case "L":
      return value.map(plainValue);
    case "M":
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plainValue(inner)]));
    default:
      return null;
  }
}

/** Base64 in the records of streams, bytes from the SDK. */
function bytes(value) {
  return new Uint8Array(typeof value === "string" ? Buffer.from(value, "base64") : value);
}
