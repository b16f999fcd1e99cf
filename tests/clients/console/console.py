"""What walk.py speaks with: the web console's dialect, what its roles may do, and what it reads."""

import base64
import collections
import json
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from urllib.parse import quote

URL = os.environ["SSVIRT_URL"]
# A private certificate of the demo, reached over the loopback device.
INSECURE = ssl.create_default_context()
INSECURE.check_hostname = False
INSECURE.verify_mode = ssl.CERT_NONE

# Role, login, organization.
ROLES = (
    ("System Administrator", "administrator@System", "System"),
    ("Organization Administrator", "admin@demo", "demo"),
    ("vApp User", "user@demo", "demo"),
)

# What each role is answered, in the order of ROLES. 403 is what VCD's rights of the role leave out:
# organizations and VDCs are the provider's, users need "Group / User: View" and "Manage", catalogs need
# "Catalog: Create / Delete a Catalog" and "Edit Properties", none of which a vApp User has.
EXPECTED = {
    "log in": (200, 200, 200),
    "get session": (200, 200, 200),
    "log out": (204, 204, 204),
    "after the logout": (401, 401, 401),
    "with a bad token": (401, 401, 401),
    "list organizations": (200, 200, 200),
    "get organization": (200, 200, 200),
    "create organization": (201, 403, 403),
    "change organization": (200, 200, 403),
    "toggle organization": (200, 403, 403),
    "delete organization": (202, 403, 403),
    "list users": (200, 200, 403),
    "get user": (200, 200, 403),
    "get own user": (200, 200, 200),
    "get current user": (200, 200, 200),
    "create user": (201, 201, 403),
    "change user": (200, 200, 403),
    "toggle user": (200, 200, 403),
    "change role of user": (200, 200, 403),
    "move user": (200, 403, 403),
    "delete user": (202, 202, 403),
    "list roles": (200, 200, 200),
    "get role": (200, 200, 200),
    "list VDCs": (200, 200, 200),
    "get VDC": (200, 200, 200),
    "list VDCs of organization": (200, 200, 200),
    "get VDC of organization": (200, 200, 200),
    "create VDC": (201, 403, 403),
    "change VDC": (200, 403, 403),
    "delete VDC": (202, 403, 403),
    "list catalogs": (200, 200, 200),
    "get catalog": (200, 200, 200),
    "create catalog": (201, 201, 403),
    "change catalog": (200, 200, 403),
    "delete catalog": (202, 202, 403),
    "list items": (200, 200, 200),
    "get item": (200, 200, 200),
    "instantiate": (201, 201, 201),
    "list vApps": (200, 200, 200),
    "get vApps": (200, 200, 200),
    "delete vApp": (202, 202, 202),
    "list VMs": (200, 200, 200),
    "get VM": (200, 200, 200),
    "get VMs": (200, 200, 200),
    "power VM": (202, 202, 202),
    "delete VM": (202, 202, 202),
    "get profile": (200, 200, 200),
    "get preferences": (200, 200, 200),
    "change preferences": (200, 200, 200),
    "get security settings": (200, 200, 200),
    "change password": (200, 200, 200),
    # What the console has to be able to tell from being logged out.
    "get VDC elsewhere": (404, 404, 404),
    "see vApp of system": (200, 200, 403),
    "see vApp of admin": (200, 200, 403),
    "delete what runs": (400, 400, 400),
    "get what is gone": (403, 403, 403),
    # The exceptions: these are not offered to anybody.
    "create role": (405, 405, 405),
    "change role": (405, 405, 405),
    "delete role": (405, 405, 405),
    "get what is not offered": (404, 404, 404),
    "make what is not offered": (404, 404, 404),
}

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def is_time(value):
    return isinstance(value, str) and TIME.fullmatch(value)


def is_urn(kind):
    return lambda value: isinstance(value, str) and value.startswith(f"urn:vcloud:{kind}:")


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_reference(kind):
    urn = is_urn(kind)
    return lambda value: isinstance(value, dict) and urn(value.get("id")) and bool(value.get("name"))


def is_list(of):
    return lambda value: isinstance(value, list) and all(of(one) for one in value)


def is_one_of(*words):
    return lambda value: value in words


def is_text(value):
    return isinstance(value, str)


def is_name(value):
    return isinstance(value, str) and value != ""


def is_flag(value):
    return isinstance(value, bool)


STATUS = is_one_of("INSTANTIATING", "POWERED_ON", "POWERED_OFF", "SUSPENDED", "RESOLVED", "MIXED", "FAILED")

# The fields that the console reads, by the path to each.
FIELDS = {
    "session": {
        "id": is_name,
        "user": is_reference("user"),
        "org": is_reference("org"),
        "operatingOrg": is_reference("org"),
        "site": is_reference("site"),
        "roles": is_list(is_name),
        "roleRefs": is_list(is_reference("role")),
        "sessionIdleTimeoutMinutes": is_number,
    },
    "organizations": {
        "id": is_urn("org"),
        "name": is_name,
        "displayName": is_name,
        "description": is_text,
        "isEnabled": is_flag,
        "orgVdcCount": is_number,
        "catalogCount": is_number,
        "vappCount": is_number,
        "runningVMCount": is_number,
        "userCount": is_number,
    },
    "users": {
        "id": is_urn("user"),
        "username": is_name,
        "fullName": is_text,
        # One who has none has no such field: the schema's is a real address.
        "email?": is_name,
        "enabled": is_flag,
        "roleEntityRefs": is_list(is_reference("role")),
        "orgEntityRef": is_reference("org"),
        "deployedVmQuota": is_number,
        "storedVmQuota": is_number,
        "locked": is_flag,
        "nameInSource": is_name,
        "providerType": is_one_of("LOCAL"),
    },
    "roles": {
        "id": is_urn("role"),
        "name": is_name,
        "description": is_text,
        "bundleKey": is_name,
        "readOnly": is_flag,
    },
    "VDCs": {
        "id": is_urn("vdc"),
        "name": is_name,
        "description": is_text,
        "allocationModel": is_one_of("PayAsYouGo", "AllocationPool", "ReservationPool", "Flex"),
        "computeCapacity.cpu.allocated": is_number,
        "computeCapacity.cpu.limit": is_number,
        "computeCapacity.cpu.units": is_one_of("MHz"),
        "computeCapacity.memory.allocated": is_number,
        "computeCapacity.memory.limit": is_number,
        "computeCapacity.memory.units": is_one_of("MB"),
        "providerVdc.id": is_urn("providervdc"),
        "nicQuota": is_number,
        "networkQuota": is_number,
        "isThinProvision": is_flag,
        "isEnabled": is_flag,
        "vdcStorageProfiles": is_list(lambda one: is_name(one["name"]) and is_number(one["limit"])),
    },
    "catalogs": {
        "id": is_urn("catalog"),
        "name": is_name,
        "description": is_text,
        "org.id": is_urn("org"),
        "isPublished": is_flag,
        "numberOfVAppTemplates": is_number,
        "creationDate": is_time,
        "owner": is_reference("user"),
        "version": is_number,
    },
    "items": {
        "id": is_urn("catalogitem"),
        "name": is_name,
        "description": is_text,
        "entity.name": is_name,
        "entity.description": is_text,
        "isPublished": is_flag,
        "status": is_name,
        "owner.name": is_name,
        "creationDate": is_time,
        "catalogEntityRef": is_reference("catalog"),
        "os_type": is_name,
        "cpu_count": lambda value: is_number(value) and value > 0,
        "memory_mb": lambda value: is_number(value) and value > 0,
        "disk_size_gb": lambda value: is_number(value) and value > 0,
        "modificationDate": is_time,
        "versionNumber": is_number,
    },
    "vApps": {
        "id": is_urn("vapp"),
        "name": is_name,
        "status": STATUS,
        "vms": is_list(lambda vm: is_urn("vm")(vm["id"]) and is_name(vm["name"]) and STATUS(vm["status"])),
        "numberOfVMs": is_number,
        "vdcId": is_urn("vdc"),
        "createdAt": is_time,
        "updatedAt": is_time,
    },
    "VMs": {
        "id": is_urn("vm"),
        "name": is_name,
        "status": STATUS,
        "guestOs": is_name,
        "hardware.numCpus": lambda value: is_number(value) and value > 0,
        "hardware.memoryMB": lambda value: is_number(value) and value > 0,
        "vappId": is_urn("vapp"),
        "createdAt": is_time,
        "updatedAt": is_time,
    },
    "preferences": {
        "success": is_flag,
        "data.theme": is_one_of("light", "dark", "auto"),
        "data.language": is_name,
        "data.timezone": is_name,
        "data.date_format": is_name,
        "data.time_format": is_one_of("12h", "24h"),
        "data.notifications.email": is_flag,
        "data.notifications.browser": is_flag,
        "data.notifications.vm_state_changes": is_flag,
        "data.notifications.system_maintenance": is_flag,
        "data.default_items_per_page": is_number,
        "data.auto_refresh_interval": is_number,
    },
}


class Wrong(Exception):
    """An answer that is not as it should be."""


def require(condition, what):
    if not condition:
        raise Wrong(what)


def segment(identifier):
    """An id in a path: the console encodes the colons."""
    return quote(identifier, safe="")


def uuid_of(identifier):
    return identifier.rsplit(":", 1)[1]


def axios(**query):
    """A query as the console's library writes it: colons and dollars as they are, blanks as plus."""
    pairs = (
        f"{name}={quote(str(value), safe=':$,[]!()*~').replace('%20', '+')}" for name, value in query.items()
    )
    text = "&".join(pairs)
    return f"?{text}" if text else ""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """A user who is logged in as the console does it."""

    calls = 0
    checks = 0
    used = set()
    statuses = collections.Counter()

    def __init__(self, role, login, org):
        self.role, self.place = role, [known[0] for known in ROLES].index(role)
        self.short = ("system", "admin", "user")[self.place]
        self.used.add("log in")
        answer = self.login(login, EXPECTED["log in"][self.place])
        self.session = answer.json
        self._check("session", self.session, "the session")
        kind, self.token = answer.headers["Authorization"].split(" ", 1)
        require(kind == "Bearer", f"the token is a {kind}")
        require(answer.headers["X-VMWARE-VCLOUD-ACCESS-TOKEN"] == self.token, "both headers have the token")

    @classmethod
    def login(cls, login, want, password=None):
        secret = f"{login}:{password or os.environ['SSVIRT_DEMO_PASSWORD']}"
        headers = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
        answer = cls._send("POST", "/cloudapi/1.0.0/sessions", headers, {})
        require(answer.status == want, f"the login of {login}: {answer.status} {answer.body[:400]!r}")
        return answer

    @classmethod
    def _send(cls, method, path, headers, body=None):
        headers = {"Accept": "application/json"} | headers
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(URL + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60, context=INSECURE) as answer:
                answer = Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refusal:
            answer = Answer(refusal.code, refusal.headers, refusal.read())
        Client.calls += 1
        Client.statuses[answer.status] += 1
        return answer

    def may(self, name):
        """Whether the role is let do it."""
        return EXPECTED[name][self.place] < 300

    def call(self, name, method, path, body=None):
        """A call of the console's, whose answer has the status that is expected for the role."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "X-VMWARE-VCLOUD-TENANT-CONTEXT": self.session["operatingOrg"]["id"],
        }
        self.used.add(name)
        answer = self._send(method, path, headers, body)
        want = EXPECTED[name][self.place]
        what = f"{name} as {self.role}: {method} {path}"
        require(answer.status == want, f"{what} {body}: {answer.status} instead of {want}: {answer.body[:800]!r}")
        if answer.status >= 400:
            # The console shows `message`.
            error = answer.json
            require(is_name(error.get("message")) and is_name(error.get("minorErrorCode")), f"{what}: {error}")
        return answer

    def _check(self, kind, value, what):
        for path, fits in FIELDS[kind].items():
            seen, missing = value, path.endswith("?")
            for key in path.rstrip("?").split("."):
                if missing and key not in seen:
                    break
                require(key in seen, f"{what} has no {path}: {value}")
                seen = seen[key]
            else:
                require(fits(seen), f"{what} has {path} = {seen!r}")
            Client.checks += 1

    def one(self, name, path, kind):
        """An object with all the fields that the console reads."""
        value = self.call(name, "GET", path).json
        self._check(kind, value, path)
        return value

    def same(self, name, path, kind, known):
        """An object that is as it was seen elsewhere."""
        value = self.one(name, path, kind)
        require(value == known, f"{path} is {value} instead of {known}")

    def list(self, name, path, kind):
        """A page of objects with all the fields that the console reads."""
        page = self.call(name, "GET", path).json
        for key in ("resultTotal", "pageCount", "page", "pageSize"):
            require(is_number(page[key]), f"{path} has {key} = {page[key]!r}")
        require(page["associations"] == [], f"{path} has associations")
        require(len(page["values"]) <= page["pageSize"], f"{path} has {len(page['values'])} values")
        pages = -(-page["resultTotal"] // page["pageSize"])
        require(page["pageCount"] == pages, f"{path} has {page['pageCount']} pages instead of {pages}")
        for value in page["values"]:
            self._check(kind, value, path)
        return page

    def write(self, name, method, path, body, kind, compare=None):
        """Makes or changes something; answers it, or nothing where the role may not. What was sent is in
        the answer, or those fields of it that `compare` lists."""
        answer = self.call(name, method, path, body)
        if not self.may(name):
            return None
        value = answer.json
        self._check(kind, value, path)
        if compare is not False:
            for key in compare or body:
                if key in value:
                    require(value[key] == body[key], f"{method} {path}: {key} is {value[key]!r}")
        return value

    def task(self, name, method, path):
        """Something that takes a while, without a body. The console does not look at tasks: neither the body
        nor the `Location` of the answer. Waits all the same."""
        answer = self.call(name, method, path)
        if not self.may(name):
            return
        require(answer.body == b"", f"{method} {path} has a body: {answer.body[:200]!r}")
        href = answer.headers["Location"]
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/*+json;version=39.1"}
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            task = self._send("GET", href.removeprefix(URL), headers).json
            if task["status"] == "success":
                return
            require(task["status"] in ("queued", "preRunning", "running"), f"{method} {path}: {task}")
            time.sleep(0.1)
        raise Wrong(f"{method} {path}: the task does not end")
