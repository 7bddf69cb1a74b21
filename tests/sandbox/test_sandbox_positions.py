"""Where a note may stand, and that everything else is refused as GitLab refuses it."""

import hashlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox import changes, positions
from bot.sandbox.model import MergeRequest, State
from bot.sandbox.refusals import Invalid
from tests.sandbox_server import Reply, SandboxServer

REQUEST = "/projects/acme%2Fshop/merge_requests/1"
NOT_A_LINE = '400 Bad request - Note {:line_code=>["can\'t be blank", "must be a valid line code"]}'
INCOMPLETE = NOT_A_LINE.replace("]}", '], :position=>["is incomplete"]}')
BAD_SCHEMA = '400 Bad request - Note {:position=>["must be a valid json schema"]}'
BEFORE = "".join(f"{number}\n" for number in range(1, 21))
AFTER = BEFORE.replace("10\n", "ten\nten and a half\n")  # one line removed, two added: 11 is now 12


class Place:
    """A merge request: `edit.txt` changed, `old.txt` renamed to `new.txt`, `gone.txt` removed, `pixel.bin` added."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        sandbox.push(
            "main", {"edit.txt": BEFORE, "old.txt": BEFORE, "gone.txt": "1\n2\n", "same.txt": BEFORE}
        )
        renamed = {"old.txt": None, "new.txt": BEFORE + "last\n", "gone.txt": None}
        sandbox.merge_request(files={"edit.txt": AFTER, "pixel.bin": b"\0\1", **renamed})
        self.refs = sandbox.api("GET", REQUEST).body["diff_refs"]

    def position(self, path: str = "edit.txt", **fields: Any) -> dict[str, Any]:
        return {**self.refs, "position_type": "text", "old_path": path, "new_path": path, **fields}

    def discuss(self, position: Any) -> Reply:
        return self.sandbox.api("POST", f"{REQUEST}/discussions", {"body": "Hm", "position": position})

    def draft(self, position: Any) -> Reply:
        return self.sandbox.api("POST", f"{REQUEST}/draft_notes", {"note": "Hm", "position": position})


@pytest.fixture
def place(sandbox: SandboxServer) -> Place:
    return Place(sandbox)


def code(path: str, old: int, new: int) -> str:
    return f"{hashlib.sha1(path.encode()).hexdigest()}_{old}_{new}"


RIGHT: list[dict[str, Any]] = [
    {"new_line": 10},
    {"new_line": 11},
    {"old_line": 10},
    {"old_line": 9, "new_line": 9},
    {"old_line": 11, "new_line": 12},
    {"old_line": 1, "new_line": 1},
    {"old_line": 20, "new_line": 21},
    {"old_path": "old.txt", "new_path": "new.txt", "new_line": 21},
    {"path": "gone.txt", "old_line": 2},
]
WRONG: list[dict[str, Any]] = [
    {"new_line": 9},
    {"old_line": 9},
    {"new_line": 12},
    {"new_line": 0},
    {"new_line": -1},
    {"new_line": 22},
    {"old_line": 21},
    {"old_line": 10, "new_line": 10},
    {"old_line": 11, "new_line": 11},
    {"old_line": 21, "new_line": 22},
    {"path": "new.txt", "new_line": 21},
    {"path": "old.txt", "old_line": 1},
    {"path": "same.txt", "old_line": 1, "new_line": 1},
    {"path": "none.txt", "new_line": 1},
    {"path": "gone.txt", "new_line": 1},
    {"path": "pixel.bin", "new_line": 1},
    {"new_line": 10, "head_sha": "1" * 40},
    {"new_line": 10, "base_sha": "1" * 40},
    {"new_line": 10, "start_sha": "1" * 40},
]


def test_right_places_are_taken_with_their_line_codes(place: Place) -> None:
    for fields in RIGHT:
        assert place.discuss(place.position(**fields)).status == 201, fields
        assert place.draft(place.position(**fields)).status == 201, fields
    codes = [one["line_code"] for one in place.sandbox.api("GET", f"{REQUEST}/draft_notes").body]
    assert codes[:5] == [code("edit.txt", *pair) for pair in ((11, 10), (11, 11), (10, 10), (9, 9), (11, 12))]
    assert codes[7:] == [code("new.txt", 21, 21), code("gone.txt", 2, 0)]


def test_wrong_places_are_refused_in_gitlabs_words(place: Place) -> None:
    for fields in WRONG:
        reply = place.discuss(place.position(**fields))
        assert (reply.status, reply.body) == (400, {"message": NOT_A_LINE}), fields
        draft = place.draft(place.position(**fields))
        assert draft.status == 400, fields
        assert draft.body == {"message": {"line_code": ["can't be blank", "must be a valid line code"]}}
    assert not place.sandbox.merge_request_state(1)["discussions"]


@pytest.mark.parametrize(
    "fields", [{}, {"new_line": None}, {"new_line": 10, "old_path": None}, {"new_path": ""}]
)
def test_a_text_position_without_line_or_path_is_incomplete(place: Place, fields: dict[str, Any]) -> None:
    assert place.discuss(place.position(**fields)).body == {"message": INCOMPLETE}


@pytest.mark.parametrize(
    "fields",
    [
        {"new_line": "10"},
        {"new_line": 10.0},
        {"new_line": True},
        {"new_line": 10, "line": 10},
        {"new_line": 10, "line_range": []},
        {"new_line": 10, "line_range": {"start": {"line_code": 1}}},
        {"new_line": 10, "line_range": {"start": {}, "finish": {}}},
        {"new_line": 10, "line_range": {"start": {"line": 1}}},
        {"new_line": 10, "line_range": {"end": {"new_line": "10"}}},
        {"new_line": 10, "old_path": "x" * 1001},
        {"new_line": 10, "head_sha": "1" * 65},
    ],
)
def test_a_position_of_another_shape_fails_the_schema(place: Place, fields: dict[str, Any]) -> None:
    assert place.discuss(place.position(**fields)).body == {"message": BAD_SCHEMA}
    assert place.draft(place.position(**fields)).body == {
        "message": {"position": ["must be a valid json schema"]}
    }


def test_parameters_missing_are_named(place: Place) -> None:
    assert place.discuss({"position_type": "text", "head_sha": "1"}).body == {
        "error": "position[base_sha] is missing, position[start_sha] is missing"
    }
    kind = place.discuss(place.position(position_type="word"))
    assert kind.body == {"error": "position[position_type] does not have a valid value"}
    assert place.discuss("here").body == {"error": "position is invalid"}


def ends(start: dict[str, Any], end: dict[str, Any]) -> dict[str, Any]:
    return {"line_range": {"start": start, "end": end}}


def added(line: int, **fields: Any) -> dict[str, Any]:
    return {"line_code": code("edit.txt", 11, line), "type": "new", "new_line": line, **fields}


CONTEXT = {"line_code": code("edit.txt", 9, 9), "type": "old", "old_line": 9, "new_line": 9}
REMOVED = {"line_code": code("edit.txt", 10, 10), "type": "old", "old_line": 10}


def test_a_span_needs_both_ends_right(place: Place) -> None:
    for start in (added(10), CONTEXT, CONTEXT | {"type": None}, REMOVED):
        assert place.discuss(place.position(new_line=11, **ends(start, added(11)))).status == 201, start
    assert place.discuss(place.position(new_line=10, **ends(added(10), added(10)))).status == 201
    wrong = [
        (10, added(10), added(11)),
        (10, added(11), added(10)),
        (11, added(10, type="old"), added(11)),
        (11, added(10, type=None), added(11)),
        (11, added(10, new_line=11), added(11)),
        (11, added(10, line_code=code("edit.txt", 0, 10)), added(11)),
        (11, added(10, line_code=code("other.txt", 11, 10)), added(11)),
        (11, CONTEXT | {"type": "new"}, added(11)),
        (11, REMOVED | {"type": "new"}, added(11)),
        (11, {}, added(11)),
    ]
    for line, start, end in wrong:
        assert place.discuss(place.position(new_line=line, **ends(start, end))).status == 400, (
            line,
            start,
            end,
        )
    assert place.discuss(place.position(new_line=11, line_range={"end": added(11)})).status == 400


def test_a_file_position_needs_a_file_of_the_diff_and_no_line(place: Place) -> None:
    for path in ("edit.txt", "gone.txt", "pixel.bin"):
        assert place.discuss(place.position(path, position_type="file")).status == 201
    incomplete = '400 Bad request - Note {:position=>["is incomplete"]}'
    for fields in ({"path": "same.txt"}, {"path": "new.txt"}, {"new_line": 10}):
        reply = place.discuss(place.position(position_type="file", **fields))
        assert reply.body == {"message": incomplete}, fields


def test_an_older_version_may_be_commented_and_another_merge_requests_may_not(place: Place) -> None:
    older = place.position(new_line=10)
    place.sandbox.push("feature", {"edit.txt": BEFORE})
    assert place.discuss(older).status == 201
    other = place.sandbox.merge_request("Other", {"edit.txt": AFTER}, source="other")
    refs = place.sandbox.api("GET", REQUEST.replace("/1", f"/{other}")).body["diff_refs"]
    assert place.discuss(place.position(new_line=10, **refs)).body == {"message": NOT_A_LINE}


def test_while_the_diff_is_prepared_no_position_is_taken(place: Place) -> None:
    place.sandbox.act(1, "preparing")
    words = '400 Bad request - Note {:noteable=>["doesn\'t support new-style diff notes"]}'
    assert place.discuss(place.position(new_line=10)).body == {"message": words}


def test_threads_follow_their_lines_and_are_outdated_when_they_go(place: Place) -> None:
    span = ends(added(10), added(11))
    for fields in (
        {"new_line": 10},
        {"new_line": 11, **span},
        {"old_line": 10},
        {"old_line": 11, "new_line": 12},
    ):
        assert place.discuss(place.position(**fields)).status == 201
    assert place.discuss(place.position("gone.txt", position_type="file")).status == 201
    head = place.sandbox.push(
        "feature", {"edit.txt": "first\n" + AFTER.replace("ten\n", "TEN\n", 1), "gone.txt": "1\n2\n"}
    )
    threads = place.sandbox.merge_request_state(1)["discussions"]
    assert [thread["outdated"] for thread in threads] == [True, False, False, False, True]
    now = [
        (thread["position"].get("old_line"), thread["position"].get("new_line")) for thread in threads[1:4]
    ]
    assert now == [(None, 12), (10, None), (11, 13)]
    assert {thread["position"]["head_sha"] for thread in threads[1:4]} == {head}
    assert threads[1]["position"]["line_range"] is None, "the line it began on is gone"


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> State:
    state = State(tmp_path_factory.mktemp("laboratory"))
    ada = state.add_user("ada")
    project = state.add_project("acme/lab")
    project.members[ada.id] = 40
    changes.push(state, project, ada, "main", "Begin", {"README": "x\n"})
    return state


TEXT = st.lists(st.sampled_from(["a", "b", "c", "", "}"]), max_size=12).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)
ENDING = st.sampled_from(["", "end", "end\r", "end\n"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.tuples(TEXT, ENDING).map("".join), after=st.tuples(TEXT, ENDING).map("".join))
def test_exactly_the_right_pairs_are_taken(laboratory: State, before: str, after: str) -> None:
    """The pairs taken, read in order, must rebuild both files from nothing but their own text.

    Removed and context lines are all of the old file, added and context lines all of the new one, in order, and a
    context line says the same on both sides: so says the definition of a diff, whichever one git chose.
    """
    if before == after:
        return
    request = edited(laboratory, before, after)
    old, new = before.split("\n"), after.split("\n")
    old, new = old[:-1] if before.endswith("\n") else old, new[:-1] if after.endswith("\n") else new
    old, new = (old if before else []), (new if after else [])
    sides = ([None, *range(-1, len(old) + 3)], [None, *range(-1, len(new) + 3)])
    taken = [(one, other) for one in sides[0] for other in sides[1] if accepts(request, one, other)]
    removed = [one for one, other in taken if one is not None and other is None]
    added_lines = [other for one, other in taken if other is not None and one is None]
    context = [(one, other) for one, other in taken if one is not None and other is not None]
    assert sorted(removed + [one for one, _ in context]) == list(range(1, len(old) + 1))
    assert sorted(added_lines + [other for _, other in context]) == list(range(1, len(new) + 1))
    assert sorted(context) == sorted(context, key=lambda pair: pair[1])
    last = {"old": len(old), "new": len(new)}
    for one, other in context:
        closed = (
            one == last["old"] and not before.endswith("\n"),
            other == last["new"] and not after.endswith("\n"),
        )
        assert (old[one - 1], closed[0]) == (new[other - 1], closed[1])


def edited(state: State, before: str, after: str) -> MergeRequest:
    project, ada = state.projects[0], state.users[0]
    number = len(project.merge_requests)
    changes.push(
        state, project, ada, f"from-{number}", "Before", {"file": before, "n": f"{number}"}, start="main"
    )
    changes.push(state, project, ada, f"to-{number}", "After", {"file": after}, start=f"from-{number}")
    return changes.open_merge_request(state, project, ada, f"to-{number}", f"from-{number}", "Edit")


def accepts(request: MergeRequest, old: int | None, new: int | None) -> bool:
    version = request.version
    position = {
        "base_sha": version.base,
        "start_sha": version.start,
        "head_sha": version.head,
        "position_type": "text",
        "old_path": "file",
        "new_path": "file",
        "old_line": old,
        "new_line": new,
    }
    try:
        return positions.checked(position, request) is not None
    except Invalid:
        return False
