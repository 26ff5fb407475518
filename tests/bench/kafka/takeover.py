"""From kill -9 to the first decision on a report that came after it, with many incidents open."""

import subprocess

from rig import PARTITIONS, Program, Service, load_average, wait_for

ALL = f"0-{PARTITIONS - 1}"
RATE = 200  # reports a second while it happens
BEFORE_SECONDS, AFTER_SECONDS = 3, 90
TEMPLATES = 500  # incidents of the simulated period that the reports go by

# A dead member is missed after six seconds instead of 45, and its transaction given up as soon.
SOON = {"main.consumer.session.timeout.ms": 6_000, "main.consumer.heartbeat.interval.ms": 2_000,
        "producer.transaction.timeout.ms": 6_000, "num.stream.threads": 1}


def takeover(rig, arguments, row):
    rig.make_city("open", TEMPLATES)
    rig.load("fill", rig.topic("open"), arguments.open, "open")
    rig.drain("dispatch", "open", "owner")  # every incident has its decision

    def service(name, *words):
        made = Service(rig, "dispatch", "open", name, *words)
        wait_for(made.has_folded_all, "the service has folded all")
        return made

    mine = ("--partitions", ALL)
    for name, owner, words in (("cold, in a group", (), None), ("cold, --partitions", mine, None),
                               ("--standby", mine, ()),
                               ("--standby --takeover-after 100ms", mine, ("--takeover-after", "100ms"))):
        first = service("owner", *owner)
        beside = service("beside", "--partitions", ALL, "--standby", *words) if words is not None else None
        again = None if beside else (lambda owner=owner: Service(rig, "dispatch", "open", "owner", *owner))
        measure(rig, row, f"dispatch: {name}", rig.topic("open"), first, again)
        for one in rig.programs:
            one.end()
    if arguments.short:
        return
    for name, standbys in (("cold, static member", 0), ("num.standby.replicas=1", 1)):
        app = f"take-{standbys}"
        settings = {**SOON, "num.standby.replicas": standbys}

        def peer(which, app=app, settings=settings, standbys=standbys):
            own = {} if standbys else {"main.consumer.group.instance.id": which}
            return Program(rig, f"{app}-{which}", *rig.peer(rig.topic("open"), app, f"{app}-{which}",
                                                            {**settings, **own}, "--decide", "filed"))

        first = peer("one")
        peers = [first, peer("two")] if standbys else [first]
        for one in peers:
            wait_for(lambda one=one: one.says("state RUNNING"), "the peer runs")
        wait_for(lambda: probe(rig, app)["answered"], "the peer has caught up")
        if standbys:  # whoever owns partitions: both do, and half of them are the killed one's
            wait_for(lambda: probe(rig, app)["answered"], "the standby has caught up")
        again = None if standbys else (lambda: peer("one"))
        measure(rig, row, f"peer: {name}", f"{app}.decisions", first, again)
        for one in rig.programs:
            one.end()
    row.say(f"load of the machine at the end: {load_average():.1f}")


probes = 0


def probe(rig, app):
    """One second of ten reports: are they answered?"""
    global probes
    probes += 1
    return rig.load("latency", rig.topic("open"), f"{app}.decisions", 10, 1, f"probe{probes}").json()


def measure(rig, row, name, answers, victim, again):
    global probes
    probes += 1
    seen = rig.scratch / f"seen-{probes}"
    load = subprocess.Popen([rig.bench / "kafka_load_bench", "latency", rig.cluster.bootstrap, rig.topic("open"), answers,
                             str(RATE), str(BEFORE_SECONDS + AFTER_SECONDS), f"take{probes}", seen],
                            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        load.wait(BEFORE_SECONDS)
        raise RuntimeError("the load ended by itself")
    except subprocess.TimeoutExpired:
        pass
    killed = victim.kill()
    if again is not None:
        again()
    try:
        load.wait(AFTER_SECONDS if "peer" in name else 15)
    except subprocess.TimeoutExpired:
        pass
    load.stdin.close()
    load.wait()
    firsts = {}
    for line in seen.read_text().splitlines():
        partition, sent, _, read = map(int, line.split())
        if sent >= killed and read:
            firsts[partition] = min(firsts.get(partition, read), read)
    if not firsts:
        row.say(f"{name}: no new decision was seen")
        return None
    return row.takeover(name, (min(firsts.values()) - killed) / 1e6, (max(firsts.values()) - killed) / 1e6)
