"""A merge request as GitLab shows it, read whole or with the reason why not."""

import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import responses

from bot.domain.background import Commit
from bot.domain.change import ChangeSet, DiffRefs, FileChange, FileStatus, Target
from bot.domain.notes import Award
from bot.errors import AccessDenied, NotFound, NotReady, PlatformError, Unavailable
from bot.gateways import gitlab_diff, gitlab_files
from bot.gateways.bounded import MAX_ANSWER
from bot.gateways.git import GitCache
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_diff import DiffSources, change_set
from bot.gateways.gitlab_files import Budget, FilesSnapshot
from bot.gateways.gitlab_reader import GitLabReader
from bot.ports import NotSearchable
from tests.doubles import REFS, added_file
from tests.reviewing import SETTING, Desk
from tests.sandbox_server import PROJECT

GIT = r"\.git/"
BASE = "https://gitlab.example.com"
TARGET = Target(PROJECT, 7, 42)
HEAD = "a" * 40


@pytest.fixture
def gitlab() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def reader(tmp_path: Path) -> GitLabReader:
    """Of a GitLab whose answers the test writes."""
    return GitLabReader(GitLabApi(BASE, "token", SETTING), GitCache(tmp_path))


def change(desk: Desk, iid: int) -> ChangeSet:
    return desk.reader().change_set(desk.read(iid))


def long_text(lines: int) -> str:
    return "".join(f"a line of some length, number {number}\n" for number in range(lines))


# --- the merge request


def data(**fields: Any) -> dict[str, Any]:
    """The fields of a merge request that GitLab always sends."""
    return {
        "id": 1,
        "iid": 7,
        "project_id": 42,
        "title": "Change",
        "description": None,
        "state": "opened",
        "source_branch": "feature",
        "target_branch": "main",
        "sha": HEAD,
        "updated_at": "2026-11-22T10:00:00.000Z",
        **fields,
    }


def read(gitlab: responses.RequestsMock, reader: GitLabReader, **fields: Any) -> Any:
    gitlab.add("GET", f"{BASE}/api/v4/projects/42/merge_requests/7", json=data(**fields))
    return reader.merge_request(TARGET)


def test_a_merge_request_is_read_with_its_number_and_its_commits(desk: Desk) -> None:
    request = desk.read(desk.open())
    assert request.target.project == PROJECT
    assert request.target.project_id > 0
    assert request.refs is not None
    assert request.refs.head == request.head
    assert request.changes_count == "1"
    assert request.author == "ada"


def test_a_project_goes_by_the_name_it_has_now(gitlab: responses.RequestsMock, reader: GitLabReader) -> None:
    request = read(gitlab, reader, references={"full": "new/home!7"})
    assert request.target == Target("new/home", 7, 42)


def test_what_gitlab_leaves_out_has_a_default(gitlab: responses.RequestsMock, reader: GitLabReader) -> None:
    request = read(gitlab, reader, author=None, draft=True, unknown={"new": "field"})
    assert (request.author, request.draft, request.description) == ("", True, "")
    assert request.refs is None


def test_an_answer_of_another_form_is_one_sentence(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    with pytest.raises(PlatformError, match="in a form we do not know: title"):
        read(gitlab, reader, title=["no", "text"])


@pytest.mark.parametrize("refs", [None, {}, {"base_sha": None, "start_sha": HEAD, "head_sha": HEAD}])
def test_a_diff_in_the_making_is_waited_for(
    gitlab: responses.RequestsMock, reader: GitLabReader, refs: dict[str, Any] | None
) -> None:
    request = read(gitlab, reader, diff_refs=refs)
    with pytest.raises(NotReady) as waiting:
        reader.change_set(request)
    assert waiting.value.retry_after == 2.0


def test_a_diff_of_an_older_head_is_not_taken_for_the_present_one(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    refs = dict.fromkeys(("base_sha", "start_sha", "head_sha"), "b" * 40)
    with pytest.raises(NotReady):
        reader.change_set(read(gitlab, reader, diff_refs=refs))


def test_the_sandbox_preparing_is_waited_for_and_then_read(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.act(iid, "preparing", on=True)
    with pytest.raises(NotReady):
        change(desk, iid)
    desk.sandbox.act(iid, "preparing", on=False)
    assert len(change(desk, iid).files) == 1


@pytest.mark.parametrize(("iid", "project"), [(999, PROJECT), (1, "acme/gone")])
def test_what_vanished_is_said_to_be_gone(desk: Desk, iid: int, project: str) -> None:
    with pytest.raises(NotFound, match=f"{project}!{iid}"):
        desk.reader().merge_request(Target(project, iid))


def test_people_of_all_ranks(desk: Desk) -> None:
    users = {user["username"]: user["id"] for user in desk.sandbox.call("GET", "/sandbox/users")}
    target = Target(PROJECT, 1)
    levels = {name: desk.reader().access_level(target, users[name]) for name in ("ada", "gus", "mallory")}
    assert levels == {"ada": 30, "gus": 10, "mallory": 0}
    assert desk.reader().access_level(target, 12345) == 0


def test_a_blocked_member_has_no_rank(gitlab: responses.RequestsMock, reader: GitLabReader) -> None:
    gitlab.add(
        "GET", f"{BASE}/api/v4/projects/42/members/all/3", json={"access_level": 50, "state": "blocked"}
    )
    assert reader.access_level(TARGET, 3) == 0


# --- notes


def test_notes_of_all_kinds_are_read_oldest_first(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.findings(iid, 2))
    desk.sandbox.comment(iid, "thanks")
    desk.push(iid, {"more.txt": "more\n"})
    notes = list(desk.reader().notes(desk.read(iid).target))
    assert [note.id for note in notes] == sorted(note.id for note in notes)
    ours = [note for note in notes if note.author_id == desk.me.id]
    assert [(note.new_line, note.resolved) for note in ours] == [(2, False), (None, None)]


def test_a_note_of_a_deleted_account_is_nobodys(gitlab: responses.RequestsMock, reader: GitLabReader) -> None:
    note = {"id": 5, "body": None, "author": None, "created_at": "2026-11-22T10:00:00Z"}
    gitlab.add(
        "GET", f"{BASE}/api/v4/projects/42/merge_requests/7/discussions", json=[{"id": "d", "notes": [note]}]
    )
    (read_note,) = reader.notes(TARGET)
    assert (read_note.author_id, read_note.body) == (0, "")


def numbers(desk: Desk) -> dict[str, int]:
    """The ids of all accounts."""
    return {one["username"]: one["id"] for one in desk.sandbox.call("GET", "/sandbox/users")}


def test_a_thread_is_read_whole_with_who_said_what_and_who_closed_it(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.findings(iid, 2))
    (thread,) = desk.threads(iid)
    desk.sandbox.comment(iid, "This is intended", discussion=thread)
    desk.resolve(iid, thread, user="grace")
    first, second = desk.reader().thread(desk.read(iid).target, thread)
    assert (first.author, first.discussion, first.new_line) == ("trivet", thread, 2)
    assert (second.author, second.author_id, second.body) == ("ada", numbers(desk)["ada"], "This is intended")
    assert {(one.resolved, one.resolver, one.resolver_id, one.threaded) for one in (first, second)} == {
        (True, "grace", numbers(desk)["grace"], True)
    }


def test_an_open_thread_was_closed_by_nobody_and_a_lone_note_is_no_thread(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.findings(iid, 2))
    desk.sandbox.comment(iid, "Between us", user="grace", internal=True)
    thread, _summary, lone = desk.reader().notes(desk.read(iid).target)
    assert (thread.resolved, thread.resolver, thread.resolver_id) == (False, "", 0)
    assert (lone.threaded, lone.resolved, lone.internal, thread.internal) == (False, None, True, False)


@pytest.mark.parametrize("thread", ["0" * 40, "../notes"])
def test_a_thread_that_is_gone_has_no_notes(desk: Desk, thread: str) -> None:
    assert desk.reader().thread(desk.read(desk.open()).target, thread) == ()


def test_programs_are_told_from_people_by_their_accounts(desk: Desk) -> None:
    reader, people = desk.reader(), numbers(desk)
    assert reader.is_bot(people["trivet"])
    assert not reader.is_bot(people["ada"])
    assert not reader.is_bot(4711)


def test_pushes_are_told_by_their_times_newest_first(desk: Desk) -> None:
    iid = desk.open()
    desk.push(iid, {"more.txt": "more\n"})
    desk.push(iid, {"more.txt": "less\n"})
    times = desk.reader().pushes(desk.read(iid))
    assert len(times) == 3
    assert list(times) == sorted(times, reverse=True)
    assert 0 <= time.time() - times[-1] < 600


def test_the_repository_is_read_at_an_earlier_commit_too(desk: Desk) -> None:
    iid = desk.open({"a.txt": "before\n"})
    earlier = desk.read(iid).head
    desk.push(iid, {"a.txt": "after\n"})
    reader, request = desk.reader(), desk.read(iid)
    assert reader.snapshot_at(request, earlier).read("a.txt", 100) == b"before\n"
    assert reader.snapshot(request).read("a.txt", 100) == b"after\n"
    with pytest.raises(NotFound):
        reader.snapshot_at(request, "0123456789" * 4)


def test_where_git_is_refused_earlier_commits_are_not_to_be_had(desk: Desk) -> None:
    desk.sandbox.fault(path=GIT, status=403, times=99)
    request = desk.read(desk.open())
    with pytest.raises(NotFound, match="only to be had by git"):
        desk.reader().snapshot_at(request, request.head)


def test_who_opened_a_merge_request_is_known_by_number(desk: Desk) -> None:
    assert desk.read(desk.open()).author_id == numbers(desk)["ada"]


# --- the diff


def test_an_empty_merge_request_has_no_files(desk: Desk) -> None:
    desk.sandbox.push("nothing-new", {"x.txt": "x\n"})
    desk.sandbox.push("nothing-new", {"x.txt": None})
    iid = desk.sandbox.merge_request("Nothing", source="nothing-new")
    assert change(desk, iid).files == ()
    assert change(desk, iid).omitted is None


def by_paths(result: ChangeSet) -> dict[str, int]:
    return {file.path: sum(1 for _ in file.added()) for file in result.files}


def test_files_that_gitlab_collapses_are_read_from_the_raw_diff(desk: Desk) -> None:
    iid = desk.open({"long.txt": long_text(900), "short.txt": "short\n"})
    desk.sandbox.clear_requests()
    assert by_paths(change(desk, iid)) == {"long.txt": 900, "short.txt": 1}
    assert len(desk.sandbox.requests(path="raw_diffs")) == 1
    assert desk.sandbox.requests(path=".git/") == []


@pytest.mark.parametrize("status", [404, 500, 429])
def test_without_a_raw_diff_they_are_read_from_git(desk: Desk, status: int) -> None:
    iid = desk.open({"long.txt": long_text(900)})
    desk.sandbox.fault(path="raw_diffs", status=status)
    assert by_paths(change(desk, iid)) == {"long.txt": 900}


@pytest.mark.parametrize("body", ["<html>", "diff --git a/long.txt b/long.txt\n@@ -0,0 +1,9 @@\n+cut"])
def test_a_raw_diff_that_is_none_or_is_cut_leaves_it_to_git(desk: Desk, body: str) -> None:
    iid = desk.open({"long.txt": long_text(900)})
    desk.sandbox.fault(path="raw_diffs", status=200, body=body)
    assert by_paths(change(desk, iid)) == {"long.txt": 900}


def test_where_neither_helps_the_file_is_there_with_the_reason(desk: Desk) -> None:
    iid = desk.open({"long.txt": long_text(900)})
    desk.sandbox.fault(path="raw_diffs", status=404)
    desk.sandbox.fault(path=GIT, status=403, times=9)
    (file,) = change(desk, iid).files
    assert file.unread == "GitLab collapsed its diff"
    assert change(desk, iid).omitted is None


def test_a_git_that_is_down_is_tried_again_later(desk: Desk) -> None:
    iid = desk.open({"long.txt": long_text(900)})
    desk.sandbox.fault(path="raw_diffs", status=404)
    desk.sandbox.fault(path=GIT, status=503, times=9)
    with pytest.raises(Unavailable):
        change(desk, iid)


def test_files_beyond_what_gitlab_lists_come_from_git(desk: Desk) -> None:
    iid = desk.open({f"many/{number}.txt": f"{number}\n" for number in range(12)})
    desk.sandbox.limits(files=5)
    assert desk.read(iid).changes_count == "5+"
    result = change(desk, iid)
    assert by_paths(result) == {f"many/{number}.txt": 1 for number in range(12)}
    assert result.omitted is None


def test_files_beyond_what_gitlab_lists_are_declared_where_git_is_not_to_be_had(desk: Desk) -> None:
    iid = desk.open({f"many/{number}.txt": f"{number}\n" for number in range(12)})
    desk.sandbox.limits(files=5)
    desk.sandbox.fault(path=GIT, status=403, times=9)
    result = change(desk, iid)
    assert len(result.files) == 5
    assert result.omitted == "5 of 5+ changed files were listed; the rest was not read"


def test_files_beyond_our_own_limit_are_declared(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitlab_diff, "MAX_FILES", 7)
    iid = desk.open({f"many/{number}.txt": f"{number}\n" for number in range(12)})
    result = change(desk, iid)
    assert len(result.files) == 7
    assert result.omitted == "7 of 12 changed files were listed; the rest was not read"
    desk.sandbox.limits(files=5)
    assert change(desk, iid).omitted == "7 of 12 changed files were listed; the rest was not read"
    assert len(change(desk, iid).files) == 7


def test_lines_that_gitlab_leaves_out_are_looked_for_no_further_than_our_own_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gitlab_diff, "MAX_FILES", 7)
    looked_at: list[int] = []

    class Sources(DiffSources):
        def listed(self) -> Iterator[FileChange]:
            return iter([FileChange("a", "a", FileStatus.ADDED, unread="collapsed")])

        def raw(self) -> Iterator[FileChange]:
            for number in count():
                looked_at.append(number)
                yield FileChange(f"{number}", f"{number}", FileStatus.ADDED)

        def from_git(self) -> Iterator[FileChange]:
            return iter([FileChange("a", "a", FileStatus.ADDED, hunks=added_file("a", "found\n").hunks)])

    sources = Sources(GitLabApi(BASE, "", SETTING), TARGET, REFS, pytest.fail)
    assert by_paths(change_set(sources, REFS, "1")) == {"a": 1}
    assert len(looked_at) == 7


def test_an_old_gitlab_that_fails_at_a_hundred_files_a_page_is_asked_for_fewer(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    items = [
        {
            "old_path": f"{number}",
            "new_path": f"{number}",
            "a_mode": "0",
            "b_mode": "100644",
            "new_file": True,
        }
        | {"diff": "@@ -0,0 +1 @@\n+x\n"}
        for number in range(60)
    ]

    def reply(request: Any) -> tuple[int, dict[str, str], str]:
        size, page = int(request.params["per_page"]), int(request.params["page"])
        if size > 30:
            return 500, {}, "{}"
        following = {"X-Next-Page": str(page + 1)} if page * size < len(items) else {}
        return 200, following, json.dumps(items[(page - 1) * size : page * size])

    gitlab.add_callback("GET", f"{BASE}/api/v4/projects/42/merge_requests/7/diffs", callback=reply)
    refs = dict.fromkeys(("base_sha", "start_sha", "head_sha"), HEAD)
    request = read(gitlab, reader, diff_refs=refs, changes_count="60")
    assert len(reader.change_set(request).files) == 60


def test_a_diff_that_makes_no_sense_is_one_sentence(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path="/diffs", status=200, body='[{"new_path": "a"}]')
    with pytest.raises(PlatformError, match="a diff that cannot be read"):
        change(desk, iid)


# --- the repository


def test_head_and_target_branch_are_read_by_git(desk: Desk) -> None:
    desk.sandbox.push("main", {"rules.txt": "old\n"})
    iid = desk.open({"rules.txt": "new\n"})
    request, reader = desk.read(iid), desk.reader()
    assert reader.snapshot(request).read("rules.txt") == b"new\n"
    assert reader.target_branch(request).read("rules.txt") == b"old\n"
    assert reader.snapshot(request).commit == request.head


def fork(desk: Desk) -> int:
    """A merge request whose branch the project itself does not have."""
    iid = desk.open({"forked.txt": "from elsewhere\n"})
    state = desk.sandbox.state_object
    project = state.projects[0]
    branch = next(one for one in project.merge_requests if one.iid == iid).source_branch
    project.repository.git("update-ref", "-d", f"refs/heads/{branch}")
    return iid


def test_a_merge_request_whose_source_branch_is_not_there_is_read_all_the_same(desk: Desk) -> None:
    """It was deleted, or belongs to a fork: GitLab keeps the head under a name of its own."""
    iid = fork(desk)
    request, reader = desk.read(iid), desk.reader()
    assert reader.snapshot(request).read("forked.txt") == b"from elsewhere\n"
    assert by_paths(reader.change_set(request)) == {"forked.txt": 1}


def test_a_target_branch_that_is_gone_is_named(desk: Desk) -> None:
    desk.sandbox.push("release", {"x.txt": "x\n"})
    desk.sandbox.push("for-release", {"y.txt": "y\n"}, start="release")
    iid = desk.sandbox.merge_request("To a release", source="for-release", target="release")
    request = desk.read(iid)
    desk.sandbox.state_object.projects[0].repository.git("update-ref", "-d", "refs/heads/release")
    with pytest.raises(NotFound, match="branch release of acme/shop"):
        desk.reader().target_branch(request)


@pytest.mark.parametrize("status", [403, 404])
def test_where_git_is_refused_files_come_over_the_api(desk: Desk, status: int) -> None:
    desk.sandbox.push("main", {"rules.txt": "old\n"})
    iid = desk.open({"rules.txt": "new\n", "räksmörgås/a b.txt": "deep\n"})
    desk.sandbox.fault(path=GIT, status=status, times=9)
    request, reader = desk.read(iid), desk.reader()
    head, target = reader.snapshot(request), reader.target_branch(request)
    assert head.read("rules.txt") == b"new\n"
    assert target.read("rules.txt") == b"old\n"
    assert head.read("räksmörgås/a b.txt") == b"deep\n"
    assert head.size("rules.txt") == 4
    assert head.read("rules.txt", limit=3) is None
    assert head.read("no/such/file") is None
    assert head.size("no/such/file") is None
    assert target.commit != head.commit


def test_where_git_is_refused_a_target_branch_that_is_gone_is_still_named(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=GIT, status=403, times=9)
    desk.sandbox.fault(path="/repository/branches/", status=404)
    with pytest.raises(NotFound, match="branch main of acme/shop"):
        desk.reader().target_branch(desk.read(iid))


def test_where_neither_git_nor_the_api_gives_files_every_question_is_answered_with_why(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=GIT, status=403, times=9)
    desk.sandbox.fault(path="/repository/", status=403, times=9)
    head = desk.reader().snapshot(desk.read(iid))
    for ask in (head.read, head.size, head.list, head.search):
        with pytest.raises(AccessDenied, match="only the diff was reviewed") as refused:
            ask("a.txt")
        assert SETTING in str(refused.value)


def test_a_git_that_is_down_is_no_reason_to_read_files_one_by_one(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=GIT, status=502, times=9)
    with pytest.raises(Unavailable):
        desk.reader().snapshot(desk.read(iid))


# --- files over the API, bounded


def files(desk: Desk, iid: int, budget: Budget | None = None) -> FilesSnapshot:
    request = desk.read(iid)
    return FilesSnapshot(desk.api, request.target, request.head, budget or Budget())


def test_a_file_is_asked_for_once_and_at_most_fifty_are(desk: Desk) -> None:
    iid = desk.open({f"many/{number}.txt": f"{number}\n" for number in range(60)})
    snapshot = files(desk, iid)
    desk.sandbox.clear_requests()
    read = [snapshot.read(f"many/{number}.txt") for number in range(60) for _ in range(2)]
    assert [snapshot.size(f"many/{number}.txt") for number in range(50)] == [2] * 10 + [3] * 40
    assert sum(content is not None for content in read) == 100
    assert len(desk.sandbox.requests(path="/repository/files/")) == 50


def test_no_more_is_kept_than_the_budget_allows(desk: Desk) -> None:
    iid = desk.open({"a.txt": "x" * 600, "b.txt": "x" * 600, "c.txt": "x" * 300})
    snapshot = files(desk, iid, Budget(kept=1000))
    assert [len(snapshot.read(name) or b"") for name in ("a.txt", "b.txt", "c.txt")] == [600, 0, 300]
    assert snapshot.size("b.txt") == 600


def test_of_a_large_file_only_the_size_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitlab_files, "MAX_KEPT", 100)
    iid = desk.open({"large.txt": "x" * 101})
    assert files(desk, iid).read("large.txt") is None
    assert files(desk, iid).size("large.txt") == 101


@pytest.mark.parametrize(
    "path", ["..", "../../user", ".", "a/../b", "", "/etc/passwd", "a\x00b", "a\udfffb\ud800"]
)
def test_a_path_that_no_tree_can_hold_is_not_asked_for(desk: Desk, path: str) -> None:
    snapshot = files(desk, desk.open())
    desk.sandbox.clear_requests()
    assert snapshot.read(path) is None
    assert desk.sandbox.requests() == []


def test_a_name_that_is_not_utf8_is_asked_for_byte_by_byte(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    gitlab.add("GET", f"{BASE}/api/v4/projects/42/repository/files/caf%E9.py/raw", body=b"x")
    snapshot = FilesSnapshot(GitLabApi(BASE, "token", SETTING), TARGET, HEAD, Budget())
    assert snapshot.read("caf\udce9.py") == b"x"


# --- folders over the API


def test_where_git_is_refused_folders_are_listed_over_the_api(desk: Desk) -> None:
    odd = {"räksmörgås/a b.txt": "deep\n", ":(top)": "x\n", "-rf": "x\n"}
    links = {"link": {"text": "a.txt", "mode": "120000"}, "module": {"text": "1" * 40, "mode": "160000"}}
    iid = desk.open({"app/a.txt": "1\n", "app/b/c.txt": "2\n", **odd, **links})
    snapshot = files(desk, iid)
    top = snapshot.list()
    assert {"-rf", ":(top)", "app/", "räksmörgås/"} <= set(top)
    assert not {"link", "module"} & set(top)
    assert list(top) == sorted(top)
    assert (snapshot.list("app"), snapshot.list("app/b")) == (["a.txt", "b/"], ["c.txt"])
    assert snapshot.list("räksmörgås") == ["a b.txt"]
    assert snapshot.list("app", 1) == ["a.txt"]


@pytest.mark.parametrize(
    "folder", ["missing", "app/a.txt", "../x", "/", "a\x00b", "\ud800", ":(top)", "x" * 9_000]
)
def test_what_is_no_folder_over_the_api_holds_nothing(desk: Desk, folder: str) -> None:
    iid = desk.open({"app/a.txt": "1\n"})
    assert list(files(desk, iid).list(folder)) == []


def test_a_folder_is_one_request_and_its_first_hundred_entries(desk: Desk) -> None:
    iid = desk.open({f"{number:03}.txt": "x\n" for number in range(120)})
    snapshot = files(desk, iid)
    desk.sandbox.clear_requests()
    assert [len(snapshot.list()) for _ in range(3)] == [100] * 3
    assert len(desk.sandbox.requests()) == 1
    spent = files(desk, iid, Budget(requests=0))
    with pytest.raises(PlatformError, match="at most 50"):
        spent.list()


def test_a_folder_that_is_not_utf8_is_asked_for_byte_by_byte(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    entry = {"id": HEAD, "name": "a.py", "type": "blob", "path": "x", "mode": "100644"}
    gitlab.add("GET", f"{BASE}/api/v4/projects/42/repository/tree", json=[entry])
    snapshot = FilesSnapshot(GitLabApi(BASE, "token", SETTING), TARGET, HEAD, Budget())
    assert snapshot.list("caf\udce9") == ["a.py"]
    assert "path=caf%E9&" in str(gitlab.calls[0].request.url)


def test_files_that_come_one_by_one_cannot_be_searched(desk: Desk) -> None:
    with pytest.raises(NotSearchable, match="acme/shop"):
        files(desk, desk.open()).search("x")


# --- commits


def test_commits_come_newest_first_with_their_whole_message(desk: Desk) -> None:
    iid = desk.open({"a.txt": "1\n"})
    request = desk.read(iid)
    desk.sandbox.push(request.source_branch, {"a.txt": "2\n"}, "Second\n\nWith a reason, and ünïcode")
    request = desk.read(iid)
    newest, *others = desk.reader().commits(request)
    assert newest.sha == request.head
    assert newest.message.strip() == "Second\n\nWith a reason, and ünïcode"
    assert newest.author
    assert len(others) == 1


def test_of_many_commits_the_newest_hundred_are_one_request(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    page = [{"id": f"{number:040}", "message": "m", "author_name": "Ada"} for number in range(100)]
    url = f"{BASE}/api/v4/projects/42/merge_requests/7/commits"
    gitlab.add("GET", url, json=page, headers={"X-Next-Page": "2"})
    found = reader.commits(read(gitlab, reader))
    assert [commit.sha for commit in found] == [one["id"] for one in page]
    assert sum(str(call.request.url).startswith(url) for call in gitlab.calls) == 1


def test_commits_without_message_or_author_are_commits(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    url = f"{BASE}/api/v4/projects/42/merge_requests/7/commits"
    gitlab.add("GET", url, json=[{"id": HEAD, "message": None}])
    assert reader.commits(read(gitlab, reader)) == (Commit(HEAD, ""),)


def test_messages_too_long_for_one_answer_are_done_without(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    url = f"{BASE}/api/v4/projects/42/merge_requests/7/commits"
    gitlab.add("GET", url, json=[{"id": HEAD, "message": "x" * MAX_ANSWER}])
    assert reader.commits(read(gitlab, reader)) == ()


# --- notes that are not there


def test_a_merge_request_on_which_nobody_wrote_is_not_asked_for_notes(desk: Desk) -> None:
    reader, iid = desk.reader(), desk.open()
    request = reader.merge_request(Target(PROJECT, iid))
    desk.sandbox.clear_requests()
    assert list(reader.notes(request.target)) == []
    assert desk.sandbox.requests() == []
    desk.sandbox.comment(iid, "First")
    assert [note.body for note in reader.notes(request.target)] == ["First"]


def test_notes_are_read_where_gitlab_counts_some_or_does_not_count(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    url = f"{BASE}/api/v4/projects/42/merge_requests/7/discussions"
    gitlab.add("GET", url, json=[])
    for counted in ({"user_notes_count": 1}, {}):
        assert list(reader.notes(read(gitlab, reader, **counted).target)) == []
        gitlab.remove("GET", f"{BASE}/api/v4/projects/42/merge_requests/7")
    assert sum(str(call.request.url).startswith(url) for call in gitlab.calls) == 2


def test_of_another_merge_request_notes_are_read(desk: Desk) -> None:
    reader, first, second = desk.reader(), desk.open(), desk.open()
    desk.sandbox.comment(first, "Hello")
    target = reader.merge_request(Target(PROJECT, first)).target
    reader.merge_request(Target(PROJECT, second))
    assert [note.body for note in reader.notes(target)] == ["Hello"]


def test_statuses_of_renamed_and_deleted_files_survive(desk: Desk) -> None:
    desk.sandbox.push("main", {"old.txt": "same\n" * 9, "gone.txt": "x\n"})
    iid = desk.open({"old.txt": None, "new.txt": "same\n" * 9, "gone.txt": None})
    statuses = {file.path: file.status for file in change(desk, iid).files}
    assert statuses == {"new.txt": FileStatus.RENAMED, "gone.txt": FileStatus.DELETED}
    assert isinstance(change(desk, iid).refs, DiffRefs)


# --- reactions


def test_the_reactions_on_one_note_are_read(desk: Desk) -> None:
    iid = desk.open()
    note = desk.sandbox.comment(iid, "A proposal", user="trivet")["id"]
    other = desk.sandbox.comment(iid, "Another", user="trivet")["id"]
    desk.sandbox.act(iid, "award", user="grace", name="thumbsup", note=note)
    desk.sandbox.act(iid, "award", user="ada", name="heart", note=note)
    desk.sandbox.act(iid, "award", user="ada", name="thumbsup")
    reader, target = desk.reader(), desk.read(iid).target
    assert reader.awards(target, note) == (
        Award("thumbsup", numbers(desk)["grace"], "grace"),
        Award("heart", numbers(desk)["ada"], "ada"),
    )
    assert reader.awards(target, other) == ()


def test_a_note_that_is_gone_has_no_reactions(desk: Desk) -> None:
    assert desk.reader().awards(desk.read(desk.open()).target, 4711) == ()


def test_of_very_many_reactions_the_first_are_read(
    gitlab: responses.RequestsMock, reader: GitLabReader
) -> None:
    page = [{"id": 1, "name": "thumbsup", "user": {"id": 3}}] * 100
    path = f"{BASE}/api/v4/projects/42/merge_requests/7/notes/9/award_emoji"
    gitlab.add("GET", path, json=page, headers={"X-Next-Page": "2"})
    assert len(reader.awards(TARGET, 9)) == 1_000
    assert len(gitlab.calls) == 10


@pytest.mark.parametrize(("status", "kind"), [(403, AccessDenied), (503, Unavailable)])
def test_reactions_that_cannot_be_read_are_an_error(
    desk: Desk, status: int, kind: type[PlatformError]
) -> None:
    target = desk.read(desk.open()).target
    desk.sandbox.fault(path="/award_emoji", status=status)
    with pytest.raises(kind, match="the reactions on note 9"):
        desk.reader().awards(target, 9)
