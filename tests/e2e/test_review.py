"""From a delivery to a published review, over real HTTP, a real Redis and real processes."""

from collections.abc import Iterator

import pytest

from tests.canaries import HOOK_SECRET
from tests.rig import Rig, as_json

LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
NO_COMMAND = "the note holds no command"
CONFLICT = "<" * 7 + " HEAD\nleft = 1\n" + "=" * 7 + "\nright = 2\n" + ">" * 7 + " main\n"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig")) as started:
        yield started


@pytest.fixture
def branch(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_")[:40]


def defects(name: str) -> dict[str, str]:
    return {
        f"{name}/settings.py": f'import os\nTOKEN = "{LEAK}"\n',
        f"{name}/notes.txt": f"first\n{CONFLICT}last\n",
    }


def lines_of(rig: Rig, iid: int) -> set[tuple[str, int]]:
    threads = [thread for thread in rig.review(iid)["discussions"] if thread["position"]]
    return {(thread["position"]["new_path"], thread["position"]["new_line"]) for thread in threads}


def stopped(rig: Rig, iid: int, why: str) -> None:
    """Wait until a run on the merge request has ended, saying why."""

    def is_it(run: dict[str, str]) -> bool:
        return as_json(run["request"])["iid"] == iid and why in run.get("message", "")

    rig.wait(lambda: any(is_it(run) for run in rig.runs()), what=f"a run on !{iid} to end with {why!r}")


def test_an_opened_merge_request_gets_its_findings_on_their_lines_and_one_summary(
    rig: Rig, branch: str
) -> None:
    iid = rig.sandbox.merge_request(files=defects(branch), source=branch)
    rig.reviewed(iid)
    assert lines_of(rig, iid) == {(f"{branch}/settings.py", 2), (f"{branch}/notes.txt", 6)}
    assert len(rig.summaries(iid)) == 1
    assert rig.notifications(iid) == ["review"]


def test_nothing_of_the_leaked_secret_is_repeated(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=defects(branch), source=branch)
    rig.reviewed(iid)
    assert LEAK not in str(rig.bot_notes(iid))
    assert LEAK not in rig.log()
    client = rig.redis()
    stored = [client.get(key) or b"" for key in client.keys("trivet:*") if client.type(key) == b"string"]
    assert not [value for value in stored if LEAK.encode() in value]


def test_a_clean_merge_request_gets_one_quiet_reaction_and_no_note(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files={f"{branch}.py": "print('hello')\n"}, source=branch)
    rig.wait(
        lambda: [award["name"] for award in rig.review(iid)["awards"]] == ["thumbsup"], what="a thumbs-up"
    )
    assert rig.bot_notes(iid) == []


def test_a_thumbs_up_is_taken_back_when_a_push_brings_findings(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files={f"{branch}.py": "print('hello')\n"}, source=branch)
    rig.wait(
        lambda: [award["name"] for award in rig.review(iid)["awards"]] == ["thumbsup"], what="a thumbs-up"
    )
    rig.sandbox.push(branch, {f"{branch}.py": "print(hello)\n"})
    rig.reviewed(iid)
    rig.wait(lambda: rig.review(iid)["awards"] == [], what="the reactions to be gone")


def test_a_push_edits_the_summary_in_place_and_repeats_nothing(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=defects(branch), source=branch)
    rig.reviewed(iid)
    before = {note["id"] for note in rig.bot_notes(iid)}
    rig.sandbox.push(branch, {f"{branch}/more.py": "import sys\n\nvalue = undefined_name\n"})
    rig.reviewed(iid)
    added = [note for note in rig.bot_notes(iid) if note["id"] not in before]
    assert len(added) == 1
    assert "undefined_name" in added[0]["body"]
    assert len(rig.summaries(iid)) == 1


def test_a_burst_of_pushes_ends_in_one_review_of_the_newest_head(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files={f"{branch}.py": "value = 1\n"}, source=branch)
    for number in range(6):
        head = rig.sandbox.push(branch, {f"{branch}.py": f"value = undefined_{number}\n"})
    rig.reviewed(iid)
    rig.idle()
    marks = [note["body"] for note in rig.findings(iid)]
    assert len(marks) == 1
    assert f"head={head}" in marks[0]
    assert f"head={head}" in rig.summaries(iid)[0]["body"]


def test_a_draft_is_left_alone_until_it_is_ready(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=defects(branch), source=branch, draft=True)
    stopped(rig, iid, "is a draft")
    assert rig.bot_notes(iid) == []
    rig.sandbox.act(iid, "ready")
    rig.reviewed(iid)


def test_asking_the_bot_to_review_reviews_even_a_draft(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=defects(branch), source=branch, draft=True)
    rig.sandbox.act(iid, "review_request", reviewer="trivet")
    rig.reviewed(iid)


def test_another_target_branch_is_another_diff_and_is_reviewed(rig: Rig, branch: str) -> None:
    rig.sandbox.push(f"{branch}-base", defects(branch))
    rig.sandbox.push(branch, {f"{branch}.txt": "more\n"}, start=f"{branch}-base")
    iid = rig.sandbox.merge_request(source=branch, target=f"{branch}-base")
    rig.wait(lambda: "thumbsup" in [award["name"] for award in rig.review(iid)["awards"]], what="a thumbs-up")
    client = rig.sandbox.client("ada").projects.get("acme/shop").mergerequests.get(iid)
    client.target_branch = "main"
    client.save()
    rig.reviewed(iid)
    assert lines_of(rig, iid) == {(f"{branch}/settings.py", 2), (f"{branch}/notes.txt", 6)}


def test_a_command_of_a_developer_starts_a_review_and_a_guests_does_not(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=defects(branch), source=branch, draft=True)
    rig.sandbox.comment(iid, "/trivet review", user="gus")
    (refusal,) = rig.wait(lambda: rig.bot_notes(iid), what="a refusal")
    assert "Developer access" in refusal["body"]
    rig.idle()
    assert rig.findings(iid) == []
    rig.sandbox.comment(iid, "@trivet review", user="ada")
    rig.reviewed(iid)


def test_the_bot_answers_none_of_its_own_notes(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=defects(branch), source=branch)
    rig.reviewed(iid)
    rig.idle()
    runs, talk = len(rig.runs()), rig.log().count(NO_COMMAND)
    rig.sandbox.client("trivet").projects.get("acme/shop").mergerequests.get(iid).notes.create(
        {"body": "/trivet review"}
    )
    rig.sandbox.comment(iid, "thanks")
    rig.wait(
        lambda: rig.log().count(NO_COMMAND) > talk, what="the second note to be handled, after the first"
    )
    assert len(rig.runs()) == runs


def test_rules_come_from_the_target_branch_and_a_broken_file_is_complained_of_once(
    rig: Rig, branch: str
) -> None:
    project = f"acme/{branch.replace('_', '-')[:30]}"
    members = {"ada": 30, "trivet": 30}
    rig.sandbox.add_project(project, {".trivet.yml": "review: {min_severity: fatal}\n"}, members)
    rig.sandbox.add_hook(rig.hook, HOOK_SECRET, project)
    files = defects(branch) | {".trivet.yml": "review: {ignore: ['**']}\n"}
    iid = rig.sandbox.merge_request(files=files, source=branch, project=project)
    rig.reviewed(iid, project)
    (summary,) = rig.summaries(iid, project)
    assert "min_severity" in summary["body"]
    assert len(rig.findings(iid, project)) == 2


def test_a_merge_request_that_is_closed_meanwhile_is_left_alone(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=defects(branch), source=branch, draft=True)
    stopped(rig, iid, "is a draft")
    rig.sandbox.act(iid, "close", user="grace")
    rig.sandbox.comment(iid, "/trivet review", user="ada")
    stopped(rig, iid, "is closed")
    assert rig.bot_notes(iid) == []


def test_no_note_of_the_bot_did_anything_but_be_read(rig: Rig) -> None:
    rig.idle()
    state = rig.sandbox.state()
    assert state["executed"] == []
    assert [one for one in state["mentions"] if one["user"] == "trivet"] == []
    assert [one for one in state["external"] if one["user"] == "trivet"] == []
    assert [one for one in state["references"] if one["user"] == "trivet"] == []
    assert all(not request["approved_by"] for request in state["merge_requests"])
