// A parrot with a memory and a kitchen timer, by pipe. Try it without LINE:
//
//	frontdesk dev --bot 'exec:node bot.js'
//
// Its memory ends with its process; the timers are kept by Frontdesk.
"use strict";

const readline = require("node:readline");

const last = new Map(); // what was said last, by conversation

// answers returns what the bot has to say to an event. It may take its time:
// other conversations go on, and this one waits.
async function answers(conversation, event) {
  if (event.type === "timer") return [send("Your tea is ready.")];
  const text = event.message?.text;
  if (text === undefined) return []; // a sticker, a new friend
  if (text === "last") {
    return [send(last.has(conversation) ? `You said: ${last.get(conversation)}` : "You said nothing yet.")];
  }
  const tea = text.match(/^tea (\d{1,6})$/);
  if (tea) {
    const seconds = Number(tea[1]);
    return [{ t: "timer", key: "tea", after: Math.max(seconds, 1) }, send(`Tea in ${seconds} s.`)];
  }
  last.set(conversation, text);
  return [send(text)];
}

function send(text) {
  return { t: "send", text };
}

async function handle({ t, id, conversation, event }) {
  if (t !== "event") return; // of a later Frontdesk
  let said;
  try {
    said = [...(await answers(conversation, event)), { t: "done" }];
  } catch (error) {
    said = [{ t: "retry", reason: String(error) }];
  }
  process.stdout.write(said.map((answer) => JSON.stringify({ id, ...answer }) + "\n").join(""));
}

readline.createInterface({ input: process.stdin }).on("line", (line) => handle(JSON.parse(line)));
