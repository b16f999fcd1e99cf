#!/usr/bin/env python3
"""Validates recorded answers against the published schemas of the API.

    validate.py [--shared DIR] [--exceptions FILE] RECORDING...

RECORDING is a file that `ssvirt-conformance record` wrote (*.jsonl), an XML document (*.xml), or a
folder holding such files at any depth.

Answers of /api in XML are held to the XSD set (specs/xsd-39.1), answers of /cloudapi in JSON to the
OpenAPI document (specs/cloudapi-37.2.json) where that document knows the operation. Both lie in
the shared folder (--shared, else $SSVIRT_SHARED, else `shared` beside the repository).
Deviations that schema-exceptions.txt lists are counted, every other one is an error.

Exit code: 0 = all valid, 1 = errors, 2 = could not be checked.
"""

import argparse
import collections
import functools
import importlib.util
import json
import os
import pathlib
import re
import sys

from lxml import etree

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
MOST_EXCEPTIONS = 10


class CannotCheck(Exception):
    """The schemas or the exceptions file are not usable."""


def default_shared():
    return pathlib.Path(os.environ.get("SSVIRT_SHARED") or REPOSITORY.parent / "shared")


def load_tool(shared, name):
    """A module out of the shared folder, without putting that folder on the module path."""
    path = shared / "tools" / f"{name}.py"
    if not path.is_file():
        raise CannotCheck(f"no schemas: {path} does not exist (set SSVIRT_SHARED)")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Exceptions:
    """The listed deviations. Remembers which of them were met."""

    def __init__(self, lines):
        self.entries = []
        self.used = collections.Counter()
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            path, mark, evidence = line.partition(" #")
            if not mark or not evidence.strip():
                raise CannotCheck(f"schema exceptions, line {number}: no evidence after '#'")
            try:
                self.entries.append((path.strip(), re.compile(path.strip())))
            except re.error as problem:
                raise CannotCheck(f"schema exceptions, line {number}: {problem}") from problem
        if len(self.entries) > MOST_EXCEPTIONS:
            raise CannotCheck(
                f"schema exceptions: {len(self.entries)} listed, at most {MOST_EXCEPTIONS} allowed"
            )

    def cover(self, path):
        for text, pattern in self.entries:
            if text == path or pattern.fullmatch(path):
                self.used[text] += 1
                return True
        return False

    def unused(self):
        return [text for text, _ in self.entries if not self.used[text]]


class XmlSchemas:
    def __init__(self, shared):
        root = shared / "specs" / "xsd-39.1"
        self._schema = load_tool(shared, "vcdxsd").load(str(root.resolve()))
        self._parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)

    def deviations(self, body):
        """[(element path, message)] of one document."""
        try:
            root = etree.fromstring(body, self._parser)
        except etree.XMLSyntaxError as problem:
            return [("", f"not well-formed: {problem}")]
        if self._schema.validate(root):
            return []
        return [(element_path(root, e.path), plain(e.message)) for e in self._schema.error_log]


def plain(message):
    """Without namespaces, and without the list of everything else that would have been right."""
    message = re.sub(r"\{[^}]*\}", "", message)
    return message if len(message) <= 400 else message[:400] + " ..."


def element_path(root, location):
    """The local names from the root down to what the XPath `location` points at."""
    # The location uses the document's own prefixes, so it needs the document's table of them.
    prefixes = {}
    for element in root.iter(etree.Element):
        prefixes.update((p, uri) for p, uri in element.nsmap.items() if p)
    found = root.getroottree().xpath(location or "/*", namespaces=prefixes or None)
    attribute = ""
    node = found[0] if found else root
    if getattr(node, "is_attribute", False):
        attribute = "/@" + etree.QName(node.attrname).localname
        node = node.getparent()
    names = [etree.QName(node).localname]
    names += [etree.QName(above).localname for above in node.iterancestors()]
    return "/".join(reversed(names)) + attribute


class JsonSchemas:
    """Finds the schema of an answer: path template + method + status."""

    METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}

    def __init__(self, shared):
        path = shared / "specs" / "cloudapi-37.2.json"
        with open(path, encoding="utf-8") as file:
            # A few references of the published document still name the file that it was put together from.
            text = re.sub(r"#/definitions/[\w-]+\.yaml#/definitions/", "#/definitions/", file.read())
            document = json.loads(text)
        self._base = document.get("basePath", "/cloudapi").rstrip("/")
        # Answers whose schema is written in place get a name, so that one validator serves all.
        self._templates = []
        for template, item in document["paths"].items():
            for method, operation in item.items():
                if method not in self.METHODS:
                    continue
                answers = {}
                for status, answer in operation.get("responses", {}).items():
                    schema = answer.get("schema")
                    if schema is None:
                        answers[status] = None
                    elif set(schema) == {"$ref"}:
                        answers[status] = schema["$ref"].rpartition("/")[2]
                    else:
                        name = f"{method.upper()} {template} {status}"
                        document["definitions"][name] = schema
                        answers[status] = name
                pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template.rstrip("/")))
                self._templates.append((template.count("{"), re.compile(pattern), method, answers))
        # /sessions/current must not be taken for /sessions/{id}.
        self._templates.sort(key=lambda entry: entry[0])
        self._definitions = document["definitions"]
        self._tool = load_tool(shared, "vcdoas")
        self._document = document

    @functools.cached_property
    def _any(self):
        return self._tool.jsv(self._document, "Error")

    @functools.cache
    def _validator(self, name):
        # Converting the definitions is what takes the time: take over those already converted.
        pointer = "#/definitions/" + name.replace("~", "~0").replace("/", "~1")
        pointer = pointer.replace("{", "%7B").replace("}", "%7D").replace(" ", "%20")
        return self._any.evolve(
            schema={"$ref": pointer, "definitions": self._any.schema["definitions"]}
        )

    def answers_of(self, method, path):
        """{status: schema name or None} of the operation, or None if it is not in the document."""
        path = path.partition("?")[0]
        if not path.startswith(self._base + "/"):
            return None
        path = path[len(self._base) :].rstrip("/")
        for _, pattern, its_method, answers in self._templates:
            if its_method == method.lower() and pattern.fullmatch(path):
                return answers
        return None

    def deviations(self, answers, status, body):
        """[(path, message)] of one answer."""
        name = answers.get(str(status))
        if name is None and status >= 400:
            name = "Error"  # the body of every refusal, whether or not the operation lists it
        if name is None:
            if str(status) not in answers:
                listed = ", ".join(sorted(answers))
                return [("", f"status {status} is none of this operation's: {listed}")]
            return [] if not body else [("", f"a body with status {status}, which has none")]
        try:
            value = json.loads(body)
        except ValueError as problem:
            return [(name, f"not JSON: {problem}")]
        found = []
        for error in self._validator(name).iter_errors(value):
            error = deepest(error)
            keys = [str(key) for key in error.absolute_path if not isinstance(key, int)]
            found.append((".".join([name, *keys]), plain(error.message)))
        return found


def deepest(error):
    """An optional property is `anyOf: [its schema, null]`: what matters is why the first failed."""
    while error.context:
        inner = [e for e in error.context if e.schema_path and e.schema_path[0] == 0]
        error = (inner or error.context)[0]
    return error


class Report:
    def __init__(self, exceptions):
        self.exceptions = exceptions
        self.valid = 0
        self.invalid = 0
        self.with_exceptions = 0
        self.skipped = collections.Counter()
        self.errors = {}  # (path, message) -> [times, first example]

    def document(self, example, deviations):
        unlisted = [d for d in deviations if not self.exceptions.cover(d[0])]
        for deviation in unlisted:
            self.errors.setdefault(deviation, [0, example])[0] += 1
        if unlisted:
            self.invalid += 1
        else:
            self.valid += 1
            self.with_exceptions += bool(deviations)

    def print(self, out):
        for (path, message), (times, example) in sorted(self.errors.items()):
            print(f"ERROR {path or '-'}: {message}", file=out)
            print(f"      {times} x, first in {example}", file=out)
        for text in self.exceptions.unused():
            print(f"note: the exception {text} was not needed", file=out)
        for reason, times in sorted(self.skipped.items()):
            print(f"not checked: {times} answers: {reason}", file=out)
        used = len(self.exceptions.used)
        times = sum(self.exceptions.used.values())
        if used:
            print(f"exceptions met {times} times in {self.with_exceptions} documents", file=out)
        if self.invalid:
            print(f"{self.invalid} documents invalid", file=out)
        print(f"{self.valid} documents valid, {used} exceptions used", file=out)


def header(exchange, name):
    for key, value in exchange["response_headers"]:
        if key.lower() == name:
            return value
    return ""


class Validation:
    def __init__(self, shared, exceptions):
        self.xml = XmlSchemas(shared)
        self.json = JsonSchemas(shared)
        self.report = Report(exceptions)

    def exchange(self, exchange, source):
        method, path, status = exchange["method"], exchange["path"], exchange["status"]
        example = f"{source}: {method} {path} -> {status}"
        body = exchange["response_body"]
        kind = header(exchange, "content-type").lower()
        # URLs that stand whole in a request line (a proxy's) count like paths.
        path = re.sub(r"^https?://[^/]+", "", path)
        if exchange.get("error"):
            self.report.document(example, [("", f"no answer: {exchange['error']}")])
            return
        # 503 says that the database or the backend is away, which some tests bring about. The suites of
        # real clients refuse it themselves.
        if status >= 500 and status != 503:
            self.report.document(example, [("", f"status {status}: {body[:200]}")])
            return
        if exchange.get("response_body_bytes") or exchange.get("response_body_base64"):
            self.report.skipped["no text, or too long"] += 1
        elif re.match(r"/api(/|\?|$)", path):
            if not body:
                self.report.skipped["/api, empty"] += 1
            elif "xml" in kind:
                self.report.document(example, self.xml.deviations(body.encode("utf-8")))
            elif "json" in kind:
                self.report.skipped["/api in JSON: no schema for it"] += 1
            else:
                self.report.document(example, [("", f"content type '{kind}' on /api")])
        elif path.startswith("/cloudapi/"):
            answers = self.json.answers_of(method, path)
            if status == 503:
                self.report.skipped["/cloudapi, 503"] += 1
            elif answers is None:
                self.report.skipped["/cloudapi, operation unknown to the OpenAPI document"] += 1
            elif body and "json" not in kind:
                self.report.document(example, [("", f"content type '{kind}' on /cloudapi")])
            else:
                self.report.document(example, self.json.deviations(answers, status, body))
        else:
            self.report.skipped["neither /api nor /cloudapi"] += 1

    def file(self, path):
        if path.suffix == ".xml":
            self.report.document(str(path), self.xml.deviations(path.read_bytes()))
            return
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    self.exchange(json.loads(line), path.name)


def recordings(paths):
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix in (".jsonl", ".xml"))
        elif path.is_file():
            yield path
        else:
            raise CannotCheck(f"no such file or folder: {path}")


def main(arguments=None, out=sys.stdout):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=pathlib.Path, default=default_shared())
    parser.add_argument("--exceptions", type=pathlib.Path, default=HERE / "schema-exceptions.txt")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING")
    options = parser.parse_args(arguments)
    try:
        files = list(recordings(options.recordings))
        if not files:
            raise CannotCheck("no recording found: nothing to validate")
        exceptions = Exceptions(options.exceptions.read_text(encoding="utf-8").splitlines())
        validation = Validation(options.shared, exceptions)
        for path in files:
            validation.file(path)
    except (CannotCheck, OSError) as problem:
        print(f"validate: {problem}", file=sys.stderr)
        return 2
    report = validation.report
    report.print(out)
    if not report.valid and not report.invalid:
        print("validate: the recordings hold no answer that a schema describes", file=sys.stderr)
        return 2
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
