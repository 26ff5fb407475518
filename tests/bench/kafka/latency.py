"""From a report's acknowledgement to its answer at another consumer: dispatch, and an echo beside it."""

import statistics
import subprocess

from rig import PARTITIONS, Program, Service, load_average, wait_for

WARM_INCIDENTS = 500


def latency(rig, arguments, row):
    rig.make_city("served", WARM_INCIDENTS)
    rig.make_city("echoed", WARM_INCIDENTS)
    seen = {"echo": [], "dispatch": []}
    echo(rig, arguments, "warm")  # the broker's own first minute; whoever came first would carry it
    for turn in range(arguments.rounds):
        for who, measure in (("echo", echo), ("dispatch", dispatch)):
            told = measure(rig, arguments, turn)
            row.latency(f"{who}, {told['rate']:,.0f} reports/s", told)
            seen[who].append(told)
    for name in ("p50_ms", "p99_ms", "p999_ms"):
        of = {who: statistics.median(one[name] for one in all) for who, all in seen.items()}
        row.ratio(f"dispatch / echo, median {name.removesuffix('_ms')}", of["dispatch"] / max(of["echo"], 1e-3))
    row.say(f"load of the machine at the end: {load_average():.1f}")


def load(rig, city, arguments, name):
    return rig.load("latency", rig.topic(city), rig.topic(city), arguments.rate, arguments.seconds, name).json()


def dispatch(rig, arguments, turn):
    service = Service(rig, "dispatch", "served", "latency", "--partitions", f"0-{PARTITIONS - 1}")
    wait_for(service.has_folded_all, "dispatch is live")
    told = load(rig, "served", arguments, f"d{turn}")
    service.stop()
    return told


def echo(rig, arguments, turn):
    # Its input is a pipe that we hold open.
    program = Program(rig, f"echo-{turn}", rig.bench / "kafka_echo_bench", rig.cluster.bootstrap, rig.topic("echoed"),
                      stdin=subprocess.PIPE)
    wait_for(lambda: program.says("ready"), "the echo reads")
    told = load(rig, "echoed", arguments, f"e{turn}")
    program.process.stdin.close()
    program.process.wait()
    return told
