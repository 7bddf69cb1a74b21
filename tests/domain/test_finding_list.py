"""The findings of a merge request and their states, as a person and a program read them."""

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.finding_list import (
    FORMATS,
    FindingList,
    FindingState,
    as_json,
    as_markdown,
    as_text,
    in_order,
)

URL = "https://gitlab.example.com/acme/shop/-/merge_requests/7"
COMMIT = "4f0c21ab" + "9" * 32


def one(state: str = "open", severity: str = "major", **fields: Any) -> FindingState:
    given: dict[str, Any] = {
        "key": "0" * 32,
        "rule": "python/F821",
        "title": "Undefined name",
        "path": "app/shop.py",
        "line": 12,
        "url": f"{URL}#note_41",
    }
    return FindingState.model_validate({"state": state, "severity": severity} | given | fields)


def listed(*findings: FindingState, **fields: Any) -> FindingList:
    return FindingList(target="acme/shop!7", url=URL, head="a" * 40, findings=findings, **fields)


def test_a_finding_shows_its_state_its_place_at_head_and_the_address_of_its_note() -> None:
    assert as_text(listed(one())) == (
        f"acme/shop!7 at aaaaaaaa\n{URL}\n\n"
        f"open  major  app/shop.py:12\n  Undefined name\n  {URL}#note_41\n\n"
        "1 finding: 1 open\n"
    )


def test_what_became_of_a_finding_names_the_commit_or_the_person_and_their_words() -> None:
    text = as_text(
        listed(
            one("fixed", commit=COMMIT),
            one("regressed", commit=COMMIT),
            one("regressed"),
            one("outdated"),
            one("dismissed", by="ada", why="won't fix,\nit is a demo"),
        )
    )
    for said in (
        "  fixed in 4f0c21ab\n",
        "  back again in 4f0c21ab\n",
        "  stands there again since the last review\n",
        "  its line is gone, and nothing shows that the defect is\n",
        "  dismissed by ada: won't fix, it is a demo\n",
    ):
        assert said in text


def test_what_nobody_knows_is_left_out() -> None:
    text = as_text(listed(one("fixed"), one("dismissed", why=" "), one(url="")))
    assert "\n  fixed\n" in text
    assert "\n  dismissed\n" in text
    assert text.count("#note_41") == 2


def test_what_is_to_be_done_comes_first_and_the_gravest_of_it() -> None:
    states = ("open", "regressed", "outdated", "fixed", "dismissed")
    every = [one(state, severity) for state in states for severity in ("blocker", "major", "info")]
    mixed = random.Random(7).sample(every, len(every))
    assert [(each.state, each.severity) for each in in_order(mixed)] == [
        (each.state, each.severity) for each in every
    ]
    assert as_text(listed(*mixed)).endswith(
        "15 findings: 3 open, 3 regressed, 3 outdated, 3 fixed, 3 dismissed\n"
    )


def test_a_merge_request_without_findings_says_so() -> None:
    assert as_text(listed()) == f"acme/shop!7 at aaaaaaaa\n{URL}\n\nNo findings.\n"
    assert "No findings." in as_markdown(listed())
    assert json.loads(as_json(listed()))["findings"] == []


def test_places_are_a_line_a_removed_line_a_file_or_the_merge_requests_own_text() -> None:
    text = as_text(
        listed(one(), one(line=None, old_line=3), one(line=None, path="a.py"), one(line=None, path=""))
    )
    for place in (
        "app/shop.py:12\n",
        "app/shop.py:3 before this change\n",
        "major  a.py\n",
        "major  the merge request's own text\n",
    ):
        assert place in text


def test_what_could_not_be_read_is_said_in_every_form() -> None:
    partly = listed(one(), complaints=("the diff failed (503)",))
    assert all("the diff failed (503)" in write(partly) for write in FORMATS.values())


def test_a_program_gets_every_field_in_the_same_order() -> None:
    told = json.loads(as_json(listed(one("dismissed", by="ada"), one("open"))))
    assert [finding["state"] for finding in told["findings"]] == ["open", "dismissed"]
    assert told["findings"][1]["by"] == "ada"
    assert told["head"] == "a" * 40


def test_a_page_shows_a_table_that_leads_to_the_notes() -> None:
    page = as_markdown(listed(one("fixed", commit=COMMIT), one(line=None, path="")))
    assert (
        f"| [fixed]({URL}#note_41) | major | `app/shop.py:12` | Undefined name | fixed in 4f0c21ab |" in page
    )
    assert "| the merge request's own text |" in page


@settings(max_examples=60)
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=60))
def test_no_text_of_others_breaks_out_of_its_place(title: str, why: str, path: str) -> None:
    hostile = listed(one("dismissed", title=title, why=why, path=path, by="ada"), one())
    text, page = as_text(hostile), as_markdown(hostile)
    for written in (text, page, as_json(hostile)):
        written.encode("utf-8")
    assert len(text.splitlines()) == len(
        as_text(listed(one("dismissed", why="x", by="ada"), one())).splitlines()
    )
    assert sum(line.startswith("|") for line in page.splitlines()) == 4
    assert json.loads(as_json(hostile))["findings"][1]["title"] == title
