"""Tests of recorder.py, run as a process of its own between a client and a small HTTPS server."""

import base64
import gzip
import http.client
import http.server
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import recorder

HERE = pathlib.Path(__file__).resolve().parent
TOKEN = "header.payload-of-a-token.signature"


class Server(http.server.BaseHTTPRequestHandler):
    """Answers with what it saw, so that a test can tell what came through."""

    protocol_version = "HTTP/1.1"
    connections = set()

    def log_message(self, *args):
        pass

    def _answer(self):
        self.connections.add(self.client_address)
        length = int(self.headers.get("Content-Length") or 0)
        seen = {
            "method": self.command,
            "line": self.raw_requestline.decode("latin-1").split()[1],
            "host": self.headers["Host"],
            "accept": self.headers.get_all("Accept"),
            "length": self.headers.get("Content-Length"),
            "body": self.rfile.read(length).decode("utf-8"),
        }
        body = json.dumps(seen).encode("utf-8")
        if self.path == "/empty":
            self.send_response(204)
            self.send_header("X-VMWARE-VCLOUD-ACCESS-TOKEN", TOKEN)
            self.end_headers()
            return
        if self.path == "/break":
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (body[:10], body[10:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        if self.path == "/gzip":
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        if self.path == "/binary":
            body = b"\xff\xfe\x00"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer


class Recording(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        cls.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*recorder.make_certificate(folder, "127.0.0.1"))
        cls.server.socket = context.wrap_socket(cls.server.socket, server_side=True)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

        cls.out = folder / "out.jsonl"
        ready = folder / "ready"
        cls.process = subprocess.Popen(
            [
                sys.executable,
                HERE / "recorder.py",
                f"--target=https://127.0.0.1:{cls.server.server_address[1]}",
                f"--out={cls.out}",
                f"--ready-file={ready}",
                "--secret-env=TEST_SECRET",
            ],
            env={**os.environ, "TEST_SECRET": "correct horse"},
            stdout=subprocess.DEVNULL,
        )
        for _ in range(200):
            if ready.exists():
                break
            time.sleep(0.05)
        cls.root = ready.read_text(encoding="utf-8").strip()

    @classmethod
    def tearDownClass(cls):
        cls.process.send_signal(signal.SIGTERM)
        code = cls.process.wait(timeout=10)
        cls.server.shutdown()
        cls.server.server_close()
        cls.folder.cleanup()
        assert code == 0, f"the recorder ended with {code}"

    def setUp(self):
        trusting = ssl._create_unverified_context()
        host = self.root.removeprefix("https://")
        self.client = http.client.HTTPSConnection(host, context=trusting, timeout=20)
        self.addCleanup(self.client.close)

    def ask(self, method, path, body=None, headers=()):
        """The answer, and the exchange as recorded."""
        self.client.putrequest(method, path)
        for name, value in headers:
            self.client.putheader(name, value)
        if body is not None:
            self.client.putheader("Content-Length", str(len(body)))
        self.client.endheaders(body)
        return self.finish()

    def finish(self):
        answer = self.client.getresponse()
        content = answer.read()
        last = self.out.read_text(encoding="utf-8").splitlines()[-1]
        return answer, content, json.loads(last)

    def test_passes_through_and_records(self):
        path = "//api/query?filter=(name==a%20b)&x=%2F"
        answer, content, entry = self.ask(
            "POST", path, b"<a/>", [("Accept", "text/xml"), ("Accept", "*/*")]
        )
        seen = json.loads(content)
        self.assertEqual(seen["line"], path)
        self.assertEqual(seen["host"], self.root.removeprefix("https://"))
        self.assertEqual(seen["accept"], ["text/xml", "*/*"])
        self.assertEqual(seen["body"], "<a/>")
        self.assertEqual((entry["method"], entry["path"], entry["status"]), ("POST", path, 200))
        self.assertEqual(entry["request_body"], "<a/>")
        self.assertEqual(json.loads(entry["response_body"]), seen)
        self.assertIn(["Accept", "text/xml"], entry["request_headers"])
        self.assertIn(["Accept", "*/*"], entry["request_headers"])
        self.assertEqual(answer.headers.get_all("Set-Cookie"), ["a=1", "b=2"])

    def test_no_body_stays_no_body(self):
        _, content, _ = self.ask("POST", "/power")
        self.assertIsNone(json.loads(content)["length"])
        _, content, _ = self.ask("POST", "/power", b"")
        self.assertEqual(json.loads(content)["length"], "0")

    def test_chunked_both_ways(self):
        self.client.request("PUT", "/chunked", body=iter([b"one,", b"two"]), encode_chunked=True,
                            headers={"Transfer-Encoding": "chunked"})
        _, content, entry = self.finish()
        self.assertEqual(json.loads(content)["body"], "one,two")
        self.assertEqual(entry["request_body"], "one,two")

    def test_head_and_no_content(self):
        answer, content, _ = self.ask("HEAD", "/x")
        self.assertEqual(content, b"")
        self.assertGreater(int(answer.headers["Content-Length"]), 0)
        answer, content, entry = self.ask("DELETE", "/empty")
        self.assertEqual((answer.status, content, entry["response_body"]), (204, b"", ""))

    def test_compressed_and_binary_bodies(self):
        answer, content, entry = self.ask("GET", "/gzip")
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(content).decode(), entry["response_body"])
        _, content, entry = self.ask("GET", "/binary")
        self.assertEqual(base64.b64decode(entry["response_body_base64"]), content)

    def test_secrets_are_not_recorded(self):
        basic = "Basic " + base64.b64encode(b"admin@demo:correct horse").decode()
        self.ask("GET", "/x", headers=[("Authorization", basic), ("Cookie", "c=secret")])
        self.ask("DELETE", "/empty")
        self.ask("GET", "/x?t=" + TOKEN, headers=[("Authorization", "bearer " + TOKEN)])
        answer, content, _ = self.ask("POST", "/x", b"<Password>correct horse</Password>")
        self.assertIn(b"correct horse", content)
        text = self.out.read_text(encoding="utf-8")
        for secret in (basic[6:], "c=secret", "a=1", TOKEN, "correct horse"):
            self.assertNotIn(secret, text)
        for left in ("Basic {credentials}", "bearer {token}", "?t={token}", "{secret}"):
            self.assertIn(left, text)

    def test_connections_are_kept(self):
        before = len(Server.connections)
        for _ in range(5):
            self.ask("GET", "/x")
        self.assertEqual(len(Server.connections), before + 1)

    def test_many_clients_at_once(self):
        def ask(number, results):
            client = http.client.HTTPSConnection(
                self.root.removeprefix("https://"), context=ssl._create_unverified_context()
            )
            for turn in range(10):
                client.request("GET", f"/many/{number}/{turn}")
                seen = json.loads(client.getresponse().read())
                results.append(seen["line"] == f"/many/{number}/{turn}")
            client.close()

        results = []
        threads = [threading.Thread(target=ask, args=(n, results)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [True] * 80)
        lines = self.out.read_text(encoding="utf-8").splitlines()
        self.assertEqual(sum('"path": "/many/' in line for line in lines), 80)
        self.assertEqual([json.loads(l)["n"] for l in lines], list(range(1, len(lines) + 1)))

    def test_a_server_that_breaks_off(self):
        answer, _, entry = self.ask("POST", "/break", b"x")
        self.assertEqual((answer.status, entry["status"]), (502, 502))
        self.assertIn("RemoteDisconnected", entry["error"])


if __name__ == "__main__":
    unittest.main()
