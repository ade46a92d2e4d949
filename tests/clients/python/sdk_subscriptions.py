"""The SDK's tour of subscriptions: made, told, renewed, deleted."""

import json
import queue
import threading
import urllib.parse
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgraph_beta.generated.models.subscription import Subscription

from sdk import DeviceManagementScriptDeviceState, RunState, error_of
from sdk_scripts import ScriptSteps
from tour import Step


class Receiver(BaseHTTPRequestHandler):
    """Echoes validation tokens, and keeps what it is told."""

    told: "queue.Queue[dict[str, Any]]" = queue.Queue()

    def do_POST(self) -> None:
        """One request from the server."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = query.get("validationToken", [""])[0].encode()
        for notification in json.loads(body)["value"] if body else []:
            Receiver.told.put(notification)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(token)))
        self.end_headers()
        self.wfile.write(token)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def moment(hours: int) -> datetime:
    """So many hours from now, in whole seconds."""
    return datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=hours)


class SubscriptionSteps(ScriptSteps):
    """The steps about subscriptions."""

    async def subscriptions(self) -> None:
        """One subscription, from its creation to its end."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/changes"
        collection = "deviceShellScripts"
        script = self.scripts[collection][0]
        resource = f"deviceManagement/{collection}/{script}/deviceRunStates"
        subscriptions = self.client.subscriptions
        with Step("subscribe") as step:
            wanted = Subscription(
                change_type="created,updated",
                notification_url=url,
                resource=resource,
                client_state=self.prefix,
                expiration_date_time=moment(1),
            )
            made = await subscriptions.post(wanted)
            step.true("the answer has an id", made.id)
            step.equal("resource", resource, made.resource)
            secret = made.additional_data["@runstate.notificationSecret"]
            step.true("the answer has a secret", secret)
            listed = (await subscriptions.get()).value
            step.true("it is listed", made.id in [each.id for each in listed])
        with Step("a notification") as step:
            state = DeviceManagementScriptDeviceState(
                id=f"{self.prefix}:told", run_state=RunState.Success
            )
            await self.item(collection, script).device_run_states.post(state)
            told = Receiver.told.get(timeout=60)
            step.equal("changeType", "created", told["changeType"])
            step.equal("clientState", self.prefix, told["clientState"])
            step.equal("id", state.id, told["resourceData"]["id"])
        one = subscriptions.by_subscription_id(made.id)
        with Step("renew a subscription") as step:
            later = moment(48)
            renewed = await one.patch(Subscription(expiration_date_time=later))
            step.equal("expirationDateTime", later, renewed.expiration_date_time)
            await one.reauthorize.post()
            step.equal("read again", later, (await one.get()).expiration_date_time)
        with Step("delete a subscription") as step:
            await one.delete()
            error = await error_of(one.get())
            step.equal("status", 404, error and error.response_status_code)
        with Step("subscribe in vain") as step:
            wanted.notification_url = "http://127.0.0.1:1/"
            error = await error_of(subscriptions.post(wanted))
            step.equal("status", 400, error and error.response_status_code)
            step.equal("code", "ValidationError", error and error.error.code)
        states = self.item(collection, script).device_run_states
        await states.by_device_management_script_device_state_id(state.id).delete()
        server.shutdown()
