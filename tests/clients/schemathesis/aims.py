"""Where the cases of an operation are aimed at: ids of what is there, and bodies that are complete."""

from world import CLOUDAPI

# What a segment of a path is followed by the id of. A method's own aims come first.
READ = {
    "org": "org",
    "orgs": "org",
    "users": "user",
    "roles": "role_id",
    "rights": "right",
    "rightsCategories": "category",
    "vdcs": "vdc",
    "catalogs": "catalog",
    "catalogItems": "item",
    "vapps": "vapp",
    "vms": "vm",
    "vm": "vm",
    "vdcComputePolicies": "policy",
}

# What is changed.
CHANGE = {"org": "spare_org", "orgs": "own_org", "users": "spare_user", "vdcs": "spare_vdc", "catalogs": "spare_catalog"}

# What is gone afterwards.
DELETE = {
    "org": "spare_org",
    "orgs": "new_org",
    "vdcs": "new_vdc",
    "catalogs": "new_catalog",
    "vapps": "new_vapp",
    "vms": "new_vm",
}

# Actions of VMs, and whether the VM has to run for them.
POWER = {
    "powerOn": False,
    "powerOff": True,
    "suspend": True,
    "reset": True,
    "reboot": True,
    "shutdown": True,
}


def path_parameters(world, method, path):
    """Ids for the parameters of a path: of what is there, and may be changed or deleted by the method."""
    segments = path.strip("/").split("/")
    aims = {"PUT": CHANGE, "PATCH": CHANGE, "DELETE": DELETE}.get(method, READ)
    action = segments[-1]
    found = {}
    for before, segment in zip(segments, segments[1:]):
        if not segment.startswith("{"):
            continue
        name = segment.strip("{}")
        if before == "sessions":
            found[name] = world.client.new_session() if method == "DELETE" else "current"
        elif before == "users" and method == "DELETE":
            found[name] = world.new_user()["id"]
        elif action == "changePassword":
            found[name] = "current"
        elif before == "vms" and action in POWER:
            found[name] = world.vm_that(runs=POWER[action])
        elif method == "POST" and before == "org":
            found[name] = world.spare_org()
        else:
            found[name] = getattr(world, aims[before])()
    return found


def body(world, operation):
    """A complete body for an operation, by its id; None for those without."""
    bodies = {
        "createOrg": lambda: {"name": world.name("made"), "displayName": "Made", "isEnabled": False},
        "updateOrg": lambda: {"displayName": "Changed", "description": world.name("changed")},
        "patchOrg": lambda: {"description": world.name("changed")},
        "createUser": lambda: {
            "username": world.name("made"),
            "fullName": "Made",
            "roleEntityRefs": [{"name": "vApp User"}],
            "orgEntityRef": {"id": world.org()},
            "enabled": False,
        },
        "updateUser": lambda: {"fullName": world.name("changed"), "enabled": True, "storedVmQuota": 3},
        "patchUser": lambda: {"email": "changed@demo.example"},
        "changePassword": world.change_of_password,
        "putPassword": world.change_of_password,
        "createOrgVdc": lambda: {
            "name": world.name("made"),
            "allocationModel": "Flex",
            "computeCapacity": {"cpu": {"limit": 1000, "units": "MHz"}, "memory": {"limit": 1024, "units": "MB"}},
        },
        "updateOrgVdc": lambda: {"description": world.name("changed"), "nicQuota": 5},
        "createCatalog": lambda: {"name": world.name("made"), "description": "Made"},
        "updateCatalog": lambda: {"description": world.name("changed")},
        "patchCatalog": lambda: {"isPublished": False},
        "instantiateTemplate": lambda: {
            "name": world.name("made"),
            "catalogItem": {"id": world.item(), "name": "debian-13"},
            "deploy": False,
            "powerOn": False,
        },
        "putPreferences": lambda: {"preferences": {"theme": "dark", "default_items_per_page": 25}},
    }
    make = bodies.get(operation)
    return make() if make else None


def is_login(path):
    return path in (f"{CLOUDAPI}/sessions", f"{CLOUDAPI}/sessions/provider")
