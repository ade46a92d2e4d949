"""Fixtures that give each test a stand-in for Microsoft Graph in its first state.

    runstate demo --emulate

is started once, on a port that is free, and put back before each test, which
takes some hundredths of a second. Where RUNSTATE_READY_FILE names the ready
file of one that runs already, as in a workflow, that one is used.

Copy this file beside your tests. It needs `pytest`, `requests`, and `runstate`
on the path or in RUNSTATE_PROGRAM.
"""

import json
import os
import subprocess
from typing import Any, Iterator, Optional

import pytest
import requests


class Emulator:
    """A stand-in for Graph, and what is done to it."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.base_url: str = ready["baseUrl"]
        self.tenant_id: str = ready["tenantId"]
        self.client_id: str = ready["clientId"]
        self.client_secret: str = ready["clientSecret"]
        self.token: str = ready["token"]
        self.read_token: str = ready["readToken"]
        self._control_url: str = ready["controlUrl"]
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {ready['controlToken']}"
        # No proxy of the machine is asked for what is on the machine.
        self._session.trust_env = False

    def reset(self) -> None:
        """Back to the first state: data, ids, clock, limits, faults, and the log."""
        self._control("POST", "/reset")

    def fault(self, **rule: Any) -> str:
        """Adds a fault, such as `path="/users", status=503, times=2`; returns its id."""
        return self._control("POST", "/faults", rule)["id"]

    def set_clock(self, **change: Any) -> str:
        """Sets `now`, moves by `advance` (seconds or PT20S), or makes it `frozen`."""
        return self._control("PUT", "/clock", change)["now"]

    def requests(self, **wanted: Any) -> list[dict[str, Any]]:
        """What was asked since the reset, by `method`, `path`, `status` or `fault`."""
        return self._control("GET", "/requests", params=wanted)["requests"]

    def _control(
        self, method: str, page: str, body: Any = None, params: Optional[dict[str, Any]] = None
    ) -> Any:
        answer = self._session.request(
            method, self._control_url + page, json=body, params=params, timeout=60
        )
        assert answer.ok, f"{method} {page}: {answer.status_code} {answer.text}"
        return answer.json()


@pytest.fixture(scope="session")
def running_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The stand-in that all tests of a run share."""
    if running := os.environ.get("RUNSTATE_READY_FILE"):
        with open(running, encoding="utf-8") as file:
            yield Emulator(json.load(file))
        return
    ready = tmp_path_factory.mktemp("runstate") / "ready.json"
    command = [os.environ.get("RUNSTATE_PROGRAM", "runstate"), "demo", "--emulate"]
    # Any port that is free; Graph's limits of rate, a tenth of them.
    command += ["--listen", "127.0.0.1:0", "--throttle-scale", "0.1", "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            # The ready file is whole before the last line is printed.
            for line in process.stdout:
                if line.startswith("Stop with"):
                    break
            yield Emulator(json.loads(ready.read_text(encoding="utf-8")))
        finally:
            process.terminate()


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    """The stand-in in its first state, with a clock that stands still."""
    running_emulator.reset()
    running_emulator.set_clock(frozen=True)
    return running_emulator
