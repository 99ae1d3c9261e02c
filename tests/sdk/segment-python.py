"""Gives calls to segment-analytics-python. One line in, {"calls": [...]}; one line out when the SDK is through."""

import json
import sys
from datetime import datetime
from decimal import Decimal

from segment.analytics.client import Client

NAMES = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "previousId": "previous_id",
    "groupId": "group_id",
    "messageId": "message_id",
}

failures = []
client = Client(
    sys.argv[2],
    host=sys.argv[1],
    gzip=sys.argv[3] == "gzip",
    on_error=lambda error, batch: failures.append(error),
)
for line in sys.stdin:
    # Prices as shops hold them.
    calls = json.loads(line, parse_float=Decimal)["calls"]
    for call in calls:
        kind = call.pop("type")
        call["timestamp"] = datetime.fromisoformat(call["timestamp"].replace("Z", "+00:00"))
        getattr(client, kind)(**{NAMES.get(name, name): value for name, value in call.items()})
    client.flush()
    print(f"sent {len(calls)}", flush=True)
client.join()
if failures:
    sys.exit(f"sdk: {failures}")
