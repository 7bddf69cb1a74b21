"""What is kept of a run survives its process, comes back as it was, and is data only."""

import asyncio
import multiprocessing
import operator
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_SINGLE_ARG
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from bot.domain.actions import Action, Coverage, Decision, Position, PostFinding, React, UpsertNote
from bot.domain.findings import Finding, Severity, Suggestion
from bot.entry.checkpoints import FILE, Checkpoints, StrictSerializer, checkpoints
from bot.errors import Unavailable, UsageError
from bot.settings import Settings

POSTGRES = os.environ.get("TEST_DATABASE_URL")  # an empty database of a server that may be written to

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SUGGESTIONS = st.builds(
    Suggestion,
    start=st.integers(1, 9),
    end=st.integers(1, 9),
    replaces=st.tuples(TEXTS),
    lines=st.tuples(TEXTS, TEXTS),
)
FINDINGS = st.builds(
    Finding,
    rule=TEXTS,
    severity=st.sampled_from(Severity),
    path=TEXTS,
    line=st.none() | st.integers(1, 9),
    title=TEXTS,
    suggestion=st.none() | SUGGESTIONS,
)
POSITIONS = st.builds(
    Position,
    position_type=st.sampled_from(["text", "file"]),
    base_sha=TEXTS,
    start_sha=TEXTS,
    head_sha=TEXTS,
    old_path=TEXTS,
    new_path=TEXTS,
    line_range=st.none() | st.just({"start": {"new_line": 1, "type": "new"}, "end": {"new_line": 2}}),
)
ACTIONS = st.one_of(
    st.builds(PostFinding, key=TEXTS, finding=FINDINGS, body=TEXTS, position=st.none() | POSITIONS),
    st.builds(UpsertNote, key=TEXTS, body=TEXTS),
    st.builds(React, key=TEXTS, emoji=st.none() | TEXTS),
)
STATES = st.fixed_dictionaries(
    {
        "found": st.lists(FINDINGS, max_size=2),
        "actions": st.lists(ACTIONS, max_size=3),
        "coverage": st.lists(st.builds(Coverage, path=TEXTS, read=st.booleans(), reason=TEXTS), max_size=2),
        "decisions": st.lists(st.builds(Decision, key=TEXTS, allowed=st.booleans()), max_size=2),
        "tasks": st.dictionaries(TEXTS, st.fixed_dictionaries({"files": st.lists(st.integers(0, 9))})),
        "sent": st.builds(Send, node=TEXTS, arg=st.fixed_dictionaries({"finding": FINDINGS})),
    }
)


class State(TypedDict):
    found: Annotated[list[Finding], operator.add]
    actions: list[Action]


@pytest.fixture(
    params=["in the data folder", "in a file of one's own", *(["on a server"] if POSTGRES else [])]
)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkpoints]:
    url = {"in a file of one's own": f"sqlite://{tmp_path}/elsewhere.db", "on a server": POSTGRES}
    made = checkpoints(Settings(data_dir=tmp_path / "data", database_url=url.get(request.param)))
    yield made
    made.prune(lambda _run: True)


def a_finding(path: str) -> Finding:
    return Finding(rule="test", severity=Severity.MAJOR, path=path, title="Broken", anchor="x = 1")


def walk(kept: Checkpoints, run: str, done: list[str], broken: str = "") -> dict[str, Any]:
    """Run a graph of three parallel steps and one after them; `done` gets each step's name as it is taken."""

    def split(state: State) -> list[Send]:
        return [Send("read", name) for name in ("one", "two", "three")]

    async def read(name: Any) -> dict[str, Any]:
        if name == broken:
            await asyncio.sleep(0.2)
            raise RuntimeError(name)
        done.append(name)
        return {"found": [a_finding(name)]}

    async def compose(state: State) -> dict[str, Any]:
        done.append("compose")
        return {"actions": [PostFinding(key=one.path, finding=one, body="") for one in state["found"]]}

    async def run_it() -> dict[str, Any]:
        graph: Any = StateGraph(State)
        graph.add_node("read", read)
        graph.add_node("compose", compose)
        graph.add_conditional_edges(START, split, ["read"])
        graph.add_edge("read", "compose")
        graph.add_edge("compose", END)
        memory = kept.memory(run)
        async with memory.opened() as saver:
            compiled = graph.compile(checkpointer=saver)
            config = {"configurable": {"thread_id": memory.thread}}
            begun = await compiled.aget_state(config)
            start = None if begun.next else {"found": [], "actions": []}
            return dict(await compiled.ainvoke(start, config, durability="sync"))

    return asyncio.run(run_it())


@given(state=STATES)
@settings(max_examples=60, deadline=None)
def test_what_a_review_keeps_comes_back_equal(state: dict[str, Any]) -> None:
    serializer = StrictSerializer()
    assert serializer.loads_typed(serializer.dumps_typed(state)) == state


def test_a_run_goes_on_where_it_was_with_the_same_objects(kept: Checkpoints) -> None:
    done: list[str] = []
    with pytest.raises(RuntimeError):
        walk(kept, "run", done, broken="two")
    assert sorted(done) == ["one", "three"]
    result = walk(kept, "run", done)
    assert sorted(done) == ["compose", "one", "three", "two"]
    assert [action.finding for action in result["actions"]] == [
        a_finding(name) for name in ("one", "two", "three")
    ]


def test_a_forgotten_run_begins_anew_and_no_other_is_touched(kept: Checkpoints) -> None:
    for run in ("run", "other"):
        with pytest.raises(RuntimeError):
            walk(kept, run, [], broken="two")
    kept.forget("run")
    again: list[str] = []
    walk(kept, "run", again)
    other: list[str] = []
    walk(kept, "other", other)
    assert (sorted(again), sorted(other)) == (["compose", "one", "three", "two"], ["compose", "two"])


def test_pruning_forgets_the_runs_that_are_over_and_no_others(kept: Checkpoints) -> None:
    for run in ("over", "unknown", "running"):
        walk(kept, run, [])
    assert kept.prune(lambda run: run != "running") == 2
    assert kept.prune(lambda run: run != "running") == 0
    assert kept.prune(lambda run: True) == 1


def test_nothing_is_made_by_forgetting_what_was_never_kept(tmp_path: Path) -> None:
    kept = checkpoints(Settings(data_dir=tmp_path / "data"))
    kept.forget("run")
    assert kept.prune(lambda _run: True) == 0
    assert not (tmp_path / "data").exists()


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    kept = checkpoints(Settings(data_dir=tmp_path / "data"))

    async def modes() -> dict[str, str]:
        async with kept.memory("run").opened() as saver:
            await saver.aput_writes(
                {"configurable": {"thread_id": "run", "checkpoint_ns": "", "checkpoint_id": "1"}},
                [("found", a_finding("one"))],
                "task",
            )
            return {
                file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in (tmp_path / "data").iterdir()
            }

    before = os.umask(0)
    try:
        found = asyncio.run(modes())
    finally:
        os.umask(before)
    assert found == {FILE: "0o600", f"{FILE}-wal": "0o600", f"{FILE}-shm": "0o600"}


def test_nothing_of_a_forgotten_run_is_left_in_the_file(tmp_path: Path) -> None:
    kept = checkpoints(Settings(data_dir=tmp_path))
    with pytest.raises(RuntimeError):
        walk(kept, "run", [], broken="two")
    assert b"three" in (tmp_path / FILE).read_bytes()
    kept.forget("run")
    assert b"three" not in b"".join(file.read_bytes() for file in tmp_path.glob(f"{FILE}*"))


# --- what somebody else wrote into the file


def called(function: str, argument: str) -> bytes:
    """A stored value that names a function to be called with a text."""
    module, _, name = function.rpartition(".")
    return ormsgpack.packb(
        ormsgpack.Ext(EXT_CONSTRUCTOR_SINGLE_ARG, ormsgpack.packb((module, name, argument)))
    )


@pytest.mark.parametrize("function", ["os.system", "posix.system", "builtins.eval", "subprocess.getoutput"])
def test_a_function_named_in_a_kept_step_is_not_called(tmp_path: Path, function: str) -> None:
    kept, trace = checkpoints(Settings(data_dir=tmp_path)), tmp_path / "called"
    with pytest.raises(RuntimeError):
        walk(kept, "run", [], broken="two")
    command = f"open({str(trace)!r}, 'w')" if function == "builtins.eval" else f"touch {trace}"
    with sqlite3.connect(tmp_path / FILE) as connection:
        changed = connection.execute(
            "UPDATE writes SET value = ? WHERE channel = 'found'", (called(function, command),)
        )
        assert changed.rowcount >= 2
    with pytest.raises(TypeError):
        walk(kept, "run", [])
    assert not trace.exists()


@pytest.mark.parametrize("form", ["json", "pickle"])
def test_a_kept_step_in_a_format_that_is_never_written_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match=form):
        StrictSerializer().loads_typed((form, b'{"lc": 1, "type": "secret", "id": ["HOME"]}'))


# --- several processes, and a database that fails


def keep_a_run(folder: Path, run: str) -> None:
    walk(checkpoints(Settings(data_dir=folder)), run, [])


def test_workers_that_begin_at_once_share_one_new_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=keep_a_run, args=(tmp_path, f"run-{number}")) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 6
    assert checkpoints(Settings(data_dir=tmp_path)).prune(lambda _run: True) == 6


def test_a_file_that_is_no_database_is_an_outage_whose_sentence_quotes_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"something else entirely, and long enough to be looked at" * 20)
    kept = checkpoints(Settings(data_dir=tmp_path))
    for use in (
        lambda: walk(kept, "run", []),
        lambda: kept.forget("run"),
        lambda: kept.prune(lambda _run: True),
    ):
        with pytest.raises(Unavailable) as raised:
            use()
        assert str(tmp_path) not in str(raised.value)


def test_an_error_of_the_graph_stays_what_it_was(kept: Checkpoints) -> None:
    with pytest.raises(RuntimeError, match="two"):
        walk(kept, "run", [], broken="two")


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite:///", "sqlite://host/file", "checkpoints.db", "http://"]
)
def test_an_address_of_no_database_we_know_is_a_usage_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="TRIVET_DATABASE_URL"):
        checkpoints(Settings(data_dir=tmp_path, database_url=url))


def test_postgresql_without_its_driver_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "bot.entry.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    secret = "not-" + "to-be-shown"
    with pytest.raises(UsageError, match=r"trivet\[postgres\]") as raised:
        checkpoints(Settings(data_dir=tmp_path, database_url=f"postgresql://bot:{secret}@db/trivet"))
    assert secret not in str(raised.value)
