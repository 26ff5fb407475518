"""Real brokers for tests in Python.

  sys.path.insert(0, os.environ["GRIDLEDGER_SOURCE_DIR"])
  from tests.support.kafka_cluster import Cluster

  with Cluster() as kafka:
      … kafka.bootstrap …

They are those of $GRIDLEDGER_KAFKA_BOOTSTRAP, else those of deploy/dev/kafka in $GRIDLEDGER_KAFKA_DIR,
as for the tests in C++; else the test's own, in a temporary folder, and gone afterwards however the
test ends: a process that outlives it waits for that. Topics on shared brokers need names of their own.
"""

import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "deploy/dev/kafka"
UNAVAILABLE = 69  # of the tool: no JRE, no Maven, or no network to fetch the broker

# Reads until every process that holds the other end is gone: the test, and an `up` that it began.
GUARD = 'trap "" HUP INT TERM; cat; [ ! -e "$2/kafka.lock" ] || "$1" down --dir "$2"; rm -rf "$3"'


class Cluster:
    """`own`: never shared, for tests that end brokers or need to be alone; then `light` as for
    deploy/dev/kafka, whose folder is `folder`: None when only the bootstrap is known. Raises
    unittest.SkipTest where no broker can be had."""

    def __init__(self, brokers=1, own=False, light=True):
        self.brokers, self.own, self.light = brokers, own, light
        self.bootstrap, self.folder, self.temporary, self.alive = None, None, None, None

    def __enter__(self):
        if not self.own and self.shared():
            return self
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="gridledger-kafka-"))
        self.folder = self.temporary / "cluster"
        read, self.alive = os.pipe()
        # Through a shell that ends at once: no child of the test, so what ends the test and its
        # children does not end this.
        subprocess.run(["sh", "-c", 'exec 3<&0; sh -c "$0" "$@" <&3 3<&- &', GUARD, "guard", TOOL, self.folder,
                        self.temporary], stdin=read, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       start_new_session=True, check=True)
        os.close(read)
        try:
            self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.temporary is None:
            return
        try:
            if (self.folder / "kafka.lock").exists():
                self.tool("down")
        finally:
            shutil.rmtree(self.temporary, ignore_errors=True)
            os.close(self.alive)
            self.temporary = None

    def shared(self):
        self.bootstrap = os.environ.get("GRIDLEDGER_KAFKA_BOOTSTRAP")
        if self.bootstrap:
            return True
        folder = pathlib.Path(os.environ.get("GRIDLEDGER_KAFKA_DIR", "/nonexistent"))
        try:
            known = json.loads((folder / "cluster.json").read_text())["brokers"]
        except FileNotFoundError:
            return False
        if len(known) < self.brokers:
            return False
        self.folder = folder
        self.bootstrap = ",".join(f"127.0.0.1:{broker['plain']}" for broker in known)
        # Where brokers say that they are, and where they are: for a relay between.
        self.ways = {broker["relay"]: broker["relayed"] for broker in known if "relay" in broker}
        return True

    def tool(self, act, *words):
        return subprocess.run([TOOL, act, "--dir", self.folder, *words], capture_output=True, text=True,
                              pass_fds=[] if self.alive is None else [self.alive])

    def up(self):
        """Starts what does not run; returns what the tool printed, `name=value` a line."""
        made = ["--light"] if self.temporary is not None and self.light else []
        done = self.tool("up", "--brokers", str(self.brokers), *made)
        if done.returncode == UNAVAILABLE:
            raise unittest.SkipTest(f"no broker can be had here: {done.stderr.strip()}")
        if done.returncode != 0:
            raise RuntimeError(f"no brokers: {done.stderr}")
        told = dict(line.split("=", 1) for line in done.stdout.splitlines())
        self.bootstrap = told["bootstrap"]
        return told

    def lives(self, broker):
        pid, begun = (self.folder / f"broker-{broker}/pid").read_text().split()
        try:
            words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        return words[0] != "Z" and words[19] == begun

    def kill(self, broker=1):
        """kill -9, and waits until it is gone."""
        pid = int((self.folder / f"broker-{broker}/pid").read_text().split()[0])
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [])
        finally:
            os.close(handle)
