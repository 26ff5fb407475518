"""Reports incidents into a ledger on a cluster at a steady rate, and remembers what the brokers acknowledged.

Knows the language from its descriptors and Kafka from somebody else's client; nothing of gridledger's own code.
"""

import array
import subprocess
import threading
import time

from confluent_kafka import KafkaError, KafkaException, Producer
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FACTS = ("reported", "verified", "filed")
POST, WARN_PERCENT = "grid-chief", 50
# A member of each shift, so that dispatch has somebody to choose from at any hour.
MEMBERS = ("member-1", "member-2", "member-3")
STEP_SECONDS = 0.01
MADE_UP_SECONDS_MAX = 0.5  # what a busy machine held up for longer is left out
HEAR_EACH = 20  # incidents: else an answer would seem as late as this is busy
# What a log at ease answers within: of the second that a deadline may be late, a standby waits half before it takes
# over, and the rest is for a tick's way to the log and back.
AT_ONCE_SECONDS = 0.25
UNANSWERED_SECONDS = 2  # of the rate: with more than that open nothing new is reported


def entry_type(source, folder):
    """The class of gridledger.v1.Entry, made from the proto files of `source`; `folder` is for scratch."""
    path = folder / "gridledger.binpb"
    subprocess.run(["protoc", "-I", source / "proto", "--include_imports", f"--descriptor_set_out={path}",
                    *sorted((source / "proto/gridledger/v1").glob("*.proto"))], check=True)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file:
        pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("gridledger.v1.Entry"))


def community(partition):
    return f"44031100{partition:04}"


def is_fatal(error):
    """Told with the code of what made the client fatal, or as fatal."""
    return error.fatal() or error.code() == KafkaError._FATAL


class Sender:
    """One idempotent client, and the entries that it writes. Its first record in a partition goes alone: brokers that
    know nothing of a client take any of its batches for the first, and the client reports those before it, which a
    leader that was none had refused, as written."""

    def __init__(self, entry, bootstrap, topic):
        self.entry, self.bootstrap, self.topic = entry, bootstrap, topic
        self.failed = threading.Event()
        self.producer = self.client()

    def client(self):
        # One request under way a broker: with more than it takes, this release's threads turn on the spot while they
        # wait, half a processor each, just when the brokers are slow.
        return Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "acks": "all",
                         "message.timeout.ms": 0, "linger.ms": 20, "max.in.flight.requests.per.connection": 1,
                         "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000,
                         "reconnect.backoff.max.ms": 500, "topic.metadata.refresh.fast.interval.ms": 100,
                         "error_cb": self.heard})

    def heard(self, error):
        if is_fatal(error):
            self.failed.set()

    def send(self, partition, one, kind, name, told=None, at=0):
        """`at`: the record's own time in milliseconds; now when 0."""
        while True:
            try:
                self.producer.produce(self.topic, key=community(partition), value=one.SerializeToString(),
                                      partition=partition, timestamp=at, on_delivery=told,
                                      headers={"ce_specversion": "1.0", "ce_type": f"gridledger.v1.{kind}",
                                               "ce_source": "/test", "ce_id": name})
                return
            except BufferError:
                self.producer.poll(0.1)
            except KafkaException as error:
                if told is None or not is_fatal(error.args[0]):
                    raise
                self.failed.set()  # and whoever waits for its answer begins anew
                return

    def fact(self, incident, stage, fill):
        one = self.entry(schema=1)
        one.fact.incident_id, one.fact.stage = incident, stage
        one.fact.happened_at_ms = int(time.time() * 1000)
        fill(one.fact)
        return one

    def found_city(self, partitions, warn_percent=WARN_PERCENT, at=0):
        """In each partition a policy without limits, so that deadlines are those that reports name, and a roster."""
        for partition in range(partitions):
            one = self.entry(schema=1)
            policy = one.policy_activated.policy
            policy.version, policy.default_unit = "test-1", "office"
            policy.categories.add(code="order", name="order")
            policy.responsibilities.add(category="order", unit="order-team")
            policy.escalation.warn_percent = warn_percent
            policy.escalation.levels.add(after_minutes=0, post=POST)
            self.send(partition, one, "PolicyActivated", f"policy.{partition}", at=at)
        self.flush()
        for partition in range(partitions):
            roster = self.entry(schema=1)
            roster.roster_published.unit = "order-team"
            for member in MEMBERS:
                one = self.entry(schema=1)
                one.member_registered.member, one.member_registered.unit = member, "order-team"
                one.member_registered.active = True
                self.send(partition, one, "MemberRegistered", f"{member}.{partition}", at=at)
                roster.roster_published.shifts.add(member=member, start_minute=0, end_minute=1440)
            self.send(partition, roster, "RosterPublished", f"roster.{partition}", at=at)
        self.flush()

    def flush(self, patience=120):
        if self.producer.flush(patience):
            raise AssertionError(f"not acknowledged in {patience} s")


def report(fact, partition, due_at_ms=0):
    fact.reported.category, fact.reported.community = "order", community(partition)
    fact.reported.due_at_ms = due_at_ms


def fill(stage, partition, due_at_ms):
    """What makes a fact the one of that stage: a report, its verification, its filing."""
    return (lambda fact: report(fact, partition, due_at_ms),
            lambda fact: setattr(fact.verified, "confirmed", True),
            lambda fact: fact.filed.SetInParent())[stage]


class Reporter(threading.Thread):
    """Incidents PREFIX-0, PREFIX-1, … round the partitions, each reported, verified and filed; every
    `due_each`th names a deadline some seconds ahead (no divisor of the partitions, so that each has some). Of fact i,
    three an incident, `offsets[i]` is where the brokers said that it is, -1 for nothing said; `acks` lists (when sent,
    when acknowledged) of each partition."""

    def __init__(self, sender, partitions, rate, dice, prefix="made", due_each=11, due_seconds=(1, 4)):
        super().__init__(daemon=True)
        self.sender, self.partitions, self.rate, self.dice = sender, partitions, rate, dice
        self.prefix, self.due_each, self.due_seconds = prefix, due_each, due_seconds
        self.offsets, self.due_ms = array.array("q"), array.array("q")
        self.acks = [[] for _ in range(partitions)]
        self.unanswered = {}  # fact -> nothing, in the order of sending
        self.ending, self.names_deadlines = threading.Event(), True
        self.recreated, self.seconds = 0, 0
        self.slowest = 0.0  # seconds from sending to its answer
        self.slow_at = time.time()  # when an answer last took longer than a log at ease takes
        self.wrong = None

    def run(self):
        try:
            self.report_until_told()
        except (KafkaException, AssertionError) as error:
            self.wrong = error

    def report_until_told(self):
        begun, incidents, want, at = time.monotonic(), 0, 0.0, time.monotonic()
        while not self.ending.is_set():
            now = time.monotonic()
            if len(self.unanswered) < UNANSWERED_SECONDS * self.rate:
                want += min(now - at, MADE_UP_SECONDS_MAX) * self.rate / len(FACTS)
            at, self.seconds = now, now - begun
            for number in range(int(want) - incidents):
                if number % HEAR_EACH == 0:
                    self.sender.producer.poll(0)
                self.offsets.extend((-1,) * len(FACTS))
                is_due = self.names_deadlines and incidents % self.due_each == 0
                self.due_ms.append(
                    int((time.time() + self.dice.uniform(*self.due_seconds)) * 1000) if is_due else 0)
                for stage in range(len(FACTS)):
                    self.send(incidents * len(FACTS) + stage)
                incidents += 1
            self.sender.producer.poll(0)
            if self.sender.failed.is_set():
                self.begin_anew()
            self.ending.wait(STEP_SECONDS)
        while self.unanswered:
            if self.sender.failed.is_set():
                self.begin_anew()
            self.sender.producer.poll(0.1)

    def is_at_ease(self, seconds=3):
        """Whether every answer of the last `seconds` came at once."""
        return time.time() - self.slow_at > seconds

    def tell(self, dues_ms, at_ms):
        """No run: an incident for each deadline, in records of that time, acknowledged before it returns."""
        for incident, due_ms in enumerate(dues_ms):
            self.offsets.extend((-1,) * len(FACTS))
            self.due_ms.append(due_ms)
            for stage in range(len(FACTS)):
                self.send(incident * len(FACTS) + stage, at_ms)
        self.sender.flush()

    def send(self, number, at_ms=0):
        incident, stage = divmod(number, len(FACTS))
        partition = incident % self.partitions
        one = self.sender.fact(f"{self.prefix}-{incident}", stage, fill(stage, partition, self.due_ms[incident]))
        sent = time.time()
        self.unanswered[number] = None

        def told(error, message):
            if error is not None or number not in self.unanswered:
                return
            if message.offset() < 0:
                self.sender.failed.set()  # taken for written, for something behind it is
                return
            now = time.time()
            self.slowest = max(self.slowest, now - sent)
            if now - sent > AT_ONCE_SECONDS:
                self.slow_at = now
            self.offsets[number] = message.offset()
            self.acks[partition].append((sent, now))
            del self.unanswered[number]

        self.sender.send(partition, one, FACTS[stage], f"{self.prefix}-{incident}.{stage}", told,
                         at_ms)

    def begin_anew(self):
        """The client gave up; what it left open may be there or not. Sent again in its order, each is void where it
        is there already."""
        old, again = self.sender.producer, list(self.unanswered)
        old.purge()
        old.poll(1)
        self.recreated += 1
        self.sender.failed.clear()
        self.sender.producer = self.sender.client()
        first = {number // len(FACTS) % self.partitions: number for number in reversed(again)}
        self.send_again(first.values())
        while not self.sender.failed.is_set() and any(number in self.unanswered for number in first.values()):
            self.sender.producer.poll(0.1)
        self.send_again(number for number in again if number not in first.values())

    def send_again(self, numbers):
        for number in numbers:
            if number in self.unanswered:
                del self.unanswered[number]
                self.send(number)

    def end(self, patience=180):
        """Reports on until the last deadline is over, for its answers tell whether the log was there."""
        if self.ident is not None:
            self.names_deadlines = False
            self.ending.wait(max(0, max(self.due_ms) / 1000 + 2 - time.time()))
            self.ending.set()
            self.join(patience)
        if self.is_alive() or self.wrong:
            raise AssertionError(f"{len(self.unanswered)} facts not acknowledged in {patience} s: {self.wrong}")
