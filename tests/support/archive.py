"""Ledgers in files (proto/gridledger/v1/archive.proto) as tests take them apart and put them together: any
bytes, in any partition; and the entries that tests put there byte by byte."""

import dataclasses


@dataclasses.dataclass
class Record:
    partition: int
    at_ms: int
    key: bytes
    headers: bytes
    value: bytes


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def fixed64(field, value):
    return varint(field << 3 | 1) + value.to_bytes(8, "little")


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def _take(bytes_, at):
    value, shift = 0, 0
    while True:
        byte = bytes_[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def schema_raised(before, partition):
    """The entry that raises a partition from that schema to the next (entry.proto, SchemaRaised)."""
    said = (number(1, before) + number(2, before + 1) + number(3, partition) + fixed64(4, 0x646573696172732E) +
            text(5, "a newer release"))  # fmt: skip
    return number(1, before + 1) + text(12, said)


def fields(message):
    """{field: its last value} of a message that has numbers and texts only."""
    found, at = {}, 0
    while at < len(message):
        tag, at = _take(message, at)
        value, at = _take(message, at)
        if tag & 7 == 2:
            value, at = message[at : at + value], at + value
        found[tag >> 3] = value
    return found


def read(path):
    """The number of partitions, and the records."""
    with open(path, "rb") as file:
        bytes_ = file.read()
    partitions, records, at = 0, [], 0
    while at < len(bytes_):
        size, at = _take(bytes_, at)
        field, item = _take(bytes_, at)[0] >> 3, bytes_[at : at + size]
        at += size
        body = item[_take(item, 1)[1] :]
        if field == 1:
            partitions = fields(body).get(1, 0)
        elif field == 2:
            one = fields(body)
            records.append(Record(one.get(1, 0), one.get(3, 0), one.get(4, b""), one.get(5, b""), one.get(6, b"")))
    return partitions, records


def write(path, partitions, records):
    """Offsets follow from the order. Without digests: nobody has folded it."""
    ends = [0] * partitions
    with open(path, "wb") as file:
        for item in [text(1, number(1, partitions))] + [None] * len(records):
            if item is None:
                record = records[sum(ends)]
                item = text(2, number(1, record.partition) + number(2, ends[record.partition]) +
                            number(3, record.at_ms) + text(4, record.key) + text(5, record.headers) +
                            text(6, record.value))  # fmt: skip
                ends[record.partition] += 1
            file.write(varint(len(item)) + item)


def partition_of(key, partitions):
    """As Kafka's murmur2 puts it."""
    mix, mask = 0x5BD1E995, 0xFFFFFFFF
    hash_, whole = 0x9747B28C ^ len(key), len(key) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * mix & mask
        word = (word ^ word >> 24) * mix & mask
        hash_ = (hash_ * mix & mask) ^ word
    if rest := key[whole:]:
        hash_ = (hash_ ^ int.from_bytes(rest, "little")) * mix & mask
    hash_ = (hash_ ^ hash_ >> 13) * mix & mask
    return ((hash_ ^ hash_ >> 15) & 0x7FFFFFFF) % partitions
