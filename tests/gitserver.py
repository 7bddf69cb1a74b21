"""A tiny smart-HTTP git server on loopback for tests: real `git http-backend`, one token, faults on demand."""

import base64
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.gitrepos import ENVIRONMENT


@dataclass
class GitServer:
    """Serves the bare repositories below `root`. `status` answers everything with it, `hang` with silence."""

    root: Path
    token: str
    url: str = ""
    status: int = 0
    location: str = ""
    old_protocol: bool = False
    hang: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str]] = field(default_factory=list)

    @property
    def authorization(self) -> str:
        return "Basic " + base64.b64encode(f"oauth2:{self.token}".encode()).decode()


@contextmanager
def serving(root: Path, token: str) -> Iterator[GitServer]:
    state = GitServer(root, token)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, state)

        do_POST = do_GET

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, state: GitServer) -> None:
    body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    authorization = handler.headers.get("Authorization", "")
    state.requests.append((handler.path, authorization))
    if state.hang:
        state.released.wait()
    elif state.status:
        refuse(handler, state.status, state.location)
    elif authorization != state.authorization:
        refuse(handler, 401, "")
    else:
        relay(handler, state, body)


def refuse(handler: BaseHTTPRequestHandler, status: int, location: str) -> None:
    handler.send_response(status)
    if location:
        handler.send_header("Location", location)
    if status == 401:
        handler.send_header("WWW-Authenticate", 'Basic realm="git"')
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def relay(handler: BaseHTTPRequestHandler, state: GitServer, body: bytes) -> None:
    path, _, query = handler.path.partition("?")
    environment = ENVIRONMENT | {
        "GIT_PROJECT_ROOT": str(state.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": handler.command,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": "" if state.old_protocol else handler.headers.get("Git-Protocol", ""),
    }
    done = subprocess.run(
        ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = [line.partition(": ")[::2] for line in head.decode().split("\r\n")]
    status = next((value.split()[0] for name, value in headers if name == "Status"), "200")
    handler.send_response(int(status))
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
