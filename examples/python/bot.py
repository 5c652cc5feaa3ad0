"""A parrot with a memory and a kitchen timer, by pipe. Try it without LINE:

    frontdesk dev --bot 'exec:python3 bot.py'

Its memory ends with its process; the timers are kept by Frontdesk.
"""

import json
import re
import sys

last = {}  # what was said last, by conversation


def send(text):
    return {"t": "send", "text": text}


def answers(conversation, event):
    """Returns what the bot has to say to an event."""
    if event["type"] == "timer":
        return [send("Your tea is ready.")]
    text = event.get("message", {}).get("text")
    if text is None:
        return []  # a sticker, a new friend
    if text == "last":
        said = last.get(conversation)
        return [send("You said nothing yet." if said is None else "You said: " + said)]
    if tea := re.fullmatch(r"tea (\d{1,6})", text, re.ASCII):
        seconds = int(tea[1])
        return [{"t": "timer", "key": "tea", "after": max(seconds, 1)}, send(f"Tea in {seconds} s.")]
    last[conversation] = text
    return [send(text)]


for line in sys.stdin:
    asked = json.loads(line)
    if asked["t"] != "event":
        continue  # of a later Frontdesk
    try:
        said = answers(asked["conversation"], asked["event"])
        said.append({"t": "done"})
    except Exception as error:
        said = [{"t": "retry", "reason": repr(error)}]
    for answer in said:
        print(json.dumps({"id": asked["id"], **answer}))
    sys.stdout.flush()
