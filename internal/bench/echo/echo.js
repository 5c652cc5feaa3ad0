"use strict";

require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, event } = JSON.parse(line);
  process.stdout.write(JSON.stringify({ t: "done", id, text: event.message.text }) + "\n");
});
