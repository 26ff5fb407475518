"""Programs on a cluster, for tests: the brokers that they share, gridledger's commands, a service and its endpoints."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

SOURCE = pathlib.Path(os.environ["GRIDLEDGER_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["GRIDLEDGER_BIN_DIR"])
SERVICES = ("dispatch", "escalation", "metrics", "audit")
PATIENCE = 60  # seconds for what takes one or two
PARTITIONS = 8


def bootstrap():
    if "GRIDLEDGER_KAFKA_BOOTSTRAP" in os.environ:
        return os.environ["GRIDLEDGER_KAFKA_BOOTSTRAP"]
    try:
        cluster = json.loads(pathlib.Path(os.environ["GRIDLEDGER_KAFKA_DIR"], "cluster.json").read_text())
    except (KeyError, OSError):
        return ""
    return ",".join(f"127.0.0.1:{broker['plain']}" for broker in cluster["brokers"])


BOOTSTRAP = bootstrap()
if not BOOTSTRAP:
    print("skipped: there is no broker to try it on")
    sys.exit(77)


def gridledger(*words, code=0, **more):
    done = subprocess.run([BIN / "gridledger", *words], text=True, capture_output=True, timeout=300, **more)
    if done.returncode != code:
        raise AssertionError(f"gridledger {' '.join(map(str, words))}: {done.returncode}, not {code}\n"
                             f"{done.stdout}{done.stderr}")
    return done.stdout


class Program:
    """A service's own program, and its endpoints. `program`: another that has the same options."""

    def __init__(self, test, service, log, name, *words, memory="256MiB", program=None):
        self.state = test.folder / name
        self.lines = test.folder / f"{name}.log"
        self.file = open(self.lines, "ab")
        self.process = subprocess.Popen(
            # What ends the test ends its programs.
            ["setpriv", "--pdeathsig", "KILL", program or BIN / f"gridledger-{service}", "--log", log, "--state",
             self.state, "--http", "127.0.0.1:0", "--log-format", "json", "--checkpoint-every", "1s", "--memory", memory,
             *words],
            stderr=self.file, stdout=self.file)
        test.addCleanup(self.kill)

    def texts(self):
        return [json.loads(line)["text"] for line in self.lines.read_text().splitlines()]

    def url(self):
        for text in reversed(self.texts()):
            if text.startswith("endpoints on "):
                return text.removeprefix("endpoints on ")
        return None

    def get(self, path):
        try:
            with urllib.request.urlopen(f"{self.url()}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, ValueError):  # nobody there, or nothing in time
            return 0, ""

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.file.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


class ClusterTest(unittest.TestCase):
    """A city of its own on the shared cluster."""

    partitions = PARTITIONS
    topic_words = ()  # more for `topics create`

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.prefix = f"city-{os.getpid()}-{self.id().rsplit('.', 1)[-1][:40]}"
        self.log = f"kafka:{BOOTSTRAP}/{self.prefix}"
        gridledger("topics", "create", "--log", self.log, "--partitions", str(self.partitions),
                   *self.topic_words)

    def simulate(self, incidents):
        data = self.folder / "made"
        gridledger("simulate", "--data", data, "--pack", "yutang", "--seed", "3", "--incidents", str(incidents))
        return data

    def status(self):
        return json.loads(gridledger("status", "--log", self.log, "--json"))

    def until(self, holds, what, lacks=lambda: "", patience=PATIENCE):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            got = holds()
            if got:
                return got
            time.sleep(0.05)  # tidy: allow(sleep) other programs answer over HTTP and a broker; the deadline is above
        logs = "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in self.folder.glob("*.log"))
        raise AssertionError(f"not in {patience} s: {what} {lacks()}\n{logs}")

    def example(self, *words, **environment):
        language = self.folder / "gridledger.binpb"
        if not language.exists():
            subprocess.run(["protoc", "-I", SOURCE / "proto", "--include_imports", f"--descriptor_set_out={language}",
                            *sorted((SOURCE / "proto/gridledger/v1").glob("*.proto"))], check=True)
        done = subprocess.run(["/usr/bin/python3", SOURCE / "deploy/examples/ledger.py", *words], text=True,
                              capture_output=True,
                              env={**os.environ, "GRIDLEDGER_LANGUAGE": str(language), **environment},
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def report(self, incident, **environment):
        self.example("report", BOOTSTRAP, f"{self.prefix}.ledger.v1", "440311005001", "city-appearance", incident,
                     **environment)

    def timeline(self, incident):
        done = subprocess.run([BIN / "gridledger", "incident", "--log", self.log, "--json", incident], text=True,
                              capture_output=True, timeout=PATIENCE)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def dispatched(self, incident):
        """How often the incident was dispatched in the ledger, as anybody reads it."""
        lines = self.example("read", BOOTSTRAP, f"{self.prefix}.ledger.v1").splitlines()
        return [line for line in lines if "gridledger.v1.Decision" in line and incident in line
                and "'dispatched'" in line]
