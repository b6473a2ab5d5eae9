// When messages that failed come again. Lambda leaves them hidden until the queue's visibility ends, which is long: the function's timeout, and more.

import { placeOf, use } from "./clients.mjs";

/** Seconds: the first repetition comes after so long, each further one after twice as long. */
const FIRST = 1;
const LAST = 60;
/** Entries of one request: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html */
const BATCH = 10;

export function secondsAfter(attempt) {
  return Math.min(LAST, FIRST * 2 ** Math.min(attempt - 1, 10));
}

/** A failure changes nothing but the time, so it is no more than logged. */
export async function delayAgain(world, ctx, records) {
  const QueueUrl = placeOf(world).queue(records[0].eventSourceARN.split(":").at(-1));
  const entries = records.map(({ receiptHandle, attributes }, index) => ({
    Id: String(index % BATCH),
    ReceiptHandle: receiptHandle,
    VisibilityTimeout: secondsAfter(Number(attributes.ApproximateReceiveCount)),
  }));
  const batches = Array.from({ length: Math.ceil(entries.length / BATCH) }, (_, nth) => entries.slice(nth * BATCH, (nth + 1) * BATCH));
  const about = { what: "delay failed messages", deadline: ctx.deadline.getTime() };
  const delay = (Entries) => use(world, "sqs", "ChangeMessageVisibilityBatch", { QueueUrl, Entries }, about);
  const results = await Promise.allSettled(batches.map(delay));
  const refused = results.find(({ status }) => status === "rejected");
  if (refused !== undefined) ctx.log.warn("failed messages come again when the queue's visibility ends", { error: refused.reason });
}
