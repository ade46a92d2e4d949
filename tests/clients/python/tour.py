"""What the Python tours share: the ready file, named steps and plain HTTP.

A tour is a list of steps. Each step that ends well prints one line
(`ok  list with paging: 7 scripts in 4 pages`); the first that does not prints
`FAIL` with the step's name, what was expected and what came, and ends the
program with status 1.
"""

import base64
import json
import os
import ssl
import sys
import traceback
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any, Mapping, NoReturn, Optional

# The request body of "Update deviceManagementScriptDeviceState" in the Graph
# documentation, to the letter.
EXAMPLE_UPDATE = {
    "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
    "runState": "success",
    "resultMessage": "Result Message value",
    "lastStateUpdateDateTime": "2017-01-01T00:02:58.4418045-08:00",
    "errorCode": 9,
    "errorDescription": "Error Description value",
}

COLLECTIONS = (
    "deviceShellScripts",
    "deviceManagementScripts",
    "deviceCustomAttributeShellScripts",
)


class Mismatch(Exception):
    """An expectation of a step that did not hold."""

    def __init__(self, what: str, expected: Any, got: Any) -> None:
        super().__init__(f"{what}: expected {expected!r}, got {got!r}")


class Step:
    """One named step; used as a context manager, it ends the tour on failure."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detail = ""

    def __enter__(self) -> "Step":
        return self

    def __exit__(self, kind, error, trace) -> bool:
        if error is None:
            print(f"ok  {self.name}" + (f": {self.detail}" if self.detail else ""), flush=True)
            return False
        if isinstance(error, Mismatch):
            print(f"FAIL  {self.name}: {error}", flush=True)
        elif isinstance(error, Exception):
            traceback.print_exception(kind, error, trace)
            print(
                f"FAIL  {self.name}: expected no exception, got {kind.__name__}: {error}",
                flush=True,
            )
        else:
            return False
        sys.exit(1)

    def equal(self, what: str, expected: Any, got: Any) -> None:
        """Fails the step unless `got` equals `expected`."""
        if expected != got:
            raise Mismatch(what, expected, got)

    def true(self, what: str, holds: Any) -> None:
        """Fails the step unless `holds` is true."""
        if not holds:
            raise Mismatch(what, True, holds)

    def says(self, detail: str) -> None:
        """Sets what the step's line says after its name."""
        self.detail = detail


@dataclass(frozen=True)
class Answer:
    """The answer to a plain request: status, headers (lower-case) and raw body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Server:
    """The server under test, as its ready file describes it."""

    def __init__(self) -> None:
        path = os.environ.get("RUNSTATE_READY_FILE") or stop("RUNSTATE_READY_FILE is not set")
        with open(path, encoding="utf-8") as file:
            ready = json.load(file)
        self.base_url: str = ready["baseUrl"].rstrip("/")
        self.root_url: str = self.base_url.removesuffix("/beta")
        self.tenant_id: str = ready["tenantId"]
        self.client_id: str = ready["clientId"]
        self.client_secret: str = ready["clientSecret"]
        self.token: str = ready["token"]
        self.read_token: str = ready["readToken"]
        #: How a stand-in for Graph is controlled; other servers have none.
        self.control_url: Optional[str] = ready.get("controlUrl")
        self.control_token: Optional[str] = ready.get("controlToken")
        self.ca_file: Optional[str] = os.environ.get("RUNSTATE_TLS_CA") or None
        host = urllib.parse.urlsplit(self.base_url).hostname
        if host not in ("localhost", "127.0.0.1", "::1"):
            stop(f"the tours talk to loopback only, and {host} is not")
        if self.ca_file:
            # httpx and requests, which the libraries below use, each read
            # their own variable; set before any of them makes a client.
            os.environ["SSL_CERT_FILE"] = self.ca_file
            os.environ["REQUESTS_CA_BUNDLE"] = self.ca_file
        # A proxy of the machine must not see requests to loopback.
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1,::1"

    @property
    def is_tls(self) -> bool:
        """Whether the server is reached over TLS."""
        return self.base_url.startswith("https://")

    def plain(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: Optional[str] = None,
    ) -> Answer:
        """Sends one request without any SDK; `path` is relative to the base URL."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token or self.token}"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        return self._send(
            urllib.request.Request(self.base_url + path, data, headers, method=method)
        )

    def control(self, method: str, page: str, body: Any = None) -> Any:
        """Tells a stand-in for Graph what to do, or asks it what was done."""
        url = self.control_url or stop("the server is not `runstate demo --emulate`")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.control_token}"}
        answer = self._send(urllib.request.Request(url + page, data, headers, method=method))
        if answer.status >= 300:
            raise Mismatch(f"status of {method} {page}", "a success", (answer.status, answer.body))
        return answer.json()

    def token_by_client_credentials(self) -> str:
        """Fetches a token from the built-in issuer with id and secret (RFC 6749, 4.4)."""
        form = urllib.parse.urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "scope": "https://graph.microsoft.com/.default",
            }
        ).encode()
        url = f"{self.root_url}/{self.tenant_id}/oauth2/v2.0/token"
        answer = self._send(urllib.request.Request(url, form, method="POST"))
        if answer.status != 200:
            raise Mismatch("status of the token endpoint", 200, (answer.status, answer.body))
        return answer.json()["access_token"]

    def _send(self, request: urllib.request.Request) -> Answer:
        context = ssl.create_default_context(cafile=self.ca_file) if self.is_tls else None
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as response:
                return Answer(response.status, lower(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, lower(error.headers), error.read())


def lower(headers: Any) -> dict[str, str]:
    """The headers with lower-case names."""
    return {name.lower(): value for name, value in headers.items()}


def stop(reason: str) -> NoReturn:
    """Ends the program because it cannot even begin."""
    print(f"FAIL  start: {reason}", flush=True)
    sys.exit(1)


def unique_prefix(tour: str) -> str:
    """A name prefix that no earlier tour on the same server has used."""
    return f"tour-{tour}-{uuid.uuid4().hex[:8]}"


def key(text: str) -> str:
    """A key as a path segment, every reserved character percent-encoded."""
    return urllib.parse.quote(text, safe="")


def script_body(collection: str, name: str, text: str) -> dict[str, Any]:
    """A body that creates a script in `collection`, for plain requests."""
    body: dict[str, Any] = {
        "displayName": name,
        "description": f"{name}, as created",
        "scriptContent": base64.b64encode(text.encode()).decode(),
        "runAsAccount": "system",
        "fileName": f"{name}.ps1" if collection == "deviceManagementScripts" else f"{name}.sh",
        "roleScopeTagIds": ["0"],
    }
    if collection == "deviceManagementScripts":
        body |= {"enforceSignatureCheck": False, "runAs32Bit": True}
    elif collection == "deviceShellScripts":
        body |= {
            "executionFrequency": "PT1H",
            "retryCount": 3,
            "blockExecutionNotifications": True,
        }
    else:
        body |= {"customAttributeName": name, "customAttributeType": "string"}
    return body
