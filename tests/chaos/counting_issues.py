"""What people see of issues: links, comments, moves, and the work that was begun, counted at Jira and GitLab."""

import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

from tests.chaos.counting import BOT, Json, Tally, left_behind, twice
from tests.chaos.grounds import Sight

TRIAGE = "triage"
UNMARKED = "no mark"


def issues(sight: Sight, named: Mapping[str, int], begun: Collection[str]) -> Tally:
    """`named`: merged merge requests by the issue that each names; `begun`: issues that were to start work."""
    drafts = {key: _drafts(sight, key) for key in begun}
    tied = {key: sight.request(iid) for key, iid in named.items()}
    tied |= {key: one[0] for key, one in drafts.items() if one}
    return Tally(
        lost=(
            *(f"{key} has no draft" for key, found in drafts.items() if not found),
            *(f"{key} has no branch" for key in begun if not _branches(sight, key)),
            *(
                text
                for key, request in tied.items()
                for text in _lost(sight.issue(key), request, key in begun)
            ),
            *(text for key, iid in named.items() for text in _untold(sight.issue(key), iid)),
        ),
        doubled=(
            *(f"{key} has {len(found)} drafts" for key, found in drafts.items() if len(found) > 1),
            *(f"{key} has {len(found)} branches" for key in begun if len(found := _branches(sight, key)) > 1),
            *(text for key in (*named, *begun) for text in _doubled(sight.issue(key))),
            *(text for request in sight.gitlab["merge_requests"] for text in twice(request)),
        ),
        left=tuple(text for request in sight.gitlab["merge_requests"] for text in left_behind(request)),
    )


def _drafts(sight: Sight, key: str) -> list[Json]:
    """The merge requests that we opened for an issue."""
    named = re.compile(rf"\b{key}\b")
    requests = sight.gitlab["merge_requests"]
    return [one for one in requests if one["author"] == BOT and named.search(one["title"])]


def _branches(sight: Sight, key: str) -> list[str]:
    return [name for name in sight.branches if name == key or name.startswith(f"{key}-")]


def _lost(issue: Json, request: Json, is_begun: bool) -> Iterator[str]:
    """An issue knows its merge request by a link and a comment, and the work that was begun by another one."""
    if request["web_url"] not in (one["url"] for one in issue["links"]):
        yield f"{issue['key']} has no link to !{request['iid']}"
    wanted = {f"mr:{request['project_id']}:{request['iid']}"} | ({TRIAGE} if is_begun else set())
    yield from (f"{issue['key']} has no comment {mark}" for mark in wanted - {*_marks(issue)})


def _untold(issue: Json, iid: int) -> Iterator[str]:
    """What an issue does not know of a merge."""
    if issue["status"]["name"] != "Done":
        yield f"{issue['key']} is {issue['status']['name']}"
    if not any("MERGED" in one["text"].upper() for one in _comments(issue)):
        yield f"{issue['key']} does not tell that !{iid} is merged"
    if not any(one["resolved"] for one in issue["links"] if one["url"].endswith(f"/merge_requests/{iid}")):
        yield f"{issue['key']} has an open link to !{iid}"


def _doubled(issue: Json) -> Iterator[str]:
    """A comment twice, by its mark or to a person's eyes; a link twice, by its address; a move twice."""
    comments = _comments(issue)
    moves = [
        one["to"] for one in issue["history"] if one["field"] == "status" and one["author"]["name"] == BOT
    ]
    kinds: dict[str, Iterable[Hashable]] = {
        "comment": _marks(issue),
        "comment that says": (one["text"] for one in comments),
        "link to": (one["url"] for one in issue["links"]),
        "link of": (one["global_id"] for one in issue["links"] if one["global_id"]),
        "move to": moves,
    }
    for kind, found in kinds.items():
        for one, times in Counter(found).items():
            if times > 1:
                yield f"{issue['key']} has {times} times the {kind} {one}"
    yield from (f"{issue['key']} has a comment with {UNMARKED}" for mark in _marks(issue) if mark == UNMARKED)


def _comments(issue: Json) -> list[Json]:
    return [one for one in issue["comments"] if one["author"]["name"] == BOT]


def _marks(issue: Json) -> list[str]:
    return [one["properties"].get("trivet", {}).get("key", UNMARKED) for one in _comments(issue)]
