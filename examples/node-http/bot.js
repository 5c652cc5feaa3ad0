// A parrot with a memory and a kitchen timer, by HTTP. Try it without LINE:
//
//	WORKER_SECRET=secret node bot.js
//	FRONTDESK_WORKER_SECRET=secret frontdesk dev --bot http://127.0.0.1:3000/
//
// Its memory ends with its process; the timers are kept by Frontdesk.
"use strict";

const { createHmac, timingSafeEqual } = require("node:crypto");
const { createServer } = require("node:http");
const { buffer } = require("node:stream/consumers");

const secret = process.env.WORKER_SECRET;
if (!secret) throw new Error("WORKER_SECRET is not set");
const last = new Map(); // what was said last, by conversation

// answers returns what the bot has to say to an event.
function answers(conversation, event) {
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

// signed reports whether a request comes from Frontdesk, and not long ago.
function signed(headers, body) {
  const time = headers["frontdesk-timestamp"] ?? "";
  const want = Buffer.from("v1=" + createHmac("sha256", secret).update(time + ".").update(body).digest("hex"));
  const got = Buffer.from(headers["frontdesk-signature"] ?? "");
  const fresh = Math.abs(Date.now() / 1000 - Number(time)) < 300;
  return fresh && got.length === want.length && timingSafeEqual(got, want);
}

async function serve(request, response) {
  const body = await buffer(request);
  if (!signed(request.headers, body)) return response.writeHead(401).end();
  const { conversation, event } = JSON.parse(body);
  response.end(JSON.stringify(answers(conversation, event)));
}

createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end(); // the event comes again
  });
}).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
