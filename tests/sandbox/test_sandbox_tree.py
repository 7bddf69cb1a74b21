"""What `/repository/tree` says of a folder."""

import re
from typing import Any

import pytest

from tests.sandbox_server import SandboxServer

TREE = "/projects/acme%2Fshop/repository/tree"
FILES = {
    "app/z.py": "1\n",
    "app/deep/a.py": "2\n",
    "b.py": "3\n",
    ":(top)": "4\n",
    "link": {"text": "b.py", "mode": "120000"},
    "module": {"text": "1" * 40, "mode": "160000"},
}


@pytest.fixture
def shop(sandbox: SandboxServer) -> SandboxServer:
    sandbox.push("main", FILES)
    return sandbox


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def test_folders_come_first_then_files_then_submodules(shop: SandboxServer) -> None:
    entries = shop.api("GET", f"{TREE}?per_page=100").body
    assert names(entries) == ["app", ":(top)", "README.md", "b.py", "link", "module"]
    assert {entry["name"]: (entry["type"], entry["mode"]) for entry in entries} == {
        "app": ("tree", "040000"),
        ":(top)": ("blob", "100644"),
        "README.md": ("blob", "100644"),
        "b.py": ("blob", "100644"),
        "link": ("blob", "120000"),
        "module": ("commit", "160000"),
    }


def test_a_folder_is_named_by_its_path_and_read_at_a_ref(shop: SandboxServer) -> None:
    sha = shop.push("other", {"app/new.py": "5\n"}, start="main")
    assert names(shop.api("GET", f"{TREE}?path=app").body) == ["deep", "z.py"]
    assert names(shop.api("GET", f"{TREE}?path=app&ref={sha}").body) == ["deep", "new.py", "z.py"]
    assert [entry["path"] for entry in shop.api("GET", f"{TREE}?path=app/&recursive=true").body] == [
        "app/deep",
        "app/deep/a.py",
        "app/z.py",
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("ref=missing", "404 Tree Not Found"),
        ("path=missing", "404 invalid revision or path Not Found"),
        ("path=b.py", "404 invalid revision or path Not Found"),
        ("path=:(top)", "404 invalid revision or path Not Found"),
    ],
)
def test_what_is_no_folder_is_not_found(shop: SandboxServer, query: str, said: str) -> None:
    reply = shop.api("GET", f"{TREE}?{query}")
    assert (reply.status, reply.body) == (404, {"message": said})


def test_before_17_7_a_missing_folder_was_an_empty_one() -> None:
    with SandboxServer(version="17.6.0") as sandbox:
        reply = sandbox.api("GET", f"{TREE}?path=missing")
    assert (reply.status, reply.body) == (200, [])


def test_by_key_a_page_number_says_nothing_and_the_link_leads_on(shop: SandboxServer) -> None:
    query = f"{TREE}?pagination=keyset&per_page=4"
    first, again = shop.api("GET", query), shop.api("GET", f"{query}&page=2")
    assert names(first.body) == names(again.body) == ["app", ":(top)", "README.md", "b.py"]
    assert "X-Next-Page" not in first.headers
    token = re.search(r'page_token=([^&>]+)[^>]*>; rel="next"', first.headers["Link"])
    assert token
    rest = shop.api("GET", f"{query}&page_token={token[1]}")
    assert (names(rest.body), rest.headers.get("Link")) == (["link", "module"], None)
    assert shop.api("GET", f"{query}&page_token=elsewhere").status == 400
    assert shop.api("GET", f"{TREE}?pagination=none").status == 400


def test_who_may_not_read_the_code_may_not_list_it(shop: SandboxServer) -> None:
    assert shop.api("GET", TREE, user="gus").status == 403
