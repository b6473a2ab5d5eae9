// What the steps of the conformance suite mean, as kits/conformance/README.md says it.

/** A step with its texts and special values in place. */
export function expand(value, saved) {
  if (typeof value === "string") return value.replace(/\{(\w+)\}/g, (whole, name) => (name in saved ? String(saved[name]) : whole));
  if (Array.isArray(value)) return value.map((inner) => expand(inner, saved));
  if (value === null || typeof value !== "object") return value;
  if (value.$repeat !== undefined) return value.$repeat[0].repeat(value.$repeat[1]);
  if (value.$saved !== undefined) return saved[value.$saved];
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, expand(inner, saved)]));
}

const SPECIAL = {
  $any: (_wanted, value) => value !== undefined && value !== null,
  $absent: (_wanted, value) => value === undefined,
  $length: (wanted, value) => value?.length === wanted,
  $set: (wanted, value) => value?.length === wanted.length && wanted.every((one) => value.some((other) => matches(one, other))),
  $some: (wanted, value) => value.some((other) => matches(wanted, other)),
  $count: ([wanted, count], value) => value.filter((other) => matches(wanted, other)).length === count,
  $not: (wanted, value) => !matches(wanted, value),
  $contains: (wanted, value) => value.includes(wanted),
  $below: (wanted, value) => value < wanted,
  $above: (wanted, value) => value > wanted,
};

/** Whether a value holds what is expected: objects at least these members, lists exactly these items. */
export function matches(expected, value) {
  if (expected === null || typeof expected !== "object") return expected === value;
  if (Array.isArray(expected)) return Array.isArray(value) && expected.length === value.length && expected.every((one, at) => matches(one, value[at]));
  const [name] = Object.keys(expected);
  if (name in SPECIAL) return SPECIAL[name](expected[name], value);
  return value !== null && typeof value === "object" && Object.entries(expected).every(([key, inner]) => matches(inner, value[key]));
}
