"""One service from a filled topic; from produce to all four checkpointed; the peer and what its tuning brings."""

import json
import shutil
import subprocess
import time

from rig import PARTITIONS, Service, load_average, wait_for

SERVICES = ("dispatch", "escalation", "metrics", "audit")
WARM_INCIDENTS = 500  # to begin with: what reports look like, who is on duty
RECORDS_AN_INCIDENT = 10.93  # of the simulated period

COMMIT = {"commit.interval.ms": 10_000, "producer.transaction.timeout.ms": 60_000}
CACHE = {**COMMIT, "statestore.cache.max.bytes": 1 << 30}
BATCHES = {**CACHE, "producer.batch.size": 1 << 18, "producer.linger.ms": 100, "producer.compression.type": "lz4",
           "producer.buffer.memory": 128 << 20}
FETCHES = {**BATCHES, "main.consumer.max.poll.records": 10_000, "buffered.records.per.partition": 20_000,
           "main.consumer.fetch.min.bytes": 1 << 16, "main.consumer.max.partition.fetch.bytes": 8 << 20}
STORE = {**FETCHES, "rocksdb.config.setter": "gridledger.peer.Tuned"}
SMALL = {**STORE, "statestore.cache.max.bytes": 64 << 20}
# Each adds to the one before, from which on it is kept whether it helped or not.
TUNINGS = (
    ("Kafka Streams as it comes", 1, {}, "change"),
    ("Kafka Streams as it comes", 2, {}, "change"),
    ("commit every 10 s", 2, COMMIT, "change"),
    ("… and a cache of 1 GiB", 2, CACHE, "change"),
    ("… and large batches, lz4", 2, BATCHES, "change"),
    ("… and large fetches and polls", 2, FETCHES, "change"),
    ("… and RocksDB with larger buffers", 2, STORE, "change"),
    ("… with a cache of 64 MiB", 2, SMALL, "change"),
    ("all of it but that", 1, STORE, "change"),
    ("the same, decisions where dispatch decides", 1, STORE, "filed"),
    ("the same, decisions where dispatch decides", 2, STORE, "filed"),
)


def throughput(rig, arguments, row):
    incidents = int(arguments.records / RECORDS_AN_INCIDENT)
    records = rig.make_city("city", incidents)

    rig.make_city("mirror")
    mirror = rig.load("mirror", rig.topic("city"), rig.topic("mirror"), 0).json()
    row("brokers alone: consume", records, mirror["read_seconds"])
    produce = row("brokers alone: produce", records, mirror["send_seconds"])

    ours = {}
    for turn in range(arguments.rounds):
        for service in ("metrics", "dispatch"):
            run = rig.drain(service, "city", f"drain-{service}-{turn}")
            rate = row(f"gridledger-{service}, 1 thread", records, run.seconds, run.cpu)["rate"]
            ours[service] = max(ours.get(service, 0), rate)
            shutil.rmtree(rig.scratch / "state" / f"drain-{service}-{turn}")
    run = rig.drain("dispatch", "city", "drain-2", "--threads", "2")
    row("gridledger-dispatch, 2 threads", records, run.seconds, run.cpu)

    together = all_four(rig, row, records)
    row.ratio("produce to four checkpoints / produce alone", together / produce["rate"])

    best = best_run = 0
    some = min(records, arguments.peer_records)
    for i, (name, threads, settings, decide) in enumerate(TUNINGS):
        if arguments.short and i not in (2, 6, 9):
            continue
        told = rig.run_peer("city", f"peer-{i}", {**settings, "num.stream.threads": threads}, decide, some)
        # Its own clock, from its first record to its last, and the faster half: its start, its
        # warming up and its last commit are not counted against it.
        rate = max(told["rate"], told["second_half"])
        row(f"peer, {threads} thread{'s' if threads > 1 else ''}: {name}", some, some / rate,
            told["cpu_seconds"])  # fmt: skip
        best, best_run = max(best, rate), max(best_run, told["rate"])
    for service, rate in ours.items():
        row.ratio(f"gridledger-{service}, 1 thread, folding / peer's best half", rate / best)
        row.ratio(f"gridledger-{service}, 1 thread, folding / peer's best run", rate / best_run)
    deciding(rig, arguments, row)
    row.say(f"load of the machine at the end: {load_average():.1f}")


def deciding(rig, arguments, row):
    """A topic in which every second record still wants a decision, and both make and send them."""
    warm = rig.make_city("waiting", WARM_INCIDENTS)
    incidents = arguments.peer_records // 2
    records = rig.load("fill", rig.topic("waiting"), incidents, "waiting").json()["records"]
    best = 0
    for threads in (1, 2):  # before ours are in the topic
        name = f"peer-deciding-{threads}"
        told = rig.run_peer("waiting", name, {**STORE, "num.stream.threads": threads}, "filed", warm + records)
        rate = max(told["rate"], told["second_half"])
        row(f"peer, {threads} thread{'s' if threads > 1 else ''}: reports and filings, its best settings", records,
            records / rate)  # fmt: skip
        best = max(best, rate)
    run = rig.drain("dispatch", "waiting", "deciding")
    ours = row("gridledger-dispatch, 1 thread: the same, decisions read back", records, run.seconds, run.cpu)["rate"]
    row.ratio("gridledger-dispatch, 1 thread, deciding / peer's best", ours / best)


def all_four(rig, row, records):
    """From the first record sent to the last of four checkpoints that hold everything."""
    rig.make_city("four")
    services = [Service(rig, name, "four", f"four-{name}", "--partitions", f"0-{PARTITIONS - 1}") for name in SERVICES]
    for one in services:
        wait_for(lambda one=one: len(one.figures()) > 0, "the services answer")
    rig.keep_sent_times("four")
    sending = subprocess.Popen([rig.bench / "kafka_load_bench", "mirror", rig.cluster.bootstrap, rig.topic("city"),
                                rig.topic("four"), "0"], stdout=subprocess.PIPE, text=True)
    sent = json.loads(sending.communicate()[0])["begun_us"]
    for one in services:
        wait_for(one.has_folded_all, "all is folded")
    for one in services:
        one.process.terminate()
    for one in services:
        one.process.wait()
    seconds = time.time() - sent / 1e6
    return row("produce → four services checkpointed", records, seconds)["rate"]
