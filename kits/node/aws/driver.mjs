// The driver for AWS: `ctx` as calls of the services that SF_KIT names. Loaded at the first use of a resource; each part with its first call.

import { failure } from "../context.mjs";

/** Makes the drivers of a function's invocations. */
export function driversOf(world) {
  return (session) => new AwsDriver(world, session);
}

/** See `Driver` of data.mjs. */
class AwsDriver {
  #world;
  #session;

  constructor(world, session) {
    this.#world = world;
    this.#session = session;
  }

  async table(name, operation, request) {
    const access = operation === "put" || operation === "delete" ? "write" : "read";
    const reach = this.#reach("table", name, access, `${operation} table ${name}`);
    const tables = await import("./tables.mjs");
    return await tables[operation](reach, request);
  }

  readObject(bucket, key, range) {
    return this.#object("read", "get", bucket, key, range);
  }

  headObject(bucket, key) {
    return this.#object("read", "head", bucket, key);
  }

  putObject(bucket, key, object) {
    return this.#object("write", "put", bucket, key, object);
  }

  deleteObject(bucket, key) {
    return this.#object("write", "remove", bucket, key);
  }

  async #object(access, operation, bucket, key, more) {
    const reach = this.#reach("bucket", bucket, access, `${operation === "remove" ? "delete" : operation} ${key} of bucket ${bucket}`);
    const buckets = await import("./buckets.mjs");
    return await buckets[operation](reach, key, more);
  }

  async listObjects(bucket, page) {
    const reach = this.#reach("bucket", bucket, "read", `list bucket ${bucket}`);
    return await (await import("./buckets.mjs")).list(reach, page);
  }

  async objectUrl(bucket, key, link) {
    const reach = this.#reach("bucket", bucket, link.method === "PUT" ? "write" : "read", `url of bucket ${bucket}`);
    return await (await import("./buckets.mjs")).url(reach, key, link);
  }

  async send(queue, message, options) {
    const reach = this.#reach("queue", queue, "write", `send queue ${queue}`);
    return await (await import("./messages.mjs")).send(reach, message, options);
  }

  async publish(topic, message, attributes) {
    const reach = this.#reach("topic", topic, "write", `publish topic ${topic}`);
    return await (await import("./messages.mjs")).publish(reach, message, attributes);
  }

  async sendFrame(socket, connection, frame) {
    const reach = this.#reach("socket", socket, "write", `send socket ${socket}`);
    return await (await import("./messages.mjs")).sendFrame(reach, connection, frame);
  }

  async closeConnection(socket, connection) {
    const reach = this.#reach("socket", socket, "write", `close socket ${socket}`);
    return await (await import("./messages.mjs")).closeConnection(reach, connection);
  }

  async call(name, payload) {
    const reach = this.#reach("function", name, "call", `call function ${name}`);
    return await (await import("./messages.mjs")).call(reach, name, payload, this.#session.trace);
  }

  async secret(name) {
    const { kit } = this.#world;
    const denied = () => {
      const hint = `add \`secrets = ["${name}"]\` to \`[functions.${kit.function}]\` in sf.toml`;
      return failure("not-granted", `function "${kit.function}" may not read secret "${name}"`, { hint, status: 403 });
    };
    const physical = own(kit.secrets, name);
    if (physical === undefined) throw denied();
    const reach = { world: this.#world, name: physical, about: this.#about(`read secret ${name}`, denied) };
    return await (await import("./messages.mjs")).secret(reach, name);
  }

  /** What a call needs to know of a resource that it is granted: its entry in SF_KIT, its physical name, and how to tell of what goes wrong. */
  #reach(kind, name, access, what) {
    const { kit } = this.#world;
    const use = own(kit.uses, name);
    const denied = () => notGranted(kit.function, use?.[kind] === undefined ? undefined : use.access, access, kind, name);
    if (use?.[kind] === undefined || !isIn(access, use.access)) throw denied();
    return { world: this.#world, use, name: use[kind], about: this.#about(what, denied) };
  }

  #about(what, denied) {
    return { what, denied, deadline: this.#session.deadline };
  }
}

function own(object, name) {
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;
}

function isIn(access, granted) {
  return access === granted || (granted === "read-write" && access !== "call");
}

/** As the embedded host says it: what it may do already, it goes on doing. */
function notGranted(self, granted, access, kind, name) {
  const wanted = (granted === "read" || granted === "write") && access !== "call" && granted !== access ? "read-write" : access;
  const hint = `add \`uses = { ${name} = "${wanted}" }\` to \`[functions.${self}]\` in sf.toml`;
  return failure("not-granted", `function "${self}" may not ${access} ${kind} "${name}"`, { hint, status: 403 });
}
