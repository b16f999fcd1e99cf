"""That report.py finds what it is there to find."""

import unittest

import report

DOCUMENT = {
    "paths": {
        "/orgs": {"get": {"operationId": "queryOrgs"}, "post": {"operationId": "createOrg"}},
    }
}
KNOWN = report.operations(DOCUMENT)


def calls(operation, status, times=1, own=True):
    return [{"operation": operation, "status": status, "own": own}] * times


def failures(role, all_calls):
    found = report.verdicts(KNOWN, {role: report.count(all_calls)})
    return {name.split(": ", 1)[1].split(" of ")[0]: wrong for name, wrong in found if wrong}


GOOD = calls("GET /orgs", 200, 50) + calls("POST /orgs", 400, 49) + calls("POST /orgs", 201)


class Report(unittest.TestCase):
    def test_all_is_well(self):
        self.assertEqual(failures("system", GOOD), {})

    def test_too_few_examples(self):
        self.assertEqual(failures("system", GOOD[1:]), {"50 examples and more": ["GET /orgs (49)"]})
        other = GOOD[1:] + calls("GET /orgs", 405, own=False)
        self.assertEqual(failures("system", other), {"50 examples and more": ["GET /orgs (49)"]})

    def test_an_operation_that_is_never_called(self):
        found = failures("system", [call for call in GOOD if call["operation"] != "POST /orgs"])
        self.assertEqual(set(found), {"50 examples and more", "at least one 2xx"})

    def test_a_5xx_of_any_method(self):
        for own in (True, False):
            found = failures("system", GOOD + calls("GET /orgs", 503, own=own))
            self.assertEqual(found, {"no 5xx": ["GET /orgs"]})

    def test_never_a_2xx(self):
        found = failures("system", GOOD[:-1] + calls("POST /orgs", 403))
        self.assertEqual(found, {"at least one 2xx": ["POST /orgs"]})

    def test_what_is_not_for_tenants_and_nobody(self):
        self.assertEqual(failures("tenant", GOOD), {"no 2xx": ["POST /orgs"]})
        self.assertEqual(failures("tenant", GOOD[:-1] + calls("POST /orgs", 403)), {})
        self.assertEqual(failures("anonymous", GOOD), {"no 2xx": ["GET /orgs", "POST /orgs"]})

    def test_the_table_has_every_operation_and_the_sum(self):
        lines = list(report.table(KNOWN, {"system": report.count(GOOD)}))
        self.assertEqual(lines[2].split(), ["GET", "/orgs", "|", "50", "50", "0", "0"])
        self.assertEqual(lines[-1].split(), ["2", "operations", "|", "100", "51", "49", "0"])


if __name__ == "__main__":
    unittest.main()
