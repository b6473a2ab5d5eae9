import { decode, encode, shrink } from "./png.mjs";

/** Pixels of the longer side. */
const SMALL = 64;

export async function resize(event, ctx) {
  const portraits = ctx.bucket("portraits");
  const raw = await portraits.get(event.data.key);
  if (!raw) return; // Deleted since.
  let picture;
  try {
    picture = decode(Buffer.from(await raw.bytes()));
  } catch (error) {
    // It will not get better by trying again.
    return ctx.log.warn("not a picture", { key: event.data.key, error });
  }
  const key = event.data.key.replace("raw/", "small/");
  await portraits.put(key, encode(shrink(picture, SMALL)), { contentType: "image/png" });
}
