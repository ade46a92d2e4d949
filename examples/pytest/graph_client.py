"""The code under test: a small client of Graph, as automation has it.

It is what the tests beside it show, and no more; yours stands here instead.
"""

from typing import Any, Iterator

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

SCRIPTS = "/deviceManagement/deviceShellScripts"


class GraphClient:
    """Graph with a base URL that can be changed, and patience where it is asked for."""

    def __init__(self, base_url: str, token: str, retries: int = 4) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        patience = Retry(
            total=retries,
            # A POST that was refused with one of these has done nothing.
            status_forcelist=[429, 503],
            allowed_methods=None,
            respect_retry_after_header=True,
            # A connection that is cut off is the caller's to think about.
            connect=0,
            read=0,
            other=0,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=patience))

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """One call, tried again as Graph asks; raises for what stays an error."""
        url = path if path.startswith("http") else self._base_url + path
        answer = self._session.request(method, url, timeout=60, **more)
        answer.raise_for_status()
        return answer

    def all(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """The entities of a collection, page after page."""
        page = self.call("GET", path, params=params).json()
        yield from page["value"]
        while link := page.get("@odata.nextLink"):
            page = self.call("GET", link).json()
            yield from page["value"]

    def ensure_script(self, name: str, content: str) -> dict[str, Any]:
        """Makes a script unless there is one of that name, whatever becomes of answers."""
        for _ in range(3):
            found = list(self.all(SCRIPTS, **{"$filter": f"displayName eq '{name}'"}))
            if found:
                return found[0]
            body = {"displayName": name, "scriptContent": content, "runAsAccount": "system"}
            try:
                return self.call("POST", SCRIPTS, json=body).json()
            except (requests.ConnectionError, requests.HTTPError) as error:
                if getattr(error.response, "status_code", 504) < 500:
                    raise
                # It may have been made all the same: look first.
        raise RuntimeError(f"the script {name!r} cannot be made")
