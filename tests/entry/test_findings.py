"""`trivet findings` against the sandbox GitLab: the states of findings, as threads and emoji tell of them."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.domain.finding_list import FindingList, as_text
from bot.domain.findings import Finding, Severity
from bot.domain.kept import kept_finding, kept_reviewed
from bot.domain.lifecycle import FIXED, REGRESSED, around
from bot.domain.markdown import finding_comment
from bot.domain.marks import Mark, MarkBook
from bot.domain.reviewed import Reviewed
from bot.entry.findings import findings_of
from bot.errors import UsageError
from bot.settings import Settings
from tests.rig import clean_environment
from tests.sandbox_server import PROJECT, SandboxServer

SECRET = "mark-" + "Zq8Rt2vLm4" * 2
LINES = [f"line_{number} = {number}" for number in range(1, 21)]
COMMIT = "4f0c21ab" * 5
NAMES = (f"change-{number}" for number in itertools.count(1))
WRITES = ("POST", "PUT", "DELETE", "PATCH")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as started:
        yield started


class Desk:
    """A merge request of its own, which adds a file of twenty lines, and the bot that has reviewed it."""

    def __init__(self, sandbox: SandboxServer, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.branch = next(NAMES)
        self.path = f"{self.branch}.py"
        self.iid = sandbox.merge_request(files={self.path: text(LINES)}, source=self.branch)
        project = sandbox.client("trivet").projects.get(PROJECT)
        self.request = project.mergerequests.get(self.iid)
        self.book = MarkBook([SECRET], f"gitlab:{project.id}:{self.iid}")

    @property
    def url(self) -> str:
        return f"{self.sandbox.url}/{PROJECT}/-/merge_requests/{self.iid}"

    def finding(self, line: int, **fields: Any) -> Finding:
        given: dict[str, Any] = {
            "rule": "wrong-total",
            "severity": Severity.MAJOR,
            "path": self.path,
            "line": line,
            "anchor": LINES[line - 1],
            "title": f"Defect of line {line}",
            "fingerprint": f"{line:032x}",
        }
        return Finding.model_validate(given | fields)

    def post(self, finding: Finding, user: str = "trivet", around: str = "") -> Any:
        """The finding's thread, begun by this person. `around`: the digest of what was next to its line."""
        mark = self.book.write(Mark("review", "finding", finding.fingerprint, self.request.sha))
        body = f"{finding_comment(finding)}\n\n{kept_finding(finding, around, self.book)}\n{mark}"
        place = {
            "position_type": "text",
            "old_path": self.path,
            "new_path": self.path,
            "new_line": finding.line,
        }
        position = place | self.request.diff_refs
        project = self.sandbox.client(user).projects.get(PROJECT, lazy=True)
        request = project.mergerequests.get(self.iid, lazy=True)
        return request.discussions.create({"body": body, "position": position})

    def reply(self, thread: Any, key: str, line: int, commit: str = COMMIT) -> None:
        mark = Mark("review", "reply", key.format(finding=f"{line:032x}", commit=commit), commit)
        thread.notes.create({"body": f"So it is.\n\n{self.book.write(mark)}"})

    def push(self, lines: list[str]) -> None:
        self.sandbox.push(self.branch, {self.path: text(lines)})

    def head(self) -> str:
        return str(self.sandbox.merge_request_state(self.iid)["head"])

    def settings(self, token: str = "trivet", reader: str | None = None, secret: str = SECRET) -> Settings:
        gitlab = {"url": self.sandbox.url, "token": self.sandbox.token(token)}
        if reader:
            gitlab["read_token"] = self.sandbox.token(reader)
        secrets = (SecretStr(secret),) if secret else ()
        return Settings(data_dir=self.folder, gitlab=gitlab, mark_secrets=secrets)

    def listed(self, **settings: Any) -> FindingList:
        return findings_of(self.settings(**settings), PROJECT, self.iid)

    def run(self, *words: str, url: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """The real command."""
        given = {
            "TRIVET_DATA_DIR": str(self.folder),
            "TRIVET_GITLAB__URL": self.sandbox.url,
            "TRIVET_GITLAB__TOKEN": self.sandbox.token("trivet"),
            "TRIVET_MARK_SECRETS": SECRET,
        }
        done = subprocess.run(
            [sys.executable, "-m", "bot", "findings", url or self.url, *words],
            env=clean_environment() | given | settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done


def text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture
def desk(sandbox: SandboxServer, tmp_path: Path) -> Desk:
    sandbox.clear_faults()
    return Desk(sandbox, tmp_path / "data")


def resolved(thread: Any, desk: Desk, user: str = "trivet") -> None:
    project = desk.sandbox.client(user).projects.get(PROJECT, lazy=True)
    found = project.mergerequests.get(desk.iid, lazy=True).discussions.get(thread.id)
    found.resolved = True
    found.save()


def every_state(desk: Desk) -> None:
    """One finding of each state, on lines 2, 5, 8, 11 and 14; then two lines come in above, and line 8 goes."""
    threads = {line: desk.post(desk.finding(line)) for line in (2, 5, 8, 11, 14)}
    desk.reply(threads[5], FIXED, 5)
    desk.reply(threads[11], FIXED, 11)
    desk.reply(threads[11], REGRESSED, 11)
    resolved(threads[5], desk)
    desk.sandbox.comment(desk.iid, "Won't fix, it is a demo.", discussion=threads[14].id)
    resolved(threads[14], desk, "ada")
    desk.push(["first = 0", "second = 0", *LINES[:7], *LINES[8:]])


def test_each_finding_has_its_state_and_its_place_at_head(desk: Desk) -> None:
    every_state(desk)
    found = {one.title: one for one in desk.listed().findings}
    told = {title: (one.state, one.line, one.by, one.why, one.commit) for title, one in sorted(found.items())}
    assert told == {
        "Defect of line 2": ("open", 4, "", "", ""),
        "Defect of line 5": ("fixed", 7, "", "", COMMIT),
        "Defect of line 8": ("outdated", 8, "", "", ""),
        "Defect of line 11": ("regressed", 12, "", "", COMMIT),
        "Defect of line 14": ("dismissed", 15, "ada", "Won't fix, it is a demo.", ""),
    }
    assert all(one.url.startswith(f"{desk.url}#note_") for one in found.values())


def fixed_in(desk: Desk, commit: str) -> None:
    """The finding of line 5, whose thread a review closed with this commit."""
    digest = around(dict(enumerate(LINES, 1)), 5)
    thread = desk.post(desk.finding(5), around=digest)
    desk.reply(thread, FIXED, 5, commit)
    resolved(thread, desk)


def test_what_was_fixed_and_came_back_after_the_last_review_stands_there_again(desk: Desk) -> None:
    without = [*LINES[:4], *LINES[5:]]
    desk.push(without)
    fixed_in(desk, desk.head())
    [gone] = desk.listed().findings
    assert (gone.state, gone.commit) == ("fixed", desk.head())
    desk.push(["first = 0", *LINES])
    listed = desk.listed()
    [back] = listed.findings
    assert (back.state, back.line, back.commit) == ("regressed", 6, "")
    assert "stands there again since the last review" in as_text(listed)
    assert "fixed" not in as_text(listed)


def test_what_was_mended_elsewhere_is_fixed_though_its_lines_stand(desk: Desk) -> None:
    fixed_in(desk, desk.head())
    desk.push(["first = 0", *LINES])
    [one] = desk.listed().findings
    assert (one.state, one.line) == ("fixed", 6)


def test_the_command_prints_what_is_open_first_and_writes_nothing(desk: Desk) -> None:
    """Three processes: every form as the outside sees it."""
    every_state(desk)
    desk.sandbox.clear_requests()
    shown = desk.run()
    assert shown.returncode == 0
    assert [line.split()[0] for line in shown.stdout.splitlines() if "  major  " in line] == [
        "open",
        "regressed",
        "outdated",
        "fixed",
        "dismissed",
    ]
    assert shown.stdout.endswith("5 findings: 1 open, 1 regressed, 1 outdated, 1 fixed, 1 dismissed\n")
    told = json.loads(desk.run("--format", "json").stdout)
    assert (told["target"], len(told["findings"])) == (f"{PROJECT}!{desk.iid}", 5)
    assert "| fixed in 4f0c21ab |" in desk.run("--format", "markdown").stdout
    written = [one for one in desk.sandbox.requests() if one["method"] in WRITES]
    assert [one for one in written if ".git/" not in one["path"]] == []


def test_a_thumbs_down_of_the_author_dismisses(desk: Desk) -> None:
    thread = desk.post(desk.finding(3))
    note = thread.attributes["notes"][0]["id"]
    desk.sandbox.act(desk.iid, "award", name="thumbsdown", note=note)
    [one] = desk.listed().findings
    assert (one.state, one.why) == ("dismissed", "thumbs-down")


def test_what_stands_in_the_summary_only_is_listed_without_a_thread(desk: Desk) -> None:
    kept = kept_reviewed(Reviewed(head=desk.request.sha, listed=(desk.finding(6),)), desk.book)
    mark = desk.book.write(Mark("review", "summary", "summary", desk.request.sha))
    desk.request.notes.create({"body": f"One finding.\n\n{kept}\n{mark}"})
    [one] = desk.listed().findings
    assert (one.state, one.line, one.url) == ("open", 6, "")


def test_a_forged_mark_makes_no_finding(desk: Desk) -> None:
    desk.post(desk.finding(4), user="ada")
    assert desk.listed().findings == ()


def test_the_bot_is_the_account_that_writes_also_where_another_reads(desk: Desk) -> None:
    desk.post(desk.finding(4))
    assert len(desk.listed(reader="rita").findings) == 1
    assert desk.listed(token="ada").findings == ()


def test_a_merge_request_without_findings_says_so_and_its_diff_is_not_read(desk: Desk) -> None:
    desk.sandbox.clear_requests()
    assert as_text(desk.listed()).endswith("\n\nNo findings.\n")
    assert desk.sandbox.requests(path="/diffs") == []


def test_where_the_diff_cannot_be_read_the_findings_are_listed_as_last_seen(desk: Desk) -> None:
    desk.post(desk.finding(4))
    desk.push(["first = 0", *LINES])
    desk.sandbox.fault(path=f"merge_requests/{desk.iid}/diffs", status=403, times=9)
    desk.sandbox.fault(path=r"\.git/", status=403, times=9)
    listed = desk.listed()
    assert [one.line for one in listed.findings] == [4]
    [complaint] = listed.complaints
    assert "places are those last seen" in complaint


def test_what_is_merged_is_listed_too(desk: Desk) -> None:
    desk.post(desk.finding(4))
    desk.sandbox.act(desk.iid, "merge", user="grace")
    assert [one.line for one in desk.listed().findings] == [4]


def test_the_secret_that_a_run_left_in_the_data_folder_is_taken(desk: Desk) -> None:
    desk.post(desk.finding(4))
    desk.folder.mkdir(mode=0o700)
    (desk.folder / "mark-secret").write_text(SECRET)
    assert len(desk.listed(secret="").findings) == 1


def test_without_a_secret_it_says_what_is_missing_and_makes_none(desk: Desk) -> None:
    with pytest.raises(
        UsageError, match=r"TRIVET_MARK_SECRETS is not set, and the data folder .* keeps none"
    ):
        desk.listed(secret="")
    assert not (desk.folder / "mark-secret").exists()


def test_a_merge_request_that_is_gone_is_exit_3_and_a_missing_secret_exit_2(desk: Desk) -> None:
    """Two processes: the exit codes that a script sees."""
    gone = desk.run(url=f"{desk.sandbox.url}/{PROJECT}/-/merge_requests/4711")
    assert (gone.returncode, gone.stdout) == (3, "")
    assert f"{PROJECT}!4711" in gone.stderr.splitlines()[-1]
    unknown = desk.run(TRIVET_MARK_SECRETS="")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "TRIVET_MARK_SECRETS is not set" in unknown.stderr
