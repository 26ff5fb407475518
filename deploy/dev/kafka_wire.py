"""Four questions of Kafka's protocol, enough to tell whether brokers and coordinators serve.

Each raises OSError when nobody answers, ValueError when the answer is not one. Never writes.
"""
import socket
import struct

TIMEOUT_SECONDS = 3
ANSWER_BYTES_MAX = 1 << 20  # Three brokers' names are some hundred bytes.

# API keys, and the version spoken: the lowest that 4.x serves and that says enough.
METADATA, FIND_COORDINATOR, DESCRIBE_GROUPS, DESCRIBE_TRANSACTIONS = (3, 1), (10, 1), (15, 0), (65, 0)
GROUP, TRANSACTION = 0, 1  # what a coordinator is for
NOT_YET = {14: "loads", 15: "there is none yet", 16: "has moved"}  # error codes of a coordinator


class Answer:
    """Reads the fields of a response, one after the other."""

    def __init__(self, content):
        self.content, self.at = content, 0

    def number(self, form):
        try:
            (value,) = struct.unpack_from(">" + form, self.content, self.at)
        except struct.error as error:
            raise ValueError(f"a short answer: {error}") from error
        self.at += struct.calcsize(form)
        return value

    def text(self):
        length = self.number("h")
        self.at += max(length, 0)
        return self.content[self.at - max(length, 0) : self.at].decode()


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def ask(address, api, body, flexible=False):
    key, version = api
    tags = b"\0" if flexible else b""  # no tagged fields
    request = struct.pack(">hhi", key, version, 1) + text("deploy/dev/kafka") + tags + body
    with socket.create_connection(address, TIMEOUT_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", receive(connection, 4))
        if not 4 <= length <= ANSWER_BYTES_MAX:
            raise ValueError(f"an answer of {length} B")
        answer = Answer(receive(connection, length))
    answer.number("i")  # the request's number: one question a connection
    if flexible:
        answer.number("b")
    return answer


def receive(connection, length):
    content = b""
    while len(content) < length:
        part = connection.recv(length - len(content))
        if not part:
            raise ConnectionResetError("the connection was closed")
        content += part
    return content


def brokers(address):
    """The ids of the brokers that the one at `address` knows to be alive."""
    answer = ask(address, METADATA, struct.pack(">i", 0))  # of no topic
    known = set()
    for _ in range(answer.number("i")):
        known.add(answer.number("i"))
        answer.text(), answer.number("i"), answer.text()  # host, port, rack
    return known


def coordinator_lacks(address, kind, name):
    """Why no coordinator serves the group or transaction `name` yet; "" when one does. The first
    question of its kind makes the cluster create the topic that coordinators write."""
    answer = ask(address, FIND_COORDINATOR, text(name) + struct.pack(">b", kind))
    answer.number("i")  # throttled, ms
    error = answer.number("h")
    if error:
        return NOT_YET.get(error, f"error {error}")
    answer.text(), answer.number("i")  # message, id
    host = answer.text()
    there = (host, answer.number("i"))
    if kind == GROUP:
        answer = ask(there, DESCRIBE_GROUPS, struct.pack(">i", 1) + text(name))
        answer.number("i")  # groups; DESCRIBE_GROUPS 0 tells of no throttling
    else:
        # Compact: lengths plus one, and an end of tags.
        compact = bytes([2, len(name) + 1]) + name.encode() + b"\0"
        answer = ask(there, DESCRIBE_TRANSACTIONS, compact, flexible=True)
        answer.number("i"), answer.number("b")  # throttled, transactions
    # Nobody has used the name: that is an answer too.
    return NOT_YET.get(answer.number("h"), "")
