#!/usr/bin/env python3
"""Counts what the calls of every role were answered with, and says what is not as it should be.

    report.py DOCUMENT ROLE=CALLS...

CALLS is what hooks.py wrote for a role. Prints a table with a line for each operation, then a line for each
verdict, which begins with PASS or FAIL. Ends with exit code 1 if one failed.
"""

import collections
import json
import sys

EXAMPLES = 50

# What only a System Administrator may do.
PROVIDER_ONLY = {
    "createProviderSession",
    "createOrg",
    "deleteOrg",
    "createOrgVdc",
    "updateOrgVdc",
    "deleteOrgVdc",
}

Counts = collections.Counter


def operations(document):
    """`GET /path` of every operation, with its id."""
    return {
        f"{method.upper()} {path}": operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def count(calls):
    """How often each operation was answered with 2xx, 4xx and so on."""
    counts = collections.defaultdict(Counts)
    for call in calls:
        # A call with another method than the document's is not one of the operation; only a 5xx counts.
        if call["own"] or call["status"] >= 500:
            counts[call["operation"]][f"{call['status'] // 100}xx"] += 1
    return counts


def may_succeed(role, identity):
    return role == "system" or role == "tenant" and identity not in PROVIDER_ONLY


def verdicts(known, counts):
    """(Name, the operations that it is not true of) for each demand. `counts` is by role."""
    for role, of_role in counts.items():
        few = [f"{name} ({of_role[name].total()})" for name in known if of_role[name].total() < EXAMPLES]
        yield f"{role}: {EXAMPLES} examples and more of every operation", few
        yield f"{role}: no 5xx", [name for name in of_role if of_role[name]["5xx"]]
        never = [name for name, identity in known.items() if may_succeed(role, identity) and not of_role[name]["2xx"]]
        wrong = [name for name, identity in known.items() if not may_succeed(role, identity) and of_role[name]["2xx"]]
        allowed = sum(may_succeed(role, identity) for identity in known.values())
        if allowed:
            yield f"{role}: at least one 2xx of each of {allowed} operations", never
        if allowed < len(known):
            yield f"{role}: no 2xx of {len(known) - allowed} operations that are not for it", wrong


def table(known, counts):
    """The lines of the table."""
    columns = ("calls", "2xx", "4xx", "5xx")
    width = max(map(len, known))
    yield " " * width + "".join(f" | {role:^27}" for role in counts)
    yield " " * width + (" | " + " ".join(f"{column:>6}" for column in columns)) * len(counts)

    def cells(counter):
        numbers = [counter.total(), counter["2xx"], counter["4xx"], counter["5xx"]]
        return " | " + " ".join(f"{number:>6}" for number in numbers)

    for name in known:
        yield f"{name:<{width}}" + "".join(cells(of_role[name]) for of_role in counts.values())
    total = "".join(cells(sum(of_role.values(), Counts())) for of_role in counts.values())
    yield f"{f'{len(known)} operations':<{width}}" + total


def main(document, files):
    with open(document, encoding="utf-8") as file:
        known = operations(json.load(file))
    counts = {}
    for argument in files:
        role, path = argument.split("=", 1)
        with open(path, encoding="utf-8") as file:
            counts[role] = count(map(json.loads, file))
    print(*table(known, counts), sep="\n")
    failed = False
    for name, wrong in verdicts(known, counts):
        failed |= bool(wrong)
        print(f"FAIL {name}: {', '.join(wrong)}" if wrong else f"PASS {name}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
