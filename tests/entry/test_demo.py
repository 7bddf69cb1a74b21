"""`trivet demo` from outside, in surroundings that are not friendly.

A tour costs some 20 seconds of processor time, so two are played for the whole file, at once: one is served until
Ctrl-C, which is the last that is done with it; the other is `--once`, with a model.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest

from bot.domain.rules import load
from bot.entry.demo import RULES, bare
from bot.entry.demo_shown import comment, plain
from tests.browser import SHOWN, Browser, needs_chromium
from tests.model_server import Body, ModelServer, Reply, answered, nothing_found, schema_of, text_of
from tests.rig import clean_environment, free_port, processes

REPOSITORY = str(Path(__file__).parents[2])
ANCHOR = "return net * (100 - best.percent) / 100"
DEFECT = {
    "path": "shop/discounts.py",
    "line": 36,
    "anchor": ANCHOR,
    "symbols": [],
    "suggestion": None,
    "rule": "rounding",
    "severity": "major",
    "title": "Cents are not rounded",
    "detail": "It is so.",
    "evidence": "Decimal keeps them",
}
EURO = {
    "path": "shop/money.py",
    "line": 'CURRENCIES = {"CH": "CHF"}',
    "why": "Swiss customers are shown francs.",
    "block": 2,
    "quote": "always in euro",
    "how": "replace",
    "text": "Customers read amounts in francs or in euro.",
}
WORDS = {
    "questions": {
        "summary": ["The mail to a customer in Basel named euros."],
        "questions": ["Which mails are meant?"],
        "criteria": ["A customer in Switzerland is shown francs"],
        "labels": [],
        "component": None,
        "priority": None,
        "note": "",
        "places": [],
    },
    "lines": {"lines": ["Cuts the price by a code."]},
}
UNFRIENDLY = {
    "TRIVET_GITLAB__URL": "https://gitlab.example.com",
    "TRIVET_GITLAB__TOKEN": "glpat-" + "of-a-real-installation",
    "TRIVET_REDIS_URL": "redis://127.0.0.1:9",
    "TRIVET_PORT": "not a port",
    "TRIVET_SECRETS_DIR": "/no/such/folder",
    "TRIVET_LOG_FORMAT": "json",
    "http_proxy": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "CI": "true",
}
PLAYED = "Ctrl-C stops everything"


@contextmanager
def demo(
    folder: Path, *words: str, settings: Mapping[str, str] | None = None, cwd: Path | str | None = None
) -> Iterator[subprocess.Popen[str]]:
    environment = (
        clean_environment() | {"PYTHONPATH": REPOSITORY, "TMPDIR": str(folder)} | dict(settings or {})
    )
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "bot", "demo", *words],
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(process: subprocess.Popen[str], folder: Path) -> tuple[int, str, str]:
    """Exit code, standard output and error. Raises AssertionError with the demo's log when it goes on and on."""
    try:
        out, err = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        logs = "\n".join(log.read_text() for log in folder.glob("*/demo.log"))
        raise AssertionError(f"the demo did not end; its log:\n{logs}") from None
    return process.returncode, out, err


def left_behind(folder: Path) -> list[str]:
    """Files of the demo, and processes that work on them."""
    started = [command for _, _, command in processes() if str(folder) in command]
    return [*started, *(file.name for file in folder.iterdir())]


@dataclass
class Playing:
    """A demo that runs. `said`: the lines that were read of its output."""

    process: subprocess.Popen[str]
    folder: Path
    said: list[str] = field(default_factory=list)

    def until(self, words: str) -> str:
        """All it has printed, once the words are in it."""
        assert self.process.stdout is not None
        while not any(words in line for line in self.said):
            line = self.process.stdout.readline()
            assert line, self.said
            self.said.append(line)
        return "".join(self.said)


@dataclass(frozen=True)
class Ended:
    """`left`: what was left behind at that moment."""

    code: int
    out: str
    err: str
    left: list[str]


def ended(playing: Playing) -> Ended:
    """Once it has."""
    code, out, err = finished(playing.process, playing.folder)
    return Ended(code, "".join(playing.said) + out, err, left_behind(playing.folder))


@pytest.fixture(scope="module")
def port() -> int:
    """Of the demo that is served."""
    return free_port()


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.reply = finds_one_defect
        yield server


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, port: int, model: ModelServer
) -> Iterator[tuple[Playing, Playing]]:
    """The one that is served and the one that is not, at once.

    With settings of a real installation, dead proxies, and a current folder nobody can write to.
    """
    served, alone = (tmp_path_factory.mktemp(name) for name in ("served", "alone"))
    of_model = UNFRIENDLY | model.environ("openai")
    with (
        demo(served, "--port", str(port), settings=UNFRIENDLY, cwd="/proc") as first,
        demo(alone, "--once", settings=of_model, cwd="/proc") as second,
    ):
        yield Playing(first, served), Playing(second, alone)


@pytest.fixture(scope="module")
def serving(both: tuple[Playing, Playing]) -> Playing:
    """Without a model, as soon as its tour begins."""
    both[0].until("Open http")
    return both[0]


@pytest.fixture(scope="module")
def out(serving: Playing) -> str:
    """What a demo without a model prints on its tour."""
    return serving.until(PLAYED)


@pytest.fixture(scope="module")
def once(both: tuple[Playing, Playing]) -> Ended:
    """With a model."""
    return ended(both[1])


@needs_chromium
def test_the_page_shows_the_issue_on_its_way_and_lets_a_person_begin_another(
    serving: Playing, port: int
) -> None:
    """The tour's issue is done; one that a person writes and moves on the page gets its draft beside it.

    The page is opened when the tour begins, and is not loaded anew.
    """
    status = "document.querySelector('#issue-key .lozenge').textContent"
    with Browser() as browser:
        page = browser.open(f"http://127.0.0.1:{port}/jira/browse/SHOP-13", width=1440)
        page.wait(SHOWN)
        page.wait(f"{status} === 'Done'", timeout=90)
        page.wait("document.querySelector('.heading .state').dataset.state === 'merged'")
        way = page.run(
            "[...document.querySelectorAll('#issue-history [data-field=status] .change')].map(one => one.textContent)"
        )
        assert way == ["In Review → Done", "In Progress → In Review", "To Do → In Progress"]
        assert page.run("document.querySelectorAll('#issue-links [data-resolved=yes]').length") == 1
        page.wait("document.querySelector('#to-wiki').textContent.startsWith('Release next')", timeout=60)
        assert "Confirmation mail" in page.run("document.querySelector('#wiki-text').textContent")
        page.run("document.getElementById('issue-summary').value = 'Say when it ships'")
        page.run("document.getElementById('issue-form').requestSubmit()")
        page.wait(f"location.pathname.endsWith('SHOP-14') && {SHOWN}")
        page.run("document.querySelector('#moves button').click()")
        page.wait("document.querySelector('.heading .state')?.dataset.state === 'draft'", timeout=60)
        assert page.run("document.querySelector('h1').textContent") == "Draft: SHOP-14 Say when it ships"
        assert page.complaints == []


def test_two_at_once_show_their_review_whatever_the_surroundings(out: str, once: Ended) -> None:
    for shown in (out, once.out):
        assert "Open http://127.0.0.1:" in shown
        assert "findings on their lines, one summary" in shown
        assert "shop/settings.py:12" in shown


def test_once_it_ends_by_itself_and_leaves_nothing(once: Ended) -> None:
    assert (once.code, once.err) == (0, "")
    assert once.left == []


def test_an_issue_goes_all_the_way_from_its_branch_to_done(out: str) -> None:
    told = [line for line in out.splitlines() if line.strip()]
    assert "SHOP-12 is In Review: 1 link, 1 comment. It says:" in told
    assert "    OPEN !1 Add discount codes to checkout in acme/shop, into main" in told
    [moved] = [line for line in told if line.startswith("Ada moves SHOP-13")]
    assert moved.endswith("/jira/browse/SHOP-13")
    assert re.search(
        r"[\d.]+ s later there is the draft merge request !2, http://\S+/merge_requests/2\n", out
    )
    assert "    - Branch: SHOP-13-confirmation-mail-shows-the-wrong-currency" in told
    assert re.search(
        r"Reviewed after [\d.]+ s: nothing to say, .* \(thumbsup\)\. SHOP-13 is In Review\.", out
    )
    assert re.search(r"Grace merges !2\.\n[\d.]+ s later SHOP-13 is Done, its comment says:", out)
    assert "MERGED !2 SHOP-13 Confirmation mail" in out[out.index("Grace merges") :]
    assert re.search(r"Review: reviewed at [0-9a-f]{8}: nothing open\.", out)


def test_its_merge_puts_the_page_right_that_was_accepted_and_writes_the_release_notes(out: str) -> None:
    assert "answers prepared for this sandbox stand in for a model's" in out
    proposed, liked, written = (
        out.index('A note on !2 says that the page "API guide" is no longer true'),
        out.index("Grace accepts it with a thumbs-up.\nGrace merges !2."),
        out.index('after the merge version 3 of "API guide" says so: http://'),
    )
    assert proposed < liked < written
    for shown in (out[proposed:liked], out[written:]):
        assert "    -Customers read amounts as `money.shown(amount)` writes them, always in" in shown
        assert "    +Customers read amounts as `money.shown(amount, country)` writes them, in" in shown
    notes = out[out.index('after the merge !2 is in the release notes, "Release next": http://') :]
    assert re.search(r"Fixes\n\n +- Confirmation mail shows the wrong currency \(SHOP-13, !2, by", notes)


def test_a_model_in_the_environment_reads_along_and_is_told_with_its_price(
    once: Ended, model: ModelServer
) -> None:
    out, seen = once.out, "".join(map(text_of, model.asked))
    assert "openai:gpt-6.1-sol reads along: the sandbox's code is sent to it." in out
    assert ANCHOR in seen
    assert "shop/discounts.py:36\n    Major: Cents are not rounded" in out
    assert "found by the model" in out
    assert "- Model: `openai:gpt-6.1-sol`, 3 calls" in out
    assert "glpat-" not in seen
    assert "    - Cuts the price by a code." in out
    assert "Written by openai:gpt-6.1-sol from the change." in out
    assert "    1. Which mails are meant?" in out
    assert re.search(r"^ +Review: reviewed at [0-9a-f]{8}: 8 findings open\.$", out, re.MULTILINE)
    assert (
        "    +Customers read amounts in francs or in euro." in out[out.index("after the merge version 3") :]
    )


def finds_one_defect(body: Body) -> Reply:
    """What a model says that reports one line of the sandbox's change, and confirms every claim."""
    asked = str(schema_of(body))
    if "verdicts" in asked:
        return answered({"verdicts": [{"claim": 1, "verdict": "confirmed", "reason": "It does."}]})
    if "findings" in asked and "discounts.py" in text_of(body):
        return answered({"findings": [DEFECT]})
    if "'wrong'" in asked and "always in euro" in text_of(body):
        return answered({"wrong": [EURO]})
    known = next((words for name, words in WORDS.items() if f"'{name}'" in asked), None)
    return answered(known) if known else nothing_found(body)


def test_ctrl_c_after_the_review_is_a_good_end_and_leaves_nothing(
    serving: Playing, out: str, port: int
) -> None:
    """The last that is done with the demo that is served."""
    assert PLAYED in out
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as page:
        assert page.status == 200
    serving.process.send_signal(signal.SIGINT)
    stopped = ended(serving)
    assert (stopped.code, stopped.err) == (0, "")
    assert stopped.left == []


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing_either(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        deadline = time.monotonic() + 40
        while not list(tmp_path.glob("*/gitlab")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        code, _, err = finished(process, tmp_path)
    assert (code, err.strip()) == (130, "trivet: stopped")
    assert left_behind(tmp_path) == []


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo(tmp_path, "--port", str(port)) as process:
            code, out, err = finished(process, tmp_path)
    assert (code, out) == (2, "")
    assert err == f"trivet: port {port} on 127.0.0.1 is in use: free it, or choose another with --port\n"


def test_nobodys_settings_and_no_proxy_go_along() -> None:
    assert bare(UNFRIENDLY | {"PATH": "/bin", "OPENAI_API_KEY": "x", "no_proxy": "x"}) == {"PATH": "/bin"}
    assert "HOME" in bare(os.environ)


def test_a_note_is_shown_as_a_reader_would_see_it() -> None:
    shown = plain(
        "**Bad** `x` &lt;&lt;\n\n\n\n<details><summary>More</summary>text</details>\n<!-- trivet:v1 -->"
    )
    assert "<" not in shown.replace("<<", "")
    assert plain("- file<br>said") == "- file\n  said"
    assert "Bad" in shown
    assert "**" not in shown
    assert "\n\n\n" not in shown


def test_a_comment_is_shown_in_words_without_the_addresses_behind_them() -> None:
    href = {"type": "link", "attrs": {"href": "http://127.0.0.1:1/acme/shop/-/merge_requests/2"}}
    body = {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "heading", "attrs": {"level": 4}, "content": [{"type": "text", "text": "Work begun"}]},
            {"type": "paragraph", "content": [{"type": "text", "text": "!2 Cap it", "marks": [href]}]},
            {"type": "paragraph", "content": [{"type": "text", "text": "so", "marks": [{"type": "em"}]}]},
        ],
    }
    assert click.unstyle(comment(body)) == "    Work begun\n\n    !2 Cap it\n\n    so"


def test_the_demos_rules_are_rules() -> None:
    rules = load(RULES.encode())
    assert rules.maps("SHOP", "acme/shop")
    assert rules.commanders("SHOP") == {"developers"}
    assert rules.spaces_of("acme/shop") == ("DOC",)
