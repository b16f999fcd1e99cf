#!/usr/bin/env python3
"""Makes every call of the web console, in its dialect, as three roles.

The server is SSVIRT_URL, its demo users have the password SSVIRT_DEMO_PASSWORD. Every answer must have the
status that EXPECTED says for the role, and every object the fields of FIELDS. Prints a line for each part,
and ends with exit code 1 when something was not as it should be.
"""

import json
import os
import sys
import time
import traceback

from console import EXPECTED, ROLES, Client, Wrong, axios, require, segment, uuid_of

PASSWORD = os.environ["SSVIRT_DEMO_PASSWORD"]
TEMPLATE = "ubuntu-24.04"


def ids(values):
    return [value["id"] for value in values]


def names(values, field="name"):
    return [value[field] for value in values]


class Walk:
    """The three users, and what all parts start from."""

    def __init__(self):
        self.clients = [Client(*role) for role in ROLES]
        self.system, self.admin, self.user = self.clients
        self.tenants = [self.admin, self.user]

    def find(self, kind, folder, name, field="name"):
        """An object of the demo, as the provider sees it."""
        query = axios(filter=f"{field}=={name}")
        found = self.system.list(f"list {kind}", f"/cloudapi/1.0.0/{folder}{query}", kind)["values"]
        require(len(found) == 1, f"{len(found)} {folder} are called {name}")
        return found[0]

    def org(self, name="demo"):
        return self.find("organizations", "orgs", name)

    def until(self, client, kind, path, want):
        """Polls as the pages do, until it is as wanted."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            seen = client.one(f"get {kind}", path, kind)
            if want(seen):
                return seen
            time.sleep(0.1)
        raise Wrong(f"{path} stays {json.dumps(seen)}")


def sessions(walk):
    for client, (role, login, org) in zip(walk.clients, ROLES):
        session = client.session
        require(session["user"]["name"] == login.split("@")[0], f"{login} is {session['user']}")
        require(session["org"]["name"] == org, f"{login} is in {session['org']}")
        require(session["operatingOrg"] == session["org"], f"{login} acts in {session['operatingOrg']}")
        require(session["roles"] == [role], f"{login} has the roles {session['roles']}")
        require(names(session["roleRefs"]) == [role], f"{login} has the roles {session['roleRefs']}")
        require(session["sessionIdleTimeoutMinutes"] > 0, "sessions end when they are idle")
        for identifier in ("current", session["id"], segment(session["id"])):
            same = client.call("get session", "GET", f"/cloudapi/1.0.0/sessions/{identifier}").json
            require(same == session, f"the session is {same}")
        # A session that ends is the only reason to be sent to the login page.
        other = Client(role, login, org)
        # The console does not encode this one.
        other.call("log out", "DELETE", f"/cloudapi/1.0.0/sessions/{other.session['id']}")
        other.call("after the logout", "GET", "/cloudapi/1.0.0/orgs")
        client.call("get session", "GET", "/cloudapi/1.0.0/sessions/current")
        forged = Client(role, login, org)
        forged.token = forged.token[:-4] + ("AAAA" if forged.token[-4:] != "AAAA" else "BBBB")
        forged.call("with a bad token", "GET", "/cloudapi/1.0.0/orgs")


def organizations(walk):
    system, demo = walk.system, walk.org()
    own = f"/cloudapi/1.0.0/orgs/{segment(demo['id'])}"
    folder = "/cloudapi/1.0.0/orgs"
    made = {}
    for client in walk.clients:
        seen = client.list("list organizations", folder, "organizations")["values"]
        require(demo["id"] in ids(seen), f"{client.role} does not see its organization")
        require(client is system or len(seen) == 1, f"{client.role} sees {names(seen)}")
        client.same("get organization", own, "organizations", demo)
        for turn, enabled in enumerate((True, False)):
            new = {
                "name": f"acme-{client.short}-{turn}",
                "displayName": f"Acme {turn}",
                "description": "",
                "isEnabled": enabled,
            }
            org = client.write("create organization", "POST", folder, new, "organizations")
            if org:
                made[new["name"]] = org
                path = f"{folder}/{segment(org['id'])}"
                client.same("get organization", path, "organizations", org)
                counters = ("orgVdcCount", "catalogCount", "vappCount", "runningVMCount", "userCount")
                require(not any(org[counter] for counter in counters), f"something is in {org}")
    require(len(made) == 2, f"made: {list(made)}")
    for client in walk.clients:
        # Everybody on the own organization, the provider on a new one.
        target = made["acme-system-0"] if client is system else demo
        path = f"{folder}/{segment(target['id'])}"
        form = {key: target[key] for key in ("name", "isEnabled")}
        form |= {"displayName": f"By {client.role}", "description": "changed"}
        client.write("change organization", "PUT", path, form, "organizations")
        now = system.one("get organization", path, "organizations")
        changed = now["displayName"] == f"By {client.role}"
        require(changed == client.may("change organization"), f"after PUT it is {now}")
        for enabled in (False, True):
            before = system.one("get organization", path, "organizations")
            client.write("toggle organization", "PATCH", path, {"isEnabled": enabled}, "organizations")
            now = system.one("get organization", path, "organizations")
            # Enabling what is enabled is no change that needs a right of the provider's.
            require(now == before | {"isEnabled": enabled if client is system else True}, f"it is {now}")
            if client is not system:
                break
    restored = {key: demo[key] for key in ("name", "displayName", "description", "isEnabled")}
    system.write("change organization", "PUT", own, restored, "organizations")
    system.same("get organization", own, "organizations", demo)
    lists(
        walk.system,
        "organizations",
        folder,
        fields=("name", "displayName"),
        query={"search": "aCmE-sys"},
        total=2,
        equal=[("enabled", "true", "isEnabled"), ("enabled", "false", "isEnabled")],
    )
    for client in reversed(walk.clients):
        for org in made.values():
            path = f"{folder}/{segment(org['id'])}"
            if client is system:
                client.write("toggle organization", "PATCH", path, {"isEnabled": False}, "organizations")
            client.task("delete organization", "DELETE", path)
    left = system.list("list organizations", folder + axios(search="acme"), "organizations")
    require(left["resultTotal"] == 0, f"left: {names(left['values'])}")


def lists(client, kind, folder, fields, query, total, equal=()):
    """Search, sort, page size and filters of the two lists that have a form for them."""
    name, base = f"list {kind}", {"page": 1, "per_page": 20} | query
    for field in fields:
        rows = {}
        for order in ("asc", "desc"):
            found = client.list(name, folder + axios(sort_by=field, sort_order=order, **base), kind)
            require(found["resultTotal"] == total, f"{query} finds {names(found['values'], fields[0])}")
            require(found["pageSize"] == 20 and found["page"] == 1, f"the page is {found['page']}")
            rows[order] = [value.get(field) for value in found["values"]]
        require(rows["asc"] == sorted(rows["asc"]), f"by {field}: {rows['asc']}")
        require(rows["desc"] == rows["asc"][::-1], f"by {field}, downwards: {rows['desc']}")
    sort = {"sort_by": fields[0], "sort_order": "asc"}
    whole = client.list(name, folder + axios(**sort, **base), kind)["values"]
    pages = []
    for page in range(1, total + 1):
        one = client.list(name, folder + axios(**sort, **(base | {"page": page, "per_page": 1})), kind)
        require(one["pageCount"] == total and one["pageSize"] == 1, f"there are {one['pageCount']} pages")
        pages += one["values"]
    require(pages == whole, "the pages together are the list")
    beyond = client.list(name, folder + axios(**(base | {"page": total + 1, "per_page": 1})), kind)
    require(beyond["values"] == [] and beyond["resultTotal"] == total, "behind the last page is nothing")
    parts = 0
    for parameter, value, field in equal:
        found = client.list(name, folder + axios(**base, **{parameter: value}), kind)
        require(
            all(json.dumps(row[field]) == value for row in found["values"]),
            f"{parameter}={value}: {found['values']}",
        )
        parts += found["resultTotal"]
    require(not equal or parts == total, f"the parts of {total} are {parts}")


def users(walk):
    folder, demo = "/cloudapi/1.0.0/users", walk.org()
    roles = {
        role["name"]: role
        for role in walk.system.list("list roles", "/cloudapi/1.0.0/roles", "roles")["values"]
    }
    org = {"id": demo["id"], "name": demo["name"]}
    role = {"id": roles["vApp User"]["id"], "name": "vApp User"}
    author = {"id": roles["vApp Author"]["id"], "name": "vApp Author"}
    other = walk.system.write(
        "create organization",
        "POST",
        "/cloudapi/1.0.0/orgs",
        {"name": "users-elsewhere", "displayName": "Elsewhere", "description": "", "isEnabled": True},
        "organizations",
    )
    elsewhere = {"id": other["id"], "name": other["name"]}
    made = []
    for client in walk.clients:
        me = client.one("get current user", f"{folder}/current", "users")
        require(me["username"] == client.session["user"]["name"], f"current is {me}")
        require(me["id"] == client.session["user"]["id"], f"current is {me}")
        require(names(me["roleEntityRefs"]) == [client.role], f"current is {me}")
        require(me["orgEntityRef"]["id"] == client.session["org"]["id"], f"current is {me}")
        client.same("get own user", f"{folder}/{segment(me['id'])}", "users", me)
        for turn, enabled in enumerate((True, False)):
            new = {
                "username": f"ann-{client.short}-{turn}",
                "FullName": f"Ann {turn}",
                "description": "made by the console",
                "email": f"ann-{client.short}-{turn}@example.com",
                "password": PASSWORD,
                "roleEntityRefs": [role],
                "orgEntityRef": org,
                "organizationID": org["id"],
                "deployedVmQuota": 3,
                "storedVmQuota": 4,
                "enabled": enabled,
            }
            user = client.write("create user", "POST", folder, new, "users")
            if user:
                made.append(user)
                require(user["fullName"] == new["FullName"], f"made: {user}")
                require(user["nameInSource"] == new["username"], f"made: {user}")
                require(user["locked"] is False and user["providerType"] == "LOCAL", f"made: {user}")
                path = f"{folder}/{segment(user['id'])}"
                client.same("get user", path, "users", user)
                Client.login(new["username"] + "@demo", 200 if enabled else 401)
    require(len(made) == 4, f"made: {names(made, 'username')}")
    for client in walk.clients:
        mine = [user for user in made if f"-{client.short}-" in user["username"]] or made
        for user in mine:
            change_user(walk, client, f"{folder}/{segment(user['id'])}", role, author, org, elsewhere)
    reader = walk.admin
    lists(
        reader,
        "users",
        folder,
        fields=("username", "fullName", "email"),
        query={"search": "ANN-"},
        total=4,
        equal=[("enabled", "true", "enabled"), ("enabled", "false", "enabled")],
    )
    for client in walk.clients:
        client.call("list users", "GET", folder + axios(sort_by="username", sort_order="asc", page=1, per_page=20))
        if not client.may("list users"):
            continue
        whole = {user["id"]: user for user in client.list("list users", folder + axios(per_page=128), "users")["values"]}
        of_org = {id for id, user in whole.items() if user["orgEntityRef"]["id"] == org["id"]}
        of_role = {id for id, user in whole.items() if ids(user["roleEntityRefs"]) == [role["id"]]}
        for query, want in [
            (axios(filter=f'orgEntityRef.id=="{org["id"]}"'), of_org),
            (axios(filter=f"orgEntityRef.id=={org['id']}"), of_org),
            (axios(filter=f"roleEntityRefs.id=={role['id']}"), of_role),
            (axios(organization_id=org["id"]), of_org),
            (axios(role="vApp User"), of_role),
            (axios(role=role["id"]), of_role),
        ]:
            found = client.list("list users", folder + query, "users")["values"]
            require(set(ids(found)) == want, f"{query} finds {names(found, 'username')}")
        count = client.one("get organization", f"/cloudapi/1.0.0/orgs/{segment(org['id'])}", "organizations")
        require(count["userCount"] == len(of_org), f"{count['userCount']} users are counted")
    for client in reversed(walk.clients):
        for user in [user for user in made if f"-{client.short}-" in user["username"]] or made:
            client.task("delete user", "DELETE", f"{folder}/{segment(user['id'])}")
    left = walk.system.list("list users", folder + axios(search="ann-"), "users")
    require(left["resultTotal"] == 0, f"left: {names(left['values'], 'username')}")
    path = f"/cloudapi/1.0.0/orgs/{segment(other['id'])}"
    walk.system.write("toggle organization", "PATCH", path, {"isEnabled": False}, "organizations")
    walk.system.task("delete organization", "DELETE", path)


def change_user(walk, client, path, role, author, org, elsewhere):
    """The form, the two switches and the two dialogs of a user's page."""
    user = walk.system.one("get user", path, "users")
    client.call("get user", "GET", path)
    form = {
        "username": user["username"],
        "description": "",
        "email": user["email"],
        "roleEntityRefs": [role],
        "orgEntityRef": org,
        "organizationID": org["id"],
        "deployedVmQuota": 0,
        "storedVmQuota": 5,
        "nameInSource": user["nameInSource"],
        "enabled": user["enabled"],
        "isGroupRole": False,
        "providerType": "LOCAL",
        "FullName": f"{user['fullName']}, by {client.role}",
    }
    steps = [
        ("change user", "PUT", form, {"fullName": form["FullName"], "description": "", "deployedVmQuota": 0, "storedVmQuota": 5}),
        # As the page of an organization's users does it.
        ("change user", "PUT", {"roleEntityRefs": [author]}, {"roleEntityRefs": [author]}),
        ("toggle user", "PATCH", {"enabled": not user["enabled"]}, {"enabled": not user["enabled"]}),
        ("toggle user", "PATCH", {"enabled": user["enabled"]}, {"enabled": user["enabled"]}),
        ("change role of user", "PATCH", {"roleEntityRefs": [role]}, {"roleEntityRefs": [role]}),
        ("move user", "PATCH", {"orgEntityRef": elsewhere}, {"orgEntityRef": elsewhere}),
        ("change user", "PATCH", {"orgEntityRef": org}, {"orgEntityRef": org}),
    ]
    for name, method, body, want in steps:
        before = walk.system.one("get user", path, "users")
        client.write(name, method, path, body, "users", compare=False)
        now = walk.system.one("get user", path, "users")
        require(now == (before | want if client.may(name) else before), f"after {method} {body}: {now}")


def roles(walk):
    folder = "/cloudapi/1.0.0/roles"
    for client in walk.clients:
        known = client.list("list roles", folder, "roles")["values"]
        require("System Administrator" not in names(known) or client is walk.system, f"{names(known)}")
        for role in known:
            client.same("get role", f"{folder}/{segment(role['id'])}", "roles", role)
        for query, want in [
            ("readOnly==true", [role for role in known if role["readOnly"]]),
            ("readOnly==false", [role for role in known if not role["readOnly"]]),
            ("name==vApp User", [role for role in known if role["name"] == "vApp User"]),
        ]:
            found = client.list("list roles", folder + axios(filter=query), "roles")["values"]
            require(ids(found) == ids(want), f"{query} finds {names(found)}")
        # The first of the exceptions: roles are not written.
        target = f"{folder}/{segment(known[0]['id'])}"
        body = {"name": "x", "description": "", "bundleKey": "", "readOnly": False}
        client.call("create role", "POST", folder, body)
        client.call("change role", "PUT", target, body)
        client.call("delete role", "DELETE", target)
        require(client.list("list roles", folder, "roles")["values"] == known, "the roles stay")


def vdcs(walk):
    system, demo = walk.system, walk.org()
    folder = f"/api/admin/org/{segment(demo['id'])}/vdcs"
    own = walk.find("VDCs", "vdcs", "demo-vdc")
    made = []
    for client in walk.clients:
        for query in ("", axios(page=1, pageSize=20)):
            seen = client.list("list VDCs", "/cloudapi/1.0.0/vdcs" + query, "VDCs")["values"]
            require(own in seen, f"{client.role} does not see the VDC of the demo")
        client.same("get VDC", f"/cloudapi/1.0.0/vdcs/{segment(own['id'])}", "VDCs", own)
        client.same("get VDC of organization", f"{folder}/{segment(own['id'])}", "VDCs", own)
        # Pages look for a VDC in one organization after the other.
        home = client.list("list organizations", "/cloudapi/1.0.0/orgs", "organizations")["values"]
        for org in home:
            name = "get VDC of organization" if org["id"] == demo["id"] else "get VDC elsewhere"
            client.call(name, "GET", f"/api/admin/org/{segment(org['id'])}/vdcs/{segment(own['id'])}")
        for turn, model in enumerate(("PayAsYouGo", "AllocationPool", "ReservationPool", "Flex")):
            new = {
                "name": f"vdc-{client.short}-{turn}",
                "description": "" if turn else "text",
                "allocationModel": model,
                "computeCapacity": {
                    "cpu": {"allocated": 1000, "limit": 10000, "units": "MHz"},
                    "memory": {"allocated": 1024, "limit": 10240, "units": "MB"},
                },
                "providerVdc": {"id": "provider-vdc-placeholder-001"},
                "nicQuota": 100,
                "networkQuota": 50,
                "vdcStorageProfiles": [],
                "isThinProvision": turn % 2 == 0,
                "isEnabled": turn != 2,
            }
            given = ("name", "description", "allocationModel", "computeCapacity", "nicQuota", "networkQuota", "isThinProvision", "isEnabled")
            vdc = client.write("create VDC", "POST", folder, new, "VDCs", compare=given)
            if vdc:
                made.append(vdc)
                client.same("get VDC", f"/cloudapi/1.0.0/vdcs/{segment(vdc['id'])}", "VDCs", vdc)
    require(len(made) == 4, f"made: {names(made)}")
    count = system.one("get organization", f"/cloudapi/1.0.0/orgs/{segment(demo['id'])}", "organizations")
    require(count["orgVdcCount"] == 5, f"{count['orgVdcCount']} VDCs are counted")
    for client in walk.clients:
        searches = [
            (axios(sortAsc="name", page=1, pageSize=20), [own] + made),
            (axios(sortDesc="name", page=1, pageSize=2), made[:1:-1]),
            (axios(page=1, pageSize=20, filter="SYSTEM-1"), made[1:2]),
            (axios(page=1, pageSize=20, status="disabled"), made[2:3]),
            (axios(page=1, pageSize=20, status="enabled", filter="vdc-sys"), made[:2] + made[3:]),
            (axios(page=1, pageSize=20, allocationModel="Flex", filter="vdc-"), made[3:]),
        ]
        for query, want in searches:
            found = client.list("list VDCs of organization", folder + query, "VDCs")["values"]
            require(found == want, f"{query} finds {names(found)}")
    for client in walk.clients:
        for vdc in made:
            path = f"{folder}/{segment(vdc['id'])}"
            before = system.one("get VDC", path, "VDCs")
            change = {
                "name": before["name"],
                "description": "edited",
                "allocationModel": before["allocationModel"],
                "computeCapacity": before["computeCapacity"]
                | {"memory": {"allocated": 2048, "limit": 20480, "units": "MB"}},
                "providerVdc": {"id": before["providerVdc"]["id"]},
                "nicQuota": 10,
                "networkQuota": 0,
                "vdcStorageProfiles": [],
                "isThinProvision": not before["isThinProvision"],
                "isEnabled": not before["isEnabled"],
            }
            client.write("change VDC", "PUT", path, change, "VDCs", compare=False)
            now = system.one("get VDC", path, "VDCs")
            shown = {key: change[key] for key in change if key not in ("providerVdc", "vdcStorageProfiles")}
            require(now == (before | shown if client.may("change VDC") else before), f"after PUT it is {now}")
    for client in reversed(walk.clients):
        for vdc in made:
            client.task("delete VDC", "DELETE", f"{folder}/{segment(vdc['id'])}")
    for vdc in made:
        system.call("get VDC elsewhere", "GET", f"{folder}/{segment(vdc['id'])}")


def catalogs(walk):
    folder, demo = "/cloudapi/1.0.0/catalogs", walk.org()
    shared = walk.find("catalogs", "catalogs", "templates")
    require(shared["numberOfVAppTemplates"] == 3, f"the demo's catalog is {shared}")
    for client in walk.clients:
        seen = client.list("list catalogs", folder + axios(page=1, pageSize=25), "catalogs")["values"]
        require(shared in seen, f"{client.role} does not see the catalog of the demo")
        path = f"{folder}/{segment(shared['id'])}"
        client.same("get catalog", path, "catalogs", shared)
        items = client.list("list items", f"{path}/catalogItems{axios(page=1, pageSize=12)}", "items")
        require(items["resultTotal"] == 3, f"the catalog has {items['resultTotal']} items")
        for size in (20, 100):
            same = client.list("list items", f"{path}/catalogItems{axios(page=1, pageSize=size)}", "items")
            require(same["values"] == items["values"], "the items of every page size are the same")
        for item in items["values"]:
            require(len(item["id"].split(":")) == 4, f"the id {item['id']}")
            require(item["catalogEntityRef"] == {"id": shared["id"], "name": "templates"}, f"{item}")
            client.same("get item", f"{path}/catalogItems/{segment(item['id'])}", "items", item)
        found = client.list("list items", f"{path}/catalogItems{axios(page=1, pageSize=12, filter='UBUNTU')}", "items")
        require(names(found["values"]) == [TEMPLATE], f"ubuntu is {names(found['values'])}")
        new = {"name": f"shelf-{client.short}", "description": "d", "orgId": demo["id"], "isPublished": client is walk.system}
        made = client.write("create catalog", "POST", folder, new, "catalogs", compare=("name", "description", "isPublished"))
        if made:
            require(made["org"]["id"] == demo["id"], f"made: {made}")
            require(made["owner"]["name"] == client.session["user"]["name"], f"made: {made}")
            client.same("get catalog", f"{folder}/{segment(made['id'])}", "catalogs", made)
            count = client.one("get organization", f"/cloudapi/1.0.0/orgs/{segment(demo['id'])}", "organizations")
            require(count["catalogCount"] == 2, f"{count['catalogCount']} catalogs are counted")
        target = made or shared
        path = f"{folder}/{segment(target['id'])}"
        for body in (
            {"name": target["name"], "description": "edited", "isPublished": not target["isPublished"]},
            {"isPublished": target["isPublished"]},
            {"description": ""},
        ):
            before = walk.system.one("get catalog", path, "catalogs")
            client.write("change catalog", "PUT", path, body, "catalogs", compare=False)
            now = walk.system.one("get catalog", path, "catalogs")
            want = before | body if client.may("change catalog") else before
            require(now | {"version": 0} == want | {"version": 0}, f"after PUT {body}: {now}")
        client.task("delete catalog", "DELETE", path)
        walk.system.call("get catalog" if target is shared else "get what is gone", "GET", path)


def bodies(item, catalog, name):
    """How the console names what a vApp is made of."""
    of_catalog = f"urn:vcloud:catalogitem:{uuid_of(catalog['id'])}"
    wizard = {
        "catalogItemUrn": item["id"],
        "powerOn": True,
        "deploy": True,
        "acceptAllEulas": True,
        "guestCustomization": {
            "computerName": "web-1",
            "adminPassword": PASSWORD,
            "adminPasswordEnabled": True,
            "customizationScript": "echo hello",
        },
        "networkConnectionSection": {
            "networkConnection": [
                {
                    # What the wizard says where nothing is chosen.
                    "network": "default",
                    "networkConnectionIndex": 0,
                    "isConnected": True,
                    "ipAddressAllocationMode": "POOL",
                    "isPrimary": True,
                }
            ]
        },
    }
    shapes = {
        "catalog": {"catalogItem": {"id": of_catalog, "name": item["name"]}},
        "item": {"catalogItem": {"id": item["id"], "name": item["name"]}},
        "five": {"catalogItem": {"id": f"{of_catalog}:{item['name']}", "name": item["name"]}},
        "five-urn": {"catalogItemUrn": f"{of_catalog}:{item['name']}"},
        "wizard": wizard,
        "off": {"catalogItemUrn": item["id"], "powerOn": False, "deploy": True, "acceptAllEulas": True},
    }
    return {
        shape: {"name": f"{name}.{shape}", "description": f"by {shape}"} | body
        for shape, body in shapes.items()
    }


def vapps(walk):
    vdc, catalog = walk.find("VDCs", "vdcs", "demo-vdc"), walk.find("catalogs", "catalogs", "templates")
    item = next(
        item
        for item in walk.system.list("list items", f"/cloudapi/1.0.0/catalogs/{segment(catalog['id'])}/catalogItems", "items")["values"]
        if item["name"] == TEMPLATE
    )
    action = f"/cloudapi/1.0.0/vdcs/{segment(vdc['id'])}/actions/instantiateTemplate"
    others = {}
    for client in walk.clients:
        made = {}
        for shape, body in bodies(item, catalog, f"vApp_{client.short}-1").items():
            vapp = client.write("instantiate", "POST", action, body, "vApps", compare=("name", "description"))
            require(vapp["vdcId"] == vdc["id"] and vapp["numberOfVMs"] == 1, f"made: {vapp}")
            path = f"/cloudapi/1.0.0/vapps/{segment(vapp['id'])}"
            vapp = walk.until(client, "vApps", path, lambda seen: seen["status"] != "INSTANTIATING")
            want = "POWERED_OFF" if shape == "off" else "POWERED_ON"
            require(vapp["status"] == want, f"made: {vapp}")
            require(vapp["owner"]["name"] == client.session["user"]["name"], f"made: {vapp}")
            made[shape] = vapp
        counted(walk, client, made)
        listed = client.list("list vApps", f"/cloudapi/1.0.0/vdcs/{segment(vdc['id'])}/vapps", "vApps")["values"]
        # A vApp User sees its own ones only.
        require(len(listed) == len(made) or client is not walk.user, f"{names(listed)}")
        for vapp in made.values():
            require(vapp in listed, f"{vapp} is not listed")
        machines(walk, client, item, made)
        for other, vapp in others.items():
            client.call(f"see vApp of {other}", "GET", f"/cloudapi/1.0.0/vapps/{segment(vapp['id'])}")
        deletions(walk, client, made)
        keep = client.write("instantiate", "POST", action, bodies(item, catalog, f"kept_{client.short}")["off"], "vApps", compare=("name",))
        others[client.short] = keep
    for short, vapp in others.items():
        path = f"/cloudapi/1.0.0/vapps/{segment(vapp['id'])}"
        walk.until(walk.system, "vApps", path, lambda seen: seen["status"] != "INSTANTIATING")
        walk.system.task("delete vApp", "DELETE", path)


def counted(walk, client, made):
    """What the page of the organization counts is what its lists have."""
    org = walk.org()
    seen = walk.system.list("list VMs", "/cloudapi/1.0.0/vms" + axios(pageSize=128), "VMs")["values"]
    vapps = walk.system.list("list vApps", "/cloudapi/1.0.0/vapps" + axios(pageSize=128), "vApps")
    running = [vm for vm in seen if vm["status"] == "POWERED_ON"]
    require(org["vappCount"] == vapps["resultTotal"], f"{org['vappCount']} vApps are counted")
    require(org["runningVMCount"] == len(running) == len(made) - 1, f"{org['runningVMCount']} VMs are counted")
    client.same("get organization", f"/cloudapi/1.0.0/orgs/{segment(org['id'])}", "organizations", org)


def machines(walk, client, item, made):
    """The page of a VM, and its switches."""
    running = walk.org()["runningVMCount"]
    for shape, vapp in made.items():
        path = f"/cloudapi/1.0.0/vms/{segment(vapp['vms'][0]['id'])}"
        vm = client.one("get VM", path, "VMs")
        require(vm["vappId"] == vapp["id"] and vm["status"] == vapp["status"], f"the VM is {vm}")
        hardware = {key: vm["hardware"][key] for key in ("numCpus", "memoryMB")}
        require(hardware == {"numCpus": item["cpu_count"], "memoryMB": item["memory_mb"]}, f"the VM is {vm}")
        if shape == "wizard":
            nic = vm["networkConnections"][0]
            require(nic["networkName"] == "demo-net" and nic["ipAddress"], f"the VM is {vm}")
            require(PASSWORD not in json.dumps(vm), "no password is shown")
        on = vm["status"] == "POWERED_ON"
        for action in ("powerOff", "powerOn") if on else ("powerOn", "powerOff"):
            client.task("power VM", "POST", f"{path}/actions/{action}")
            want = "POWERED_ON" if action == "powerOn" else "POWERED_OFF"
            walk.until(client, "VMs", path, lambda seen: seen["status"] == want)
            running += 1 if action == "powerOn" else -1
            require(walk.org()["runningVMCount"] == running, f"after {action} of {running} VMs")
    listed = client.list("list VMs", "/cloudapi/1.0.0/vms", "VMs")["values"]
    missing = {vapp["vms"][0]["id"] for vapp in made.values()} - set(ids(listed))
    require(not missing, f"VMs are not listed: {missing}")


def deletions(walk, client, made):
    """A VM alone, then every vApp. What runs is refused, whole, and goes once it is switched off."""
    for shape, vapp in made.items():
        path = f"/cloudapi/1.0.0/vapps/{segment(vapp['id'])}"
        vm = f"/cloudapi/1.0.0/vms/{segment(vapp['vms'][0]['id'])}"
        if shape != "off":
            client.call("delete what runs", "DELETE", path)
            client.call("delete what runs", "DELETE", vm)
            client.one("get VM", vm, "VMs")
            client.task("power VM", "POST", f"{vm}/actions/powerOff")
        if shape == "item":
            client.task("delete VM", "DELETE", vm)
            require(client.one("get vApps", path, "vApps")["vms"] == [], "the VM is gone from its vApp")
        client.task("delete vApp", "DELETE", path)
        client.call("get what is gone", "GET", path)
        client.call("get what is gone", "GET", vm)


def profile(walk):
    for client in walk.clients:
        me = client.call("get profile", "GET", "/api/v1/user/profile").json
        require(me["success"] is True, f"{me}")
        require(me["data"]["id"] == client.session["user"]["id"], f"the profile is {me}")
        path = "/api/v1/user/preferences"
        known = client.one("get preferences", path, "preferences")["data"]
        for change in (
            {"theme": "dark", "language": "de", "time_format": "12h"},
            {"notifications": {"email": True, "browser": False, "vm_state_changes": True, "system_maintenance": False}},
            {"notifications": {"email": False, "browser": False, "vm_state_changes": False, "system_maintenance": False}},
            {"default_items_per_page": 50, "auto_refresh_interval": 0},
        ):
            known |= change
            answer = client.call("change preferences", "PUT", path, {"preferences": change}).json
            require(answer["data"] == known, f"after {change}: {answer}")
            require(client.one("get preferences", path, "preferences")["data"] == known, "they stay")
        settings = client.call("get security settings", "GET", "/api/v1/user/security/settings").json
        require(settings["success"] is True and isinstance(settings["data"], list), f"{settings}")
        own = client.session["user"]["name"] + "@" + client.session["org"]["name"]
        passwords = [PASSWORD, PASSWORD + "-changed"]
        for turn in (0, 1):
            present, new = passwords[turn], passwords[1 - turn]
            body = {"current_password": present, "new_password": new}
            client.call("change password", "PUT", "/api/v1/user/password", body)
            Client.login(own, 401, password=present)
            Client.login(own, 200, password=new)
            client.call("get profile", "GET", "/api/v1/user/profile")


def absent(walk):
    """The rest of the exceptions. Any answer of 401 would end the console's session."""
    for client in walk.clients:
        for path in (
            "dashboard/stats",
            "dashboard/activity?per_page=10",
            "vms",
            "vms/1",
            "monitoring/resource-usage",
            "monitoring/alerts",
            "automation/workflows",
            "automation/queues",
        ):
            client.call("get what is not offered", "GET", f"/api/v1/{path}")
        for path in ("vms", "vms/bulk/power-on", "monitoring/dashboards", "automation/workflows"):
            client.call("make what is not offered", "POST", f"/api/v1/{path}", {})
        client.call("get session", "GET", "/cloudapi/1.0.0/sessions/current")


PARTS = (sessions, organizations, users, roles, vdcs, catalogs, vapps, profile, absent)


def main():
    failed = False
    walk = Walk()
    for part in PARTS:
        calls, checks = Client.calls, Client.checks
        try:
            part(walk)
            done = f"{Client.calls - calls} calls, {Client.checks - checks} fields checked"
            print(f"PASS console: {part.__name__}: {done}")
        except Wrong as wrong:
            failed = True
            print(f"FAIL console: {part.__name__}: {wrong}")
            traceback.print_exc(file=sys.stderr)
    unused = [name for name in EXPECTED if name not in Client.used]
    if unused and not failed:
        failed = True
        print(f"FAIL console: every call is made, except {unused}")
    by_status = ", ".join(f"{count} x {status}" for status, count in sorted(Client.statuses.items()))
    print(
        f"console: {Client.calls} calls of {len(Client.used)} kinds as {len(ROLES)} roles, "
        f"{Client.checks} fields checked; {by_status}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
