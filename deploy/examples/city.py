#!/usr/bin/env python3
"""A city by its front door, with Python's standard library alone. A key, where the city wants one, is in GRIDLEDGER_KEY.

  city.py ADDRESS report CATEGORY COMMUNITY    reports an incident, and prints its life
  city.py ADDRESS figures [INSTANT]            prints counts and rates
  city.py ADDRESS follow [SECONDS]             prints what happens, as it does
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


def ask(url, body=None, timeout=30, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if "GRIDLEDGER_KEY" in os.environ:
        headers["Authorization"] = f"Bearer {os.environ['GRIDLEDGER_KEY']}"
    if body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=timeout)


def report(address, category, community):
    body = {"category": category, "community": community, "channel": "python"}
    key = str(uuid.uuid4())  # one a report: whatever is sent again with it counts once
    for attempt in range(5):
        try:
            told = json.load(ask(f"{address}/api/v1/incidents", body, Idempotency_Key=key))
            break
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or attempt == 4:
                raise
            time.sleep(int(error.headers["Retry-After"]))
    return ask(f"{address}/api/v1/incidents/{urllib.parse.quote(told['id'], safe='')}").read().decode()


def figures(address, as_of=""):
    return ask(f"{address}/api/v1/metrics?{urllib.parse.urlencode({'as_of': as_of})}").read().decode()


def follow(address, seconds="3600"):
    """Server-sent events: an event ends with an empty line."""
    until = time.monotonic() + float(seconds)
    try:
        with ask(f"{address}/api/v1/stream", timeout=float(seconds)) as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    print(line[5:].decode().strip(), flush=True)
                if time.monotonic() > until:
                    break
    except TimeoutError:
        pass
    return ""


def main(address, act, *words):
    try:
        print({"report": report, "figures": figures, "follow": follow}[act](address, *words), end="")
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {error.read().decode()}")  # what is wrong, by RFC 9457


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[2] not in ("report", "figures", "follow"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
