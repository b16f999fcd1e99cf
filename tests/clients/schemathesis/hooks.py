"""What Schemathesis does besides generating: logs in, aims a share of the cases at objects that exist, looks at
the answers, and writes down what was called and answered.

SSVIRT_ROLE is `system`, `tenant` or `anonymous`; SSVIRT_CALLS is the file that the calls are written to.
"""

import base64
import json
import os
import zlib
from urllib.parse import quote, unquote

import aims
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from world import LOGINS, VERSION, World

ROLE = os.environ["SSVIRT_ROLE"]
PASSWORD = os.environ["SSVIRT_DEMO_PASSWORD"]
WORLD = World(os.environ["SSVIRT_URL"], ROLE, PASSWORD)
CALLS = open(os.environ["SSVIRT_CALLS"], "w", encoding="utf-8", buffering=1)

# ------------------------------------------------------------- what the document does not speak of

TEXT = st.text(st.characters(min_codepoint=0, max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=40)
HEADER_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)
LONG = st.sampled_from([127, 128, 129, 256, 257, 4000]).map("x".__mul__)
NUMBERS = st.sampled_from(["0", "1", "-1", "128", "129", "4294967296", "1e9", "9" * 40, "NaN", "0x1"])
FLAGS = st.sampled_from(["true", "false", "TRUE", "1", ""])

FIELDS = st.sampled_from(["name", "id", "org.id", "orgEntityRef.id", "status", "isEnabled", "enabled", "x"])
OPERATORS = st.sampled_from(["==", "!=", "=gt=", "=ge=", "=lt=", "=le=", "=", "=x="])
COMPARISON = st.tuples(FIELDS, OPERATORS, TEXT | LONG | NUMBERS | st.just("*")).map("".join)
FIQL = st.recursive(
    COMPARISON,
    lambda inner: st.tuples(inner, st.sampled_from([";", ",", ";;", ""]), inner).map(lambda t: f"({''.join(t)})"),
    max_leaves=6,
)
DEEP = st.sampled_from([10, 100, 5000]).flatmap(
    lambda depth: st.sampled_from(["(" * depth + "name==a" + ")" * depth, "(" * depth, "name==" + "*a" * depth])
)
FILTERS = FIQL | DEEP | st.just("name==*") | st.just("name!=x;(name==a*,name==*b)")

# The web console's words for what VCD calls filter, sortAsc and pageSize.
CONSOLE = {
    "filter": FILTERS,
    "search": TEXT | LONG,
    "per_page": NUMBERS,
    "page_size": NUMBERS,
    "page": NUMBERS,
    "sort_by": FIELDS | TEXT,
    "sort_order": st.sampled_from(["asc", "desc", "x"]),
    "sortAsc": st.sampled_from(["name", "name,id", "x"]),
    "enabled": FLAGS,
    "status": st.sampled_from(["enabled", "disabled", "x"]),
    "role": st.just("vApp User") | TEXT,
    "organization_id": TEXT | st.just("urn:vcloud:org:00000000-0000-0000-0000-000000000000"),
    "recursive": FLAGS,
    "force": FLAGS,
}
QUERY = st.fixed_dictionaries({}, optional={"x": TEXT | LONG})
LIST_QUERY = st.dictionaries(st.sampled_from(sorted(CONSOLE)), st.none(), max_size=3).flatmap(
    lambda names: st.fixed_dictionaries({name: CONSOLE[name] for name in names})
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "X-VMWARE-VCLOUD-CLIENT-REQUEST-ID": HEADER_TEXT,
        "X-VMWARE-VCLOUD-TENANT-CONTEXT": st.sampled_from(
            ["", "x", "00000000-0000-0000-0000-000000000000", "urn:vcloud:vm:00000000-0000-0000-0000-000000000000"]
        ),
        "If-Match": st.sampled_from(["*", '"1"', 'W/"2"', '"99999999999999999999"', "x", ""]),
    },
)


@schemathesis.hook
def flatmap_case(context, case):
    """Headers and parameters that the document leaves out; without them many operations have one case only."""
    query = LIST_QUERY if (context.operation.definition.raw.get("operationId") or "").startswith("query") else QUERY
    positive = case.meta.generation.mode == GenerationMode.POSITIVE

    def with_these(drawn):
        headers, query, alone = drawn
        # A wrong value of these would say nothing about the one that is wrong in the case.
        if positive:
            case.query = query if alone else {**case.query, **query}
        case.headers.update({"Accept": f"application/json;version={VERSION}", **headers})
        return case

    return st.tuples(HEADERS, query, st.booleans()).map(with_these)


@schemathesis.hook
def filter_query(context, query):
    """An empty number is as if it were not there, which Schemathesis takes for a wrong one."""
    numbers = [value for name, value in (query or {}).items() if name in ("page", "pageSize")]
    return not any(value in ("", [], {}, None) for value in numbers)


# ------------------------------------------------------------------------------------ aiming

# How a case is sent.
AS_GENERATED, AT_WHAT_EXISTS, COMPLETE = range(3)


def way_of(case):
    """The same case is always sent the same way, as Hypothesis expects when it sends one again."""
    content = [case.path_parameters, case.query, dict(case.headers), repr(case.body)]
    number = zlib.crc32(json.dumps(content, default=repr, sort_keys=True).encode()) % 8
    if number < 2:
        return AS_GENERATED
    positive = case.meta is None or case.meta.generation.mode == GenerationMode.POSITIVE
    return COMPLETE if positive and number < 5 else AT_WHAT_EXISTS


def is_negated(case, location):
    return case.meta is not None and case.meta.is_negative_at(location)


def basic(user, org, password):
    return "Basic " + base64.b64encode(f"{user}@{org}:{password}".encode()).decode()


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation
    identity, path, method = operation.definition.raw.get("operationId"), operation.path, case.method
    way = way_of(case)
    case.headers.setdefault("Accept", f"application/json;version={VERSION}")
    if ROLE != "anonymous":
        log_in(case, way)
    # Another method than the document's is there to be refused.
    if way == AS_GENERATED or method.upper() != operation.method.upper():
        return
    if case.path_parameters and not is_negated(case, ParameterLocation.PATH):
        ids = aims.path_parameters(WORLD, method.upper(), path)
        case.path_parameters = {name: quote(value, safe="") for name, value in ids.items()}
    if way != COMPLETE:
        return
    body = aims.body(WORLD, identity)
    if body is not None and not is_negated(case, ParameterLocation.BODY):
        case.body = body
        if identity in ("changePassword", "putPassword") and ROLE != "anonymous":
            case.headers["Authorization"] = f"Bearer {WORLD.spare_login().token}"
    # Complete means that nothing else is in the way.
    for header in ("If-Match", "X-VMWARE-VCLOUD-TENANT-CONTEXT"):
        case.headers.pop(header, None)


def log_in(case, way):
    user, org = LOGINS[ROLE]
    if not aims.is_login(case.operation.path):
        case.headers["Authorization"] = f"Bearer {WORLD.client.token}"
    elif way == COMPLETE:
        case.headers["Authorization"] = basic(user, org, PASSWORD)
    elif way == AT_WHAT_EXISTS:
        case.headers["Authorization"] = basic(user, org, "wrong")


# ------------------------------------------------------------------------------------- checks


@schemathesis.hook
def after_call(context, case, response):
    phase = case.meta.phase.name.value if case.meta else TestPhase.FUZZING.value
    documented = case.method.upper() == case.operation.method.upper()
    call = {"operation": case.operation.label, "status": response.status_code, "phase": phase, "own": documented}
    CALLS.write(json.dumps(call) + "\n")
    if response.status_code == 202:
        # What is under way would be in the way of the next case.
        WORLD.client.wait(response.headers["location"][0])


def is_elsewhere(case):
    """Whether the path of a case is not one of its operation: an id is empty, or more than one segment."""
    ids = [unquote(str(value)) for value in (case.path_parameters or {}).values()]
    return any(value in ("", ".", "..") or "/" in value for value in ids)


@schemathesis.check
def login_is_asked_for(ctx, response, case):
    """Who is not logged in gets 401 everywhere, who is gets it nowhere: user interfaces log out on it."""
    if is_elsewhere(case) or case.method.upper() != case.operation.method.upper():
        return
    login = aims.is_login(case.operation.path)
    if ROLE == "anonymous":
        assert response.status_code == 401, f"without a login the answer is {response.status_code}"
    elif not login:
        assert response.status_code != 401, "a user who is logged in gets 401"
