#!/usr/bin/env python3
"""Validates the server's OpenAPI documents against the OpenAPI specification.

    validate_documents.py SSVIRT

SSVIRT is the server's binary. The surfaces and versions are those of docs/openapi/differences.txt.

Exit code: 0 = all valid, 1 = errors.
"""

import json
import pathlib
import re
import subprocess
import sys

from openapi_spec_validator import OpenAPIV30SpecValidator

DOCUMENTS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi"
MOST_ERRORS = 10


def names():
    """Surface and version of every document; None is the document of everything."""
    found = [tuple(path.stem.split("-")) for path in sorted(DOCUMENTS.glob("*-*.json"))]
    lines = (DOCUMENTS / "differences.txt").read_text().splitlines()
    found += [match.groups() for match in (re.match(r"(\w+) ([\d.]+):", line) for line in lines) if match]
    versions = sorted({version for _, version in found})
    return [None, *found, *(("all", version) for version in versions)]


def document(ssvirt, name):
    options = [] if name is None else ["--surface", name[0], "--api-version", name[1]]
    return subprocess.run(
        [ssvirt, "openapi", *options], check=True, capture_output=True, text=True
    ).stdout


def main():
    (ssvirt,) = sys.argv[1:]
    seen, failed = set(), 0
    all_names = names()
    for name in all_names:
        text = document(ssvirt, name)
        # Most versions differ in nothing but their number.
        bare = text if name is None else text.replace(name[1], "")
        if bare in seen:
            continue
        seen.add(bare)
        errors = list(OpenAPIV30SpecValidator(json.loads(text)).iter_errors())
        for error in errors[:MOST_ERRORS]:
            place = "/".join(str(part) for part in error.absolute_path)
            print(f"{'-'.join(name or ['everything'])}: {place}: {error.message[:300]}")
        failed += bool(errors)
    print(f"{len(all_names)} documents, {len(seen)} of them different, {failed} not valid")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
