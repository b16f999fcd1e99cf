#!/usr/bin/env python3
"""A recording reverse proxy: stands between a client and a server and writes down every exchange.

    recorder.py --target https://127.0.0.1:8443 --out exchanges.jsonl [--listen 127.0.0.1:0]
                [--ready-file FILE] [--secret-env NAME]...

HTTPS on both sides: towards the client with a certificate made at start, towards the server
without checking its certificate. The Host header passes through unchanged, so that a server which
builds its hrefs from it builds them for the recorder, and the client keeps coming here.

One JSON object per line and exchange:

    n, method, path             number (in order of completion), method, path with query as sent
    request_headers             [[name, value], ...]: a list, since names may repeat
    request_body                text ("" when there is none)
    status                      of the answer
    response_headers            [[name, value], ...]
    response_body               text, decompressed
    ms                          time until the whole answer was here
    error                       only when the server gave no answer (status is then 502)

A body that is no UTF-8 text stands in request_body_base64 / response_body_base64 instead, and one
above 4 MiB only as its length in request_body_bytes / response_body_bytes. Credentials and tokens
are replaced by {credentials} and {token}, the values of the --secret-env variables by {secret}.
"""

import argparse
import base64
import datetime
import gzip
import http.client
import http.server
import ipaddress
import json
import os
import pathlib
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib

# They concern one connection only, so a proxy neither passes them on nor takes them over.
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
}
TOKEN_HEADERS = {"x-vmware-vcloud-access-token", "x-vcloud-authorization"}
COOKIE_HEADERS = {"cookie", "set-cookie"}
LARGEST_RECORDED_BODY = 4 * 1024 * 1024
UPSTREAM_TIMEOUT_SECONDS = 300


class Redactor:
    """Replaces secrets: those named at start, and the tokens that pass by in headers."""

    def __init__(self, secrets=()):
        self._lock = threading.Lock()
        self._known = {secret: "{secret}" for secret in secrets if secret}

    def _learn(self, token):
        # Short values would be found by accident in ordinary text.
        if len(token) >= 16:
            with self._lock:
                self._known[token] = "{token}"

    def headers(self, pairs):
        """The pairs, redacted; tokens in them are learned for later texts."""
        redacted = []
        for name, value in pairs:
            lower = name.lower()
            if lower == "authorization":
                scheme, _, rest = value.partition(" ")
                if scheme.lower() == "bearer":
                    self._learn(rest.strip())
                    value = scheme + " {token}"
                else:
                    value = scheme + " {credentials}"
            elif lower in TOKEN_HEADERS:
                self._learn(value.strip())
                value = "{token}"
            elif lower in COOKIE_HEADERS:
                value = "{cookie}"
            else:
                value = self.text(value)
            redacted.append([name, value])
        return redacted

    def text(self, text):
        with self._lock:
            known = list(self._known.items())
        for secret, replacement in known:
            text = text.replace(secret, replacement)
        return text


class Journal:
    """The file of recorded exchanges. Each line is flushed, so that a killed run loses none."""

    def __init__(self, path, redactor):
        self._file = open(path, "a", encoding="utf-8")
        self._lock = threading.Lock()
        self._redactor = redactor
        self._n = 0

    def write(self, method, path, request, response, status, ms, error=None):
        request_headers, request_body = request
        response_headers, response_body = response
        entry = {"method": method, "path": self._redactor.text(path)}
        entry["request_headers"] = self._redactor.headers(request_headers)
        # The answer's token must be known before any body is written down.
        redacted_response_headers = self._redactor.headers(response_headers)
        entry.update(self._body("request_body", request_headers, request_body))
        entry["status"] = status
        entry["response_headers"] = redacted_response_headers
        entry.update(self._body("response_body", response_headers, response_body))
        entry["ms"] = round(ms, 1)
        if error:
            entry["error"] = error
        with self._lock:
            self._n += 1
            self._file.write(json.dumps({"n": self._n, **entry}, ensure_ascii=False) + "\n")
            self._file.flush()

    def _body(self, key, headers, body):
        encoding = next((v for k, v in headers if k.lower() == "content-encoding"), "").lower()
        try:
            if encoding == "gzip":
                body = gzip.decompress(body)
            elif encoding == "deflate":
                body = zlib.decompress(body)
        except (OSError, EOFError, zlib.error):
            pass  # recorded as it came
        if len(body) > LARGEST_RECORDED_BODY:
            return {key: "", key + "_bytes": len(body)}
        try:
            return {key: self._redactor.text(body.decode("utf-8"))}
        except UnicodeDecodeError:
            return {key: "", key + "_base64": base64.b64encode(body).decode("ascii")}

    def close(self):
        with self._lock:
            self._file.close()


class NoAnswer(Exception):
    """The server could not be reached or broke off."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream = None  # one connection to the server for each connection of a client

    def setup(self):
        # Here rather than in accept(): a client that is slow to shake hands holds up only itself.
        self.request.settimeout(UPSTREAM_TIMEOUT_SECONDS)
        self.request.do_handshake()
        super().setup()

    def finish(self):
        if self.upstream:
            self.upstream.close()
        super().finish()

    def log_message(self, *args):
        pass  # the journal is the log

    def _read_request_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            pieces = []
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                if size == 0:
                    break
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _ask_once(self, path, headers, body):
        if self.upstream is None:
            self.upstream = self.server.connect()
        self.upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            self.upstream.putheader(name, value)
        had_body = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        if had_body:
            self.upstream.putheader("Content-Length", str(len(body)))
        self.upstream.endheaders(body if body else None)
        answer = self.upstream.getresponse()
        return answer, answer.read()

    def _ask(self, path, headers, body):
        """The server's answer. A GET is sent again where a kept connection turns out closed: any
        client does that; anything else might then be done twice."""
        reused = self.upstream is not None
        while True:
            try:
                return self._ask_once(path, headers, body)
            except (OSError, http.client.HTTPException) as problem:
                if self.upstream:
                    self.upstream.close()
                self.upstream = None
                if reused and self.command in ("GET", "HEAD"):
                    reused = False
                    continue
                raise NoAnswer(f"{type(problem).__name__}: {problem}") from problem

    def _forward(self):
        started = time.monotonic()
        # Not self.path: the base class squeezes leading slashes together.
        path = self.raw_requestline.split()[1].decode("latin-1")
        body = self._read_request_body()
        sent = list(self.headers.items())
        passed_on = [(k, v) for k, v in sent if k.lower() not in HOP_BY_HOP]
        error = None
        try:
            answer, content = self._ask(path, passed_on, body)
            status, reason, received = answer.status, answer.reason, answer.getheaders()
            if answer.will_close:
                self.upstream.close()
                self.upstream = None
        except NoAnswer as problem:
            error = str(problem)
            status, reason, received = 502, "Bad Gateway", [("Content-Type", "text/plain")]
            content = b"recorder: no answer from the server\n"
        milliseconds = (time.monotonic() - started) * 1000
        # Before the client has its answer: whoever reads the journal after a client's last
        # request finds that request in it.
        self.server.journal.write(
            self.command, path, (sent, body), (received, content), status, milliseconds, error
        )

        head = [f"HTTP/1.1 {status} {reason}"]
        head += [f"{k}: {v}" for k, v in received if k.lower() not in HOP_BY_HOP]
        if self.command == "HEAD":
            head += [f"{k}: {v}" for k, v in received if k.lower() == "content-length"]
        elif status >= 200 and status not in (204, 304):
            head.append(f"Content-Length: {len(content)}")
        if self.close_connection:
            head.append("Connection: close")
        bytes_out = "\r\n".join(head + ["", ""]).encode("latin-1")
        if self.command != "HEAD":
            bytes_out += content
        self.wfile.write(bytes_out)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _forward


class Recorder(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listen, target, journal):
        host, _, port = listen.rpartition(":")
        super().__init__((host, int(port)), Handler)
        self.journal = journal
        self._target = urllib.parse.urlsplit(target)
        if self._target.scheme not in ("http", "https") or not self._target.hostname:
            raise ValueError(f"not the root URL of a server: {target}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            context.load_cert_chain(*make_certificate(pathlib.Path(folder), host))
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        # The certificate of the server under test is its own making: nothing to check it against.
        self._client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client_context.check_hostname = False
        self._client_context.verify_mode = ssl.CERT_NONE

    @property
    def url(self):
        host, port = self.server_address[:2]
        return f"https://{host}:{port}"

    def connect(self):
        """A new connection to the server."""
        if self._target.scheme == "http":
            connection = http.client.HTTPConnection(
                self._target.hostname, self._target.port, timeout=UPSTREAM_TIMEOUT_SECONDS
            )
        else:
            connection = http.client.HTTPSConnection(
                self._target.hostname,
                self._target.port,
                timeout=UPSTREAM_TIMEOUT_SECONDS,
                context=self._client_context,
            )
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def handle_error(self, request, client_address):
        # Clients go away in the middle of things all the time; everything else is a defect here.
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


def make_certificate(folder, host):
    """A self-signed certificate for `host`; the paths of certificate and key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "recorder")])
    names = [x509.DNSName("localhost")]
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    except ValueError:
        names.append(x509.DNSName(host))
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target", required=True, help="root URL of the server")
    parser.add_argument("--out", required=True, help="file that the exchanges are appended to")
    parser.add_argument("--listen", default="127.0.0.1:0", help="ADDRESS:PORT, port 0 = any")
    parser.add_argument("--ready-file", help="gets the recorder's root URL when it listens")
    parser.add_argument(
        "--secret-env",
        action="append",
        default=[],
        metavar="NAME",
        help="variable whose value must not appear in the recording (may be repeated)",
    )
    options = parser.parse_args()

    redactor = Redactor(os.environ.get(name, "") for name in options.secret_env)
    journal = Journal(options.out, redactor)
    recorder = Recorder(options.listen, options.target, journal)
    # shutdown() waits for serve_forever() to return, so it cannot be called from its own thread.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=recorder.shutdown).start())
    if options.ready_file:
        draft = options.ready_file + ".new"
        pathlib.Path(draft).write_text(recorder.url + "\n", encoding="utf-8")
        os.replace(draft, options.ready_file)
    print(recorder.url, flush=True)
    recorder.serve_forever(poll_interval=0.1)
    recorder.server_close()
    journal.close()


if __name__ == "__main__":
    main()
