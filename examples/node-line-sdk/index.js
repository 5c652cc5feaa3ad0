// An ordinary LINE bot with the official SDK and Express: a parrot with a memory
// and a kitchen timer. Frontdesk stands between it and LINE, and the bot knows of
// it by one line, apiBaseURL. examples/README.md has the commands.
//
// Its memory and its timers end with its process.
"use strict";

const line = require("@line/bot-sdk");
const express = require("express");

const client = line.LineBotClient.fromChannelAccessToken({
  channelAccessToken: process.env.CHANNEL_ACCESS_TOKEN,
  apiBaseURL: process.env.LINE_API, // where Frontdesk takes calls, or unset for LINE itself
});

const last = new Map(); // what was said last, by user, group or room

const app = express();
app.post("/callback", line.middleware({ channelSecret: process.env.CHANNEL_SECRET }), async (request, response) => {
  await Promise.all(request.body.events.map(handle));
  response.end();
});

async function handle(event) {
  const text = event.message?.text;
  if (text === undefined) return; // a sticker, a new friend
  const { groupId, roomId, userId } = event.source;
  await client.replyMessage({
    replyToken: event.replyToken,
    messages: [{ type: "text", text: answer(groupId ?? roomId ?? userId, text) }],
  });
}

function answer(conversation, text) {
  if (text === "last") {
    return last.has(conversation) ? `You said: ${last.get(conversation)}` : "You said nothing yet.";
  }
  const tea = text.match(/^tea (\d{1,6})$/);
  if (tea) {
    setTimeout(ready, Number(tea[1]) * 1000, conversation);
    return `Tea in ${Number(tea[1])} s.`;
  }
  last.set(conversation, text);
  return text;
}

async function ready(conversation) {
  try {
    await client.pushMessage({ to: conversation, messages: [{ type: "text", text: "Your tea is ready." }] });
  } catch (error) {
    console.error(error);
  }
}

app.listen(process.env.PORT ?? 3000, "127.0.0.1");
