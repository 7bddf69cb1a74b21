"""What is taken for an answer, what is put right, and what is sent back to the model."""

import json
from contextlib import suppress
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.agents.review.schema import LedgerAnswer, ReviewAnswer, VerifyAnswer
from bot.llm.answers import Invalid, read_answer, read_arguments
from bot.llm.schemas import strict_schema
from tests.model_rules import LIMITS, strict


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Part(BaseModel):
    """One part."""

    name: str
    size: Size
    note: str | None
    below: "Part | None" = None


class Parts(BaseModel):
    """All parts."""

    parts: list[Part]
    kind: Literal["Toy", "Tool"]


WHOLE = {"parts": [{"name": "a {x}", "size": "small", "note": None, "below": None}], "kind": "Toy"}
JSON = json.dumps(WHOLE)


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"```json\n{JSON}\n```",
        f"```\n{JSON}\n```\nI hope this helps! }} {{",
        f"Here is {{what}} you asked for:\n{JSON}",
        f"<think>First {{}} and {json.dumps({'parts': [], 'kind': 'Tool'})}</think>{JSON}",
        f'hmm, perhaps {{"parts": [], "kind": "Tool"}}\n</think>\n{JSON}',
        f'An example is {{"name": 1}}. The answer: {JSON}',
    ],
)
def test_the_answer_is_found_whatever_stands_around_it(text: str) -> None:
    assert read_answer(text, Parts).model_dump(mode="json") == WHOLE


def test_what_is_safe_to_put_right_is_put_right() -> None:
    part = {"name": "a", "size": " LARGE", "colour": "red", "below": {"name": "b", "size": "Small"}}
    answer = read_answer(json.dumps({"parts": [part], "kind": "toy", "mood": "fine"}), Parts)
    below = {"name": "b", "size": "small", "note": None, "below": None}
    assert answer.model_dump(mode="json") == {
        "parts": [{"name": "a", "size": "large", "note": None, "below": below}],
        "kind": "Toy",
    }


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("", "no complete JSON object"),
        ("None found.", "no complete JSON object"),
        (JSON[:-10], "no JSON object with the keys parts, kind"),
        ("[]", "no complete JSON object"),
        ("<think>still thinking " + JSON, "no complete JSON object"),
        ('{"size": 1}', "no JSON object with the keys parts, kind"),
        ('{"parts": []}', "kind: Field required"),
        (
            '{"parts": [{"name": "a", "size": "huge"}], "kind": "Toy"}',
            "parts.0.size: Input should be 'small' or 'large'",
        ),
        ('{"parts": "none", "kind": "Toy"}', "parts: Input should be a valid list"),
        ('{"parts": ' + "[" * 100_000, "no complete JSON object"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "no complete JSON object"),
    ],
)
def test_an_answer_that_does_not_fit_says_why(text: str, flaw: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_answer(text, Parts)
    assert flaw in str(caught.value)


def test_few_of_many_flaws_are_named_and_none_of_the_answer_s_text() -> None:
    parts = [{"name": "secret", "size": "huge"}] * 30
    with pytest.raises(Invalid) as caught:
        read_answer(json.dumps({"parts": parts, "kind": "Toy"}), Parts)
    assert str(caught.value).count("parts.") == 5
    assert str(caught.value).endswith("and 25 more")
    assert "secret" not in str(caught.value)


def test_half_a_character_pair_is_replaced() -> None:
    answer = read_answer('{"parts": [], "kind": "Toy", "x": "\\ud83d"}'.replace('"x"', '"y"'), Parts)
    assert answer == Parts(parts=[], kind="Toy")
    part = read_answer(
        '{"parts": [{"name": "\\ud83d\\ude00 \\ud83d", "size": "small"}], "kind": "Toy"}', Parts
    )
    assert isinstance(part, Parts)
    assert part.parts[0].name == "\U0001f600 \ufffd"


@given(st.text(alphabet='{}[]":,\\ abu0d8/<>think`\n', max_size=200))
@settings(max_examples=300)
def test_any_text_is_an_answer_or_invalid(text: str) -> None:
    with suppress(Invalid):
        assert isinstance(read_answer(text, Parts), Parts)


@given(st.from_type(Parts), st.sampled_from(["{}", "```json\n{}\n```", "Sure:\n{}\nBye"]))
@settings(max_examples=100)
def test_an_answer_written_as_json_is_read_back(answer: Parts, around: str) -> None:
    text = answer.model_dump_json()
    assert read_answer(around.replace("{}", text), Parts).model_dump_json() == text


@pytest.mark.parametrize("depth", [400, 100_000])
def test_deep_nesting_is_invalid_not_a_crash(depth: int) -> None:
    with pytest.raises(Invalid):
        read_arguments('{"a":' * depth + "1" + "}" * depth if depth > 1000 else "[" * depth + "]" * depth)


@pytest.mark.parametrize(
    ("arguments", "read"), [('{"at": 1}', {"at": 1}), ("", {}), (" ", {}), ({"at": 1}, {"at": 1})]
)
def test_a_call_s_arguments_are_an_object(arguments: Any, read: dict[str, Any]) -> None:
    assert read_arguments(arguments) == read


@pytest.mark.parametrize("arguments", ["{", "[]", "1", "nothing", None, [1], 3])
def test_a_call_with_other_arguments_is_invalid(arguments: Any) -> None:
    with pytest.raises(Invalid, match="arguments"):
        read_arguments(arguments)


@pytest.mark.parametrize("answer", [ReviewAnswer, VerifyAnswer, LedgerAnswer, Parts])
def test_an_answer_s_schema_is_one_that_strict_providers_take(answer: type[BaseModel]) -> None:
    strict(strict_schema(answer), "schema", LIMITS)


def test_descriptions_reach_the_model_also_beside_a_reference() -> None:
    finding = strict_schema(ReviewAnswer)["$defs"]["ReportedFinding"]
    assert finding["properties"]["severity"]["description"].startswith("info:")
    assert finding["properties"]["severity"]["enum"] == ["info", "minor", "major", "critical", "blocker"]
    assert finding["description"] == "One defect that this change introduces."


def test_an_object_with_free_keys_cannot_be_asked_for() -> None:
    class Free(BaseModel):
        counts: dict[str, int]

    with pytest.raises(TypeError, match="free keys"):
        strict_schema(Free)
