import json
import sys

for line in sys.stdin:
    asked = json.loads(line)
    answer = {"t": "done", "id": asked["id"], "text": asked["event"]["message"]["text"]}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
