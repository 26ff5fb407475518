"""What the measurements stand on: a cluster of their own, programs with what the kernel says of them, the peer."""

import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from confluent_kafka.admin import AdminClient, ConfigResource

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
from tests.support.kafka_cluster import Cluster  # noqa: E402

PEER = pathlib.Path(__file__).resolve().parent / "peer"
# Yutang's four communities fall on four of nine partitions, two odd and two even ones: whoever shares
# them out in turn among two threads gives each half of the work.
PARTITIONS = 9
PATIENCE = 900  # seconds, for a machine that others use too


def wait_for(holds, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = holds()
        if got:
            return got
        time.sleep(0.02)  # tidy: allow(sleep) another program's state is asked; the deadline is above
    raise RuntimeError(f"not in {seconds} s: {what}")


class Run:
    """One finished program: what it printed, and its seconds and CPU seconds."""

    def __init__(self, *command):
        begun = time.monotonic()
        with tempfile.TemporaryFile("w+") as said:
            # Its input stays open as long as it runs: the load's ends with it.
            process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=said,
                                       stdin=subprocess.PIPE, text=True)
            try:
                out = process.stdout.read()
            except BaseException:
                process.kill()
                raise
            finally:
                _, status, usage = os.wait4(process.pid, 0)
                process.stdin.close()
            said.seek(0)
            err = said.read()
        process.returncode = os.waitstatus_to_exitcode(status)
        self.seconds = time.monotonic() - begun
        self.cpu = usage.ru_utime + usage.ru_stime
        self.out, self.err = out, err
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}\n{out}{err[-4000:]}")

    def json(self):
        return json.loads(self.out)


class Program:
    """One that runs, and is ended with the rig."""

    def __init__(self, rig, name, *command, stdin=None):
        self.lines = rig.scratch / f"{name}.log"
        with open(self.lines, "wb") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log,
                                            stdin=stdin or subprocess.DEVNULL)
        rig.programs.append(self)

    def says(self, text):
        return text in self.lines.read_text(errors="replace")

    def kill(self):
        """kill -9; returns the instant, in microseconds since 1970."""
        at = time.time_ns() // 1000
        self.process.kill()
        self.process.wait()
        return at

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Service(Program):
    """A service's own program, live, with its endpoints."""

    def __init__(self, rig, service, city, name, *words):
        super().__init__(rig, name, rig.bin / f"gridledger-{service}", "--log", rig.log(city), "--state",
                         rig.scratch / "state" / name, "--http", "127.0.0.1:0", "--log-format", "json", *words)

    def figures(self):
        """The samples of /metrics, by name and labels; empty while it does not answer."""
        for line in self.lines.read_text().splitlines():
            text = json.loads(line)["text"]
            if text.startswith("endpoints on "):
                try:
                    with urllib.request.urlopen(f"{text.removeprefix('endpoints on ')}/metrics", timeout=10) as answer:
                        lines = answer.read().decode().splitlines()
                except (urllib.error.URLError, OSError):
                    return {}
                return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[0] != "#"}
        return {}

    def sum(self, name):
        """Of a metric over its labels; 0 while it is not there."""
        return sum(value for sample, value in self.figures().items() if sample.split("{")[0] == name)

    def has_folded_all(self, partitions=PARTITIONS):
        if self.process.poll() is not None:
            raise RuntimeError(f"a service ended:\n{self.lines.read_text()}")
        lags = [value for name, value in self.figures().items() if name.startswith("gridledger_lag{")]
        return len(lags) == partitions and not any(lags)  # one that does not know yet tells none


class Rig:
    def __init__(self, arguments, scratch):
        self.bin, self.scratch, self.target = arguments.bin.resolve(), scratch, arguments.peer.resolve()
        self.bench = self.bin.parent / "tests"  # where the build puts benchmarks
        self.cluster = Cluster(brokers=arguments.brokers, own=True, light=False)
        self.programs = []
        (scratch / "state").mkdir()

    def __enter__(self):
        self.build_peer()
        self.cluster.__enter__()
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.end()
        self.cluster.__exit__()

    # ---- ours

    def log(self, city):
        return f"kafka:{self.cluster.bootstrap}/{city}"

    def topic(self, city):
        return f"{city}.ledger.v1"

    def gridledger(self, *words):
        return Run(self.bin / "gridledger", *words)

    def load(self, act, *words):
        return Run(self.bench / "kafka_load_bench", act, self.cluster.bootstrap, *words)

    def make_city(self, city, incidents=0):
        """A city's topics, filled with a simulated period; returns how many records that is."""
        self.gridledger("topics", "create", "--log", self.log(city), "--partitions", PARTITIONS)
        if incidents == 0:
            return 0
        made = self.scratch / f"made-{incidents}"
        if not made.exists():
            self.gridledger("simulate", "--data", made, "--pack", "yutang", "--incidents", incidents, "--partitions",
                            PARTITIONS)
        return self.gridledger("copy", "--from", f"local:{made}", "--to", self.log(city), "--no-digests",
                               "--json").json()["records"]

    def keep_sent_times(self, city):
        """What is mirrored into a city that runs keeps its times, as a copy's does: else all of it would be due at once."""
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap})
        (was,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, self.topic(city))]).values()
        config = {name: one.value for name, one in was.result(30).items() if not one.is_default and not one.is_read_only}
        config["message.timestamp.type"] = "CreateTime"
        for future in admin.alter_configs([ConfigResource(ConfigResource.Type.TOPIC, self.topic(city),
                                                          set_config=config)]).values():  # fmt: skip
            future.result(30)

    def drain(self, service, city, name, *words):
        """A service from nothing to the topic's end and its last checkpoint, in one thread unless told. Its seconds
        are by its own log, from begun to ended: the clients' start and end are not counted."""
        run = Run(self.bin / f"gridledger-{service}", "--log", self.log(city), "--state", self.scratch / "state" / name,
                  "--partitions", f"0-{PARTITIONS - 1}", "--log-format", "json", "--drain", *words)
        at = {word: datetime.datetime.fromisoformat(line["at"].replace("Z", "+00:00"))
              for line in map(json.loads, run.err.splitlines()) for word in (" began ", " ended: ") if word in line["text"]}
        run.seconds = (at[" ended: "] - at[" began "]).total_seconds()
        return run

    # ---- the peer

    def build_peer(self):
        sources = [PEER / "pom.xml", *PEER.rglob("*.java"), *(ROOT / "proto").rglob("*.proto")]
        jar = self.target / "peer-1.jar"
        if jar.exists() and jar.stat().st_mtime > max(one.stat().st_mtime for one in sources):
            return
        print("building the peer", file=sys.stderr)
        Run("mvn", "-q", "-B", "-C", "-Dstyle.color=never", "-f", PEER / "pom.xml", f"-Dtarget={self.target}", "package")

    def peer(self, topic, app, name, settings, *words):
        return ["java", "-Xmx3g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
                f"{self.target}/peer-1.jar:{self.target}/jars/*", "gridledger.peer.Peer", "--bootstrap",
                self.cluster.bootstrap, "--topic", topic, "--output", f"{app}.decisions", "--app", app, "--partitions",
                PARTITIONS, "--state", self.scratch / "state" / name, *words,
                *(word for one in settings.items() for word in ("--set", f"{one[0]}={one[1]}"))]

    def run_peer(self, city, name, settings, decide, records):
        """The peer over so many records of a city's topic, from nothing: its own clock's figures, and its CPU."""
        made = Run(*self.peer(self.topic(city), name, name, settings, "--decide", decide, "--records", records))
        shutil.rmtree(self.scratch / "state" / name)
        return {**made.json(), "cpu_seconds": made.cpu}


def load_average():
    return os.getloadavg()[0]
