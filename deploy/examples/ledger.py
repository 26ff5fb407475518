#!/usr/bin/python3
"""A city's ledger on Kafka, read and written by a program that is not ours.

  ledger.py read   BOOTSTRAP TOPIC            prints every record there is, a line each
  ledger.py report BOOTSTRAP TOPIC COMMUNITY CATEGORY ID   reports an incident, verified and filed

Needs Debian's python3-confluent-kafka and python3-protobuf, and the language as a descriptor set:
`protoc -I proto --include_imports --descriptor_set_out=gridledger.binpb proto/gridledger/v1/*.proto`,
named by GRIDLEDGER_LANGUAGE (default gridledger.binpb beside this file).
A record is a CloudEvent in Kafka's binary mode: ce_ headers, and a gridledger.v1.Entry as its body. Its
key is the community; the partition is Kafka's murmur2 of the key, as every Java client chooses it.
TRACEPARENT in the environment goes along as the header of that name (W3C Trace Context): what the services
decide on the report carries on that trace.
"""
import os
import pathlib
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError


def entry_type():
    """The class of gridledger.v1.Entry, made from the published descriptors."""
    path = os.environ.get("GRIDLEDGER_LANGUAGE", pathlib.Path(__file__).with_name("gridledger.binpb"))
    files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(path).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("gridledger.v1.Entry"))


def read(bootstrap, topic):
    entry = entry_type()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "example", "enable.auto.commit": False,
                         "auto.offset.reset": "error"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    left = 0
    places = []
    for partition in partitions:
        begin, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        left += end - begin
        if end > begin:
            places.append(TopicPartition(topic, partition, begin))
    consumer.assign(places)
    while left > 0:
        message = consumer.poll(10)
        if message is None:
            sys.exit("nothing came for ten seconds")
        if message.error():
            sys.exit(str(message.error()))
        left -= 1
        headers = dict(message.headers() or [])
        try:
            body = json_format.MessageToDict(entry.FromString(message.value()))
        except DecodeError:
            body = "unreadable"  # a dead letter: it stops nobody
        print(message.partition(), message.offset(), headers.get("ce_type", b"").decode(), body)
    consumer.close()


def report(bootstrap, topic, community, category, incident):
    entry = entry_type()
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "partitioner": "murmur2_random"})
    refused = []

    def send(fact_name, stage, fill):
        one = entry(schema=1)
        one.fact.incident_id = incident
        one.fact.stage = stage
        one.fact.happened_at_ms = int(time.time() * 1000)
        fill(getattr(one.fact, fact_name))
        trace = {"traceparent": os.environ["TRACEPARENT"]} if "TRACEPARENT" in os.environ else {}
        kind = one.fact.DESCRIPTOR.fields_by_name[fact_name].message_type.full_name
        producer.produce(topic, key=community, value=one.SerializeToString(),
                         headers={"ce_specversion": "1.0", "content-type": "application/protobuf", "ce_type": kind,
                                  "ce_source": "/example", "ce_id": str(uuid.uuid4()), **trace},
                         on_delivery=lambda error, _: refused.append(error) if error else None)

    def reported(fact):
        fact.category = category
        fact.community = community

    def verified(fact):
        fact.confirmed = True

    # Each fact names the stage of the case that it was decided on.
    send("reported", 0, reported)
    send("verified", 1, verified)
    send("filed", 2, lambda fact: fact.SetInParent())
    producer.flush(30)
    if refused:
        sys.exit(str(refused[0]))


def main():
    if len(sys.argv) >= 4 and sys.argv[1] == "read":
        read(*sys.argv[2:4])
    elif len(sys.argv) == 7 and sys.argv[1] == "report":
        report(*sys.argv[2:])
    else:
        sys.exit(__doc__)


main()
