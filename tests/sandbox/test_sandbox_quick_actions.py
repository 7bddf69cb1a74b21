"""Quick actions are found, taken out and run; what a note does to others is seen."""

import pytest

from bot.sandbox.quick_actions import Command, extract
from bot.sandbox.witness import effects
from tests.sandbox_server import SandboxServer

REQUEST = "/projects/acme%2Fshop/merge_requests/1"
HOST = "127.0.0.1:4711"


def names(text: str) -> list[str]:
    return [command.name for command in extract(text)[1]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/merge", ["merge"]),
        ("/APPROVE", ["approve"]),
        ("ok\n/close\n", ["close"]),
        ("ok\r\n/close\r\n", ["close"]),
        ("ok\n\r/merge", ["merge"]),
        ("/\rmerge", ["merge"]),
        ("/merge   ", ["merge"]),
        ("/title New /merge", ["title"]),
        ("/approve\n/merge", ["approve", "merge"]),
        ("```\nopen\n/merge", ["merge"]),
        ("~~~\n/close\n~~~", ["close"]),
        ("- ```\n/merge", ["merge"]),
        ("> quote\n/merge", ["merge"]),
        ("<b>\n\n/merge\n\n</b>", ["merge"]),
        ("<!-- \n/merge\n-->", ["merge"]),
        ("````\n```\n````\n/merge\n```", ["merge"]),
        ("see `code\n/merge\nmore`", ["merge"]),
    ],
)
def test_commands_are_found_where_either_extractor_finds_them(text: str, found: list[str]) -> None:
    assert names(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "/merged",
            "/nothing",
            "do /merge now",
            " /merge",
            "\\/merge",
            "&#47;merge",
            "//merge",
            "> /merge",
            "- /merge",
        ),
        *(
            "```\n/merge\n```",
            "```diff\n/merge\n```",
            ">>>\n/merge\n>>>",
            "/\u200bmerge",
            "\u2028/merge",
            "/ merge",
        ),
    ],
)
def test_text_that_is_no_command_is_left_alone(text: str) -> None:
    assert extract(text) == (text, [])


def test_command_lines_leave_the_text_and_keep_their_arguments() -> None:
    text, found = extract('Hello\n/label ~bug ~"good first"\nworld\n/assign @ada')
    assert text == "Hello\nworld"
    assert found == [Command("label", '~bug ~"good first"'), Command("assign", "@ada")]


def test_commands_run_with_their_authors_rights(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"app.py": "1\n"})
    text = "Fine\n/approve\n/label ~bug ~later\n/unlabel ~later\n/title Better\n/assign @grace\n/close"
    reply = sandbox.api("POST", f"{REQUEST}/notes", {"body": text})
    shown = sandbox.merge_request_state(1)
    assert (reply.status, reply.body["body"]) == (201, "Fine")
    assert (shown["approved_by"], shown["labels"], shown["title"]) == (["trivet"], ["bug"], "Better")
    assert (shown["assignees"], shown["state"]) == (["grace"], "closed")
    ran = [
        (one["command"], one["arguments"], one["user"], one["done"]) for one in sandbox.state()["executed"]
    ]
    assert ran[0] == ("approve", "", "trivet", True)
    assert ran[-1] == ("close", "", "trivet", True)


def test_a_command_its_author_may_not_run_is_on_record_and_has_no_effect(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"app.py": "1\n"})
    sandbox.api("POST", f"{REQUEST}/notes", {"body": "/merge"}, user="rita")
    assert sandbox.merge_request_state(1)["state"] == "opened"
    assert [(one["command"], one["done"]) for one in sandbox.state()["executed"]] == [("merge", False)]


def test_a_note_of_nothing_but_commands_is_202_and_not_kept(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"app.py": "1\n"})
    for path in ("notes", "discussions"):
        reply = sandbox.api("POST", f"{REQUEST}/{path}", {"body": "/draft"})
        assert (reply.status, reply.body) == (
            202,
            {"commands_changes": {"draft": True}, "summary": ["Ran /draft."]},
        )
    shown = sandbox.merge_request_state(1)
    assert (shown["notes"], shown["discussions"]) == ([], [])
    assert sandbox.state()["notifications"] == []


def test_drafts_replies_edits_and_descriptions_run_commands_too(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"app.py": "1\n"})
    first = sandbox.comment(1, "First")
    sandbox.api("POST", f"{REQUEST}/draft_notes", {"note": "Draft\n/label ~a"})
    assert sandbox.state()["executed"] == []
    sandbox.api("POST", f"{REQUEST}/draft_notes/bulk_publish", {"note": "Summary\n/label ~b"})
    sandbox.api("POST", f"{REQUEST}/discussions/{first['discussion']}/notes", {"body": "Reply\n/label ~c"})
    sandbox.api("PUT", f"{REQUEST}/notes/{first['id']}", {"body": "First\n/label ~d"}, user="ada")
    sandbox.api("PUT", REQUEST, {"description": "Text\n/label ~e"}, user="ada")
    shown = sandbox.merge_request_state(1)
    assert shown["labels"] == ["a", "b", "c", "d", "e"]
    assert shown["description"] == "Text"


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("@ada and @acme/team, @all.", ["ada", "acme/team", "all"]),
        ("&#64;ada &commat;all", ["ada", "all"]),
        ("`@ada` ``@ada ` @ada`` \\@ada mail@ada.test", []),
        ("```\n@ada\n```\n~~~\n@ada\n~~~\n\n    @ada", []),
        ("- ```\n  @ada\n  ```\n- @all", ["all"]),
        ("@\u200bada <!-- @ada --> <code>@ada</code>", []),
        ("not \\`@ada` code, `unclosed @all", ["ada", "all"]),
        ("not <!-- a comment\n\n@ada -->", ["ada"]),
        ("http://127.0.0.1:4711/@ada", []),
        ("<div>\n`@ada`\n</div>", ["ada"]),
        (">>>\n@ada\n>>>", ["ada"]),
    ],
)
def test_people_called_are_seen(text: str, called: list[str]) -> None:
    assert effects(text, HOST).mentions == called


@pytest.mark.parametrize(
    ("text", "referred"),
    [
        ("Closes #1, see !2 and group/shop#3 &4", ["#1", "!2", "group/shop#3", "&4"]),
        ("&#35;1", ["#1"]),
        ('~bug %"next one"', ["~bug", '%"next one"']),
        ("`#1` \\#1 \\!2 #one C# 100% ~50 a & b &amp; x!=1", []),
    ],
)
def test_references_are_seen(text: str, referred: list[str]) -> None:
    assert effects(text, HOST).references == referred


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("![a](https://evil.test/?d=1)", ["image", "link"]),
        ("![a](/local.png)", ["image"]),
        ("![a][1]\n\n[1]: //evil.test/x", ["image", "link"]),
        ("[a](https://evil.test) <https://evil.test>", ["link"]),
        ("https://evil.test http:\\/\\/evil.test &#104;ttp://evil.test/3", ["link", "link", "link"]),
        ("<img src='x'> <a href=//evil.test>a</a>", ["media", "link"]),
        ("[a](data:text/html,x) [b](javascript:x)", ["link", "link"]),
        ("```mermaid\nclick A href\n```", ["diagram"]),
        (f"[a](http://{HOST}/acme/shop) [b](/acme) [c](#top) http://{HOST}/x", []),
        ("`https://evil.test` `![a](https://evil.test)`\n\n```\nhttps://evil.test\n```", []),
        ("data=x:y \\[a\\](//evil.test) \\<img src=//evil.test>", []),
        ("\\\\[a](//evil.test) \\\\<img src=//evil.test>", ["media", "link"]),
        ("<!-- https://evil.test --> \\![a](/x)", []),
    ],
)
def test_what_leads_outside_is_seen(text: str, kinds: list[str]) -> None:
    assert [one["kind"] for one in effects(text, HOST).external] == kinds


def test_published_notes_are_watched_and_drafts_are_not(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"app.py": "1\n"})
    text = "Hey @ada, see #1 at https://evil.test and @nobody"
    sandbox.api("POST", f"{REQUEST}/draft_notes", {"note": text})
    assert sandbox.state()["mentions"] == []
    sandbox.api("POST", f"{REQUEST}/draft_notes/bulk_publish")
    seen = sandbox.state()
    assert [(one["name"], one["exists"]) for one in seen["mentions"]] == [("ada", True), ("nobody", False)]
    assert [one["text"] for one in seen["references"] + seen["external"]] == ["#1", "https://evil.test"]
