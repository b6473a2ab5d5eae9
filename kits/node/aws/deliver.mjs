// Events to the user's handler, and what the service behind each must hear of it: docs/data-api.md, "Delivery". Loaded with the first event.

import { bucketEvent, callEvent, connectAnswer, failedOf, queueEvent, scheduleEvent, socketEvent, sourceOf, tableEvent, topicEvent } from "./events.mjs";

const DELIVERIES = { queue, topic, bucket, table, socket, schedule, call };

/** `user` is the handler, `world` what the drivers know of the function. Gives what Lambda is to answer. */
export async function deliver(event, context, { world, ctx, user }) {
  const call = { ctx, kit: world.kit, world, run: async (made) => user(made, ctx) };
  return await DELIVERIES[sourceOf(event, context)](event, call, context);
}

/** With the messages that come again, `ReportBatchItemFailures`: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html */
async function queue(event, { ctx, kit, world, run }, context) {
  const made = queueEvent(event, kit, context.awsRequestId, Date.now());
  const { messages } = made.data;
  let failed;
  try {
    failed = failedOf(await run(made), messages);
  } catch (error) {
    ctx.log.error("the handler failed", { error });
    failed = messages.map(({ id }) => id);
  }
  if (failed.length > 0) {
    const { delayAgain } = await import("./again.mjs");
    const again = new Set(failed);
    await delayAgain(world, ctx, event.Records.filter(({ messageId }) => again.has(messageId)));
  }
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
}

/** Lambda's own queue before the function repeats what fails. */
function topic(event, call) {
  return each(event.Records.map((record) => topicEvent(record, call.kit)), call);
}

function bucket(event, call) {
  return each(event.Records.map((record) => bucketEvent(record, call.kit)), call);
}

/** Every event once, also when one before it failed; the first failure is that of the invocation. */
async function each(events, { run, ctx }) {
  const errors = [];
  for (const event of events) {
    try {
      await run(event);
    } catch (error) {
      if (errors.length > 0) ctx.log.error("the handler failed", { error });
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return null;
}

/** The changes of a partition come in their order, so what follows a failure waits for it: Lambda begins again where the first failed. */
async function table(event, { kit, run, ctx }) {
  for (const record of event.Records) {
    try {
      await run(tableEvent(record, kit));
    } catch (error) {
      ctx.log.error("the handler failed", { error });
      return { batchItemFailures: [{ itemIdentifier: record.dynamodb.SequenceNumber }] };
    }
  }
  return { batchItemFailures: [] };
}

/** A throw refuses the client that connects. Of other events the client hears nothing: API Gateway would send it an error that a throw here is. */
async function socket(event, { kit, run, ctx }) {
  const made = socketEvent(event, kit);
  const isConnect = made.type === "sf.socket.connect";
  try {
    const result = await run(made);
    return isConnect ? connectAnswer(result) : { statusCode: 200 };
  } catch (error) {
    ctx.log.error("the handler failed", { error });
    return { statusCode: isConnect ? 403 : 200 };
  }
}

/** Once each time that is due: a throw would make Lambda repeat it. */
async function schedule(event, { kit, run, ctx }) {
  try {
    await run(scheduleEvent(event, kit));
  } catch (error) {
    ctx.log.error("the handler failed", { error });
  }
  return null;
}

async function call(event, { run }, context) {
  return (await run(callEvent(event, context, Date.now()))) ?? null;
}
