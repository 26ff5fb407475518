"""What a ledger has to hold, proved from its topic and from what a reporter was told, and nothing else.

Folds the records with a model of its own, a page long: stages, settled causes, deadlines. Reads on from where it
was, so that a test may ask again and again until everything is there.
"""

import array
import collections
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafka_reporter import AT_ONCE_SECONDS, FACTS, POST, WARN_PERCENT

FILED, DISPATCHED = 3, 4  # stages: how many lifecycle facts have been applied
# One that keeps a fact waiting for so long stands still. Beside a broker that was killed it often does so twice: until
# the broker is given up, and, a moment later, until its partitions' followers fetch from the new leader.
STANDS_SECONDS = 1.0
STEP_SECONDS = 0.1
BATCH = 10_000
PASSES = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError._TRANSPORT,
          KafkaError._TIMED_OUT)


class Reading:
    """Every record of a topic, from the beginning, as anybody reads it."""

    def __init__(self, bootstrap, topic, partitions):
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "checker", "enable.auto.commit": False,
                                  "auto.offset.reset": "error", "check.crcs": True,
                                  "queued.min.messages": 1_000_000})
        self.topic = topic
        self.next = [0] * partitions
        self.consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])

    def to_the_end(self):
        """Yields up to where the topic ends when asked."""
        left = 0
        for partition, at in enumerate(self.next):
            left += self.end(partition) - at
        while left > 0:
            batch = self.consumer.consume(BATCH, 1)
            for message in batch:
                if message.error():
                    continue  # brokers come back; what is missing shows in the offsets
                if message.offset() != self.next[message.partition()]:
                    raise AssertionError(f"partition {message.partition()}: after {self.next[message.partition()]} "
                                         f"comes {message.offset()}")
                self.next[message.partition()] += 1
                left -= 1
                yield message

    def end(self, partition):
        """Where it ends. A broker that has just come back may not know yet what it leads."""
        until = time.monotonic() + 30
        while True:
            try:
                return self.consumer.get_watermark_offsets(TopicPartition(self.topic, partition), timeout=30)[1]
            except KafkaException as error:
                if time.monotonic() > until or error.args[0].code() not in PASSES:
                    raise
                self.consumer.list_topics(self.topic, timeout=30)  # learns who leads it now

    def close(self):
        self.consumer.close()


class Proof:
    def __init__(self, test, entry, reading, reporter, warn_percent=WARN_PERCENT):
        self.test, self.entry, self.reading, self.reporter = test, entry, reading, reporter
        self.warn_percent = warn_percent
        partitions = len(reading.next)
        self.time_ms = [0] * partitions  # the running maximum of the records' own
        self.silence_ms = [0] * partitions  # the longest without a record
        self.settled = {}  # (service, partition) -> the highest cause in a decision
        self.ticks = [{} for _ in range(partitions)]  # offset -> the partition's time there
        self.made_ms = [{} for _ in range(partitions)]  # offset of a tick -> its own time
        self.stage, self.yellow, self.missed, self.level = bytearray(), bytearray(), bytearray(), bytearray()
        # Of an incident; fired: when the decision was made, where it is, and where its tick.
        self.filed_ms, self.fired_ms, self.fired_at = array.array("q"), {}, {}
        self.places, self.again = array.array("q"), {}  # of each fact of the reporter
        self.expected = collections.Counter()
        self.applied = collections.Counter()
        self.void = collections.Counter()
        self.records, self.decisions, self.doubled = 0, 0, 0
        self.settled_at_mark, self.again_decided = {}, 0
        self.last_applied = [[-1] * len(FACTS) for _ in range(partitions)]
        self.units = {}  # of each incident that was dispatched

    # ---- the model

    def read(self):
        for message in self.reading.to_the_end():
            self.fold(message.partition(), message.offset(), message.timestamp()[1], message.value())

    def fold(self, partition, offset, at_ms, value):
        self.records += 1
        if self.time_ms[partition]:
            self.silence_ms[partition] = max(self.silence_ms[partition], at_ms - self.time_ms[partition])
        self.time_ms[partition] = max(self.time_ms[partition], at_ms)
        one = self.entry.FromString(value)
        content = one.WhichOneof("content")
        if content == "fact":
            self.fold_fact(partition, offset, at_ms, one.fact)
        elif content == "tick":
            self.ticks[partition][offset] = self.time_ms[partition]
            self.made_ms[partition][offset] = at_ms
        elif content == "decision":
            self.fold_decision(partition, offset, at_ms, one.decision)

    def fold_decision(self, partition, offset, at_ms, decision):
        who = (decision.service, partition)
        self.test.assertLess(decision.cause, offset, who)
        if decision.cause <= self.settled.get(who, -1):
            self.doubled += 1
            self.void["duplicate decision"] += len(decision.facts)
            if decision.cause <= self.settled_at_mark.get(who, -1):
                self.again_decided += 1
            return
        self.settled[who] = decision.cause
        self.decisions += 1
        for fact in decision.facts:
            self.fold_fact(partition, offset, at_ms, fact, decision.cause)

    def fold_fact(self, partition, offset, at_ms, fact, cause=None):
        incident = int(fact.incident_id.rpartition("-")[2])
        while len(self.stage) <= incident:
            for column in (self.stage, self.yellow, self.missed, self.level, self.filed_ms):
                column.append(0)
            self.places.extend((-1,) * len(FACTS))
        kind = fact.WhichOneof("kind")
        if kind in FACTS:
            self.place(incident * len(FACTS) + FACTS.index(kind), offset)
        if fact.stage != self.stage[incident]:
            self.test.assertLess(fact.stage, self.stage[incident], f"{fact} at {partition}@{offset}")
            self.void["duplicate report" if kind == "reported" else "stale stage"] += 1
            return
        if kind in FACTS:
            self.fold_reported(partition, incident, fact.stage)
        elif kind == "dispatched":
            self.test.assertEqual(self.stage[incident], FILED)
            self.stage[incident] = DISPATCHED
            self.units[incident] = fact.dispatched.unit
        elif not self.fold_deadline(partition, offset, at_ms, incident, kind, fact, cause):
            self.void["already recorded"] += 1
            return
        self.applied[kind] += 1

    def place(self, fact, offset):
        if self.places[fact] < 0:
            self.places[fact] = offset
        else:
            self.again.setdefault(fact, set()).add(offset)

    def fold_reported(self, partition, incident, stage):
        # In the order of sending: what one client sent to a partition is never overtaken.
        self.test.assertGreater(incident, self.last_applied[partition][stage])
        self.last_applied[partition][stage] = incident
        self.stage[incident] = stage + 1
        due_ms = self.reporter.due_ms[incident]
        if self.stage[incident] != FILED:
            return
        self.filed_ms[incident] = self.time_ms[partition]
        self.expected["dispatched"] += 1
        if due_ms:
            self.expected["deadline_missed"] += 1
            self.expected["escalation_raised"] += 1
            if self.warn_percent and self.yellow_ms(incident) > self.filed_ms[incident]:
                self.expected["deadline_warned"] += 1

    def yellow_ms(self, incident):
        span = self.reporter.due_ms[incident] - self.filed_ms[incident]
        return self.reporter.due_ms[incident] - max(0, span) * (100 - self.warn_percent) // 100

    def fold_deadline(self, partition, offset, at_ms, incident, kind, fact, cause):
        """False for what is there already."""
        due_ms = self.reporter.due_ms[incident]
        self.test.assertNotEqual(due_ms, 0, f"{kind} without a deadline")
        column, not_before = {"deadline_warned": (self.yellow, self.yellow_ms(incident)),
                              "deadline_missed": (self.missed, due_ms + 1),
                              "escalation_raised": (self.level, due_ms + 1)}[kind]
        # Time is a record: what is said has its instant at the cause, and a cause that is later than its tick.
        self.test.assertGreaterEqual(self.ticks[partition].get(cause, self.time_ms[partition]), not_before,
                                     f"{kind} of incident {incident} came early, at {partition}@{offset}")
        if column[incident]:
            return False
        column[incident] = 1
        if kind == "deadline_missed":
            self.test.assertEqual(fact.deadline_missed.due_at_ms, due_ms)
            self.fired_ms[incident] = at_ms
            self.fired_at[incident] = (partition, offset, cause)
        if kind == "escalation_raised":
            self.test.assertEqual((fact.escalation_raised.level, fact.escalation_raised.post), (1, POST))
        return True

    def mark(self):
        """What is settled by now: `again_decided` counts what is decided again of it later."""
        self.read()
        self.settled_at_mark = dict(self.settled)

    # ---- what is proved

    def is_settled(self):
        """Everything that is expected of what the ledger holds has been decided."""
        self.read()
        return all(self.applied[kind] >= count for kind, count in self.expected.items())

    def lacks(self):
        return {kind: count - self.applied[kind] for kind, count in self.expected.items()
                if self.applied[kind] < count}

    def prove(self):
        """Each acknowledged fact applied once, where the brokers said; each decision settled once; each deadline
        fired once, and not early."""
        reporter, test = self.reporter, self.test
        test.assertEqual(len(self.stage), len(reporter.due_ms))
        incidents = len(self.stage)
        for fact, offset in enumerate(reporter.offsets):
            if offset != self.places[fact]:
                test.assertIn(offset, self.again.get(fact, ()), f"fact {fact} is not where it was acknowledged")
        if not reporter.recreated:  # else what the client left open was sent again
            test.assertEqual(self.again, {})
        test.assertEqual(self.stage, bytearray([DISPATCHED]) * incidents)
        for kind in FACTS:
            test.assertEqual(self.applied[kind], incidents, kind)
        due = bytearray(1 if due_ms else 0 for due_ms in reporter.due_ms)
        test.assertEqual(self.missed, due)
        test.assertEqual(self.level, due)
        for kind, count in self.expected.items():
            test.assertEqual(self.applied[kind], count, kind)

    def lateness(self, outages):
        """Of each deadline the seconds from when it was owed until it was decided on, as (all of them, without the
        longest that the log needed to acknowledge a fact of that partition at that time, without that or all the time
        in which it stood still, whichever is more, incident). Owed is when it is due; in one of `outages`, without an
        owner, when one is back; for a case that is filed later than its deadline, at its filing. What a log that answers
        at once needs is in all of them, too."""
        late = []
        slowness = [slow_at(acks) for acks in self.reporter.acks]
        stood = [merged((sent, answered) for sent, answered in acks if answered - sent >= STANDS_SECONDS)
                 for acks in self.reporter.acks]
        for incident, decided_ms in self.fired_ms.items():
            decided = decided_ms / 1000
            owed = after((max(self.reporter.due_ms[incident], self.filed_ms[incident]) + 1) / 1000, outages)
            slow = slowness[incident % len(slowness)]
            log = max((slow.get(step, 0) for step in steps(owed, decided)), default=0)
            stalls = sum(max(0, min(end, decided) - max(begin, owed)) for begin, end in stood[incident % len(stood)])
            late.append((decided - owed, decided - owed - log, decided - owed - max(log, stalls), incident))
        return late

    def tell_late(self, seconds, without_slowest, without_log, incident):
        """Where a late deadline spent its time."""
        partition, offset, cause = self.fired_at[incident]
        decided_ms, made_ms = self.fired_ms[incident], self.made_ms[partition].get(cause)
        tick = "no tick" if made_ms is None else f"tick made {(made_ms - decided_ms) / 1000:+.3f} s"
        return (f"{partition}@{offset}: decided at {decided_ms / 1000:.3f}, {seconds:.3f} s late, {without_slowest:.3f} s "
                f"without the slowest fact, {without_log:.3f} s without the log; {tick} at {cause}")


def steps(begin, end):
    return range(int(begin / STEP_SECONDS), int(end / STEP_SECONDS) + 1)


def slow_at(acks):
    """For each step of time how long the slowest fact under way then had to wait, if that is long."""
    slow = {}
    for sent, answered in acks:
        if answered - sent > AT_ONCE_SECONDS:
            for step in steps(sent, answered):
                slow[step] = max(slow.get(step, 0), answered - sent)
    return slow


def merged(intervals):
    """The same time, each instant once."""
    result = []
    for begin, end in sorted(intervals):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((begin, end))
    return result


def after(at, outages):
    """The first instant from `at` on that is followed by a second without an outage."""
    for begin, end in sorted(outages):
        if begin < at + 1 and end > at:
            at = end
    return at
