"""What each agent may bring about: the kinds of action that policy lets it propose, and lets be written for it."""

from collections.abc import Mapping
from typing import Final

MAY: Final[Mapping[str, frozenset[str]]] = {
    "review": frozenset({"post_finding", "update_finding", "reply", "upsert_note", "react"}),
    "link": frozenset({"link_issue", "comment_issue", "move_issue", "set_commit_status", "upsert_note"}),
    "triage": frozenset({"comment_issue", "edit_issue", "open_branch", "open_merge_request", "link_issue"}),
    "pages": frozenset({"write_section", "comment_page", "upsert_note", "link_issue"}),
    "ask": frozenset({"reply", "react"}),
}
