"""Headless Chromium for tests, over the DevTools protocol (chromedevtools.github.io/devtools-protocol).

    with Browser() as browser:
        page = browser.open(url, width=1280, height=900)
        page.wait("document.querySelector('.thread')")
        page.screenshot(path)

Nothing is waited for by sleeping a guessed time: `wait` asks the page until its answer is true.
"""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--lang=en-GB",
    "--remote-debugging-address=127.0.0.1",
    "--remote-debugging-port=0",
)
LOUD = ("error", "assert", "warning")
SHOWN = "document.body?.dataset.phase === 'shown'"

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


def dump_dom(url: str) -> str:
    """The page's HTML once it has drawn its state."""
    with Browser() as browser:
        page = browser.open(url)
        page.wait(SHOWN)
        return str(page.run("document.documentElement.outerHTML"))


def screenshot(url: str, path: Path, width: int, height: int, dark: bool = False) -> None:
    """A picture (PNG) of the page once it has drawn its state; it grows beyond `height` with the page."""
    with Browser() as browser:
        page = browser.open(url, width, height, dark)
        page.wait(SHOWN)
        page.screenshot(path)


class Browser:
    """One Chromium process with a profile of its own."""

    def __enter__(self) -> Self:
        assert CHROMIUM is not None, "chromium is not installed"
        with ExitStack() as stack:
            profile = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
                )
            )
            command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(_stop, process)
            address = _address(profile, process)
            self._socket = stack.enter_context(connect(address, max_size=None, open_timeout=30))
            self.pages: list[Page] = []
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, url: str, width: int = 1280, height: int = 900, dark: bool = False) -> "Page":
        """A new tab at `url`. Sizes are CSS pixels."""
        self.pages.append(Page(self._socket, url, width, height, dark))
        return self.pages[-1]


class Page:
    """One tab. `complaints`: what it wrote to the console as warning or error, and what it failed to load or to run."""

    def __init__(self, socket: ClientConnection, url: str, width: int, height: int, dark: bool) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._calls = 0
        self._width = width
        self._height = height
        self._session = ""
        self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self._resize(height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.call("Emulation.setEmulatedMedia", features=[scheme, still])
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The JSON value of a JavaScript expression; promises are awaited. Raises AssertionError with its exception."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        failure = answer.get("exceptionDetails")
        assert failure is None, failure["exception"].get("description", failure["text"])
        return answer["result"].get("value")

    def wait(self, condition: str, timeout: float = 20) -> None:
        """Until the expression is true. Raises AssertionError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"never true in {timeout} s: {condition}; {self.complaints}"
            time.sleep(0.05)

    def press(self, key: str, code: int = 0, text: str = "") -> None:
        """One key by its DevTools name ("Tab", "Escape"), its Windows virtual key code, and the text it types."""
        sent = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **sent)
        self.call("Input.dispatchKeyEvent", type="keyUp", **sent)

    def screenshot(self, path: Path) -> None:
        """The whole page, however high, as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._resize(max(self._height, int(self.run("document.documentElement.scrollHeight"))))
        picture = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(picture))
        self._resize(self._height)

    def close(self) -> None:
        self.call("Page.close")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools command; events that arrive meanwhile are read for complaints."""
        self._calls += 1
        message: dict[str, Any] = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._calls and answer.get("sessionId", "") == self._session:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            if answer.get("sessionId") == self._session:
                self._note(answer.get("method", ""), answer.get("params", {}))

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Runtime.consoleAPICalled" and told["type"] in LOUD:
            self.complaints.append(
                " ".join(str(each.get("value", each.get("description"))) for each in told["args"])
            )
        elif event == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in LOUD:
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")

    def _resize(self, height: int) -> None:
        size = {"width": self._width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Chromium writes the port it chose, and the path to speak to, into its profile."""
    told = profile / "DevToolsActivePort"
    deadline = time.monotonic() + 30
    while not told.exists() or told.read_text().count("\n") < 1:
        assert process.poll() is None, f"chromium ended with {process.returncode}"
        assert time.monotonic() < deadline, "chromium opened no DevTools port in 30 s"
        time.sleep(0.05)
    port, path = told.read_text().split("\n")[:2]
    return f"ws://127.0.0.1:{port}{path}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Killed, not asked: nothing of the profile is worth writing down, and asking takes it ten seconds."""
    process.kill()
    process.wait()
