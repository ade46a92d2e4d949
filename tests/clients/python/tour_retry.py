"""The tour of the patience of the Graph SDK for Python.

The server must be `runstate demo --emulate`: it is told to refuse, and the SDK,
with nothing about its retries changed, has to come through by itself.
"""

import asyncio
from typing import Any

from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem

from sdk import DeviceShellScript, client_for, error_of
from tour import Server, Step, unique_prefix

SCRIPTS = "/deviceManagement/deviceShellScripts"


class RetryTour:
    """All steps, each from the first state."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = client_for(server, server.token)
        self.scripts = self.client.device_management.device_shell_scripts

    async def run(self) -> None:
        """All steps, in order."""
        for status in (429, 503):
            await self.read(status)
        await self.write()
        await self.no_end()
        await self.batch()

    def fault(self, **rule: Any) -> None:
        """From the first state on, this and nothing else goes wrong."""
        self.server.control("POST", "/reset")
        self.server.control("POST", "/faults", rule)

    def asked(self, method: str) -> list[dict[str, Any]]:
        """What the server was asked."""
        found = self.server.control("GET", f"/requests?method={method}&path=/**")
        return found["requests"]

    async def read(self, status: int) -> None:
        """A read that is refused twice."""
        with Step(f"read past {status} with Retry-After") as step:
            self.fault(method="GET", path=SCRIPTS, status=status, retryAfter=1, times=2)
            page = await self.scripts.get()
            step.equal("scripts", 12, len(page.value))
            asked = self.asked("GET")
            step.equal("statuses", [status, status, 200], [one["status"] for one in asked])
            attempts = [one["headers"].get("retry-attempt") for one in asked]
            step.equal("the SDK's own count", [None, "1", "2"], attempts)

    async def write(self) -> None:
        """A write that is refused once, with its body the second time too."""
        with Step("write past 503 with Retry-After") as step:
            self.fault(method="POST", path=SCRIPTS, status=503, retryAfter=1, times=1)
            name = unique_prefix("retry")
            made = await self.scripts.post(DeviceShellScript(display_name=name))
            step.equal("name", name, made.display_name)
            asked = self.asked("POST")
            step.equal("statuses", [503, 201], [one["status"] for one in asked])
            page = await self.scripts.get()
            step.equal("of that name", 1, [one.display_name for one in page.value].count(name))

    async def no_end(self) -> None:
        """A service that stays busy is an error in the end, with Graph's own code."""
        with Step("give up at last") as step:
            self.fault(path=SCRIPTS, status=429, retryAfter=1)
            error = await error_of(self.scripts.get())
            step.true("an error", error is not None)
            step.equal("status", 429, error.response_status_code)
            step.equal("code", "TooManyRequests", error.error.code)
            step.says(f"after {len(self.asked('GET'))} tries")

    async def batch(self) -> None:
        """One request of a batch is refused, and the other is not."""
        with Step("one of a batch is throttled") as step:
            self.fault(path=SCRIPTS, status=429, retryAfter=1)
            powershell = self.client.device_management.device_management_scripts
            content = BatchRequestContent()
            for name, builder in {"shell": self.scripts, "powershell": powershell}.items():
                item = BatchRequestItem(builder.to_get_request_information(), id=name)
                content.add_request(name, item)
            answer = await BatchRequestBuilder(self.client.request_adapter).post(content)
            statuses = answer.get_response_status_codes()
            step.equal("statuses", {"shell": 429, "powershell": 200}, statuses)


if __name__ == "__main__":
    asyncio.run(RetryTour(Server()).run())
