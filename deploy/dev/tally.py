"""Counts the tests of one ctest run: prints `passed failed skipped`.

Usage: tally.py CTEST_JUNIT_XML GTEST_XML_FOLDER

A gtest program counts as many tests as it has cases; any other program, and one that died before
it could report, counts as one. A run that left no report counts as one failure.
"""

import os
import sys
import xml.etree.ElementTree as ElementTree


def tally(junit: str, cases: str) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for test in ElementTree.parse(junit).getroot().iter("testcase"):
        ok = test.get("status") == "run"
        program = test.get("name", "").split(".", 1)[-1]
        report = os.path.join(cases, program + ".xml")
        if test.get("status") in ("notrun", "disabled"):
            # ctest says "notrun" of a test that skipped itself and of one whose program is missing.
            if test.find("skipped") is not None and "SKIP" in test.find("skipped").get(
                "message", ""
            ):
                skipped += 1
            else:
                failed += 1
            continue
        if not os.path.exists(report):
            passed, failed = passed + ok, failed + (not ok)
            continue
        failures = 0
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failures += 1
            elif case.get("result") == "skipped" or case.get("status") == "notrun":
                skipped += 1
            else:
                passed += 1
        failed += failures if failures or ok else 1
    return passed, failed, skipped


if __name__ == "__main__":
    try:
        print(*tally(sys.argv[1], sys.argv[2]))
    except (OSError, ElementTree.ParseError) as error:
        print(f"tally: {error}", file=sys.stderr)
        print(0, 1, 0)
