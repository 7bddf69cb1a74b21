"""Names of what is begun for an issue: the branch, and the draft merge request's title.

An issue's title is a stranger's text: what is made of it names no other issue. Branches, titles and descriptions are
all searched for issue keys, by us and by GitLab.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from bot.domain.visible import on_one_line, without_invisible

LONGEST_BRANCH: Final = 100  # characters
LONGEST_TYPE: Final = 30
LONGEST_TITLE: Final = 240  # GitLab takes 255, of which the draft's prefix is some

KEY_PLACE: Final = "{key}"
NO_HYPHEN: Final = "\u2011"  # looks like one, and makes no key
_PLACE = re.compile(r"\{(key|slug|type|title)\}")
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_LIKE_A_KEY = re.compile(r"-(?=\d+(?:-|$))")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9._/-]+")  # more than git-check-ref-format(1) forbids
_DOTS = re.compile(r"\.{2,}")
_HYPHENS = re.compile(r"-{2,}")
_EDGES: Final = ".-_"
_KEY = re.compile(r"\b([A-Za-z][A-Za-z0-9_]+)-(\d+)\b")


def branch_name(template: str, key: str, *, title: str = "", kind: str = "") -> str:
    """A branch that git and GitLab take, at most 100 characters where the key is not longer itself.

    It always holds the key, so that no title can name another issue's branch. Without a title, or with one that has
    no letter ASCII can stand for, the rest of the template remains.
    """
    whole = template if KEY_PLACE in template else f"{KEY_PLACE}-{template}"
    parts = {"key": key, "type": slug(kind, LONGEST_TYPE)}
    room = LONGEST_BRANCH - len(_filled(whole, parts))
    name = _valid(_filled(whole, parts | {"slug": slug(title, room)}))
    return name if is_branch_of(name, key) else key


def is_branch_of(name: str, key: str) -> bool:
    """Whether `branch_name` may have made it for this issue: it is valid, and the key stands by itself in it."""
    alone = re.search(rf"(?<![A-Za-z0-9_]){re.escape(key)}(?![A-Za-z0-9])", name)
    return bool(alone) and len(name) <= max(LONGEST_BRANCH, len(key)) and _valid(name) == name


def slug(text: str, limit: int) -> str:
    """Lower-case words with hyphens between; a long text ends with a whole word. A number joins the word before it."""
    plain = (
        unicodedata.normalize("NFKD", without_invisible(text).casefold()).encode("ascii", "ignore").decode()
    )
    words = _LIKE_A_KEY.sub("", _NO_LETTER.sub("-", plain).strip("-"))
    if len(words) <= limit:
        return words
    kept = words[: max(0, limit)]
    return kept.rpartition("-")[0] if "-" in kept and words[len(kept)] != "-" else kept


def merge_request_title(template: str, key: str, *, title: str = "", kind: str = "") -> str:
    """Not yet safe for GitLab: the gateway takes references in it apart."""
    parts = {"key": key, "title": only_key(on_one_line(title), key), "type": only_key(on_one_line(kind), key)}
    return _filled(template, parts).strip()[:LONGEST_TITLE].rstrip() or key


def only_key(text: str, key: str) -> str:
    """The text with the hyphen of any other issue's key replaced."""
    return _KEY.sub(lambda found: found[0] if found[0] == key else f"{found[1]}{NO_HYPHEN}{found[2]}", text)


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """In one pass: what is put in is not looked at again."""
    return _PLACE.sub(lambda found: parts.get(found[1], ""), template)


def _valid(name: str) -> str:
    """By the rules of git-check-ref-format(1); a component ends with no mark that an empty place left behind."""
    bare = _HYPHENS.sub("-", _DOTS.sub(".", _FORBIDDEN.sub("-", name)))
    return "/".join(filter(None, map(_component, bare.split("/"))))


def _component(text: str) -> str:
    kept = text.strip(_EDGES)
    while kept.lower().endswith(".lock"):
        kept = kept[: -len(".lock")].rstrip(_EDGES)
    return kept
