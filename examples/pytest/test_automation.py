"""What automation meets in production once a month, met in each run of the tests."""

import base64

import pytest
import requests

from graph_client import SCRIPTS, GraphClient

CONTENT = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()


@pytest.fixture
def client(emulator):
    return GraphClient(emulator.base_url, emulator.token)


def statuses(emulator, **wanted):
    return [request["status"] for request in emulator.requests(**wanted)]


def test_data_are_the_same_each_time(emulator, client):
    before = [script["id"] for script in client.all(SCRIPTS)]
    made = client.ensure_script("Hello", CONTENT)
    emulator.reset()
    assert [script["id"] for script in client.all(SCRIPTS)] == before
    assert client.ensure_script("Hello", CONTENT)["id"] == made["id"]


def test_throttling_ends_when_it_says(emulator):
    impatient = GraphClient(emulator.base_url, emulator.token, retries=0)
    # Graph takes 100 writes of an app in 20 seconds, and this one perhaps fewer.
    with pytest.raises(requests.HTTPError) as refused:
        for number in range(101):
            impatient.call("POST", SCRIPTS, json={"displayName": f"Script {number}"})
    answer = refused.value.response
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "TooManyRequests"
    # The limits go by the stand-in's clock, so nobody has to wait.
    emulator.set_clock(advance=int(answer.headers["Retry-After"]))
    impatient.call("POST", SCRIPTS, json={"displayName": "One more"})


def test_a_busy_service_is_asked_again(emulator, client):
    emulator.fault(method="GET", path=SCRIPTS, status=503, retryAfter=1, times=2)
    assert len(list(client.all(SCRIPTS))) == 12
    assert statuses(emulator, path=SCRIPTS) == [503, 503, 200]


def test_a_lost_answer_makes_no_second_script(emulator, client):
    emulator.fault(method="POST", path=SCRIPTS, stage="after", drop=True, times=1)
    emulator.fault(method="POST", path=SCRIPTS, stage="after", status=504, times=1)
    client.ensure_script("Hello", CONTENT)
    client.ensure_script("Hello again", CONTENT)
    names = [script["displayName"] for script in client.all(SCRIPTS)]
    assert names.count("Hello") == names.count("Hello again") == 1
    assert statuses(emulator, method="POST") == [None, 504]


def test_an_error_is_told_and_not_repeated(emulator, client):
    emulator.fault(path=SCRIPTS, status=403, code="Authorization_RequestDenied")
    with pytest.raises(requests.HTTPError):
        list(client.all(SCRIPTS))
    assert statuses(emulator, path=SCRIPTS) == [403]


def test_what_is_made_has_the_date_of_the_clock(emulator, client):
    emulator.set_clock(now="2026-02-03T04:05:06Z")
    assert client.ensure_script("Dated", CONTENT)["createdDateTime"] == "2026-02-03T04:05:06Z"


def test_a_token_ends_with_its_time(emulator, client):
    emulator.set_clock(advance="P8D")
    with pytest.raises(requests.HTTPError) as refused:
        list(client.all(SCRIPTS))
    assert refused.value.response.status_code == 401
