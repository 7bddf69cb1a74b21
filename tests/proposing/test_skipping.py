"""Who and what is not reviewed, and when a review waits."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.bots import is_bot_name
from bot.domain.change import MergeRequest, Target
from bot.domain.events import Person
from bot.domain.marks import Mark
from bot.domain.notes import Note
from bot.domain.repo_config import RepoConfig, load
from bot.domain.secrets import Redactor
from bot.errors import NotAllowed, Postponed, Stopped, Superseded
from bot.proposing.means import Means
from bot.proposing.skipping import (
    is_not_busy,
    is_not_paused,
    is_not_reviewed,
    is_not_skipped,
    is_open,
    is_wanted,
)
from bot.routing import JobRequest
from tests.doubles import REQUEST

BOT = Person(id=99, username="trivet")
ADA, GUS = 5, 6
MEMBERS = {ADA: 30, GUS: 10}
BY_ITSELF = ("opened", "pushed", "reopened", "became_ready", "retargeted", "pipeline", "resumed")
ASKED_FOR = ("command", "asked", "shell")
RENOVATE = 70


class Reader:
    """Knows when there were pushes, and what role people have."""

    def __init__(self, pushes: Sequence[float] = ()) -> None:
        self.times = pushes
        self.asked: list[str] = []

    def pushes(self, request: MergeRequest) -> Sequence[float]:
        self.asked.append("pushes")
        return self.times

    def access_level(self, target: Target, user_id: int) -> int:
        self.asked.append("access_level")
        return MEMBERS.get(user_id, 0)

    def is_bot(self, user_id: int) -> bool:
        return user_id == RENOVATE


def means(reader: Reader | None = None, me: Person | None = BOT) -> Means:
    return Means(reader=reader or Reader(), agent=None, redactor=Redactor(), me=me)  # type: ignore[arg-type]


def request(trigger: str, **fields: Any) -> JobRequest:
    return JobRequest(agent="review", project="acme/shop", iid=7, trigger=trigger, key="k", **fields)


def config(text: str = "") -> RepoConfig:
    read, complaint = load(text.encode())
    assert complaint is None
    return read


def said(number: int, body: str, author: int = ADA, name: str = "ada") -> Note:
    return Note(id=number, author_id=author, author=name, body=body, discussion=f"d{number}")


def stopped(trigger: str, text: str = "", **fields: Any) -> Stopped | None:
    try:
        is_not_skipped(request(trigger), replace(REQUEST, **fields), config(text), BOT)
    except Stopped as stop:
        return stop
    return None


def paused(
    trigger: str, *notes: Note, pushes: Sequence[float] = (), text: str = ""
) -> Stopped | Postponed | None:
    try:
        is_not_paused(request(trigger), REQUEST, notes, means())
        is_not_busy(request(trigger), REQUEST, config(text), means(Reader(pushes)))
    except (Stopped, Postponed) as end:
        return end
    return None


# --- who ---


def test_who_commands_without_a_role_is_not_allowed_and_a_member_is() -> None:
    with pytest.raises(NotAllowed):
        is_wanted(request("command", person=GUS), REQUEST, means())
    is_wanted(request("command", person=ADA), REQUEST, means())


def test_another_bots_command_is_not_answered_whatever_its_role() -> None:
    with pytest.raises(Stopped, match="other bots") as stop:
        is_wanted(request("command", person=RENOVATE), REQUEST, means())
    assert not isinstance(stop.value, NotAllowed)


def test_a_push_of_somebody_without_a_role_is_reviewed_and_nobody_asks_for_it() -> None:
    reader = Reader()
    is_wanted(request("pushed", person=GUS), REQUEST, means(reader))
    assert reader.asked == []


def test_the_bot_does_not_answer_itself_and_somebody_elses_review_is_theirs() -> None:
    with pytest.raises(Stopped, match="does not answer itself"):
        is_wanted(request("command", person=BOT.id), REQUEST, means())
    with pytest.raises(Stopped, match="somebody else was asked"):
        is_wanted(request("asked", reviewers=(ADA,)), REQUEST, means())
    is_wanted(request("asked", reviewers=(ADA, BOT.id)), REQUEST, means())


@pytest.mark.parametrize("state", ["merged", "closed", "locked"])
def test_what_is_over_is_not_reviewed(state: str) -> None:
    with pytest.raises(Superseded, match=state):
        is_open(replace(REQUEST, state=state))  # type: ignore[arg-type]


# --- what ---

SKIPPED: list[tuple[dict[str, Any], str, str]] = [
    ({"draft": True}, "", "a draft"),
    ({"title": "chore(deps): raise all"}, 'review: {skip_titles: ["^chore"]}', "skip_titles"),
    ({"labels": ("docs", "No-Review")}, "review: {skip_labels: [no-review]}", "label No-Review"),
    ({"author": "renovate-bot", "author_id": 70}, "", "opened by renovate-bot, a bot"),
    ({"author": "project_7_bot_9f3c", "author_id": 71}, "", "a bot"),
]


@pytest.mark.parametrize("trigger", BY_ITSELF)
@pytest.mark.parametrize(("fields", "text", "why"), SKIPPED)
def test_what_the_repository_does_not_want_is_not_reviewed_by_itself(
    trigger: str, fields: dict[str, Any], text: str, why: str
) -> None:
    stop = stopped(trigger, text, **fields)
    assert stop is not None
    assert why in str(stop)


@pytest.mark.parametrize("trigger", ASKED_FOR)
@pytest.mark.parametrize(("fields", "text", "why"), SKIPPED)
def test_a_person_who_asks_for_it_gets_a_review_of_anything(
    trigger: str, fields: dict[str, Any], text: str, why: str
) -> None:
    assert stopped(trigger, text, **fields) is None


def test_what_a_person_can_change_may_be_run_again_and_the_author_stays() -> None:
    ends = [stopped("pushed", text, **fields) for fields, text, _ in SKIPPED]
    assert [end and end.again for end in ends] == [True, True, True, False, False]


def test_a_repository_may_want_drafts_and_the_merge_requests_of_bots() -> None:
    assert stopped("opened", "review: {drafts: true}", draft=True) is None
    assert stopped("opened", "review: {bots: true}", author="renovate-bot", author_id=70) is None


def test_what_the_bot_opened_itself_is_reviewed_when_people_push_to_it() -> None:
    ours: dict[str, Any] = {"author": "project_7_bot_9f3c", "author_id": BOT.id}
    assert is_bot_name(ours["author"])
    assert stopped("pushed", **ours) is None
    with pytest.raises(Stopped, match="a bot"):
        is_not_skipped(request("pushed"), replace(REQUEST, **ours), config(), None)


def test_a_person_whose_name_merely_ends_like_a_bots_is_reviewed() -> None:
    assert stopped("opened", author="talbot", author_id=8) is None


def test_a_head_is_reviewed_once_unless_somebody_asks_or_the_target_is_another() -> None:
    marks = [Mark("review", "summary", "summary", REQUEST.head)]
    for trigger in ("opened", "pushed", "pipeline", "resumed"):
        with pytest.raises(Stopped, match="already reviewed at aaaaaaaa"):
            is_not_reviewed(request(trigger), REQUEST, marks)
    for trigger in (*ASKED_FOR, "retargeted"):
        is_not_reviewed(request(trigger), REQUEST, marks)
    is_not_reviewed(request("pushed"), replace(REQUEST, head="c" * 40), marks)


# --- when ---


@pytest.mark.parametrize("trigger", ["pushed", "reopened", "retargeted"])
def test_a_member_who_pauses_is_named_and_the_same_request_may_run_again(trigger: str) -> None:
    end = paused(trigger, said(1, "/trivet pause"))
    assert isinstance(end, Stopped)
    assert end.again
    assert str(end) == "ada paused the reviews of acme/shop!7: the command `resume` goes on"


@pytest.mark.parametrize("trigger", ["opened", "became_ready", "resumed", "pipeline", *ASKED_FOR])
def test_what_is_asked_for_or_begins_is_reviewed_though_reviews_are_paused(trigger: str) -> None:
    assert paused(trigger, said(1, "/trivet pause"), pushes=[time.time()] * 9) is None


def test_only_a_member_pauses_and_a_later_resume_ends_it() -> None:
    assert paused("pushed", said(1, "/trivet pause", GUS, "gus")) is None
    assert paused("pushed", said(1, "/trivet pause"), said(2, "/trivet resume")) is None
    assert paused("pushed", said(1, "/trivet pause"), said(2, "/trivet resume", GUS, "gus"))


def test_a_busy_merge_request_waits_until_it_has_been_quiet_for_minutes() -> None:
    now = time.time()
    opened, pushes = now - 3_000, [now - 120, now - 300, now - 600]
    end = paused("pushed", pushes=[*pushes, opened])
    assert isinstance(end, Postponed)
    assert 170 <= end.seconds <= 180
    assert "pushed to again and again" in str(end)
    assert paused("pushed", pushes=[*pushes[:2], opened]) is None
    assert paused("pushed", pushes=[one - 300 for one in (*pushes, opened)]) is None


def test_nothing_waits_longer_than_the_repository_says_whatever_the_clocks_say() -> None:
    ahead = time.time() + 7_200
    end = paused("pushed", pushes=[ahead, ahead - 60, ahead - 9_000], text="review: {pause: {pushes: 2}}")
    assert isinstance(end, Postponed)
    assert end.seconds == 300


def test_the_times_of_pushes_are_asked_for_after_a_push_alone() -> None:
    for trigger, asked in (("pushed", ["pushes"]), ("opened", []), ("retargeted", []), ("pipeline", [])):
        reader = Reader()
        is_not_busy(request(trigger), REQUEST, config(), means(reader))
        assert reader.asked == asked
