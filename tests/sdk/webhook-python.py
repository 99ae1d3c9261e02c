"""Has the PyPI package standardwebhooks judge messages, as webhook-node.mjs does with npm's."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verdict(secret, message):
    try:
        Webhook(secret).verify(message["body"], message["headers"])
        return True
    except WebhookVerificationError:
        return False


for line in sys.stdin:
    given = json.loads(line)
    print(json.dumps([verdict(given["secret"], message) for message in given["messages"]]), flush=True)
