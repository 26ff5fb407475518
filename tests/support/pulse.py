"""When the machine stood still: a process that does nothing but look at the clock, and says when it could not.

What such a pause makes late is the machine's, no program's. Run as a program it prints a pause a line, `from to`.
"""

import select
import subprocess
import sys
import time

BEAT_SECONDS = 0.02
PAUSE_SECONDS = 0.25


class Pulse:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-S", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def end(self):
        """The pauses, in order."""
        told, _ = self.process.communicate()
        return [tuple(map(float, line.split())) for line in told.splitlines()]

    def kill(self):
        self.process.kill()
        self.process.wait()


def beat():
    at = time.time()
    # Until the other end is closed; it is never written to.
    while not select.select([sys.stdin], [], [], BEAT_SECONDS)[0]:
        now = time.time()
        if now - at > PAUSE_SECONDS:
            print(at, now)
        at = now


if __name__ == "__main__":
    beat()
