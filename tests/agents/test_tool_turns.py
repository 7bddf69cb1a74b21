"""Tool calls as they are kept, and what they are told when they are read again."""

from bot.agents.tool_turns import MOST_CALLS, MOST_KEPT, NOT_ANSWERED, kept_calls, retold
from bot.domain.secrets import Redactor
from bot.llm.messages import Called, Told, ToolCall
from tests.doubles import DictSnapshot

SECRET = "hK7" + "vQ2mZ9" + "pL4xT8wB1n"
REDACTOR = Redactor([SECRET])
SNAPSHOT = DictSnapshot({"a.py": "x = 1\n" * 500})
READ = ToolCall("call_1", "read_lines", {"path": "a.py", "first": 1, "last": 150})


def test_each_call_is_answered_under_its_own_id() -> None:
    search = ToolCall("call_2", "search", {"text": "x = 1", "folder": ""})
    called, *told = retold(kept_calls([READ, search], REDACTOR), SNAPSHOT, REDACTOR, 20_000)
    assert called == Called((READ, search))
    assert [one.call_id for one in told if isinstance(one, Told)] == ["call_1", "call_2"]
    assert [one.text.splitlines()[0] for one in told if isinstance(one, Told)] == [
        "a.py, lines 1 to 150 of 500:",
        "30 lines in the repository with this text:",
    ]


def test_a_flood_of_calls_is_cut_and_the_rest_told_so() -> None:
    calls = [ToolCall(str(number), "list_folder", {"folder": ""}) for number in range(50)]
    _, *told = retold(kept_calls(calls, REDACTOR), SNAPSHOT, REDACTOR, 20_000)
    texts = [one.text for one in told if isinstance(one, Told)]
    assert len(texts) == MOST_KEPT
    assert texts[MOST_CALLS:] == [NOT_ANSWERED.format(most=MOST_CALLS)] * (MOST_KEPT - MOST_CALLS)
    assert "a.py" in texts[MOST_CALLS - 1]


def test_the_answers_have_so_much_room_together() -> None:
    calls = kept_calls([READ, READ], REDACTOR)
    _, *told = retold(calls, SNAPSHOT, REDACTOR, 1_000)
    assert sum(len(one.text) for one in told if isinstance(one, Told)) <= 1_000


def test_a_secret_in_a_call_is_not_kept_and_its_id_stays() -> None:
    (call,) = kept_calls([ToolCall("call_1", SECRET, {SECRET: SECRET})], REDACTOR)
    assert call["id"] == "call_1"
    assert SECRET not in str(call)
