"""What an event starts is decided by the event and the operator's policy alone."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.events import (
    BranchPushed,
    EmojiAwarded,
    Event,
    Ignored,
    MergeRequestChanged,
    NoteWritten,
    Person,
    PipelineChanged,
    Project,
    TagPushed,
)
from bot.routing import JobRequest, Routing, ends, route

HEAD = "a" * 40
AT = "2026-11-22T10:00:00.000Z"
SHOP = Project(id=42, path="group/shop")
ANN = Person(id=7, username="ann")
BOT = Person(id=9, username="trivet")
POLICY = Routing(projects=("group/*",), bot_id=9, bot_name="trivet")
STRANGER = Routing(projects=("group/*",))


def change(action: str = "opened", **fields: Any) -> MergeRequestChanged:
    given = {"project": SHOP, "iid": 3, "action": action, "head": HEAD, "actor": ANN, "at": AT}
    return MergeRequestChanged(**given | fields)


RENOVATE = Person(id=70, username="group_12_bot_9f3c2a")


def note(body: str = "@trivet review", **fields: Any) -> NoteWritten:
    given = {
        "project": SHOP,
        "iid": 3,
        "noteable": "MergeRequest",
        "note": 77,
        "discussion": "d",
        "author": ANN,
    }
    return NoteWritten(**given | {"body": body, "head": HEAD} | fields)


QUIET: list[Event] = [
    EmojiAwarded(project=SHOP, iid=3, note=None, name="thumbsup", actor=ANN),
    BranchPushed(project=SHOP, branch="main", before=HEAD, after=HEAD, actor=ANN),
    TagPushed(project=SHOP, tag="v1", before=HEAD, after=HEAD, actor=ANN),
    PipelineChanged(project=SHOP, pipeline=1, iid=3, ref="main", sha=HEAD, status="failed"),
]


def started(event: Event, policy: Routing = POLICY) -> JobRequest:
    requests = route(event, policy)
    assert isinstance(requests, list)
    assert len(requests) == 1
    return requests[0]


def reason(event: Event, policy: Routing = POLICY) -> str:
    answer = route(event, policy)
    assert isinstance(answer, Ignored)
    assert not answer.unknown
    return answer.reason


@pytest.mark.parametrize(
    ("event", "trigger"),
    [
        (change("opened"), "opened"),
        (change("opened", draft=True), "opened"),
        (change("reopened"), "reopened"),
        (change("updated", pushed=True), "pushed"),
    ],
)
def test_new_commits_are_reviewed_once_for_their_head(event: MergeRequestChanged, trigger: str) -> None:
    assert started(event) == JobRequest(
        agent="review",
        project="group/shop",
        project_id=42,
        iid=3,
        trigger=trigger,
        key=f"review:42:3:{HEAD}",
        head=HEAD,
    )


def test_becoming_ready_is_a_run_of_its_own() -> None:
    request = started(change("updated", became_ready=True, pushed=True))
    assert (request.trigger, request.key) == ("became_ready", f"review:42:3:{HEAD}:ready")


def test_the_bot_being_asked_is_a_run_each_time() -> None:
    request = started(change("updated", asked=(5, 9)))
    assert (request.trigger, request.key) == ("asked", f"review:42:3:{HEAD}:asked:{AT}")
    assert (request.person, request.reviewers) == (7, (5, 9))
    assert started(change("updated", asked=(9,), at="later")).key != request.key


def test_someone_else_being_asked_starts_nothing() -> None:
    assert reason(change("updated", asked=(5,))) == "someone else was asked to review"


def test_while_the_bot_is_unknown_any_request_may_be_meant_for_it() -> None:
    request = started(change("updated", asked=(5,)), STRANGER)
    assert (request.trigger, request.reviewers) == ("asked", (5,))


@pytest.mark.parametrize("policy", [POLICY, STRANGER])
def test_a_push_is_reviewed_even_when_someone_else_is_asked_with_it(policy: Routing) -> None:
    request = started(change("updated", pushed=True, asked=(5,)), policy)
    assert (request.trigger, request.reviewers) == ("pushed", ())


def test_an_update_without_a_trigger_starts_nothing() -> None:
    assert "no agent" in reason(change("updated"))


@pytest.mark.parametrize("action", ["merged", "closed"])
def test_a_merge_request_that_ends_starts_nothing_and_names_what_to_stop(action: str) -> None:
    event = change(action, actor=BOT)
    assert "merged or closed" in reason(event)
    assert ends(event) == "gitlab:42:3"


@pytest.mark.parametrize("event", [*QUIET, note(), change("opened"), change("reopened"), change("updated")])
def test_nothing_else_ends_a_target(event: Event) -> None:
    assert ends(event) is None


@pytest.mark.parametrize("event", QUIET)
def test_without_a_confluence_reactions_pushes_tags_and_pipelines_start_nothing(event: Event) -> None:
    assert any(words in reason(event) for words in ("no agent is started by", "thumbs-up", "no Confluence"))


@pytest.mark.parametrize("body", ["@trivet review", "/trivet review", "Thanks!\n\n@trivet review"])
@pytest.mark.parametrize("internal", [False, True])
def test_a_command_in_a_note_starts_its_agent_for_the_author(body: str, internal: bool) -> None:
    assert started(note(body, internal=internal)) == JobRequest(
        agent="review",
        project="group/shop",
        project_id=42,
        iid=3,
        trigger="command",
        key="review:42:3:note:77",
        head=HEAD,
        person=7,
        note=77,
        thread=note().discussion,
    )


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (note("looks good"), "no command"),
        (note("`/trivet review`"), "no command"),
        (note("> /trivet review"), "no command"),
        (note(edited=True), "edited"),
        (note(noteable="Issue", iid=None), "merge requests only"),
        (note(noteable="Commit", iid=None, body="/trivet review"), "merge requests only"),
        (note("/trivet review", author=RENOVATE), "other bots are not answered"),
        (note("I rebased this.", author=RENOVATE, threaded=True), "other bots are not answered"),
    ],
)
def test_any_other_note_says_why_it_starts_nothing(event: NoteWritten, words: str) -> None:
    assert words in reason(event)


def test_a_review_of_everything_is_asked_for_by_a_word() -> None:
    assert started(note("/trivet review full")).full
    assert not started(note("/trivet review")).full


@pytest.mark.parametrize(
    "body",
    [
        "/trivet ask why?",
        "/trivet explain",
        "/trivet resolve",
        "/trivet pause",
        "/trivet resume",
        "/trivet help",
    ],
)
def test_every_other_command_is_for_the_agent_that_talks(body: str) -> None:
    request = started(note(body))
    assert (request.agent, request.trigger, request.note, request.key) == (
        "ask",
        "command",
        77,
        "ask:42:3:note:77",
    )


def test_a_word_that_is_no_command_is_for_the_agent_that_talks_too() -> None:
    assert started(note("/trivet reviwe")).agent == "ask"


def test_a_reply_in_a_thread_may_be_for_the_bot_and_a_note_alone_is_not() -> None:
    request = started(note("Why is that wrong?", threaded=True))
    assert (request.agent, request.trigger, request.note, request.person) == ("ask", "reply", 77, 7)
    assert reason(note("Why is that wrong?")) == "the note holds no command"


def test_of_two_commands_in_one_note_the_first_counts() -> None:
    assert started(note("/trivet pause\n/trivet review")).agent == "ask"
    assert started(note("/trivet review\n/trivet pause")).agent == "review"


@pytest.mark.parametrize(
    "event", [note(author=BOT), change("opened", actor=BOT), change("updated", asked=(9,), actor=BOT)]
)
def test_the_bot_never_answers_itself(event: Event) -> None:
    assert reason(event) == "the bot did this itself"


def test_the_bot_is_known_by_name_where_no_id_was_sent() -> None:
    assert reason(change(actor=Person(id=0, username="trivet"))) == "the bot did this itself"


@pytest.mark.parametrize("event", [change("opened"), change("merged"), note(), *QUIET])
@pytest.mark.parametrize("projects", [(), ("other/*",), ("group",), ("",), ("group/sho",), ("roup/shop",)])
def test_a_project_nobody_listed_starts_nothing_and_names_the_setting(
    event: Event, projects: tuple[str, ...]
) -> None:
    words = reason(event, Routing(projects=projects))
    assert "TRIVET_GITLAB__PROJECTS" in words
    assert "group/shop" in words


@pytest.mark.parametrize(
    ("pattern", "path", "served"),
    [
        ("group/shop", "group/shop", True),
        ("Group/SHOP", "group/shop", True),
        (" /group/shop/ ", "group/shop", True),
        ("group/*", "group/sub/shop", False),
        ("group/**", "group/shop", True),
        ("group/**", "group/a/b/c", True),
        ("group/**", "group", False),
        ("group/**", "groups/shop", False),
        ("group/**/shop", "group/shop", True),
        ("group/**/shop", "group/a/b/shop", True),
        ("group/**/shop", "group/workshop", False),
        ("group/sh*", "group/shop", True),
        ("group/sh*", "group/ship/x", False),
        ("**", "any/thing", True),
        ("*", "any/thing", False),
        ("group/s.op", "group/shop", False),
        ("group/shop|x", "group/shop", False),
        ("group/[a-z]+", "group/shop", False),
        ("group/ſhop", "group/shop", False),
    ],
)
def test_a_pattern_serves_whole_paths_in_any_case(pattern: str, path: str, served: bool) -> None:
    assert Routing(projects=("x/y", pattern)).serves(path) is served


segments = st.text("ab-_.", min_size=1, max_size=4)
paths = st.lists(segments, min_size=2, max_size=5).map("/".join)


@settings(max_examples=150)
@given(path=paths, other=paths)
def test_a_path_serves_itself_alone_and_its_group_all_below(path: str, other: str) -> None:
    group = path.rpartition("/")[0]
    assert Routing(projects=(path,)).serves(other) == (path == other)
    assert Routing(projects=(f"{group}/*",)).serves(other) == (other.rpartition("/")[0] == group)
    assert Routing(projects=(f"{group}/**",)).serves(other) == other.startswith(f"{group}/")


@settings(max_examples=100)
@given(
    one=st.builds(
        change, st.sampled_from(["opened", "reopened"]), iid=st.integers(1, 3), at=st.sampled_from("ab")
    ),
    other=st.builds(
        change,
        st.just("updated"),
        iid=st.integers(1, 3),
        pushed=st.just(True),
        head=st.sampled_from([HEAD, "b" * 40]),
        at=st.sampled_from("ab"),
    ),
)
def test_requests_are_one_run_exactly_when_merge_request_and_head_are_the_same(
    one: MergeRequestChanged, other: MergeRequestChanged
) -> None:
    same = (one.iid, one.head) == (other.iid, other.head)
    assert (started(one).key == started(other).key) is same


def test_a_request_survives_being_stored() -> None:
    request = started(change("updated", asked=(9,)))
    assert JobRequest.model_validate_json(request.model_dump_json()) == request
