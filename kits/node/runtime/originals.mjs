// Node's own classes behind the global names that the kit replaces, loaded when first needed: loading any of them loads
// all of undici.

const names = ["Headers", "Request", "Response"];
const found = new Map();
const properties = new Map(names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));

/** Node's own `Headers`, `Request` or `Response`. */
export function original(name) {
  let value = found.get(name);
  if (value === undefined) {
    const property = properties.get(name);
    // Node's getter puts what it loaded in the global's place: put back what was there.
    const ours = Object.getOwnPropertyDescriptor(globalThis, name);
    value = property.get === undefined ? property.value : property.get.call(globalThis);
    Object.defineProperty(globalThis, name, ours);
    found.set(name, value);
  }
  return value;
}
