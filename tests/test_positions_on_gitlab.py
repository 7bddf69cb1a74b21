"""Our positions before an independent judge: the sandbox's own validator, on random repositories and edits."""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.change import DiffRefs, FileChange, Side
from bot.domain.diff import parse_git_diff
from bot.domain.positions import file_position, position
from bot.sandbox import changes, positions
from bot.sandbox.model import MergeRequest, Project, State, User
from bot.sandbox.refusals import Invalid

NUMBERS = count()
LINE = st.sampled_from(["a", "b", "c", "", "}", "  x", "end\r", "-- x", "++ y", "\tz"])
TEXT = st.lists(LINE, max_size=14).map("\n".join)
FILES = st.dictionaries(
    st.sampled_from(["a.py", "dir/b.txt", "c d.md", "é.txt"]), TEXT, min_size=1, max_size=3
)
EDIT = st.tuples(FILES, FILES, st.booleans())


class Laboratory:
    """A project in which each example is a merge request of its own."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.ada: User = state.add_user("ada")
        self.project: Project = state.add_project("acme/lab")
        self.project.members[self.ada.id] = 40
        changes.push(state, self.project, self.ada, "main", "Begin", {"README": "x\n"})

    def edit(
        self, before: dict[str, str], after: dict[str, str], renames: bool
    ) -> tuple[MergeRequest, DiffRefs]:
        name = f"edit-{next(NUMBERS)}"
        base, head = f"{name}-base", f"{name}-head"
        changes.push(self.state, self.project, self.ada, base, "Before", before)
        gone: dict[str, str | None] = {path: None for path in before if path not in after}
        moved = {f"moved/{path}": text for path, text in before.items()} if renames else {}
        files = {**gone, **after, **moved, "always": f"{name}\n"}
        changes.push(self.state, self.project, self.ada, head, "After", files, start=base)
        request = changes.open_merge_request(self.state, self.project, self.ada, head, base, name)
        version = request.versions[-1]
        return request, DiffRefs(version.base, version.start, version.head)

    def diff(self, refs: DiffRefs) -> list[FileChange]:
        return parse_git_diff(self.project.repository.patch(refs.base, refs.head))


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory(State(tmp_path_factory.mktemp("laboratory")))


def accepts(request: MergeRequest, payload: dict[str, object]) -> bool:
    try:
        positions.checked(payload, request)
    except Invalid:
        return False
    return True


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=EDIT)
def test_every_line_of_a_diff_gets_a_position_that_is_taken_and_no_wrong_one_is(
    laboratory: Laboratory, edit: tuple[dict[str, str], dict[str, str], bool]
) -> None:
    request, refs = laboratory.edit(*edit)
    for file in laboratory.diff(refs):
        whole = file_position(refs, file)
        assert whole is not None
        assert accepts(request, whole.payload())
        for line in file.lines():
            right = (
                position(refs, file, old_line=line.old)
                if line.side is Side.REMOVED
                else position(refs, file, line=line.new)
            )
            assert right is not None
            payload = right.payload()
            assert accepts(request, payload), payload
            for wrong in wrong_pairs(payload):
                assert not accepts(request, wrong), wrong


def wrong_pairs(payload: dict[str, object]) -> list[dict[str, object]]:
    """The same line with the other side's number added, taken away or shifted."""
    old, new = payload.get("old_line"), payload.get("new_line")
    if isinstance(old, int) and isinstance(new, int):
        pairs = [(old, None), (None, new), (old + 1, new), (old, new + 1)]
    elif isinstance(new, int):
        pairs = [(new, new)]
    else:
        pairs = [(old, old)]
    changed = [{**payload, "old_line": one, "new_line": other} for one, other in pairs]
    return [{name: value for name, value in wrong.items() if value is not None} for wrong in changed]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=EDIT, data=st.data())
def test_a_span_of_lines_is_taken_with_its_line_codes(
    laboratory: Laboratory, edit: tuple[dict[str, str], dict[str, str], bool], data: st.DataObject
) -> None:
    request, refs = laboratory.edit(*edit)
    for file in laboratory.diff(refs):
        numbers = [line.new for line in file.lines() if line.new is not None]
        if len(numbers) < 2:
            continue
        first = data.draw(st.integers(0, len(numbers) - 2))
        last = data.draw(st.integers(first + 1, len(numbers) - 1))
        span = position(refs, file, line=numbers[first], end_line=numbers[last])
        assert span is not None
        assert accepts(request, span.payload()), span


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 40), at=st.integers(1, 60))
def test_an_unchanged_line_far_from_the_change_is_taken_with_both_numbers(
    laboratory: Laboratory, seed: int, at: int
) -> None:
    before = "".join(f"line {number}\n" for number in range(60))
    lines = before.splitlines(keepends=True)
    lines[seed : seed + 1] = ["one\n", "two\n", "three\n"]
    request, refs = laboratory.edit({"far.txt": before}, {"far.txt": "".join(lines)}, False)
    (file,) = [one for one in laboratory.diff(refs) if one.path == "far.txt"]
    found = position(refs, file, line=at, head_lines=len(lines))
    assert found is not None
    assert accepts(request, found.payload())
