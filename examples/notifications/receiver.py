#!/usr/bin/env python3
"""Subscribes to changes in Runstate, and prints each one that it is told of.

    python3 receiver.py --server http://127.0.0.1:8080 --token TOKEN \\
        --resource deviceManagement/deviceShellScripts/SCRIPT/deviceRunStates

Nothing but the standard library is needed. A real receiver stands behind https,
keeps the secret where it keeps its others, and puts what it gets into a queue
before it answers.
"""

import argparse
import hashlib
import hmac
import json
import os
import sys
import threading
import time
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How old a signature may be, in seconds: an older one may be a copy.
TOLERANCE = 300


def is_genuine(header: str, body: bytes, secret: str) -> bool:
    """Whether `Runstate-Signature` is that of the body, and of this moment."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    moment = parts.get("t", "")
    if not moment.isdigit() or abs(time.time() - int(moment)) > TOLERANCE:
        return False
    signed = moment.encode() + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts.get("v1", ""))


class Receiver(BaseHTTPRequestHandler):
    """Proves that it wants to be told, and takes what it is told."""

    secret = ""
    client_state = ""
    # Delivery is at least once: what has been seen is not shown again.
    seen: set[str] = set()

    def do_POST(self) -> None:
        """A validation token to echo, or notifications."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "validationToken" in query:
            return self.answer(200, query["validationToken"][0])
        if not is_genuine(self.headers.get("Runstate-Signature", ""), body, Receiver.secret):
            return self.answer(401, "the signature is not right")
        for notification in json.loads(body)["value"]:
            if notification.get("clientState") != Receiver.client_state:
                return self.answer(401, "the client state is not right")
            self.take(notification)
        self.answer(202, "")

    def take(self, notification: dict) -> None:
        """Prints a change, or what concerns the subscription itself."""
        if "lifecycleEvent" in notification:
            print(notification["lifecycleEvent"], notification["subscriptionId"], flush=True)
        elif notification["id"] not in Receiver.seen:
            Receiver.seen.add(notification["id"])
            print(notification["changeType"], notification["resource"], flush=True)

    def answer(self, status: int, text: str) -> None:
        """Plain text, as the handshake wants it."""
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_) -> None:
        """Nothing: the token is in the path."""


def call(options: argparse.Namespace, method: str, path: str, body: dict) -> dict:
    """A request to Runstate."""
    request = urllib.request.Request(
        f"{options.server.rstrip('/')}/beta/{path}",
        method=method,
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {options.token}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def expiration() -> str:
    """An hour from now; a day or a week would do as well."""
    return (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    """Listens, subscribes, and renews until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default=os.environ.get("RUNSTATE_SERVER"))
    parser.add_argument("--token", default=os.environ.get("RUNSTATE_TOKEN"))
    parser.add_argument("--resource", required=True)
    parser.add_argument("--changes", default="created,updated,deleted")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()

    server = ThreadingHTTPServer(("127.0.0.1", options.port), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    Receiver.client_state = os.urandom(16).hex()
    subscription = call(
        options,
        "POST",
        "subscriptions",
        {
            "changeType": options.changes,
            "resource": options.resource,
            "notificationUrl": url,
            "lifecycleNotificationUrl": url,
            "clientState": Receiver.client_state,
            "expirationDateTime": expiration(),
        },
    )
    # Told once, in this answer.
    Receiver.secret = subscription["@runstate.notificationSecret"]
    print("subscribed", subscription["id"], flush=True)
    try:
        while True:
            time.sleep(30 * 60)
            renewal = {"expirationDateTime": expiration()}
            call(options, "PATCH", f"subscriptions/{subscription['id']}", renewal)
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
