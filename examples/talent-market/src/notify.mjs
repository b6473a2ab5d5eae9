// From a new project to the mails about it.

/** One mail to everyone who has a skill that the project needs. */
export async function announce(event, ctx) {
  const project = event.data;
  for await (const profile of ctx.table("profiles").scan()) {
    if (profile.email && profile.skills.some((skill) => project.skills.includes(skill))) {
      const text = `Dear ${profile.name}, "${project.title}" needs ${project.skills.join(", ")}.`;
      await ctx.queue("mail").send({ to: profile.email, subject: project.title, text });
    }
  }
}

/** Hands the mails over to the mail service at MAIL_URL. Those that it does not take are delivered again, and only those. */
export async function send(event, ctx) {
  const failed = [];
  for (const { id, body } of event.data.messages) {
    try {
      await post(body, ctx);
    } catch (error) {
      ctx.log.warn("mail not sent", { to: body.to, error });
      failed.push(id);
    }
  }
  return { failed };
}

async function post(mail, ctx) {
  const url = process.env.MAIL_URL;
  if (!url) return ctx.log.info("no MAIL_URL: the mail goes no further", mail);
  const headers = {
    "content-type": "application/json",
    authorization: `Bearer ${await ctx.secret("smtp-password")}`,
  };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(mail) });
  if (!answer.ok) throw new Error(`the mail service answered ${answer.status}`);
}
