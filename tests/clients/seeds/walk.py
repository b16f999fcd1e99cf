#!/usr/bin/env python3
"""Walks the routes of the design documents, as a program without any SDK would.

    walk.py contents | vms-xml | vms-json | switches

The server is SSVIRT_URL, its demo users have the password SSVIRT_DEMO_PASSWORD. Ends with exit code 1 at
the first answer that is not as it should be.
"""

import base64
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

URL = os.environ["SSVIRT_URL"]
VERSION = "39.1"
NS = 'xmlns="http://www.vmware.com/vcloud/v1.5" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"'
# A private certificate of the demo, reached over the loopback device.
INSECURE = ssl.create_default_context()
INSECURE.check_hostname = False
INSECURE.verify_mode = ssl.CERT_NONE


class Wrong(Exception):
    """An answer that is not as it should be."""


def require(condition, what):
    if not condition:
        raise Wrong(what)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def is_json(self):
        return "json" in self.headers.get("Content-Type", "")

    def attributes(self):
        """The attributes of the root in either format; what is absent in JSON is left out."""
        if self.is_json():
            return {name: value for name, value in json.loads(self.body).items() if value is not None}
        return dict(ElementTree.fromstring(self.body).attrib)

    def records(self):
        """The records of a query, as dictionaries of text."""
        if self.is_json():
            return json.loads(self.body)["record"]
        root = ElementTree.fromstring(self.body)
        return [dict(child.attrib) for child in root if child.tag.endswith("Record")]

    def links(self):
        if self.is_json():
            return {link["rel"]: link["href"] for link in json.loads(self.body)["link"]}
        root = ElementTree.fromstring(self.body)
        return {c.get("rel"): c.get("href") for c in root if c.tag.endswith("}Link")}


class Client:
    """A user, and the format in which it reads and writes."""

    calls = 0

    def __init__(self, user, org, form="xml"):
        self.form = form
        secret = f"{user}@{org}:{os.environ['SSVIRT_DEMO_PASSWORD']}"
        path = "/cloudapi/1.0.0/sessions" + ("/provider" if org == "System" else "")
        headers = {
            "Accept": f"application/json;version={VERSION}",
            "Authorization": "Basic " + base64.b64encode(secret.encode()).decode(),
        }
        answer = self._send("POST", path, headers, b"")
        self.status = answer.status
        self.token = answer.headers.get("X-VMWARE-VCLOUD-ACCESS-TOKEN")

    @classmethod
    def _send(cls, method, path, headers, body):
        cls.calls += 1
        url = path if path.startswith("http") else URL + path
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60, context=INSECURE) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refusal:
            return Answer(refusal.code, refusal.headers, refusal.read())

    def call(self, method, path, want, body=None, form=None):
        form = form or self.form
        headers = {
            "Accept": f"application/*+{form};version={VERSION}",
            "Authorization": f"Bearer {self.token}",
        }
        if body is not None:
            headers["Content-Type"] = f"application/{form}"
            body = (json.dumps(body) if form == "json" else body).encode()
        answer = self._send(method, path, headers, body)
        require(answer.status == want, f"{method} {path}: {answer.status} {answer.body[:800]!r}")
        return answer

    def get(self, path, want=200, form=None):
        return self.call("GET", path, want, form=form)

    def task(self, method, path, body=None):
        """Something that takes a while: waits for its task. Answers the root of the first answer."""
        root = self.call(method, path, 202, body).attributes()
        return self.wait(root)

    def wait(self, task):
        for _ in range(600):
            now = self.get(task["href"]).attributes()
            if now["status"] == "success":
                return now
            require(now["status"] in ("queued", "preRunning", "running"), f"a task failed: {now}")
            time.sleep(0.1)
        raise Wrong(f"a task does not end: {task}")

    def find(self, kind, name):
        rows = self.get(f"/api/query?type={kind}&filter=name=={name}", form="xml").records()
        require(rows, f"there is no {kind} {name}")
        return rows[0]["href"]


def bare(href):
    return href[-36:]


def forms(href, kind):
    """The forms in which clients write an id."""
    segment = href.rsplit("/", 1)[1]
    urn = f"urn:vcloud:{kind}:{bare(href)}"
    return list(dict.fromkeys([bare(href), segment, urn, quote(urn, safe="")]))


def names(rows):
    return sorted(row["name"] for row in rows)


def compose(client, name):
    """Makes an empty vApp."""
    vdc = client.find("orgVdc", "demo-vdc")
    body = f'<ComposeVAppParams {NS} name={quoteattr(name)} deploy="false" powerOn="false"/>'
    made = client.call("POST", f"{vdc}/action/composeVApp", 201, body, form="xml")
    href = made.attributes()["href"]
    while client.get(href, form="xml").attributes()["status"] == "0":
        time.sleep(0.1)
    return href


def contents():
    admin = Client("admin", "demo")
    vapps = [compose(admin, f"contents-{number}") for number in range(3)]
    add_vms(admin, vapps[0], "xml", "contents")
    vdc = admin.find("orgVdc", "demo-vdc")
    org = admin.find("organization", "demo")
    catalog = admin.find("catalog", "templates")
    places = [
        ("org", org, "org", "vdcs", "orgVdc", "org"),
        ("org", org, "org", "catalogs", "catalog", "org"),
        ("catalog", catalog, "catalog", "catalogItems", "catalogItem", "catalog"),
        ("vdc", vdc, "vdc", "vApps", "vApp", "vdc"),
        ("vApp", vapps[0], "vapp", "vms", "vm", "container"),
    ]
    clients = [Client(*who) for who in [("administrator", "System"), ("admin", "demo")]]
    for client in clients:
        for folder, href, kind, word, record, field in places:
            typed = client.get(f"/api/query?type={record}&filter={field}=={bare(href)}").records()
            require(typed, f"there is no {record}")
            for identifier in forms(href, kind):
                for form in ("xml", "json"):
                    path = f"/api/{folder}/{identifier}/{word}/query"
                    answer = client.get(path, form=form)
                    require(names(answer.records()) == names(typed), f"{path} in {form}")
                    for shape in ("idrecords", "references"):
                        client.get(f"{path}?format={shape}", form=form)
            client.get(f"/api/{folder}/{uuid.uuid4()}/{word}/query", 403)
    # Page by page, along the links.
    for form in ("xml", "json"):
        page = f"{vdc}/vApps/query?pageSize=1&sortAsc=name&filter=name==contents-*"
        seen = []
        while page:
            require("/vApps/query" in page, page)
            answer = admin.get(page, form=form)
            require(int(answer.attributes()["total"]) == 3, page)
            seen += names(answer.records())
            page = answer.links().get("nextPage")
        require(seen == ["contents-0", "contents-1", "contents-2"], f"pages of {seen}")
    # Somebody else's vApp is not an empty list.
    user = Client("user", "demo")
    user.get(f"/api/vApp/{bare(vapps[0])}/vms/query", 403)
    user.get(f"/api/vdc/{bare(vdc)}/vApps/query")


def add_vms(client, vapp, form, prefix):
    """Adds VMs by each body; answers their names."""
    template = client.get(client.find("vAppTemplate", "debian-13"), form="xml")
    source = next(
        element.get("href")
        for element in ElementTree.fromstring(template.body).iter()
        if element.tag.endswith("}Vm")
    )
    added = [f"{prefix}-{form}-{number}" for number in range(3)]
    spec = (
        '<VmSpecSection Modified="true"><ovf:Info/><OsType>ubuntu64Guest</OsType><NumCpus>1</NumCpus>'
        "<NumCoresPerSocket>1</NumCoresPerSocket><MemoryResourceMb><Configured>512</Configured>"
        "</MemoryResourceMb></VmSpecSection>"
    )
    section = {
        "_type": "VmSpecSectionType",
        "modified": True,
        "info": {"value": ""},
        "osType": "ubuntu64Guest",
        "numCpus": 1,
        "numCoresPerSocket": 1,
        "memoryResourceMb": {"configured": 512},
    }
    item = f'<Source href="{source}" name="%s"/>'
    bodies = {
        "xml": [
            f"<RecomposeVAppParams {NS}><SourcedItem>{item % added[0]}</SourcedItem></RecomposeVAppParams>",
            f"<SourcedItem {NS}>{item % added[1]}</SourcedItem>",
            f'<CreateItem {NS} name="{added[2]}">{spec}</CreateItem>',
        ],
        "json": [
            {"sourcedItem": [{"source": {"href": source, "name": added[0]}}]},
            {"source": {"href": source, "name": added[1]}},
            {"name": added[2], "section": [section]},
        ],
    }
    client.form = form
    for body, identifier in zip(bodies[form], forms(vapp, "vapp")):
        client.task("POST", f"/api/vApp/{identifier}/vms", body)
    return added


def vms(form):
    for user in ("admin", "author"):
        client = Client(user, "demo", form)
        vapp = compose(client, f"vms-{form}-{user}")
        added = add_vms(client, vapp, form, user)
        rows = client.get(f"/api/vApp/{bare(vapp)}/vms/query?sortAsc=name").records()
        require(names(rows) == added, f"VMs {names(rows)}")
        for row in rows:
            for turn, identifier in enumerate(forms(row["href"], "vm")):
                path = f"/api/vm/{identifier}"
                shown = client.get(path).attributes()
                require(shown["href"] == row["href"], f"{path} is {shown['href']}")
                name = f"{row['name']}-{turn}"
                change = {
                    "xml": f'<Vm {NS} name="{name}"><Description>turn {turn}</Description></Vm>',
                    "json": {"name": name, "description": f"turn {turn}"},
                }
                client.task("PUT", path, change[form])
                require(client.get(path).attributes()["name"] == name, f"{path} is renamed")
                actions = [
                    ("powerOn", "4"),
                    ("suspend", "3"),
                    ("powerOn", "4"),
                    ("reset", "4"),
                    ("powerOff", "20"),
                ]
                for action, status in actions:
                    client.task("POST", f"{path}/power/action/{action}")
                    now = str(client.get(path).attributes()["status"])
                    require(now == status, f"{path} after {action} has the status {now}")
            undeploy = {
                "xml": f"<UndeployVAppParams {NS}/>",
                "json": {"undeployPowerAction": "powerOff"},
            }
            if str(client.get(path).attributes()["deployed"]).lower() == "true":
                client.task("POST", f"{row['href']}/action/undeploy", undeploy[form])
            client.task("DELETE", path)
            client.get(path, 403)
        client.task("DELETE", f"/api/vApp/{bare(vapp)}")


def switches():
    provider = Client("administrator", "System")
    admin = Client("admin", "demo")
    vdc = admin.find("orgVdc", "demo-vdc").replace("/api/", "/api/admin/")
    org = admin.find("organization", "demo").replace("/api/", "/api/admin/")
    user = admin.find("user", "user")
    # The organization last: disabling it ends the sessions of its users.
    for client, href, kind in [(provider, vdc, "vdc"), (admin, user, "user"), (provider, org, "org")]:
        for form in ("xml", "json"):
            for identifier in forms(href, kind):
                path = href.rsplit("/", 1)[0] + "/" + identifier
                for rel, then in (("disable", "enable"), ("enable", "disable")):
                    client.call("POST", f"{path}/action/{rel}", 204, form=form)
                    links = client.get(href, form=form).links()
                    require(then in links and rel not in links, f"{href} has the links {list(links)}")
    admin.get("/api/org", 401)
    admin = Client("admin", "demo")
    for form in ("xml", "json"):
        for identifier in forms(user, "user"):
            name = f"{form} {len(identifier)}"
            change = {
                "xml": f'<User {NS} name="user"><FullName>{name}</FullName></User>',
                "json": {"name": "user", "fullName": name},
            }
            path = f"/api/admin/user/{identifier}"
            answer = admin.call("PUT", path, 200, change[form], form=form)
            require(name.encode() in answer.body, f"{path} is changed: {answer.body!r}")
    for who in ("admin", "user"):
        require(Client(who, "demo").status == 200, f"{who} is let in again")
    client = Client("user", "demo")
    for href in (vdc, org, user):
        client.call("POST", f"{href}/action/disable", 403)


PARTS = {
    "contents": contents,
    "vms-xml": lambda: vms("xml"),
    "vms-json": lambda: vms("json"),
    "switches": switches,
}

if __name__ == "__main__":
    try:
        PARTS[sys.argv[1]]()
    except Wrong as wrong:
        sys.exit(f"{wrong}")
    print(f"{Client.calls} requests, all answered as they should be")
