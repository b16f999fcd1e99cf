"""Tests of validate.py: that it finds what is wrong, and only that. Needs the shared folder."""

import io
import json
import pathlib
import tempfile
import unittest

import validate

VCLOUD = 'xmlns="http://www.vmware.com/vcloud/v1.5"'


def xml(path, body, status=200):
    return exchange("GET", path, status, "application/vnd.vmware.vcloud.x+xml;version=39.1", body)


def cloudapi(method, path, status, value):
    body = "" if value is None else json.dumps(value)
    return exchange(method, path, status, "application/json" if body else None, body)


def exchange(method, path, status, content_type, body):
    headers = [["Content-Type", content_type]] if content_type else []
    return {
        "n": 1,
        "method": method,
        "path": path,
        "request_headers": [],
        "request_body": "",
        "status": status,
        "response_headers": headers,
        "response_body": body,
        "ms": 1.0,
    }


class Validate(unittest.TestCase):
    def check(self, *exchanges, exceptions=""):
        """Exit code and report of a recording of these exchanges."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            lines = "".join(json.dumps(e) + "\n" for e in exchanges)
            (folder / "recording.jsonl").write_text(lines, encoding="utf-8")
            (folder / "exceptions").write_text(exceptions, encoding="utf-8")
            out = io.StringIO()
            code = validate.main(["--exceptions", str(folder / "exceptions"), str(folder)], out)
            return code, out.getvalue()

    def test_good_documents_are_valid(self):
        error = f'<Error {VCLOUD} message="no" majorErrorCode="400" minorErrorCode="BAD_REQUEST"/>'
        code, report = self.check(
            xml("/api/vApp/vapp-1", error, 400),
            cloudapi("GET", "/cloudapi/1.0.0/sessions/current", 200, {"id": "urn:x", "org": None}),
            cloudapi("DELETE", "/cloudapi/1.0.0/sessions/urn:x", 204, None),
            cloudapi("GET", "/cloudapi/1.0.0/sessions/urn:x", 403,
                     {"minorErrorCode": "ACCESS_TO_RESOURCE_IS_FORBIDDEN", "message": "no"}),
        )
        self.assertEqual(code, 0, report)
        self.assertIn("4 documents valid, 0 exceptions used", report)

    def test_wrong_order_is_an_error_with_its_path(self):
        body = (
            '<SupportedVersions xmlns="http://www.vmware.com/vcloud/versions"><VersionInfo>'
            "<LoginUrl>https://localhost/api/sessions</LoginUrl><Version>36.0</Version>"
            "</VersionInfo></SupportedVersions>"
        )
        code, report = self.check(xml("/api/versions", body))
        self.assertEqual(code, 1)
        self.assertIn("ERROR SupportedVersions/VersionInfo/LoginUrl: ", report)

    def test_path_of_an_element_with_a_prefix(self):
        body = (
            f'<VApp {VCLOUD} xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" name="a">'
            "<ovf:Nonsense/></VApp>"
        )
        code, report = self.check(xml("/api/vApp/vapp-1", body))
        self.assertEqual(code, 1)
        self.assertIn("ERROR VApp/Nonsense: ", report)

    def test_listed_deviation_is_counted_not_failed(self):
        missing_href = f'<OrgList {VCLOUD}><Org name="a"/><Org name="b"/></OrgList>'
        for listed in ("OrgList/Org", "OrgList/.*"):
            code, report = self.check(
                xml("/api/org", missing_href), exceptions=f"{listed}  # a recording shows it\n"
            )
            self.assertEqual(code, 0, report)
            self.assertIn("1 documents valid, 1 exceptions used", report)
        code, report = self.check(xml("/api/org", missing_href), exceptions="OrgList # whole\n")
        self.assertEqual(code, 1)
        self.assertIn("2 x, first in recording.jsonl: GET /api/org -> 200", report)

    def test_wrong_json_is_an_error_with_its_path(self):
        code, report = self.check(
            cloudapi("GET", "/cloudapi/1.0.0/sessions/current", 200, {"user": {"name": 7}}),
            cloudapi("POST", "/cloudapi/1.0.0/sessions", 201, {}),
        )
        self.assertEqual(code, 1)
        self.assertIn("ERROR Session.user.name: 7 is not of type 'string'", report)
        self.assertIn("status 201 is none of this operation's: 200, 401", report)

    def test_wrong_content_type_and_5xx_and_no_answer(self):
        error = exchange("GET", "/api/org", 500, "text/plain", "oops")
        lost = {**exchange("GET", "/api/org", 502, None, ""), "error": "ConnectionRefusedError"}
        plain = exchange("GET", "/api/org", 200, "text/plain", "hello")
        code, report = self.check(error, lost, plain)
        self.assertEqual(code, 1)
        self.assertIn("status 500: oops", report)
        self.assertIn("no answer: ConnectionRefusedError", report)
        self.assertIn("content type 'text/plain' on /api", report)

    def test_503_is_validated_like_any_answer(self):
        body = '<Error xmlns="http://www.vmware.com/vcloud/v1.5" majorErrorCode="503" %s="m" minorErrorCode="X"/>'
        kind = "application/vnd.vmware.vcloud.error+xml;version=39.1"
        code, _ = self.check(exchange("GET", "/api/org", 503, kind, body % "message"))
        self.assertEqual(code, 0)
        code, _ = self.check(exchange("GET", "/api/org", 503, kind, body % "text"))
        self.assertEqual(code, 1)

    def test_what_no_schema_describes_is_said(self):
        good = f'<OrgList {VCLOUD}/>'
        code, report = self.check(
            xml("/api/org", good),
            exchange("GET", "/api/org", 200, "application/*+json;version=39.1", "{}"),
            cloudapi("GET", "/cloudapi/1.0.0/noSuchThing", 404, None),
        )
        self.assertEqual(code, 0, report)
        self.assertIn("not checked: 1 answers: /api in JSON", report)
        self.assertIn("not checked: 1 answers: /cloudapi, operation unknown", report)

    def test_an_empty_recording_is_no_success(self):
        self.assertEqual(self.check()[0], 2)

    def test_exceptions_need_evidence_and_are_few(self):
        with self.assertRaisesRegex(validate.CannotCheck, "no evidence"):
            validate.Exceptions(["OrgList/Org"])
        with self.assertRaisesRegex(validate.CannotCheck, "at most 10"):
            validate.Exceptions([f"Element{i} # seen" for i in range(11)])
        checked_in = (validate.HERE / "schema-exceptions.txt").read_text(encoding="utf-8")
        validate.Exceptions(checked_in.splitlines())


if __name__ == "__main__":
    unittest.main()
