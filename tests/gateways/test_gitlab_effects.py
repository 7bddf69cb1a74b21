"""One review on the merge request, whole and once, whatever happens on the way."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.domain.actions import Outcome, Position, Proposal, React, UpsertNote
from bot.domain.change import Target
from bot.domain.marks import Mark, attach
from bot.errors import AccessDenied, PlatformError, Refused, Superseded, Unavailable
from bot.gateways.gitlab_effects import GitLabEffects
from tests.reviewing import SECRET, SUMMARY, Desk, on_line, thumbs_up
from tests.sandbox_server import SandboxServer

OLDER = "18.5.0"
NEWER = "19.2.0"
BULK = "bulk_publish"
DRAFTS = "draft_notes$"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Desk]]:
    with SandboxServer(version=NEWER) as newer, SandboxServer(version=OLDER) as older:
        cache = tmp_path_factory.mktemp("cache")
        yield {NEWER: Desk(newer, cache), OLDER: Desk(older, cache)}


@pytest.fixture
def desk(started: dict[str, Desk]) -> Iterator[Desk]:
    yield from healthy(started[NEWER])


@pytest.fixture(params=[NEWER, OLDER])
def any_desk(started: dict[str, Desk], request: pytest.FixtureRequest) -> Iterator[Desk]:
    """The same on an instance that takes the summary along, and on one that does not."""
    yield from healthy(started[request.param])


def healthy(desk: Desk) -> Iterator[Desk]:
    yield desk
    desk.sandbox.clear_faults()
    desk.sandbox.switch(lax_drafts=False)


def persist(effects: GitLabEffects, proposal: Proposal, tries: int = 8) -> list[Outcome]:
    """Apply as the queue does: put back while GitLab is unavailable, counting."""
    for attempt in range(tries):
        try:
            return effects.apply(proposal, attempt=attempt)
        except Unavailable:
            continue
    raise AssertionError(f"not applied in {tries} tries")


def is_complete(desk: Desk, iid: int, findings: int, summaries: int = 1) -> None:
    bodies = desk.notes(iid, "finding")
    assert len(bodies) == len(set(bodies)) == findings
    assert len(desk.notes(iid, "summary")) == summaries
    assert desk.drafts(iid) == 0


# --- a review


def test_findings_and_summary_are_one_review_with_one_notification(any_desk: Desk) -> None:
    iid = any_desk.open()
    outcomes = any_desk.effects().apply(any_desk.findings(iid, 2, 5))
    assert any_desk.lines(iid) == [2, 5]
    is_complete(any_desk, iid, 2)
    assert any_desk.told(iid) == ["review"]
    assert {(one.key, one.result) for one in outcomes} == {
        ("key.of.2", "done"),
        ("key.of.5", "done"),
        ("summary", "done"),
    }


def test_applying_the_same_proposal_again_writes_nothing(any_desk: Desk) -> None:
    iid = any_desk.open()
    proposal = any_desk.proposal(iid, any_desk.finding(iid, 2), thumbs_up())
    any_desk.effects().apply(proposal)
    with any_desk.writes() as writes:
        outcomes = any_desk.effects().apply(proposal)
        assert writes() == []
    assert {one.result for one in outcomes} == {"unchanged"}


def test_a_summary_alone_is_one_note(desk: Desk) -> None:
    iid = desk.open()
    with desk.writes() as writes:
        desk.effects().apply(desk.proposal(iid))
        assert writes() == [("POST", f"{iid}/notes")]
    is_complete(desk, iid, 0)
    assert desk.told(iid) == ["note"]


def test_nothing_to_say_is_one_reaction_and_no_note(desk: Desk) -> None:
    iid = desk.open()
    quiet = UpsertNote(key="summary", body=SUMMARY, create=False)
    with desk.writes() as writes:
        outcomes = desk.effects().apply(desk.proposal(iid, quiet, thumbs_up(), summary=None))
        assert writes() == [("POST", f"{iid}/award_emoji")]
    assert desk.awards(iid) == ["thumbsup"]
    assert [(one.key, one.result) for one in outcomes] == [("summary", "unchanged"), ("clean", "done")]


def test_the_verdict_is_given_where_gitlab_takes_one(desk: Desk) -> None:
    iid = desk.open()
    desk.effects(reviewer_state="requested_changes").apply(desk.findings(iid, 2))
    assert desk.seen(iid)["reviewer_states"] == {"trivet": "requested_changes"}


def test_an_older_gitlab_is_told_no_verdict(started: dict[str, Desk]) -> None:
    desk = started[OLDER]
    iid = desk.open()
    desk.effects(reviewer_state="requested_changes").apply(desk.findings(iid, 2))
    assert desk.seen(iid)["reviewer_states"] == {}


def test_a_gitlab_newer_than_it_says_still_gets_one_summary(started: dict[str, Desk]) -> None:
    """The version decides how the summary travels, never whether it arrives."""
    desk = started[OLDER]
    iid = desk.open()
    effects = desk.effects()
    effects._takes_note = True
    effects.apply(desk.findings(iid, 2))
    is_complete(desk, iid, 1)


def test_later_reviews_edit_the_summary_in_place_and_tell_nobody(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.findings(iid, 2))
    head = desk.push(iid, {"more.txt": "more\n"})
    with desk.writes() as writes:
        desk.effects().apply(desk.proposal(iid, desk.finding(iid, 2), summary="**Other.**"))
        assert [method for method, _ in writes()] == ["PUT"]
    (summary,) = desk.notes(iid, "summary")
    assert summary.startswith("**Other.**")
    assert f"head={head}" in summary
    assert desk.told(iid) == ["review"]


def test_a_finding_without_a_position_is_left_to_the_summary(desk: Desk) -> None:
    iid = desk.open()
    homeless = desk.finding(iid, 2).model_copy(update={"position": None})
    (outcome, _) = desk.effects().apply(desk.proposal(iid, homeless))
    assert outcome.reason == "shown in the summary"
    is_complete(desk, iid, 0)


# --- places GitLab does not take


def refused_line(desk: Desk, iid: int, line: int = 2, **fields: Any) -> Any:
    """A finding whose line GitLab does not know."""
    finding = desk.finding(iid, line, **fields)
    assert finding.position is not None
    return finding.model_copy(update={"position": on_line(finding.position, 900 + line)})


def nowhere(desk: Desk, iid: int, line: int = 3) -> Any:
    """A finding in a file that the merge request does not touch."""
    finding = desk.finding(iid, line)
    assert finding.position is not None
    moved: Position = finding.position.model_copy(update={"new_path": "no.txt", "old_path": "no.txt"})
    return finding.model_copy(update={"position": moved})


def test_a_finding_whose_line_is_refused_stands_on_the_file_and_quotes_the_line(desk: Desk) -> None:
    iid = desk.open()
    outcomes = desk.effects().apply(desk.proposal(iid, refused_line(desk, iid)))
    assert desk.lines(iid) == [None]
    (body,) = desk.notes(iid, "finding")
    assert "Line 2: `line 2`" in body
    assert outcomes[0].reason == "GitLab does not take the line: shown on the file"


def test_a_note_on_a_file_offers_no_suggestion(desk: Desk) -> None:
    from bot.domain.findings import Suggestion

    iid = desk.open()
    suggestion = Suggestion(start=2, end=2, replaces=("line 2",), lines=("line two",))
    on_its_line = desk.finding(iid, 2, suggestion=suggestion)
    assert "suggestion:-0+0" in on_its_line.body
    desk.effects().apply(desk.proposal(iid, refused_line(desk, iid, suggestion=suggestion)))
    (body,) = desk.notes(iid, "finding")
    assert "suggestion" not in body


def test_a_finding_refused_on_line_and_file_is_told_in_the_summary_once(any_desk: Desk) -> None:
    iid = any_desk.open()
    proposal = any_desk.proposal(iid, any_desk.finding(iid, 2), nowhere(any_desk, iid))
    any_desk.effects().apply(proposal)
    is_complete(any_desk, iid, 1)
    (summary,) = any_desk.notes(iid, "summary")
    assert summary.count("Something about line 3") == 1
    with any_desk.writes() as writes:
        any_desk.effects().apply(proposal)
        assert writes() == []


def test_a_refused_finding_alone_makes_a_summary_that_tells_it(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.proposal(iid, nowhere(desk, iid)))
    (summary,) = desk.notes(iid, "summary")
    assert "Something about line 3" in summary


def test_a_finding_told_in_the_summary_gets_its_line_when_a_push_gives_it_one(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.proposal(iid, nowhere(desk, iid, 3)))
    desk.push(iid, {"more.txt": "more\n"})
    desk.effects().apply(desk.proposal(iid, desk.finding(iid, 3)))
    assert desk.lines(iid) == [3]
    (summary,) = desk.notes(iid, "summary")
    assert "Something about line 3" not in summary


@pytest.mark.parametrize("others", [0, 1, 3])
def test_a_line_refused_only_when_published_ends_in_the_summary(any_desk: Desk, others: int) -> None:
    any_desk.sandbox.switch(lax_drafts=True)
    iid = any_desk.open()
    good = [any_desk.finding(iid, line) for line in range(4, 4 + others)]
    proposal = any_desk.proposal(iid, refused_line(any_desk, iid), *good)
    persist(any_desk.effects(), proposal)
    is_complete(any_desk, iid, others)
    (summary,) = any_desk.notes(iid, "summary")
    assert summary.count("Something about line 2") == 1
    with any_desk.writes() as writes:
        any_desk.effects().apply(proposal)
        assert writes() == []


def test_a_shell_that_knows_of_no_earlier_try_ends_there_too(desk: Desk) -> None:
    desk.sandbox.switch(lax_drafts=True)
    iid = desk.open()
    proposal = desk.proposal(iid, refused_line(desk, iid))
    with pytest.raises(Unavailable):
        desk.effects().apply(proposal)
    desk.effects().apply(proposal)
    is_complete(desk, iid, 0)
    assert "Something about line 2" in desk.notes(iid, "summary")[0]


def test_a_draft_that_gitlab_loses_in_silence_is_told_in_the_summary(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2, 5)
    desk.sandbox.fault(path=BULK, method="POST", status=204, body="")
    state = desk.sandbox.state_object
    request = next(one for one in state.projects[0].merge_requests if one.iid == iid)
    before = desk.api.post

    def lose_one(path: str, what: str, data: dict[str, Any] | None = None) -> Any:
        if path.endswith(BULK):
            del request.drafts[0]
        return before(path, what, data)

    desk.api.__dict__["post"] = lose_one
    try:
        desk.effects().apply(proposal)
    finally:
        del desk.api.__dict__["post"]
    is_complete(desk, iid, 1)
    assert "Something about line 2" in desk.notes(iid, "summary")[0]


def test_a_draft_refused_for_another_reason_fails_the_review_with_gitlabs_words(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=DRAFTS, method="POST", status=400, body='{"message": "too many comments"}')
    with pytest.raises(Refused, match="too many comments"):
        desk.effects().apply(desk.findings(iid, 2))


# --- a head that moves


def test_a_push_before_publishing_leaves_no_trace_and_names_the_new_head(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2)
    head = desk.push(iid, {"more.txt": "more\n"})
    with pytest.raises(Superseded) as stopped:
        desk.effects().apply(proposal)
    assert stopped.value.head == head
    is_complete(desk, iid, 0, summaries=0)
    assert desk.told(iid) == []


@pytest.mark.parametrize("deed", ["close", "merge"])
def test_a_merge_request_that_is_over_gets_nothing_and_loses_the_reaction(desk: Desk, deed: str) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2)
    desk.effects().acknowledge(Target("acme/shop", iid))
    desk.sandbox.act(iid, deed, user="grace")
    with pytest.raises(Superseded) as stopped:
        desk.effects().apply(proposal)
    assert stopped.value.head is None
    is_complete(desk, iid, 0, summaries=0)
    assert desk.awards(iid) == []


def test_an_interrupted_review_is_discarded_whole(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2, 5)
    desk.sandbox.fault(path=BULK, status=503)
    with pytest.raises(Unavailable):
        desk.effects().apply(proposal)
    assert desk.drafts(iid) == 2
    desk.effects().discard(proposal)
    assert desk.drafts(iid) == 0


# --- leftovers and strangers


def test_leftover_drafts_of_this_head_are_used_and_not_written_again(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2, 5)
    desk.sandbox.fault(path=DRAFTS, method="POST", status=503, after=1)
    with pytest.raises(Unavailable):
        desk.effects().apply(proposal)
    with desk.writes() as writes:
        desk.effects().apply(proposal)
        assert [path for _, path in writes()] == [f"{iid}/draft_notes", f"{iid}/draft_notes/{BULK}"]
    is_complete(desk, iid, 2)


def test_leftover_drafts_of_an_older_head_are_deleted(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=BULK, status=503)
    with pytest.raises(Unavailable):
        desk.effects().apply(desk.findings(iid, 2, 5))
    desk.push(iid, {"more.txt": "more\n"})
    desk.effects().apply(desk.proposal(iid))
    is_complete(desk, iid, 0)


@pytest.mark.parametrize("secrets", [(SECRET,), ()])
def test_leftovers_go_whether_or_not_marks_are_signed(desk: Desk, secrets: tuple[str, ...]) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=BULK, status=503)
    with pytest.raises(Unavailable):
        desk.effects(secrets).apply(desk.findings(iid, 2))
    desk.push(iid, {"more.txt": "more\n"})
    desk.effects(secrets).apply(desk.proposal(iid))
    assert desk.drafts(iid) == 0


def test_drafts_that_a_person_wrote_with_our_account_stay_as_they_are(any_desk: Desk) -> None:
    iid = any_desk.open()
    forged = attach("mine", any_desk.book(iid, "another-" + "secret-of-somebody").write(
        Mark("review", "finding", "key.of.2", any_desk.read(iid).head)
    ))  # fmt: skip
    for text in ("a thought, unfinished", forged):
        any_desk.sandbox.api("POST", f"/projects/1/merge_requests/{iid}/draft_notes", {"note": text})
    any_desk.effects().apply(any_desk.findings(iid, 2, 5))
    assert any_desk.drafts(iid) == 2
    assert any_desk.lines(iid) == [2, 5]
    assert len(any_desk.notes(iid, "summary")) == 1
    assert any("thought" in one["note"] for one in any_desk.sandbox.api(
        "GET", f"/projects/1/merge_requests/{iid}/draft_notes").body)  # fmt: skip


def test_marks_in_other_peoples_notes_count_for_nothing(desk: Desk) -> None:
    iid = desk.open()
    head = desk.read(iid).head
    marks = [Mark("review", "finding", "key.of.2", head), Mark("review", "summary", "summary", head)]
    for mark in marks:
        desk.sandbox.comment(iid, attach("nothing to see", desk.book(iid, SECRET).write(mark)))
    desk.effects().apply(desk.findings(iid, 2))
    is_complete(desk, iid, 1)


def test_a_mark_copied_from_another_merge_request_counts_for_nothing(desk: Desk) -> None:
    elsewhere, iid = desk.open(), desk.open()
    copied = desk.book(elsewhere, SECRET).write(Mark("review", "finding", "key.of.2", desk.read(iid).head))
    desk.sandbox.comment(iid, attach("copied", copied), user="trivet")
    desk.effects().apply(desk.findings(iid, 2))
    assert desk.lines(iid) == [2]


def unsigned_note(desk: Desk, iid: int, head: str) -> None:
    mark = desk.book(iid).write(Mark("review", "finding", "key.of.2", head))
    assert "mac=none" in mark
    desk.sandbox.comment(iid, attach("from a pipeline", mark), user="trivet")


def test_an_unsigned_mark_counts_at_this_head(desk: Desk) -> None:
    iid = desk.open()
    unsigned_note(desk, iid, desk.read(iid).head)
    desk.effects().apply(desk.findings(iid, 2))
    assert desk.lines(iid) == []


def test_an_unsigned_mark_says_nothing_of_another_head(desk: Desk) -> None:
    iid = desk.open()
    unsigned_note(desk, iid, "0" * 40)
    desk.effects().apply(desk.findings(iid, 2))
    assert desk.lines(iid) == [2]


def test_pipelines_without_a_secret_do_not_double_at_one_head(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2)
    desk.effects(secrets=()).apply(proposal)
    with desk.writes() as writes:
        desk.effects(secrets=()).apply(proposal)
        assert writes() == []


def test_a_resolved_thread_and_an_outdated_one_still_count(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.findings(iid, 2, 5))
    thread = desk.seen(iid)["discussions"][0]["id"]
    desk.sandbox.api(
        "PUT", f"/projects/1/merge_requests/{iid}/discussions/{thread}", {"resolved": True}, user="ada"
    )
    path = desk.seen(iid)["files"][0]["new_path"]
    desk.push(iid, {path: "line 1\nline 2\nline 3\n"})
    again = [desk.finding(iid, 2), desk.finding(iid, 3, fingerprint="key.of.5")]
    desk.effects().apply(desk.proposal(iid, *again))
    threads = [one for one in desk.seen(iid)["discussions"] if one["position"]]
    assert [(one["resolved"], one["outdated"]) for one in threads] == [(True, False), (False, True)]
    assert len(desk.notes(iid, "summary")) == 1


def test_a_summary_that_a_maintainer_edited_is_set_right_and_one_they_removed_is_written_again(
    desk: Desk,
) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2)
    desk.effects().apply(proposal)
    (note,) = desk.seen(iid)["notes"]
    address = f"/projects/1/merge_requests/{iid}/notes/{note['id']}"
    desk.sandbox.api("PUT", address, {"body": note["body"].replace("verdict", "nonsense")}, user="grace")
    desk.effects().apply(proposal)
    assert "verdict" in desk.notes(iid, "summary")[0]
    desk.sandbox.api("DELETE", address, user="grace")
    desk.effects().apply(proposal)
    is_complete(desk, iid, 1)


def double(desk: Desk, iid: int, body: str) -> str:
    thread = desk.sandbox.api("POST", f"/projects/1/merge_requests/{iid}/discussions", {"body": body}).body
    return str(thread["id"])


def test_of_notes_with_one_key_the_oldest_stays(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2)
    desk.effects().apply(proposal)
    double(desk, iid, desk.notes(iid, "finding")[0])
    double(desk, iid, desk.notes(iid, "summary")[0])
    desk.effects().apply(proposal)
    is_complete(desk, iid, 1)
    assert desk.lines(iid) == [2]


def test_a_double_that_somebody_answered_stays(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2)
    desk.effects().apply(proposal)
    thread = double(desk, iid, desk.notes(iid, "finding")[0])
    desk.sandbox.comment(iid, "I do not agree", discussion=thread)
    desk.effects().apply(proposal)
    assert len(desk.notes(iid, "finding")) == 2


def test_hundreds_of_notes_hide_none_of_ours(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.findings(iid, 2)
    state = desk.sandbox.state_object
    request = next(one for one in state.projects[0].merge_requests if one.iid == iid)
    for number in range(230):
        desk.sandbox.comment(iid, f"remark {number}")
    desk.effects().apply(proposal)
    for note in list(request.notes())[:100:2]:
        note.system = True
    with desk.writes() as writes:
        desk.effects().apply(proposal)
        assert writes() == []


# --- reactions and failures


def test_the_reaction_of_being_at_it_goes_with_the_review(desk: Desk) -> None:
    iid = desk.open()
    award = desk.effects().acknowledge(Target("acme/shop", iid))
    assert desk.awards(iid) == ["eyes"]
    desk.effects().apply(desk.findings(iid, 2), acknowledged=award)
    assert desk.awards(iid) == []


def test_a_reaction_that_a_superseded_run_left_behind_goes_too(desk: Desk) -> None:
    iid = desk.open()
    target = Target("acme/shop", iid)
    assert desk.effects().acknowledge(target) is not None
    assert desk.effects().acknowledge(target) is None
    desk.effects().apply(desk.findings(iid, 2))
    assert desk.awards(iid) == []


def test_other_peoples_eyes_stay(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.act(iid, "award", name="eyes", user="ada")
    desk.effects().apply(desk.findings(iid, 2))
    assert desk.awards(iid) == ["eyes"]


def test_one_reaction_takes_the_place_of_another(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.proposal(iid, thumbs_up(), summary=None))
    doubt = React(key="doubt", emoji="confused", instead_of="thumbsup")
    desk.effects().apply(desk.proposal(iid, doubt, summary=None))
    assert desk.awards(iid) == ["confused"]


def test_a_reaction_may_only_be_taken_back(desk: Desk) -> None:
    iid = desk.open()
    gone = React(key="clean", emoji=None, instead_of="thumbsup")
    (outcome,) = desk.effects().apply(desk.proposal(iid, gone, summary=None))
    assert outcome.result == "unchanged"
    desk.effects().apply(desk.proposal(iid, thumbs_up(), summary=None))
    (outcome,) = desk.effects().apply(desk.proposal(iid, gone, summary=None))
    assert outcome.result == "done"
    assert desk.awards(iid) == []


def test_a_failure_is_said_in_one_note_that_later_ones_edit(desk: Desk) -> None:
    iid = desk.open()
    target = desk.read(iid).target
    desk.effects().complain(target, "review", "the model is gone")
    desk.effects().complain(target, "review", "the disk is full")
    (body,) = desk.notes(iid, "failure")
    assert "the disk is full" in body
    recovery = UpsertNote(key="failure", body="All is well.", create=False)
    desk.effects().apply(desk.proposal(iid, recovery))
    assert desk.notes(iid, "failure")[0].startswith("All is well.")
    is_complete(desk, iid, 0)


def test_nothing_is_complained_of_where_the_merge_request_is_over(desk: Desk) -> None:
    iid = desk.open()
    target = desk.read(iid).target
    desk.sandbox.act(iid, "close", user="grace")
    desk.effects().complain(target, "review", "the model is gone")
    assert desk.notes(iid) == []


def test_what_we_write_goes_through_the_sanitizer(desk: Desk) -> None:
    iid = desk.open()
    hostile = desk.finding(iid, 2).model_copy(update={"body": "fine\n/approve\n@ada see #1"})
    desk.effects().apply(desk.proposal(iid, hostile, summary="/close\n\nok"))
    assert desk.seen(iid)["approved_by"] == []
    assert desk.seen(iid)["state"] == "opened"


def test_every_new_note_keeps_the_pace(desk: Desk) -> None:
    iid = desk.open()
    steps = iter([None, None])

    def pace() -> None:
        if next(steps, "none left") == "none left":
            raise Unavailable("slower", retry_after=7)

    proposal = desk.findings(iid, 2, 4, 6)
    with pytest.raises(Unavailable):
        desk.effects(pace=pace).apply(proposal)
    assert desk.drafts(iid) == 2
    assert desk.told(iid) == []
    desk.effects().apply(proposal)
    is_complete(desk, iid, 3)


# --- faults


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_fault_that_passes_publishes_nothing_one_by_one(desk: Desk, status: int) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=BULK, status=status, times=4)
    persist(desk.effects(), desk.findings(iid, 2, 5))
    is_complete(desk, iid, 2)
    assert desk.told(iid) == ["review"]


def test_a_single_500_at_publishing_still_makes_one_notification(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=BULK, status=500)
    persist(desk.effects(), desk.findings(iid, 2, 5))
    is_complete(desk, iid, 2)
    assert desk.told(iid) == ["review"]


def test_a_publish_that_is_refused_as_such_is_done_one_by_one(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=BULK, status=400, body='{"error": "reviewer_state does not have a valid value"}')
    desk.effects().apply(desk.findings(iid, 2, 5))
    is_complete(desk, iid, 2)


def test_how_long_gitlab_wants_us_to_wait_is_passed_on(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=DRAFTS, method="POST", status=429, headers={"Retry-After": "11"})
    with pytest.raises(Unavailable) as busy:
        desk.effects().apply(desk.findings(iid, 2))
    assert busy.value.retry_after == 11


def test_a_token_that_was_revoked_meanwhile_is_named_by_its_setting(desk: Desk) -> None:
    iid = desk.open()
    desk.sandbox.fault(path=DRAFTS, method="POST", status=401)
    with pytest.raises(AccessDenied, match="TRIVET_GITLAB__TOKEN"):
        desk.effects().apply(desk.findings(iid, 2))


FAULTS = [
    {"status": 502},
    {"status": 500},
    {"status": 503},
    {"status": 429},
    {"drop_answer": True},
    {"drop_answer": True, "status": 500},
    {"drop_answer": True, "status": 504},
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.sampled_from(["good", "refused", "nowhere", "summary"]), max_size=4),
    faults=st.lists(
        st.tuples(st.sampled_from(["POST", "PUT", "DELETE"]), st.integers(0, 5), st.sampled_from(FAULTS)),
        min_size=1,
        max_size=2,
    ),
    speaks=st.booleans(),
)
@example(lines=["good", "good"], faults=[("POST", 2, {"drop_answer": True, "status": 500})], speaks=True)
@example(lines=["good", "nowhere"], faults=[("POST", 1, {"drop_answer": True})], speaks=True)
def test_whatever_write_fails_the_review_ends_whole_and_once(
    any_desk: Desk, lines: list[str], faults: list[tuple[str, int, dict[str, Any]]], speaks: bool
) -> None:
    desk = any_desk
    iid = desk.open()
    makers: dict[str, Any] = {
        "good": desk.finding,
        "refused": lambda iid, line: refused_line(desk, iid, line),
        "nowhere": lambda iid, line: nowhere(desk, iid, line),
        "summary": lambda iid, line: desk.finding(iid, line).model_copy(update={"position": None}),
    }
    actions = [makers[kind](iid, number) for number, kind in enumerate(lines, 2)]
    proposal = desk.proposal(iid, *actions, thumbs_up(), summary=SUMMARY if speaks or lines else None)
    for method, after, fault in faults:
        desk.sandbox.fault(path="/merge_requests/", method=method, after=after, **fault)
    persist(desk.effects(), proposal)
    desk.sandbox.clear_faults()
    is_complete(desk, iid, sum(kind in ("good", "refused") for kind in lines), int(speaks or bool(lines)))
    assert desk.awards(iid) == ["thumbsup"]
    for number, kind in enumerate(lines, 2):
        told = sum(f"Something about line {number}" in body for body in desk.notes(iid, "summary"))
        assert told == (kind == "nowhere")
    with desk.writes() as writes:
        desk.effects().apply(proposal)
        assert writes() == []


def test_errors_are_ours_whatever_the_fault(desk: Desk) -> None:
    """Anything else would end a job with a trace instead of a sentence."""
    iid = desk.open()
    proposal = desk.findings(iid, 2)
    sentences: list[str] = []
    for body in ("<html>login</html>", "[1, 2", "{}", "[]", "null", '"text"', "[" * 60_000):
        desk.sandbox.fault(path="/merge_requests/", method="GET", status=200, body=body)
        try:
            desk.effects().apply(proposal)
        except PlatformError as error:
            sentences.append(str(error))
        desk.sandbox.clear_faults()
    assert len(sentences) >= 5
    assert not [one for one in sentences if "\n" in one or len(one) > 400]
    desk.effects().apply(proposal)
    is_complete(desk, iid, 1)
