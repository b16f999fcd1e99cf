"""The objects of the demo, and such as are made to be changed and deleted: what a share of the cases is aimed at."""

import itertools
import os
import time

import requests
import urllib3

urllib3.disable_warnings()

VERSION = "39.1"
CLOUDAPI = "/cloudapi/1.0.0"
LOGINS = {"system": ("administrator", "System"), "tenant": ("admin", "demo")}


class Unexpected(Exception):
    """The server did not do what a case needs."""


class Client:
    """A user who is logged in."""

    def __init__(self, url, user, org, password):
        self.url, self.user, self.org, self.password = url, user, org, password
        self.http = requests.Session()
        # A private certificate of the demo, reached over the loopback device.
        self.http.verify = False
        self.http.trust_env = False
        self.token = self.log_in()

    def log_in(self):
        """A new session's token."""
        return self._answer_of_login().headers["X-VMWARE-VCLOUD-ACCESS-TOKEN"]

    def new_session(self):
        """A new session's id."""
        return self._answer_of_login().json()["id"]

    def _answer_of_login(self):
        answer = self.http.post(
            f"{self.url}{CLOUDAPI}/sessions",
            auth=(f"{self.user}@{self.org}", self.password),
            headers={"Accept": f"application/json;version={VERSION}"},
            timeout=60,
        )
        if answer.status_code != 200:
            raise Unexpected(f"{self.user}@{self.org} cannot log in: {answer.status_code} {answer.text[:300]}")
        return answer

    def call(self, method, path, body=None):
        headers = {
            "Accept": f"application/json;version={VERSION}",
            "Authorization": f"Bearer {self.token}",
        }
        url = path if path.startswith("http") else self.url + path
        answer = self.http.request(method, url, json=body, headers=headers, timeout=60)
        if not answer.ok:
            raise Unexpected(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def values(self, path):
        return self.call("GET", f"{CLOUDAPI}/{path}").json()["values"]

    def wait(self, task):
        """Waits for a task, however it ends."""
        for _ in range(600):
            if self.call("GET", task).json()["status"] not in ("queued", "running"):
                return
            time.sleep(0.05)
        raise Unexpected(f"the task {task} does not end")


class World:
    """What is on the server, as far as cases are aimed at it. Everything is looked up or made when it is
    first asked for."""

    def __init__(self, url, role, password):
        self.url, self.role = url, role
        self.system = Client(url, *LOGINS["system"], password)
        self.tenant = Client(url, *LOGINS["tenant"], password)
        # Whose rights a case of this role has; those of nobody are aimed at what a tenant has.
        self.client = self.system if role == "system" else self.tenant
        self._numbers = itertools.count(1)
        self._kept = {}

    def keep(self, name, make):
        """Something that is made once."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def name(self, word):
        """A name that nothing else has."""
        return f"{word}-{self.role}-{next(self._numbers)}"

    # ------------------------------------------------------------------------------ to be read

    def _first(self, path, field="name", value=None):
        rows = self.client.values(f"{path}?filter={field}=={value}" if value else path)
        if not rows:
            raise Unexpected(f"{path}: there is no {value}")
        return rows[0]["id"]

    def org(self):
        return self.keep("org", lambda: self._first("orgs", value="demo"))

    def vdc(self):
        """A VDC without limits: what is made in it stays until the end."""
        path = f"/api/admin/org/{self.org()}/vdcs"
        return self.keep("vdc", lambda: self.system.call("POST", path, {"name": self.name("vdc")}).json()["id"])

    def user(self):
        return self.keep("user", lambda: self._first("users", "username", "author"))

    def role_id(self):
        return self.keep("role", lambda: self._first("roles", value="vApp User"))

    def right(self):
        return self.keep("right", lambda: self._first("rights"))

    def category(self):
        return self.keep("category", lambda: self._first("rightsCategories"))

    def catalog(self):
        return self.keep("catalog", lambda: self._first("catalogs", value="templates"))

    def item(self):
        return self.keep("item", lambda: self._first("catalogItems", value="debian-13"))

    def policy(self):
        path = f"vdcs/{self.vdc()}/computePolicies"
        return self.keep("policy", lambda: self._first(path))

    def vapp(self):
        return self.keep("vapp", self.new_vapp)

    def vm(self):
        return self.keep("vm", lambda: self.vm_of(self.vapp()))

    # ------------------------------------------------------------------------- to be written to

    def new_org(self):
        body = {"name": self.name("org"), "isEnabled": False}
        return self.system.call("POST", f"{CLOUDAPI}/orgs", body).json()["id"]

    def new_user(self, password=None):
        body = {"username": self.name("user"), "roleEntityRefs": [{"name": "vApp User"}]}
        if password:
            body["password"] = password
        return self.tenant.call("POST", f"{CLOUDAPI}/users", body).json()

    def new_catalog(self):
        return self.tenant.call("POST", f"{CLOUDAPI}/catalogs", {"name": self.name("catalog")}).json()["id"]

    def new_vdc(self):
        path = f"/api/admin/org/{self.spare_org()}/vdcs"
        return self.system.call("POST", path, {"name": self.name("vdc")}).json()["id"]

    def new_vapp(self):
        body = {"name": self.name("vapp"), "catalogItem": {"id": self.item()}, "deploy": False}
        path = f"{CLOUDAPI}/vdcs/{self.vdc()}/actions/instantiateTemplate"
        answer = self.tenant.call("POST", path, body)
        self.tenant.wait(answer.headers["Location"])
        return answer.json()["id"]

    def vm_of(self, vapp):
        return self.tenant.call("GET", f"{CLOUDAPI}/vapps/{vapp}").json()["vms"][0]["id"]

    def new_vm(self):
        return self.vm_of(self.new_vapp())

    def vm_that(self, runs):
        """A VM that is switched on, or off."""
        vm = self.keep("power", self.new_vm)
        path = f"{CLOUDAPI}/vms/{vm}"
        wanted = "POWERED_ON" if runs else "POWERED_OFF"
        if self.tenant.call("GET", path).json()["status"] != wanted:
            # From any state on, and from there off: a suspended VM is not switched off.
            for action in ["powerOn"] if runs else ["powerOn", "powerOff"]:
                state = self.tenant.call("GET", path).json()["status"]
                if (action == "powerOn") != (state == "POWERED_ON"):
                    answer = self.tenant.call("POST", f"{path}/actions/{action}")
                    self.tenant.wait(answer.headers["Location"])
        return vm

    def spare_org(self):
        """An organization that may be changed, but stays."""
        return self.keep("spare org", self.new_org)

    def spare_user(self):
        return self.keep("spare user", self.new_user)["id"]

    def spare_catalog(self):
        return self.keep("spare catalog", self.new_catalog)

    def spare_vdc(self):
        return self.keep("spare vdc", self.new_vdc)

    def own_org(self):
        """An organization that the caller may change, as far as it may."""
        return self.spare_org() if self.role == "system" else self.org()

    def spare_login(self):
        """A user with a password of its own, which is there to be changed."""

        def make():
            password = os.urandom(12).hex()
            user = self.new_user(password)
            return Client(self.url, user["username"], "demo", password)

        return self.keep("spare login", make)

    def change_of_password(self):
        """The body that gives the spare user another password."""
        login = self.spare_login()
        old, login.password = login.password, os.urandom(12).hex()
        return {"currentPassword": old, "newPassword": login.password}
