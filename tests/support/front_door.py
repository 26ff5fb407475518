"""A small simulated city and its front door, for tests/e2e/gateway: up, requests, keys, kill, down.

  GRIDLEDGER_SOURCE_DIR=. GRIDLEDGER_BIN_DIR=build/dev/bin tests/e2e/gateway/test_answers
"""

import http.client
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse

SOURCE = pathlib.Path(os.environ["GRIDLEDGER_SOURCE_DIR"]).resolve()
GRIDLEDGER = os.path.join(os.environ["GRIDLEDGER_BIN_DIR"], "gridledger")
PATIENCE = 60  # seconds for what takes one or two
COMMUNITIES = [f"44031100500{i}" for i in range(1, 7)]
CATEGORIES = ["publicity", "environment", "order", "facilities"]
REPORT = {"category": "environment", "community": COMMUNITIES[0], "channel": "app"}


def ended(pid):
    """Waits until a process that is not our child is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE)[0])
    finally:
        os.close(handle)


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:500]!r}"


class Client:
    """One connection, kept alive."""

    def __init__(self, address, key=None):
        self.place = urllib.parse.urlsplit(address)
        self.key = key
        self.connection = http.client.HTTPConnection(self.place.hostname, self.place.port, timeout=PATIENCE)

    def close(self):
        self.connection.close()

    def ask(self, method, path, body=None, **headers):
        """`body` is bytes, an iterator of them, or what becomes JSON. Names of headers have _ for -."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key is not None:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        if body is not None and not isinstance(body, (bytes, str)) and not hasattr(body, "__next__"):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        self.connection.request(method, path, body=body, headers=headers)
        response = self.connection.getresponse()
        return Answer(response, response.read())

    def get(self, path, **query):
        query = {name: value for name, value in query.items() if value is not None}
        return self.ask("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def report(self, body, **headers):
        return self.ask("POST", "/api/v1/incidents", body, **headers)

    def say(self, name, body, **headers):
        return self.ask("POST", f"/api/v1/incidents/{urllib.parse.quote(name, safe='')}/facts", body, **headers)


class FrontDoorTest(unittest.TestCase):
    """Each class has one simulated folder; each test that asks for it its own copy, or all share one city."""

    INCIDENTS = 200

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.pids = []
        cls.addClassCleanup(cls.end_all)
        cls.made = os.path.join(cls.folder.name, "made")
        cls.command("simulate", cls.made, "--pack", "yutang", "--seed", "5", "--incidents", str(cls.INCIDENTS))

    @classmethod
    def end_all(cls):
        for pid in cls.pids:
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)
            ended(pid)

    @classmethod
    def command(cls, name, data, *arguments, status=0):
        done = subprocess.run([GRIDLEDGER, *name.split(), "--data", data, *arguments], capture_output=True, text=True,
                              timeout=4 * PATIENCE)
        if done.returncode != status:
            raise AssertionError(f"{name} {arguments} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout if status == 0 else done.stderr

    @classmethod
    def told(cls, name, data, *arguments):
        return json.loads(cls.command(name, data, *arguments, "--json"))

    @classmethod
    def up(cls, data, *more):
        """(address, pid) of a live city in the background."""
        told = cls.told("up", data, "--http", "127.0.0.1:0", "--no-simulation", "--detach", *more)
        cls.pids.append(told["process"])
        return told["address"], told["process"]

    @classmethod
    def settle(cls, address):
        """Waits until the services have decided on all that was reported."""
        client = Client(address)
        deadline = time.monotonic() + PATIENCE
        offsets = None
        while True:
            tasks = client.get("/api/v1/partitions").json["tasks"]
            now = [task["offset"] for task in tasks]
            idle = all(task["pending"] == 0 and task["lag"] == 0 for task in tasks)
            if idle and now == offsets:
                break
            offsets = now
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {PATIENCE} s until all is decided")
            select.select([], [], [], 1.2)  # a look is up to a second old
        client.close()

    @classmethod
    def copy(cls, name):
        data = os.path.join(cls.folder.name, name)
        shutil.copytree(cls.made, data)
        return data

    @classmethod
    def keys(cls, data, **roles):
        """A key each; None while this build has no command for keys."""
        help_text = subprocess.run([GRIDLEDGER, "keys", "add", "--help"], capture_output=True, text=True)
        if help_text.returncode != 0:
            return None
        return {name: cls.told("keys add", data, "--name", name, *words)["key"] for name, words in roles.items()}

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            self.assertLess(time.monotonic(), deadline, f"waited {PATIENCE} s until {what}")
        return found

    def assert_problem(self, answer, status, **members):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["content-type"], "application/problem+json", answer)
        problem = answer.json
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"], answer)
        for name, value in members.items():
            self.assertEqual(problem.get(name), value, answer)
        return problem

    def raw(self, address):
        """A socket, for what no client would send."""
        place = urllib.parse.urlsplit(address)
        connection = socket.create_connection((place.hostname, place.port), timeout=PATIENCE)
        self.addCleanup(connection.close)
        return connection


def read_all(connection):
    """All that comes until the other side closes."""
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)
