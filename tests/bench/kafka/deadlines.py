"""How late deadlines are decided on while programs, brokers and the network between them fail: the cases of the failure
matrix, which prove what must never happen, and tell this."""

import json
import os
import re
import subprocess

from rig import ROOT

TOOL, MATRIX = ROOT / "deploy/dev/kafka", ROOT / "tests/kafka/test_matrix"
# What begins behind millions of records, or an hour of silence, has deadlines that say nothing of it.
CASES = ("services_are_killed", "leaders_are_killed", "a_stopped_owner_comes_back",
         "a_rolling_upgrade_decides_nothing_again", "a_cut_network")


def deadlines(scratch, arguments, row):
    """On three brokers of its own, with relays before them. A case that fails is told, and measures nothing."""
    folder, figures = scratch / "three", scratch / "figures"
    subprocess.run([TOOL, "up", "--brokers", "3", "--relays", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
    try:
        where = {"GRIDLEDGER_SOURCE_DIR": ROOT, "GRIDLEDGER_BIN_DIR": arguments.bin.resolve(),
                 "GRIDLEDGER_KAFKA_DIR": folder, "GRIDLEDGER_MATRIX_FIGURES": figures}
        for case in CASES:
            done = subprocess.run([MATRIX, f"Matrix.test_{case}"], text=True, capture_output=True,
                                  env={**os.environ, **{name: str(value) for name, value in where.items()}})
            if done.returncode != 0:
                said = re.findall(r"(?m)^\w*(?:Error|Skip)\b.*", done.stderr)
                row.say(f"{case}: no figure, {said[-1] if said else f'ended with {done.returncode}'}")
    finally:
        subprocess.run([TOOL, "down", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
    for line in figures.read_text().splitlines() if figures.exists() else ():
        row.lateness(**json.loads(line))
