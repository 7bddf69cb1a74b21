"""What is said in threads: once, together with the review, and a thread is closed or opened only if it is ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.actions import Action, Outcome, PostFinding, Proposal, React, Reply, UpdateFinding, UpsertNote
from bot.domain.change import Target
from bot.domain.kept import finding_in, reviewed_in, without_kept
from bot.domain.marks import Kind, Mark, attach, strip
from bot.domain.notes import Note
from bot.domain.reviewed import Reviewed
from bot.errors import Superseded, Unavailable
from bot.gateways.effects import Effects
from bot.gateways.gitlab_effects import GitLabEffects
from bot.gateways.gitlab_threads import GONE, IN_PUBLIC, NOT_OURS
from bot.gateways.gitlab_work import GitLabWork
from tests.reviewing import SECRET, SUMMARY, Desk, on_line, thumbs_up
from tests.sandbox_server import PROJECT, SandboxServer

OLDER = "18.5.0"
NEWER = "19.2.0"
BULK = "bulk_publish"
DRAFTS = "draft_notes$"
THREAD = "/discussions/[0-9a-f]+$"
QUESTION = "Why is that wrong?"


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
    rank(desk, 30)


def rank(desk: Desk, access: int) -> None:
    desk.sandbox.call("POST", "/sandbox/users/trivet/access", {"access": access})


def reviewed(desk: Desk, *lines: int) -> tuple[int, list[str]]:
    """A merge request with a finding on each of these lines, and their threads."""
    iid = desk.open()
    desk.effects().apply(desk.findings(iid, *lines))
    return iid, desk.threads(iid)


def persist(effects: GitLabEffects, proposal: Proposal, tries: int = 8) -> list[Outcome]:
    """Apply as the queue does: put back while GitLab is unavailable, counting."""
    for attempt in range(tries):
        try:
            return effects.apply(proposal, attempt=attempt)
        except Unavailable:
            continue
    raise AssertionError(f"not applied in {tries} tries")


def by_key(outcomes: list[Outcome]) -> dict[str, tuple[str, str]]:
    return {one.key: (one.result, one.reason) for one in outcomes}


def words(bodies: list[str]) -> list[str]:
    """What people read of notes."""
    return [strip(without_kept(body)) for body in bodies]


def reviews_told(desk: Desk, iid: int) -> int:
    return desk.told(iid).count("review")


# --- answers of a review


def test_answers_and_new_findings_are_one_review_with_one_notification(any_desk: Desk) -> None:
    iid, (thread,) = reviewed(any_desk, 2)
    fixed = any_desk.fixed(iid, thread)
    outcomes = any_desk.effects().apply(any_desk.proposal(iid, fixed, any_desk.finding(iid, 5)))
    assert words(any_desk.notes(iid, "reply")) == [fixed.body]
    assert any_desk.is_closed(iid, thread)
    assert any_desk.lines(iid) == [2, 5]
    assert reviews_told(any_desk, iid) == 2
    assert any_desk.told(iid).count("note") == 0
    assert by_key(outcomes)[fixed.key] == ("done", "published with the review")


def test_answers_alone_are_one_review_too(any_desk: Desk) -> None:
    iid, threads = reviewed(any_desk, 2, 5)
    answers = [any_desk.fixed(iid, thread, line) for thread, line in zip(threads, (2, 5), strict=True)]
    any_desk.effects().apply(any_desk.proposal(iid, *answers, summary=None))
    assert len(any_desk.notes(iid, "reply")) == 2
    assert all(any_desk.is_closed(iid, thread) for thread in threads)
    assert reviews_told(any_desk, iid) == 2


def test_the_same_answers_again_write_nothing(any_desk: Desk) -> None:
    iid, (thread,) = reviewed(any_desk, 2)
    proposal = any_desk.proposal(iid, any_desk.fixed(iid, thread), any_desk.finding(iid, 5))
    any_desk.effects().apply(proposal)
    with any_desk.writes() as writes:
        outcomes = any_desk.effects().apply(proposal)
        assert writes() == []
    assert {one.result for one in outcomes} == {"unchanged"}


def test_what_came_back_opens_its_old_thread_with_one_line(any_desk: Desk) -> None:
    iid, (thread,) = reviewed(any_desk, 2)
    any_desk.effects().apply(any_desk.proposal(iid, any_desk.fixed(iid, thread)))
    any_desk.effects().apply(any_desk.proposal(iid, any_desk.back(iid, thread)))
    assert not any_desk.is_closed(iid, thread)
    assert words(any_desk.notes(iid, "reply"))[1] == "Back again."
    assert any_desk.threads(iid)[0] == thread
    assert any_desk.lines(iid) == [2]


def turns(desk: Desk, iid: int, thread: str) -> tuple[Proposal, Proposal]:
    """What a force-push there and back makes of a finding: both are said at the same commits each time."""
    return (
        desk.proposal(iid, desk.fixed(iid, thread)),
        desk.proposal(iid, desk.back(iid, thread)),
    )


def test_what_turns_again_is_said_again_and_each_turn_once(any_desk: Desk) -> None:
    iid, (thread,) = reviewed(any_desk, 2)
    fixed, back = turns(any_desk, iid, thread)
    for number, proposal in enumerate([fixed, back, fixed, back], 1):
        any_desk.effects().apply(proposal)
        assert any_desk.is_closed(iid, thread) is (proposal is fixed)
        with any_desk.writes() as writes:
            any_desk.effects().apply(proposal)
            assert writes() == []
        assert len(any_desk.notes(iid, "reply")) == number
    assert [one[:5] for one in words(any_desk.notes(iid, "reply"))] == ["Fixed", "Back "] * 2


def test_killed_after_any_write_of_a_turn_it_is_said_once(any_desk: Desk) -> None:
    """Every place between two writes in turn, some seconds."""
    for writes in range(1, 9):
        iid, (thread,) = reviewed(any_desk, 2)
        fixed, back = turns(any_desk, iid, thread)
        any_desk.effects().apply(fixed)
        any_desk.effects().apply(back)
        died = False
        with killed_after(any_desk, writes):
            try:
                any_desk.effects().apply(fixed)
            except Killed:
                died = True
        any_desk.effects().apply(fixed, attempt=1)
        assert len(any_desk.notes(iid, "reply")) == 3
        assert any_desk.is_closed(iid, thread)
        assert any_desk.drafts(iid) == 0
        if not died:
            break
    assert writes > 2


def test_an_old_line_does_not_pass_for_the_new_one_that_gitlab_did_not_publish(any_desk: Desk) -> None:
    iid, (thread,) = reviewed(any_desk, 2)
    fixed, back = turns(any_desk, iid, thread)
    any_desk.effects().apply(fixed)
    any_desk.effects().apply(back)
    any_desk.sandbox.fault(path=BULK, status=400)
    any_desk.effects().apply(fixed)
    assert len(any_desk.notes(iid, "reply")) == 3
    assert any_desk.is_closed(iid, thread)
    assert any_desk.drafts(iid) == 0


def test_what_an_answer_to_a_person_said_of_a_finding_counts_as_the_last_word(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    _, back = turns(desk, iid, thread)
    desk.effects().apply(back)
    note = desk.sandbox.comment(iid, "It is gone.", discussion=thread)["id"]
    effects_of(desk).apply(conversation(desk, iid, note, desk.fixed(iid, thread)))
    desk.effects().apply(back)
    assert [one[:5] for one in words(desk.notes(iid, "reply"))] == ["Back ", "Fixed", "Back "]
    assert not desk.is_closed(iid, thread)


def test_an_answer_without_words_only_closes(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    quiet = desk.fixed(iid, thread, body="")
    with desk.writes() as writes:
        (outcome, _) = desk.effects().apply(desk.proposal(iid, quiet))
        assert writes() == [("PUT", f"{iid}/discussions/{thread}")]
    assert outcome.result == "done"
    assert desk.is_closed(iid, thread)
    assert desk.notes(iid, "reply") == []


def test_an_answer_that_leaves_its_thread_leaves_it_closed_by_whom_it_was(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    desk.resolve(iid, thread, user="ada")
    desk.effects().apply(desk.proposal(iid, desk.fixed(iid, thread, resolves=None)))
    assert len(desk.notes(iid, "reply")) == 1
    assert resolver(desk, iid, thread) == "ada"


def test_a_thread_that_a_person_closed_meanwhile_stays_closed_by_them(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    proposal = desk.proposal(iid, desk.fixed(iid, thread))
    desk.resolve(iid, thread, user="ada")
    desk.effects().apply(proposal)
    assert len(desk.notes(iid, "reply")) == 1
    assert resolver(desk, iid, thread) == "ada"


def resolver(desk: Desk, iid: int, thread: str) -> str:
    """Who closed the thread's first note."""
    notes = desk.reader().thread(Target(PROJECT, iid), thread)
    return notes[0].resolver


def test_a_thread_that_somebody_deleted_is_no_fault(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    proposal = desk.proposal(iid, desk.fixed(iid, thread), thumbs_up())
    desk.remove(iid, desk.seen(iid)["discussions"][0]["notes"][0]["id"])
    outcomes = desk.effects().apply(proposal)
    assert by_key(outcomes)[proposal.actions[0].key] == ("unchanged", GONE)
    assert desk.awards(iid) == ["thumbsup"]


@pytest.mark.parametrize("moment", [DRAFTS, BULK, THREAD], ids=["drafting", "publishing", "closing"])
def test_a_thread_that_is_deleted_in_the_middle_is_no_fault(desk: Desk, moment: str) -> None:
    iid, (thread, _other) = reviewed(desk, 2, 5)
    fixed = desk.fixed(iid, thread, body="" if moment == THREAD else "Fixed.")
    proposal = desk.proposal(iid, fixed, desk.finding(iid, 7))
    note = desk.seen(iid)["discussions"][0]["notes"][0]["id"]
    desk.sandbox.fault(path=moment, status=503)
    with pytest.raises(Unavailable):
        desk.effects().apply(proposal)
    desk.remove(iid, note)
    outcomes = persist(desk.effects(), proposal)
    assert by_key(outcomes)[proposal.actions[0].key] == ("unchanged", GONE)
    assert desk.lines(iid) == [5, 7]
    assert desk.drafts(iid) == 0


def test_a_thread_that_goes_right_before_publishing_stops_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    iid, (thread, _other) = reviewed(desk, 2, 5)
    proposal = desk.proposal(iid, desk.fixed(iid, thread), desk.finding(iid, 7))
    note = desk.seen(iid)["discussions"][0]["notes"][0]["id"]
    publish, left = desk.api.post, iter([note])

    def remove_first(path: str, what: str, data: dict[str, Any] | None = None) -> Any:
        if path.endswith(BULK) and (gone := next(left, None)):
            desk.remove(iid, gone)
        return publish(path, what, data)

    monkeypatch.setattr(desk.api, "post", remove_first)
    outcomes = persist(desk.effects(), proposal)
    assert by_key(outcomes)[proposal.actions[0].key] == ("unchanged", GONE)
    assert desk.lines(iid) == [5, 7]
    assert desk.drafts(iid) == 0


# --- whose threads


def signed(desk: Desk, iid: int, kind: Kind = "finding", agent: str = "review", key: str = "key.of.2") -> str:
    return attach("a note", desk.book(iid, SECRET).write(Mark(agent, kind, key, desk.read(iid).head)))


def other_scope(desk: Desk, iid: int) -> str:
    elsewhere = desk.open()
    mark = Mark("review", "finding", "key.of.2", desk.read(iid).head)
    return attach("a note", desk.book(elsewhere, SECRET).write(mark))


def forged(desk: Desk, iid: int) -> str:
    mark = Mark("review", "finding", "key.of.2", desk.read(iid).head)
    return attach("a note", desk.book(iid, "another-" + "secret-of-somebody").write(mark))


def unsigned(desk: Desk, iid: int) -> str:
    return attach("a note", desk.book(iid).write(Mark("review", "finding", "key.of.2", desk.read(iid).head)))


FOREIGN = {
    "a person's, with a copied mark": (signed, "ada"),
    "forged": (forged, "trivet"),
    "of another merge request": (other_scope, "trivet"),
    "unsigned": (unsigned, "trivet"),
    "of another agent": (lambda desk, iid: signed(desk, iid, agent="pages"), "trivet"),
    "a summary": (lambda desk, iid: signed(desk, iid, kind="summary"), "trivet"),
    "of another finding": (lambda desk, iid: signed(desk, iid, key="key.of.3"), "trivet"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("body", ["Fixed.", ""])
def test_a_thread_that_is_not_of_this_finding_of_ours_is_left_alone(desk: Desk, name: str, body: str) -> None:
    write, author = FOREIGN[name]
    iid = desk.open()
    begun = desk.sandbox.api(
        "POST", f"/projects/1/merge_requests/{iid}/discussions", {"body": write(desk, iid)}, user=author
    ).body
    reply = desk.fixed(iid, begun["id"], body=body)
    with desk.writes() as writes:
        for result in (
            desk.effects().apply(desk.proposal(iid, reply, summary=None))[0],
            desk.effects().writer(desk.proposal(iid, reply, summary=None, agent="ask"))(reply),
        ):
            assert (result.result, result.reason) == ("refused", NOT_OURS)
        assert writes() == []


def test_a_thread_whose_first_note_is_gone_is_closed_by_nobody(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    desk.sandbox.comment(iid, "I see", discussion=thread)
    reply = desk.fixed(iid, thread)
    desk.remove(iid, desk.seen(iid)["discussions"][0]["notes"][0]["id"])
    (outcome,) = desk.effects().apply(desk.proposal(iid, reply, summary=None))
    assert (outcome.result, outcome.reason) == ("refused", NOT_OURS)


@pytest.mark.parametrize("name", ["a person's, with a copied mark", "forged", "of another merge request"])
def test_marks_of_others_in_a_thread_do_not_pass_for_our_answer(desk: Desk, name: str) -> None:
    iid, (thread,) = reviewed(desk, 2)
    reply = desk.fixed(iid, thread)
    mark, author = Mark("review", "reply", reply.key, desk.read(iid).head), "trivet"
    book = desk.book(iid, SECRET)
    if name == "forged":
        book = desk.book(iid, "another-" + "secret-of-somebody")
    elif name == "of another merge request":
        book = desk.book(desk.open(), SECRET)
    else:
        author = "ada"
    desk.sandbox.comment(iid, attach("done", book.write(mark)), user=author, discussion=thread)
    desk.effects().apply(desk.proposal(iid, reply))
    assert "Fixed in" in desk.seen(iid)["discussions"][0]["notes"][-1]["body"]


def test_our_answer_in_another_thread_does_not_count_here(desk: Desk) -> None:
    iid, threads = reviewed(desk, 2, 5)
    reply = desk.fixed(iid, threads[0])
    body = attach(
        "done", desk.book(iid, SECRET).write(Mark("review", "reply", reply.key, desk.read(iid).head))
    )
    desk.sandbox.comment(iid, body, user="trivet", discussion=threads[1])
    desk.effects().apply(desk.proposal(iid, reply))
    assert len(desk.seen(iid)["discussions"][0]["notes"]) == 2


def test_who_may_not_close_threads_still_answers_once_and_goes_on(any_desk: Desk) -> None:
    iid, (thread,) = reviewed(any_desk, 2)
    proposal = any_desk.proposal(iid, any_desk.fixed(iid, thread), any_desk.finding(iid, 5), thumbs_up())
    rank(any_desk, 20)
    for _ in range(2):
        outcomes = by_key(any_desk.effects().apply(proposal))
        result, reason = outcomes[proposal.actions[0].key]
        assert result == "refused"
        assert "403" in reason
    assert len(any_desk.notes(iid, "reply")) == 1
    assert not any_desk.is_closed(iid, thread)
    assert any_desk.lines(iid) == [2, 5]
    assert any_desk.awards(iid) == ["thumbsup"]


def test_an_answer_goes_through_the_sanitizer(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    desk.effects().apply(desk.proposal(iid, desk.fixed(iid, thread, body="fine\n/approve\n@ada see #1")))
    assert desk.seen(iid)["approved_by"] == []
    assert desk.sandbox.state()["mentions"] == []


# --- leftovers and crashes


def test_a_leftover_answer_is_used_and_not_written_again(any_desk: Desk) -> None:
    iid, (thread,) = reviewed(any_desk, 2)
    proposal = any_desk.proposal(iid, any_desk.fixed(iid, thread))
    any_desk.sandbox.fault(path=BULK, status=503)
    with pytest.raises(Unavailable):
        any_desk.effects().apply(proposal)
    assert any_desk.drafts(iid) == 1
    with any_desk.writes() as writes:
        any_desk.effects().apply(proposal)
        assert ("POST", f"{iid}/draft_notes") not in writes()
    assert len(any_desk.notes(iid, "reply")) == 1
    assert any_desk.is_closed(iid, thread)


def test_a_leftover_that_would_do_something_else_is_deleted(desk: Desk) -> None:
    iid, threads = reviewed(desk, 2, 5)
    fixed, address = desk.fixed(iid, threads[0]), f"/projects/1/merge_requests/{iid}/draft_notes"
    text = attach(
        fixed.body, desk.book(iid, SECRET).write(Mark("review", "reply", fixed.key, desk.read(iid).head))
    )
    for thread, resolves in ((threads[0], False), (threads[1], True)):
        draft = {"note": text, "in_reply_to_discussion_id": thread, "resolve_discussion": resolves}
        desk.sandbox.api("POST", address, draft)
    desk.effects().apply(desk.proposal(iid, fixed))
    assert desk.drafts(iid) == 0
    assert [desk.is_closed(iid, thread) for thread in threads] == [True, False]
    assert len(desk.notes(iid, "reply")) == 1


def test_a_push_before_publishing_leaves_threads_as_they_are(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    proposal = desk.proposal(iid, desk.fixed(iid, thread), desk.fixed(iid, thread, key="quiet", body=""))
    desk.push(iid, {"more.txt": "more\n"})
    with pytest.raises(Superseded):
        desk.effects().apply(proposal)
    assert desk.drafts(iid) == 0
    assert not desk.is_closed(iid, thread)
    assert desk.notes(iid, "reply") == []


def test_a_finding_that_breaks_the_publishing_keeps_no_answer_back(any_desk: Desk) -> None:
    iid, (thread,) = reviewed(any_desk, 2)
    any_desk.sandbox.switch(lax_drafts=True)
    bad = any_desk.finding(iid, 5)
    assert bad.position is not None
    bad = bad.model_copy(update={"position": on_line(bad.position, 905)})
    persist(any_desk.effects(), any_desk.proposal(iid, bad, any_desk.fixed(iid, thread)))
    assert len(any_desk.notes(iid, "reply")) == 1
    assert any_desk.is_closed(iid, thread)
    assert "Something about line 5" in any_desk.notes(iid, "summary")[0]
    assert any_desk.drafts(iid) == 0


def test_drafts_of_a_person_with_our_account_stay_beside_answers(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    address = f"/projects/1/merge_requests/{iid}/draft_notes"
    desk.sandbox.api("POST", address, {"note": "hm", "in_reply_to_discussion_id": thread})
    desk.effects().apply(desk.proposal(iid, desk.fixed(iid, thread)))
    assert desk.drafts(iid) == 1
    assert len(desk.notes(iid, "reply")) == 1
    assert desk.is_closed(iid, thread)


def everything(desk: Desk, iid: int, threads: list[str], note: int) -> Proposal:
    """Something new, something fixed, something back, something that moved, a summary, and a reaction on a note."""
    moved = desk.finding(iid, 7, anchor="another line").finding
    return desk.proposal(
        iid,
        desk.finding(iid, 5),
        desk.fixed(iid, threads[0]),
        desk.back(iid, threads[1], 3),
        desk.fixed(iid, threads[2], 4, body=""),
        UpdateFinding(key="key.of.6", finding=moved, around="0a1b2c"),
        React(key="outcome", emoji="white_check_mark", note=note),
        summary="**Another verdict.**",
        note=note,
    )


def prepared(desk: Desk) -> tuple[int, Proposal]:
    iid, threads = reviewed(desk, 2, 3, 4, 6)
    desk.resolve(iid, threads[1], user="trivet")
    note = desk.sandbox.comment(iid, "/trivet review")["id"]
    return iid, everything(desk, iid, threads, note)


def is_settled(desk: Desk, iid: int, proposal: Proposal) -> None:
    threads = desk.threads(iid)
    assert sorted(words(desk.notes(iid, "reply")))[0] == "Back again."
    assert len(desk.notes(iid, "reply")) == 2
    assert [desk.is_closed(iid, thread) for thread in threads[:5]] == [True, False, True, False, False]
    assert desk.lines(iid) == [2, 3, 4, 6, 5]
    assert len(desk.notes(iid, "summary")) == 1
    assert desk.drafts(iid) == 0
    assert desk.note_awards(iid) == [("white_check_mark", "trivet", proposal.note)]
    with desk.writes() as writes:
        desk.effects().apply(proposal)
        assert writes() == []


@contextmanager
def killed_after(desk: Desk, writes: int) -> Iterator[None]:
    """Whoever writes dies when so many of its writes are done."""
    left = iter(range(writes - 1))
    with pytest.MonkeyPatch.context() as patch:
        for verb in ("post", "put", "delete"):
            patch.setattr(desk.api, verb, _last(getattr(desk.api, verb), left))
        yield


def _last(write: Callable[..., Any], left: Iterator[int]) -> Callable[..., Any]:
    def done(*given: Any) -> Any:
        answer = write(*given)
        if next(left, None) is None:
            raise Killed
        return answer

    return done


class Killed(BaseException):
    """Nothing catches it."""


def test_killed_after_any_write_the_next_try_does_the_rest_and_nothing_twice(any_desk: Desk) -> None:
    """Every place between two writes in turn, which takes some seconds."""
    for writes in range(1, 20):
        iid, proposal = prepared(any_desk)
        with killed_after(any_desk, writes):
            try:
                any_desk.effects().apply(proposal)
            except Killed:
                died = True
            else:
                died = False
        any_desk.effects().apply(proposal, attempt=1)
        is_settled(any_desk, iid, proposal)
        if not died:
            break
    assert writes > 8


FAULTS = [
    {"status": 500},
    {"status": 503},
    {"drop_answer": True},
    {"drop_answer": True, "status": 500},
]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.lists(
        st.tuples(st.sampled_from(["POST", "PUT", "GET"]), st.integers(0, 5), st.sampled_from(FAULTS)),
        min_size=1,
        max_size=2,
    )
)
def test_whatever_fails_the_review_ends_whole_and_once(
    any_desk: Desk, faults: list[tuple[str, int, dict[str, Any]]]
) -> None:
    """Ten merge requests each, some seconds."""
    iid, proposal = prepared(any_desk)
    for method, after, fault in faults:
        any_desk.sandbox.fault(path="/merge_requests/", method=method, after=after, user="trivet", **fault)
    persist(any_desk.effects(), proposal)
    any_desk.sandbox.clear_faults()
    persist(any_desk.effects(), proposal)
    is_settled(any_desk, iid, proposal)


# --- what notes keep for the next run


def kept(desk: Desk, iid: int) -> dict[str, Any]:
    book = desk.book(iid, SECRET)
    found = [finding_in(body, book) for body in desk.notes(iid, "finding")]
    return {one.finding.fingerprint: one for one in found if one}


def memory(desk: Desk, iid: int) -> Reviewed:
    (summary,) = desk.notes(iid, "summary")
    found = reviewed_in(summary, desk.book(iid, SECRET))
    assert found is not None
    return found


def remembering(desk: Desk, iid: int, *posts: PostFinding, **fields: Any) -> Proposal:
    """As the agent leaves it: it takes every finding with a position for one that gets its thread."""
    told = tuple(one.key for one in posts if one.position)
    listed = tuple(one.finding for one in posts if not one.position)
    reviewed = Reviewed(head=desk.read(iid).head, units=("0a", "1b"), told=told, listed=listed)
    summary = UpsertNote(key="summary", body=SUMMARY, reviewed=reviewed.model_copy(update=fields))
    return desk.proposal(iid, *posts, summary, summary=None)


def nowhere(desk: Desk, iid: int, line: int) -> PostFinding:
    """GitLab takes neither its line nor its file."""
    finding = desk.finding(iid, line)
    assert finding.position is not None
    moved = finding.position.model_copy(update={"new_path": "no.txt", "old_path": "no.txt"})
    return finding.model_copy(update={"position": moved})


def test_a_findings_note_keeps_it_with_what_is_around(any_desk: Desk) -> None:
    iid = any_desk.open()
    posts = [any_desk.finding(iid, 2), any_desk.finding(iid, 5)]
    refused = posts[1].position
    assert refused is not None
    posts[1] = posts[1].model_copy(update={"position": on_line(refused, 905)})
    any_desk.effects().apply(
        any_desk.proposal(iid, *(one.model_copy(update={"around": f"ab{one.finding.line}"}) for one in posts))
    )
    assert any_desk.lines(iid) == [2, None]
    found = kept(any_desk, iid)
    assert {key: (one.finding.line, one.around) for key, one in found.items()} == {
        "key.of.2": (2, "ab2"),
        "key.of.5": (5, "ab5"),
    }


def test_the_summary_remembers_what_really_happened(any_desk: Desk) -> None:
    iid = any_desk.open()
    homeless = any_desk.finding(iid, 7).model_copy(update={"position": None})
    posts = [any_desk.finding(iid, 2), nowhere(any_desk, iid, 3), homeless]
    proposal = remembering(any_desk, iid, *posts)
    any_desk.effects().apply(proposal)
    found = memory(any_desk, iid)
    assert (found.head, found.units) == (any_desk.read(iid).head, ("0a", "1b"))
    assert found.told == ("key.of.2",)
    assert [one.fingerprint for one in found.listed] == ["key.of.7", "key.of.3"]
    with any_desk.writes() as writes:
        any_desk.effects().apply(proposal)
        assert writes() == []


def test_a_finding_that_gitlab_leaves_unpublished_is_remembered_as_listed(any_desk: Desk) -> None:
    any_desk.sandbox.switch(lax_drafts=True)
    iid = any_desk.open()
    bad = any_desk.finding(iid, 5)
    assert bad.position is not None
    bad = bad.model_copy(update={"position": on_line(bad.position, 905)})
    proposal = remembering(any_desk, iid, any_desk.finding(iid, 2), bad)
    persist(any_desk.effects(), proposal)
    assert memory(any_desk, iid).told == ("key.of.2",)
    assert [one.fingerprint for one in memory(any_desk, iid).listed] == ["key.of.5"]
    with any_desk.writes() as writes:
        any_desk.effects().apply(proposal)
        assert writes() == []


def test_a_listed_finding_that_gets_its_thread_is_told_and_no_longer_listed(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(remembering(desk, iid, nowhere(desk, iid, 3)))
    desk.push(iid, {"more.txt": "more\n"})
    post = desk.finding(iid, 3)
    desk.effects().apply(remembering(desk, iid, post, listed=(post.finding,), told=("earlier",)))
    assert memory(desk, iid).listed == ()
    assert memory(desk, iid).told == ("earlier", "key.of.3")


def test_where_nothing_is_signed_nothing_is_kept(desk: Desk) -> None:
    iid = desk.open()
    desk.effects(secrets=()).apply(remembering(desk, iid, desk.finding(iid, 2)))
    assert desk.lines(iid) == [2]
    assert not any("data=" in body for body in desk.notes(iid))


def moved(desk: Desk, iid: int) -> UpdateFinding:
    finding = desk.finding(iid, 8, anchor="line two", fingerprint="key.of.2").finding
    return UpdateFinding(key="key.of.2", finding=finding, around="c0ffee")


def test_what_a_finding_became_is_kept_and_its_note_reads_as_before(desk: Desk) -> None:
    iid, _ = reviewed(desk, 2)
    (before,) = desk.notes(iid, "finding")
    desk.push(iid, {"more.txt": "more\n"})
    proposal = desk.proposal(iid, moved(desk, iid))
    outcomes = desk.effects().apply(proposal)
    (after,) = desk.notes(iid, "finding")
    assert by_key(outcomes)["key.of.2"] == ("done", "edited in place")
    assert without_kept(after) != after != before
    assert before.partition("<!--")[0] == after.partition("<!--")[0]
    assert before.splitlines()[-1] == after.splitlines()[-1]
    assert (kept(desk, iid)["key.of.2"].finding.line, kept(desk, iid)["key.of.2"].around) == (8, "c0ffee")
    with desk.writes() as writes:
        assert by_key(desk.effects().apply(proposal))["key.of.2"] == ("unchanged", "")
        assert writes() == []


def test_a_note_of_an_earlier_version_learns_to_keep_its_finding(desk: Desk) -> None:
    iid = desk.open()
    text = f"**Old words**\n\n{signed(desk, iid).removeprefix('a note').strip()}"
    desk.sandbox.comment(iid, text, user="trivet")
    desk.effects().apply(desk.proposal(iid, moved(desk, iid)))
    (after,) = desk.notes(iid, "finding")
    assert words([after]) == ["**Old words**"]
    assert kept(desk, iid)["key.of.2"].around == "c0ffee"


def test_what_somebody_wrote_into_our_note_is_not_said_by_us(desk: Desk) -> None:
    """An edit of ours would run it with our rights."""
    iid, _ = reviewed(desk, 2)
    (body,) = desk.notes(iid, "finding")
    state = desk.sandbox.state_object
    request = next(one for one in state.projects[0].merge_requests if one.iid == iid)
    request.discussions[0].notes[0].body = f"/approve\n\n{body}"
    desk.effects().apply(desk.proposal(iid, moved(desk, iid)))
    assert desk.seen(iid)["approved_by"] == []
    assert kept(desk, iid)["key.of.2"].around == "c0ffee"


def test_of_a_finding_whose_note_is_gone_nothing_is_kept(desk: Desk) -> None:
    iid, _ = reviewed(desk, 2)
    update = moved(desk, iid)
    desk.remove(iid, desk.seen(iid)["discussions"][0]["notes"][0]["id"])
    outcomes = desk.effects().apply(desk.proposal(iid, update))
    assert by_key(outcomes)["key.of.2"][0] == "unchanged"
    assert desk.notes(iid, "finding") == []


# --- as little as can be


def test_a_run_without_actions_only_ends_its_acknowledgement(desk: Desk) -> None:
    iid = desk.open()
    proposal, effects = desk.proposal(iid, summary=None), desk.effects()
    award = effects.acknowledge(desk.read(iid).target)
    desk.sandbox.clear_requests()
    assert effects.apply(proposal, acknowledged=award) == []
    assert [one["method"] for one in desk.sandbox.requests()] == ["DELETE"]


def test_changes_are_asked_for_only_while_a_thread_of_ours_stands_open(desk: Desk) -> None:
    iid, threads = reviewed(desk, 2, 5)
    effects = desk.effects(reviewer_state="requested_changes")
    effects.apply(desk.proposal(iid, desk.fixed(iid, threads[0])))
    assert desk.seen(iid)["reviewer_states"] == {"trivet": "requested_changes"}
    effects.apply(desk.proposal(iid, desk.fixed(iid, threads[1], 5)))
    assert desk.seen(iid)["reviewer_states"] == {"trivet": "reviewed"}
    effects.apply(desk.proposal(iid, desk.back(iid, threads[1], 5)))
    assert desk.seen(iid)["reviewer_states"] == {"trivet": "requested_changes"}


# --- reactions on notes


def test_a_command_is_answered_by_a_reaction_in_place_of_the_eyes(desk: Desk) -> None:
    iid = desk.open()
    note = desk.sandbox.comment(iid, "/trivet review")["id"]
    effects, target = desk.effects(), desk.read(iid).target
    award = effects.acknowledge(target, note)
    assert desk.note_awards(iid) == [("eyes", "trivet", note)]
    outcome = React(key="outcome", emoji="white_check_mark", note=note)
    effects.apply(desk.proposal(iid, outcome, note=note), acknowledged=award)
    assert desk.note_awards(iid) == [("white_check_mark", "trivet", note)]
    assert desk.awards(iid) == []


def test_eyes_on_a_note_that_nobody_remembers_go_too_and_other_peoples_stay(desk: Desk) -> None:
    iid = desk.open()
    note = desk.sandbox.comment(iid, "/trivet review")["id"]
    desk.sandbox.act(iid, "award", name="eyes", user="grace", note=note)
    desk.effects().acknowledge(desk.read(iid).target, note)
    desk.effects().apply(desk.proposal(iid, note=note))
    assert desk.note_awards(iid) == [("eyes", "grace", note)]


def test_a_reaction_on_a_note_that_is_gone_is_no_fault(desk: Desk) -> None:
    iid = desk.open()
    note = desk.sandbox.comment(iid, "/trivet review")["id"]
    desk.remove(iid, note)
    react = React(key="outcome", emoji="confused", instead_of="eyes", note=note)
    (outcome,) = desk.effects().apply(desk.proposal(iid, react, summary=None, note=note))
    assert outcome.result == "unchanged"


def test_a_reaction_that_was_read_is_not_given_again(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.proposal(iid, thumbs_up(), summary=None))
    desk.sandbox.clear_requests()
    again = React(key="clean", emoji="thumbsup", instead_of="confused")
    desk.effects().apply(desk.proposal(iid, again, summary=None))
    awards = [one["method"] for one in desk.sandbox.requests(path="award_emoji")]
    assert awards == ["GET"]


def test_a_review_that_failed_is_told_to_all_and_its_command_gets_a_warning_in_place_of_the_eyes(
    desk: Desk,
) -> None:
    iid = desk.open()
    note, target = desk.sandbox.comment(iid, "/trivet review")["id"], desk.read(iid).target
    desk.effects().acknowledge(target, note)
    for _ in range(2):
        desk.effects().complain(target, "review", "the model is gone", note)
    assert desk.note_awards(iid) == [("warning", "trivet", note)]
    assert len(desk.notes(iid, "failure")) == 1


FAULT = "the model is gone, see #1"


def complained(desk: Desk, iid: int, note: int, *, tries: int = 2) -> list[str]:
    """What is said after the run that was to answer the note has failed."""
    for _ in range(tries):
        desk.effects().complain(desk.read(iid).target, "ask", FAULT, note)
    assert desk.notes(iid, "failure") == []
    return words(desk.notes(iid, "reply"))


@pytest.mark.parametrize("state", ["opened", "closed"])
def test_a_question_that_failed_is_told_so_beside_it_once(desk: Desk, state: str) -> None:
    iid = desk.open()
    note = desk.sandbox.comment(iid, "/trivet ask why?")["id"]
    desk.effects().acknowledge(desk.read(iid).target, note)
    if state == "closed":
        desk.sandbox.act(iid, "close", user="grace")
    (line,) = complained(desk, iid, note)
    assert line.startswith("Trivet could not answer this: the model is gone")
    assert desk.seen(iid)["discussions"] == []
    assert desk.note_awards(iid) == [("warning", "trivet", note)]


def test_a_question_that_failed_in_a_thread_is_told_so_there(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    desk.effects().acknowledge(desk.read(iid).target, note)
    assert len(complained(desk, iid, note)) == 1
    assert len(desk.seen(iid)["discussions"][0]["notes"]) == 3
    assert desk.note_awards(iid) == [("warning", "trivet", note)]
    assert not desk.is_closed(iid, thread)


def test_killed_after_any_write_of_a_complaint_it_is_made_once(desk: Desk) -> None:
    for writes in (1, 2, 3):
        iid = desk.open()
        note = desk.sandbox.comment(iid, "/trivet ask why?")["id"]
        desk.effects().acknowledge(desk.read(iid).target, note)
        with killed_after(desk, writes), pytest.raises(Killed):
            complained(desk, iid, note)
        assert len(complained(desk, iid, note)) == 1
        assert desk.note_awards(iid) == [("warning", "trivet", note)]


def test_a_failure_says_nothing_where_people_talk_among_themselves(desk: Desk) -> None:
    iid = desk.open()
    first = desk.sandbox.comment(iid, "Shall we merge?", user="grace", threaded=True)
    note = desk.sandbox.comment(iid, "Yes", discussion=first["discussion"])["id"]
    with desk.writes() as writes:
        assert complained(desk, iid, note) == []
        assert writes() == []


@pytest.mark.parametrize("threaded", [False, True])
def test_a_failure_after_the_answer_was_written_denies_nothing(desk: Desk, threaded: bool) -> None:
    iid, _, note, proposal = lone(desk, threaded=threaded)
    desk.effects().acknowledge(desk.read(iid).target, note)
    with killed_after(desk, 1), pytest.raises(Killed):
        effects_of(desk).apply(proposal)
    assert complained(desk, iid, note) == ["Because of this."]
    assert desk.note_awards(iid) == []


def test_a_failure_to_answer_what_is_gone_says_nothing(desk: Desk) -> None:
    iid = desk.open()
    note = desk.sandbox.comment(iid, "/trivet ask why?")["id"]
    desk.remove(iid, note)
    assert complained(desk, iid, note) == []


def test_a_failure_to_answer_an_internal_note_is_told_internally(desk: Desk) -> None:
    iid = desk.open()
    note = desk.sandbox.comment(iid, "/trivet ask why?", internal=True)["id"]
    assert len(complained(desk, iid, note)) == 1
    assert [one.internal for one in notes_there(desk, iid)] == [True, True]


def test_what_asked_loses_the_eyes_where_the_merge_request_closed_meanwhile(desk: Desk) -> None:
    iid = desk.open()
    note = desk.sandbox.comment(iid, "/trivet review")["id"]
    proposal = desk.proposal(iid, note=note)
    desk.effects().acknowledge(desk.read(iid).target, note)
    desk.sandbox.act(iid, "close", user="grace")
    with pytest.raises(Superseded):
        desk.effects().apply(proposal)
    assert desk.note_awards(iid) == []


# --- answers to people


def effects_of(desk: Desk) -> Effects:
    """Everything that writes to GitLab."""
    work = GitLabWork(desk.api, me=desk.me, clean=str, redact=str)
    return Effects(gitlab=desk.effects(), work=work)


def asked(desk: Desk, lines: tuple[int, ...] = (2,)) -> tuple[int, list[str], int]:
    """A question in the thread of the first finding; the merge request, the threads, the note."""
    iid, threads = reviewed(desk, *lines)
    note = desk.sandbox.comment(iid, QUESTION, discussion=threads[0])["id"]
    return iid, threads, note


def answer(thread: str, note: int, **fields: Any) -> Reply:
    return Reply(key=f"answer:{note}", thread=thread, body="Because of this.").model_copy(update=fields)


def reaction(note: int) -> React:
    return React(key="outcome", emoji="white_check_mark", note=note)


def conversation(desk: Desk, iid: int, note: int, *actions: Action) -> Proposal:
    return desk.proposal(iid, *actions, reaction(note), summary=None, agent="ask", note=note)


def test_a_question_is_answered_in_its_thread_once(any_desk: Desk) -> None:
    iid, (thread,), note = asked(any_desk)
    proposal = conversation(any_desk, iid, note, answer(thread, note))
    effects = effects_of(any_desk)
    award = effects.acknowledge(any_desk.read(iid).target, note)
    outcomes = effects.apply(proposal, acknowledged=award)
    assert by_key(outcomes) == {f"answer:{note}": ("done", ""), "outcome": ("done", "")}
    assert words(any_desk.notes(iid, "reply")) == ["Because of this."]
    assert not any_desk.is_closed(iid, thread)
    assert any_desk.note_awards(iid) == [("white_check_mark", "trivet", note)]
    with any_desk.writes() as writes:
        assert {one.result for one in effects_of(any_desk).apply(proposal)} == {"unchanged"}
        assert writes() == []


def test_the_outcome_is_seen_before_the_eyes_go(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    effects = effects_of(desk)
    award = effects.acknowledge(desk.read(iid).target, note)
    with desk.writes() as writes:
        effects.apply(conversation(desk, iid, note, answer(thread, note)), acknowledged=award)
        assert [method for method, _ in writes()] == ["POST", "POST", "DELETE"]


def test_a_person_who_is_right_has_the_thread_closed(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    right = answer(thread, note, key=f"dismissed:{note}", resolves=True, finding="key.of.2")
    effects_of(desk).apply(conversation(desk, iid, note, right))
    assert desk.is_closed(iid, thread)
    assert len(desk.notes(iid, "reply")) == 1


def test_killed_between_answering_and_closing_it_closes_and_does_not_answer_again(desk: Desk) -> None:
    """After each write of three in turn."""
    for writes in (1, 2, 3):
        iid, (thread,), note = asked(desk)
        right = answer(thread, note, key=f"dismissed:{note}", resolves=True, finding="key.of.2")
        proposal = conversation(desk, iid, note, right)
        with killed_after(desk, writes), pytest.raises(Killed):
            effects_of(desk).apply(proposal)
        effects_of(desk).apply(proposal)
        assert desk.is_closed(iid, thread)
        assert len(desk.notes(iid, "reply")) == 1
        assert desk.note_awards(iid) == [("white_check_mark", "trivet", note)]


def test_an_answer_whose_receipt_was_lost_is_not_written_again(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    proposal = conversation(desk, iid, note, answer(thread, note))
    desk.sandbox.fault(path="/notes$", method="POST", drop_answer=True)
    with pytest.raises(Unavailable):
        effects_of(desk).apply(proposal)
    effects_of(desk).apply(proposal)
    assert len(desk.notes(iid, "reply")) == 1


def test_nobody_is_answered_who_took_the_question_away(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    proposal = conversation(desk, iid, note, answer(thread, note, resolves=True, finding="key.of.2"))
    desk.remove(iid, note)
    with desk.writes() as writes:
        outcomes = effects_of(desk).apply(proposal)
        assert writes() == []
    assert by_key(outcomes)[f"answer:{note}"] == ("unchanged", "the note it answers is gone")


def test_a_thread_that_is_gone_is_not_answered(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    proposal = conversation(desk, iid, note, answer(thread, note))
    for one in desk.seen(iid)["discussions"][0]["notes"]:
        desk.remove(iid, one["id"])
    outcomes = effects_of(desk).apply(proposal)
    assert by_key(outcomes)[f"answer:{note}"] == ("unchanged", GONE)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_command_outside_a_thread_closes_others_while_it_stands(desk: Desk, is_there: bool) -> None:
    iid, threads = reviewed(desk, 2, 5)
    note = desk.sandbox.comment(iid, "/trivet resolve")["id"]
    closing = [
        Reply(key=f"closed:{note}:{line}", thread=thread, resolves=True, finding=f"key.of.{line}")
        for thread, line in zip(threads, (2, 5), strict=True)
    ]
    proposal = conversation(desk, iid, note, *closing)
    if not is_there:
        desk.remove(iid, note)
    effects_of(desk).apply(proposal)
    assert [desk.is_closed(iid, thread) for thread in threads] == [is_there, is_there]
    assert desk.notes(iid, "reply") == []


def test_however_many_threads_a_command_closes_its_note_is_read_once(desk: Desk) -> None:
    iid, threads = reviewed(desk, 2, 5, 7)
    note = desk.sandbox.comment(iid, "/trivet resolve")["id"]
    closing = [
        Reply(key=f"closed:{note}:{line}", thread=thread, resolves=True, finding=f"key.of.{line}")
        for thread, line in zip(threads, (2, 5, 7), strict=True)
    ]
    proposal = conversation(desk, iid, note, *closing)
    desk.sandbox.clear_requests()
    effects_of(desk).apply(proposal)
    read = [one for one in desk.sandbox.requests() if one["path"].endswith(f"/notes/{note}")]
    assert [one["method"] for one in read] == ["GET"]
    assert all(desk.is_closed(iid, thread) for thread in threads)


# --- answers to notes that stand alone


def lone(desk: Desk, **fields: Any) -> tuple[int, str, int, Proposal]:
    """The merge request, the question's discussion, the question, and the answer to it."""
    iid = desk.open()
    made = desk.sandbox.comment(iid, "/trivet ask Why?", **fields)
    thread, note = str(made["discussion"]), int(made["id"])
    return iid, thread, note, conversation(desk, iid, note, answer(thread, note))


def notes_there(desk: Desk, iid: int) -> list[Note]:
    """All that are not GitLab's own, as the bot reads them."""
    return [note for note in desk.reader().notes(Target(PROJECT, iid)) if not note.system]


def test_a_note_that_stands_alone_is_answered_beside_it(any_desk: Desk) -> None:
    iid, _, _, proposal = lone(any_desk)
    effects_of(any_desk).apply(proposal)
    assert any_desk.seen(iid)["discussions"] == []
    assert words(any_desk.notes(iid, "reply")) == ["Because of this."]
    assert [(one.internal, one.threaded) for one in notes_there(any_desk, iid)] == [(False, False)] * 2
    with any_desk.writes() as writes:
        assert {one.result for one in effects_of(any_desk).apply(proposal)} == {"unchanged"}
        assert writes() == []


@pytest.mark.parametrize("internal", [False, True])
def test_killed_after_any_write_of_an_answer_beside_there_is_one(desk: Desk, internal: bool) -> None:
    for writes in (1, 2, 3):
        iid, _, note, proposal = lone(desk, internal=internal)
        desk.effects().acknowledge(desk.read(iid).target, note)
        with killed_after(desk, writes), pytest.raises(Killed):
            effects_of(desk).apply(proposal)
        effects_of(desk).apply(proposal)
        assert len(desk.notes(iid, "reply")) == 1
        assert desk.note_awards(iid) == [("white_check_mark", "trivet", note)]


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/award_emoji$", "status": 503},
        {"path": "/notes$", "drop_answer": True},
        {"path": "/notes$", "status": 503},
    ],
    ids=["the reaction fails", "the receipt is lost", "the answer fails"],
)
def test_an_answer_beside_is_written_once_whatever_fails(desk: Desk, fault: dict[str, Any]) -> None:
    iid, _, note, proposal = lone(desk)
    desk.sandbox.fault(method="POST", **fault)
    with pytest.raises(Unavailable):
        effects_of(desk).apply(proposal)
    effects_of(desk).apply(proposal)
    assert len(desk.notes(iid, "reply")) == 1
    assert desk.note_awards(iid) == [("white_check_mark", "trivet", note)]


@pytest.mark.parametrize("below", ["the question", "the answer"])
def test_an_answer_beside_counts_also_where_somebody_made_a_thread_since(desk: Desk, below: str) -> None:
    iid, thread, _, proposal = lone(desk)
    effects_of(desk).apply(proposal)
    ours = next(one.discussion for one in notes_there(desk, iid) if one.author == "trivet")
    desk.sandbox.comment(iid, "I see", discussion=thread if below == "the question" else ours)
    with desk.writes() as writes:
        effects_of(desk).apply(proposal)
        assert writes() == []
    assert len(desk.notes(iid, "reply")) == 1


@pytest.mark.parametrize("author", ["ada", "trivet"])
def test_a_copied_or_forged_answer_does_not_pass_for_ours(desk: Desk, author: str) -> None:
    iid, _, note, proposal = lone(desk)
    mark = Mark("ask", "reply", f"answer:{note}", desk.read(iid).head)
    secret = SECRET if author == "ada" else "another-" + "secret-of-somebody"
    desk.sandbox.comment(iid, attach("no", desk.book(iid, secret).write(mark)), user=author)
    effects_of(desk).apply(proposal)
    assert "Because of this." in words(desk.notes(iid, "reply"))


# --- what not everybody may read


def test_an_internal_note_that_stands_alone_is_answered_by_an_internal_one(any_desk: Desk) -> None:
    iid, _, note, proposal = lone(any_desk, internal=True)
    effects_of(any_desk).apply(proposal)
    assert [(one.author, one.internal) for one in notes_there(any_desk, iid)] == [
        ("ada", True),
        ("trivet", True),
    ]
    assert any_desk.note_awards(iid) == [("white_check_mark", "trivet", note)]


def test_an_internal_thread_is_answered_below(desk: Desk) -> None:
    iid, thread, _, proposal = lone(desk, internal=True, threaded=True)
    effects_of(desk).apply(proposal)
    assert [(one.discussion, one.internal) for one in notes_there(desk, iid)] == [(thread, True)] * 2


@pytest.mark.parametrize("status", [400, 403])
def test_who_may_not_write_internal_notes_only_reacts(desk: Desk, status: int) -> None:
    iid, _, note, proposal = lone(desk, internal=True)
    desk.sandbox.fault(path="/notes$", method="POST", status=status)
    outcomes = by_key(effects_of(desk).apply(proposal))
    assert outcomes[f"answer:{note}"][0] == "refused"
    assert desk.notes(iid) == []
    assert desk.note_awards(iid) == [("warning", "trivet", note)]


def test_what_answers_an_internal_note_is_not_said_in_a_public_thread(desk: Desk) -> None:
    iid, (thread,) = reviewed(desk, 2)
    note = desk.sandbox.comment(iid, "/trivet resolve", internal=True)["id"]
    right = answer(thread, note, key=f"dismissed:{note}", resolves=True, finding="key.of.2")
    outcomes = by_key(effects_of(desk).apply(conversation(desk, iid, note, right)))
    assert outcomes[right.key] == ("refused", IN_PUBLIC)
    assert desk.notes(iid, "reply") == []
    quiet = right.model_copy(update={"body": ""})
    effects_of(desk).apply(conversation(desk, iid, note, quiet))
    assert desk.is_closed(iid, thread)


def test_what_is_meant_to_be_internal_is_so_though_the_question_is_public(desk: Desk) -> None:
    iid, thread, note, _ = lone(desk)
    reply = answer(thread, note, internal=True)
    effects_of(desk).apply(conversation(desk, iid, note, reply))
    assert [one.internal for one in notes_there(desk, iid)] == [False, True]


def test_an_answer_in_a_closed_thread_leaves_it_closed(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    desk.resolve(iid, thread, user="ada")
    effects_of(desk).apply(conversation(desk, iid, note, answer(thread, note)))
    assert desk.is_closed(iid, thread)
    assert resolver(desk, iid, thread) == "ada"


def test_who_merges_at_once_is_still_answered(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    proposal = conversation(desk, iid, note, answer(thread, note))
    desk.sandbox.act(iid, "close", user="grace")
    effects_of(desk).apply(proposal)
    assert len(desk.notes(iid, "reply")) == 1


def test_an_answer_about_an_older_head_is_given_to_nobody(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    proposal = conversation(desk, iid, note, answer(thread, note))
    head = desk.push(iid, {"more.txt": "more\n"})
    with pytest.raises(Superseded) as moved:
        effects_of(desk).apply(proposal)
    assert moved.value.head == head
    assert desk.notes(iid, "reply") == []


def test_an_answer_of_another_agent_does_not_count_as_ours(desk: Desk) -> None:
    iid, (thread,), note = asked(desk)
    mark = Mark("pages", "reply", f"answer:{note}", desk.read(iid).head)
    body = attach("something else", desk.book(iid, SECRET).write(mark))
    desk.sandbox.comment(iid, body, user="trivet", discussion=thread)
    effects_of(desk).apply(conversation(desk, iid, note, answer(thread, note)))
    assert words(desk.notes(iid, "reply")) == ["something else", "Because of this."]


def test_only_a_review_posts_and_keeps_findings(desk: Desk) -> None:
    iid, _, note = asked(desk)
    proposal = conversation(desk, iid, note, desk.finding(iid, 7), moved(desk, iid))
    outcomes = effects_of(desk).apply(proposal)
    assert [one.result for one in outcomes] == ["refused", "refused", "done"]
    assert desk.lines(iid) == [2]


def test_an_answer_keeps_the_pace(desk: Desk) -> None:
    def pace() -> None:
        raise Unavailable("slower", retry_after=7)

    iid, (thread,), note = asked(desk)
    with pytest.raises(Unavailable):
        desk.effects(pace=pace).writer(conversation(desk, iid, note))(answer(thread, note))
    assert desk.notes(iid, "reply") == []
