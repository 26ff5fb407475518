"""Holds the rules of the house that a compiler does not: the floors, what breaks replay, names.

Usage: tidy.py [--root FOLDER] [--floors FILE] [--compiled compile_commands.json] [--rules RULE,...]

Prints `path:line: [rule] what is wrong; what to do instead`, and ends with 1 if there was any.
A line that must break a rule says so, on itself or on the line above, with a reason:
    // tidy: allow(rule) the reason
Reads the files that git knows or would add; without git, all files but build/ and node_modules/.
Never changes a file. tests/tidy/samples/ holds one failing sample a rule and is not read otherwise.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

TOP_LEVEL = {
    "CMakeLists.txt", "services", "proto", "deploy", "tests", "README.md",
    # What tools insist on finding there.
    "LICENSE", "CMakePresets.json", ".clang-format", ".clang-tidy", ".gitignore", ".gitattributes",
    ".ci",
}  # fmt: skip

README_LINES_MAX = 60  # A screen and a half: purpose, may touch, read this file first.
COLUMNS_MAX = 100

# A name says what a thing is or does in the words of the field; these could stand for anything.
EMPTY_NAMES = {
    "manager": "what it does: owner, table, ladder, roster",
    "util": "the subject of its functions: layout, partitioning, text",
    "helper": "the subject of its functions: layout, partitioning, text",
    "info": "what it tells: state, summary, position, label",
    "handler": "what it does, or the post's name from the glossary",
    "data": "what it holds: entry, record, state, row",
    "process": "what happens: fold, decide, import, run",
}

Finding = tuple[str, int, str, str]  # path, line, rule, message


@dataclass
class Source:
    """One text file. `code` has comments and literals blanked, at the same lines and columns."""

    path: str
    text: str
    lines: list[str] = field(init=False)
    code: list[str] = field(init=False)
    allowed: dict[int, set[str]] = field(default_factory=dict)  # line -> rules

    def __post_init__(self) -> None:
        self.lines = self.text.split("\n")
        self.code = blank(self.text).split("\n") if self.is_cpp else self.lines

    @property
    def is_cpp(self) -> bool:
        return self.path.endswith((".h", ".cc"))

    @property
    def folder(self) -> str:
        return os.path.dirname(self.path)

    @property
    def is_shell(self) -> bool:
        return self.path.endswith(".sh") or bool(re.match(r"#!.*\b(ba)?sh\b", self.lines[0]))

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py") or bool(re.match(r"#!.*\bpython", self.lines[0]))


def blank(text: str) -> str:
    """C++ with comments, strings and characters replaced by blanks."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<end>[^()\\\s]*)\(.*?\)(?P=end)"|"(?:[^"\\\n]|\\.)*"'
        r"|(?<![0-9A-Za-z_])'(?:[^'\\\n]|\\.)+'",
        re.S,
    )
    # An #include keeps its "path".
    out, at = [], 0
    for match in token.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        if re.match(r"\s*#\s*include\b", text[start : match.start()]) and match[0][0] == '"':
            continue
        out.append(text[at : match.start()])
        out.append(re.sub(r"[^\n]", " ", match[0]))
        at = match.end()
    return "".join(out) + text[at:]


@dataclass
class Floors:
    """services/floors.txt; see its head for the format."""

    folders: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def read(text: str) -> "Floors":
        floors = Floors()
        joined: list[tuple[int, str]] = []
        for number, line in enumerate(text.split("\n"), 1):
            line = line.split("#", 1)[0].rstrip()
            if line.startswith(" ") and joined:
                joined[-1] = (joined[-1][0], joined[-1][1] + line)
            elif line:
                joined.append((number, line))
        for number, line in joined:
            left, _, right = line.partition(":")
            kind, *names = left.split()
            table = {"floor": floors.folders, "header": floors.headers}[kind]
            for name in names:
                table[name] = right.split()
                floors.lines[name] = number
        return floors

    def folder_of(self, path: str) -> str | None:
        """The longest floor that the path lies in."""
        inside = [name for name in self.folders if path.startswith(name + "/")]
        return max(inside, key=len, default=None)

    def header_rule(self, header: str) -> str | None:
        fits = [
            pattern
            for pattern in self.headers
            if header == pattern
            or (pattern.endswith("/") and header.startswith(pattern))
            or (pattern.endswith("*") and header.startswith(pattern[:-1]))
        ]
        return max(fits, key=len, default=None)


def covers(allowed: list[str], folder: str) -> bool:
    return any(
        name in ("*", folder) or (name.endswith("/*") and folder.startswith(name[:-1]))
        for name in allowed
    )


@dataclass
class House:
    root: str
    sources: dict[str, Source]
    paths: list[str]
    floors: Floors
    compiled: set[str] | None  # what compile_commands.json builds, if there is one

    def cpp(self, *folders: str) -> Iterator[Source]:
        for source in self.sources.values():
            if source.is_cpp and source.path.startswith(folders or ("",)):
                yield source


# ---- the rules. Each yields (path, line, what) for one rule.

Rule = Callable[[House], Iterator[tuple[str, int, str]]]
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    def register(check: Rule) -> Rule:
        RULES[name] = check
        return check

    return register


def scan(
    source: Source, pattern: str, lines: list[str] | None = None
) -> Iterator[tuple[int, re.Match]]:
    for number, line in enumerate(source.code if lines is None else lines, 1):
        for match in re.finditer(pattern, line):
            yield number, match


@rule("floors")
def check_floors(house: House) -> Iterator[tuple[str, int, str]]:
    floors = house.floors
    for source in house.cpp("services/", "tests/"):
        here = floors.folder_of(source.path)
        if here is None or (
            here != source.folder and house.floors.folders.get(source.folder) is None
        ):
            yield source.path, 1, f"{source.folder} has no floor; give it one in floors.txt"
            continue
        for number, match in scan(source, r'^\s*#\s*include\s*([<"])([^>"]+)[>"]'):
            bracket, header = match[1], match[2]
            owner = "proto" if header.startswith("gridledger/v1/") else floors.folder_of(header)
            if owner is not None:
                if bracket == "<":
                    yield source.path, number, f'<{header}> is ours; include it as "{header}"'
                if owner != here and not covers(floors.folders[here], owner):
                    below = ", ".join(floors.folders[here]) or "nothing"
                    yield source.path, number, (
                        f"{here} may not include {owner}; it may include {below}"
                        " (services/floors.txt): move the code, or turn the call round by a port"
                    )
                continue
            if bracket == '"':
                yield source.path, number, (
                    f'"{header}" is not one of our folders; name ours from the top of the tree'
                    " and other people's headers in <>"
                )
                continue
            pattern = floors.header_rule(header)
            if pattern is None:
                yield source.path, number, (
                    f"<{header}> is not in services/floors.txt; use what is there, or add it with"
                    " the folders that may include it"
                )
            elif not covers(floors.headers[pattern], here):
                where = ", ".join(floors.headers[pattern]) or "no folder"
                yield source.path, number, (
                    f"{here} may not include <{header}>; only {where} may (services/floors.txt),"
                    " so put it behind a port"
                )
    # What the linker is told must not be wider than what is written down.
    cmake = house.sources.get("services/CMakeLists.txt")
    libraries = {
        "gridledger_" + name[len("services/") :].replace("/", "_"): name for name in floors.folders
    }
    libraries["gridledger_proto"] = "proto"
    for match in re.finditer(
        r"gridledger_library\((\S+) DEPENDS ([^)]*)\)", cmake.text if cmake else ""
    ):
        here = "services/" + match[1]
        for library in match[2].split():
            number = cmake.text[: match.start()].count("\n") + 1
            if here not in floors.folders:
                yield cmake.path, number, f"{here} has no floor; give it one in services/floors.txt"
                break
            if library in libraries and not covers(floors.folders[here], libraries[library]):
                yield cmake.path, number, (
                    f"{here} links {library}, but services/floors.txt does not let it include"
                    f" {libraries[library]}; make the two agree"
                )
    for name, below in floors.folders.items():
        for other in below:
            if name in floors.folders.get(other, []):
                yield "services/floors.txt", floors.lines[name], (
                    f"{name} and {other} include each other; split off what both need"
                )


PURE = (
    "services/base/", "services/domain/", "services/runtime/engine/", "services/history/mapping/",
    "services/simulation/",
)  # fmt: skip
HASHED = r"(?:flat|node)_hash_(?:map|set)"
BREAKS_REPLAY = [
    (r"\babsl::Now\b|\bGetCurrentTimeNanos\b", "the clock", "the time of the record being folded"),
    (r"\bstd::chrono\b|\b(?:time|clock|gettimeofday|clock_gettime|localtime|gmtime)\s*\(",
     "the clock", "absl::Time of the record being folded"),
    (r"\babsl::LocalTimeZone\b", "the machine's time zone", "the zone that the policy names"),
    (r"\bLoadTimeZone\b|\bcctz\b|\btzset\s*\(|\bmktime\s*\(|\b(?:localtime|gmtime)_r\b"
     r"|\bstd::chrono::(?:locate_zone|current_zone|zoned_time)\b",
     "the machine's time-zone files", "policy::Zone, by the rules of the policy's record"),
    (r"\bs?rand(?:om)?\s*\(|\bstd::(?:random_\w+|mt19937\w*|shuffle|sample)\b|\babsl::BitGen\b",
     "chance", "what the records say, e.g. a digest of the key"),
    (r"\bgetenv\s*\(", "the environment", "a setting that main passes down"),
    (r"\bstd::(?:jthread|thread|async|mutex|atomic\w*|condition_variable)\b|\bthread_local\b"
     r"|\babsl::(?:Mutex|CondVar)\b",
     "for threads", "one task on one thread; what runs beside it belongs behind a port"),
    (r"\bstd::unordered_\w+", "hash order",
     "absl::btree_map, or absl::flat_hash_map for lookups only"),
    (r"\b(?:std|absl)::(?:Hash|HashOf|hash)\b", "a hash seeded anew in each process",
     "services/base/digest.h"),
    (r"\bstd::(?:map|set)<[^,<>]*\*|\babsl::btree_(?:map|set)<[^,<>]*\*|\bu?intptr_t\b|%p\b",
     "the order of addresses", "an id as the key"),
    (r"\b(?:std::locale|setlocale)\b", "the locale", "absl::StrFormat, which has none"),
    (r"\b(?:float|double)\b", "floating point, whose sums depend on their order",
     "integers: a numerator and a denominator, or a scaled unit"),
]  # fmt: skip


@rule("replay")
def check_replay(house: House) -> Iterator[tuple[str, int, str]]:
    code: dict[str, str] = {}
    for source in house.cpp(*PURE):
        code[source.folder] = "\n".join([code.get(source.folder, ""), *source.code])
    hashed = {folder: hashed_names(text) for folder, text in code.items()}
    for source in house.cpp(*PURE):
        for pattern, what, instead in BREAKS_REPLAY:
            for number, match in scan(source, pattern):
                token = match[0].rstrip("( ")
                yield source.path, number, f"{token} does not replay: it is {what}; use {instead}"
        names = "|".join(sorted(hashed[source.folder])) or r"(?!)"
        loop = (
            rf"\bfor\s*\([^;]*[^:]:\s*(?:[\w.]|->|\(\)|\*)*?\b({names})\s*\)"
            rf"|\b({names})(?:\.|->)c?begin\s*\("
        )
        for number, match in scan(source, loop):
            yield source.path, number, (
                f"{match[1] or match[2]} is walked in hash order, which differs from process to"
                " process; use absl::btree_map, or sort the keys first"
            )
    for source in house.sources.values():
        if source.path.endswith(".proto"):
            lines = [line.split("//")[0] for line in source.lines]
            for number, _ in scan(source, r"\bmap\s*<", lines):
                yield source.path, number, (
                    "map<> is written in hash order; use a repeated message, sorted by its key"
                )
            for number, match in scan(
                source, r"^\s*(?:repeated |optional )?(float|double) ", lines
            ):
                yield source.path, number, (
                    f"{match[1]} is inexact; use a scaled integer, its unit in the name"
                )


def hashed_names(code: str) -> set[str]:
    """The variables that are declared as hash tables, or as an alias of one."""
    names, aliases = set(), set()
    for match in re.finditer(rf"\b{HASHED}\s*<", code):
        depth, at = 1, match.end()
        while depth and at < len(code):
            depth += {"<": 1, ">": -1}.get(code[at], 0)
            at += 1
        before = code[code.rfind("\n", 0, match.start()) + 1 : match.start()]
        alias = re.search(r"\busing\s+(\w+)\s*=\s*(?:absl::)?$", before)
        if alias:
            aliases.add(alias[1])
        variable = re.match(r"[\s&*]*(\w+)\s*(?:[;={,)]|ABSL_)", code[at:])
        if variable:
            names.add(variable[1])
    for alias in aliases:
        names.update(re.findall(rf"\b{alias}\b[\s&*]+(\w+)\s*[;={{,)]", code))
    return names - {"const"}


def words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def empty_word(name: str) -> str | None:
    for word in words(name):
        for banned in EMPTY_NAMES:
            if word in (banned, banned + "s", banned + "es", banned[:-1] + "ies"):
                return banned
    return "util" if "utilities" in words(name) or "utility" in words(name) else None


@rule("names")
def check_names(house: House) -> Iterator[tuple[str, int, str]]:
    for path in house.paths:
        for part in path.split("/"):
            banned = empty_word(part)
            if banned:
                use = EMPTY_NAMES[banned]
                yield path, 1, f"'{banned}' in a file's name says nothing; use {use}"
    types = (
        r"(?<![<,])\s*\b(?:enum class|enum struct|class|struct|enum|union)\s+(\w+)"
        r"\s*(?:final\s*)?(?:[:{;]|$)"
        r"|\busing\s+(\w+)\s*=|\bnamespace\s+(\w+)\s*\{|^\s*(?:message|service)\s+(\w+)\s*\{"
    )
    for source in house.sources.values():
        if not source.is_cpp and not source.path.endswith(".proto"):
            continue
        lines = source.code if source.is_cpp else [line.split("//")[0] for line in source.lines]
        for number, match in scan(source, types, lines):
            name = next(group for group in match.groups() if group)
            banned = empty_word(name)
            if banned:
                use = EMPTY_NAMES[banned]
                yield source.path, number, f"'{banned}' in {name} says nothing; use {use}"


@rule("pragma-once")
def check_pragma_once(house: House) -> Iterator[tuple[str, int, str]]:
    for source in house.cpp():
        if not source.path.endswith(".h"):
            continue
        directives = [line.split() for line in source.code if line.startswith("#")]
        if not directives or directives[0] != ["#pragma", "once"]:
            yield source.path, 1, (
                "a header begins with its comment; then use `#pragma once`, no include guard"
            )


@rule("width")
def check_width(house: House) -> Iterator[tuple[str, int, str]]:
    for source in house.cpp():
        for number, line in enumerate(source.lines, 1):
            columns = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
            if columns > COLUMNS_MAX:
                yield source.path, number, (
                    f"{columns} columns; wrap at {COLUMNS_MAX} (Chinese counts double)"
                )


@rule("built")
def check_built(house: House) -> Iterator[tuple[str, int, str]]:
    cmake = house.sources.get("services/CMakeLists.txt")
    listed = set(re.findall(r"[\w/-]+", cmake.text if cmake else ""))
    tests = (
        r"tests/((unit|property|simulation|integration|e2e|kafka)/(\w+/)?\w+_test|support/\w+|kafka/other_\w+"
        r"|bench/\w+_bench|fuzz/\w+_fuzz)\.cc"
    )
    included = set()
    for source in house.cpp():
        included.update(
            m[1] for _, m in scan(source, r'^\s*#\s*include\s*"([^"]+)"') if m[1] != source.path
        )
    all_cmake = "\n".join(
        s.text for s in house.sources.values() if s.path.endswith("CMakeLists.txt")
    )
    for source in house.cpp("services/", "tests/"):
        path = source.path
        if path.endswith(".h"):
            if path not in included and not re.search(rf"\b{os.path.basename(path)}\b", all_cmake):
                yield path, 1, "no file includes it; include it or delete it"
            continue
        if path.startswith("tests/"):
            known = re.fullmatch(tests, path) is not None
        else:
            known = source.folder[len("services/") :] in listed
        if house.compiled is not None and not path.startswith("tests/fuzz/"):
            known = known and path in house.compiled
        if not known:
            yield path, 1, (
                "no target builds it; name it as tests/CMakeLists.txt globs it, or give its folder"
                " a line in services/CMakeLists.txt"
            )
    for path in house.paths:
        if path.endswith(".proto") and not path.startswith("proto/gridledger/"):
            yield path, 1, "no target builds it; put it under proto/gridledger/"
        if re.fullmatch(r"tests/\w+/(\w+/)?test_[^/]*", path) and not os.access(
            os.path.join(house.root, path), os.X_OK
        ):
            yield path, 1, "ctest cannot run it; chmod +x"


@rule("unfinished")
def check_unfinished(house: House) -> Iterator[tuple[str, int, str]]:
    for source in house.sources.values():
        for number, match in scan(
            source, r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b|\bDISABLED_\w+", source.lines
        ):
            yield source.path, number, (
                f"{match[0]} lands unfinished work; finish it, or leave it out and tell the tracker"
            )


@rule("skip")
def check_skip(house: House) -> Iterator[tuple[str, int, str]]:
    for source in house.cpp("tests/"):
        code = "\n".join(source.code)
        for match in re.finditer(r"\bGTEST_SKIP\s*\(\s*\)(?!\s*<<)", code):
            yield source.path, code[: match.start()].count("\n") + 1, (
                'a skip without a reason; use GTEST_SKIP() << "what is missing, and how to get it"'
            )


@rule("sleep")
def check_sleep(house: House) -> Iterator[tuple[str, int, str]]:
    for source in house.sources.values():
        if not source.path.startswith("tests/"):
            continue
        if source.is_cpp:
            pattern = r"\bsleep_(?:for|until)\b|\bSleepFor\b|\bu?sleep\s*\(|\bnanosleep\b"
        elif source.is_python:
            pattern = r"\btime\.sleep\b|^\s*sleep\("
        elif source.is_shell:
            pattern = r"(?<![\w$-])sleep\s+[\d$.][^\s;]*"
        else:
            continue
        for number, match in scan(source, pattern):
            yield source.path, number, (
                f"{match[0].strip()}: a test that sleeps is slow or flaky; use the virtual clock,"
                " or wait for the condition itself with a deadline"
            )


@rule("coroutine")
def check_coroutine(house: House) -> Iterator[tuple[str, int, str]]:
    # GCC 12 destroys the temporaries of such an expression twice.
    for source in house.cpp("services/", "tests/"):
        code = "\n".join(source.code)
        for match in re.finditer(
            r"\bco_await\b[^;{}]*?[(,]\s*\[[^\]\s][^\]]*\]\s*(?:\(|\{|mutable)", code
        ):
            yield source.path, code[: match.start()].count("\n") + 1, (
                "a lambda with captures inside a co_await expression; make what is awaited in a"
                " statement of its own, then co_await it"
            )


@rule("top-level")
def check_top_level(house: House) -> Iterator[tuple[str, int, str]]:
    for name in sorted({path.split("/")[0] for path in house.paths} - TOP_LEVEL):
        yield name, 1, "the top level is fixed; put it under services/, proto/, deploy/ or tests/"


@rule("machine")
def check_machine(house: House) -> Iterator[tuple[str, int, str]]:
    paths = r"(?<![\w.$}/-])/(?:work|farm|root)/|(?<![\w.$}/-])/home/[a-z]\w*"
    hosts = (
        r"\b(?:registry\.npm\w*|pypi|files\.pythonhosted|(?:index\.|static\.)?crates|proxy\.golang"
        r"|repo\d*\.maven(?:\.apache)?|(?:deb|ftp(?:\.\w+)?|security|snapshot|httpredir)\.debian)\.(?:org|io|net)\b"
    )
    for source in house.sources.values():
        for number, match in scan(source, paths, source.lines):
            yield source.path, number, (
                f"{match[0]} is a path of one machine; take it from a setting"
            )
        for number, match in scan(source, hosts, source.lines):
            yield source.path, number, (
                f"{match[0]} is a registry's host; name the package, the machine knows its mirror"
            )


@rule("readme")
def check_readme(house: House) -> Iterator[tuple[str, int, str]]:
    folders = [
        "services/base", "services/domain", "services/simulation", "services/runtime/engine",
        "services/runtime/ports", "services/runtime/host", "services/runtime/cluster",
        "services/runtime/program", "services/runtime/console", "services/history",
        "services/gridledger", "proto", "deploy", "tests",
    ]  # fmt: skip
    # Rooms of which every folder is one of its own.
    for room in (
        "services/runtime/adapters/", "services/history/", "services/gateway/", "services/gridledger/",
    ):  # fmt: skip
        folders += {
            room + p[len(room) :].split("/")[0]
            for p in house.paths
            if p.startswith(room) and "/" in p[len(room) :]
        }
    for folder in sorted(folders):
        readme = folder + "/README.md"
        if readme not in house.sources:
            if any(path.startswith(folder + "/") for path in house.paths):
                yield readme, 1, (
                    "missing; say in a screen what the folder is for, what it may touch, which file"
                    " to read first"
                )
            continue
        count = len(house.sources[readme].text.splitlines())
        if count > README_LINES_MAX and folder != "proto":
            yield readme, README_LINES_MAX, (
                f"{count} lines; keep {README_LINES_MAX}, the rest belongs beside the code"
            )


@rule("shell")
def check_shell(house: House) -> Iterator[tuple[str, int, str]]:
    for source in house.sources.values():
        if not source.is_shell:
            continue
        run = subprocess.run(
            ["bash", "-n"], input=source.text, capture_output=True, text=True, check=False
        )
        if run.returncode:
            line = re.search(r"line (\d+): (.*)", run.stderr)
            yield source.path, (
                int(line[1]) if line else 1
            ), f"{line[2] if line else run.stderr}; `bash -n` must pass"


# ---- the marks that allow an exception

MARK = re.compile(r"(?://|#)\s*tidy: allow\(([a-z-]+)\)\s*(.*)")


def apply_marks(house: House, found: list[Finding]) -> list[Finding]:
    """Takes out what a mark allows; adds marks without a reason, and marks that allow nothing."""
    marks: dict[tuple[str, int, str], bool] = {}
    out = []
    for source in house.sources.values():
        if source.path == "tests/tidy/tidy.py":
            continue
        for number, line in enumerate(source.lines, 1):
            match = MARK.search(line)
            if not match:
                continue
            if match[1] not in RULES:
                out.append(
                    (
                        source.path,
                        number,
                        "allow",
                        f"no rule is called {match[1]}; see tests/tidy/tidy.py",
                    )
                )
            elif len(match[2].split()) < 2:
                out.append(
                    (source.path, number, "allow", f"say why: tidy: allow({match[1]}) <reason>")
                )
            else:
                alone = MARK.match(line.strip()) is not None
                marks[source.path, number + alone, match[1]] = False
    for path, line, name, what in found:
        if (path, line, name) in marks:
            marks[path, line, name] = True
        else:
            out.append((path, line, name, what))
    for (path, line, name), used in marks.items():
        if not used:
            out.append((path, line, "allow", f"nothing here needs allow({name}); delete the mark"))
    return out


# ---- reading the house


def list_paths(root: str) -> list[str]:
    git = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if os.path.exists(os.path.join(root, ".git")):
        listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout
        paths = [path for path in listed.split("\0") if path]
    else:
        paths = []
        for folder, inside, files in os.walk(root):
            inside[:] = [
                name for name in inside if name not in ("build", "node_modules", "__pycache__")
            ]
            paths += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    paths = [path for path in paths if not path.startswith("tests/tidy/samples/")]
    return sorted(path for path in paths if os.path.isfile(os.path.join(root, path)))


def read_house(root: str, floors: str, compiled: str | None) -> House:
    paths = list_paths(root)
    sources = {}
    for path in paths:
        with open(os.path.join(root, path), "rb") as file:
            content = file.read()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            sources[path] = Source(path, text)
    with open(floors, encoding="utf-8") as file:
        held = Floors.read(file.read())
    built = None
    if compiled and os.path.exists(compiled):
        with open(compiled, encoding="utf-8") as file:
            built = {os.path.relpath(unit["file"], root) for unit in json.load(file)}
    return House(root, sources, paths, held, built)


def findings(house: House, rules: list[str]) -> list[Finding]:
    found = [
        (path, line, name, what)
        for name, check in RULES.items()
        for path, line, what in check(house)
    ]
    found = apply_marks(house, found)
    return sorted({finding for finding in found if not rules or finding[2] in rules})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(here)))
    parser.add_argument("--floors", help="default: services/floors.txt under the root")
    parser.add_argument("--compiled", help="compile_commands.json of a build of everything")
    parser.add_argument("--rules", help="show only these, with commas between")
    arguments = parser.parse_args()
    floors = arguments.floors or os.path.join(arguments.root, "services/floors.txt")
    house = read_house(os.path.abspath(arguments.root), floors, arguments.compiled)
    found = findings(house, arguments.rules.split(",") if arguments.rules else [])
    for path, line, name, what in found:
        print(f"{path}:{line}: [{name}] {what}")
    print(f"tidy: {len(house.sources)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
