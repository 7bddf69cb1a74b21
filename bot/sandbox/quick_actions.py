"""Finds the quick actions of a note, as both generations of GitLab's extractor do, and takes their lines out.

Older instances look for `/command` at the start of any line outside of closed fences, `>>>` quotes and lone HTML tags;
newer ones read Markdown first and look into its text. The sandbox runs what either would run. Carriage returns are
gone before anybody looks, so `\\r/merge` counts.
"""

import re
from dataclasses import dataclass

from bot.sandbox import markdown

NAMES = (
    "add_child|add_contacts|add_email|add_parent|add_to_do|approve|assign|assign_reviewer|award|"
    "blocked_by|blocks|board_move|cc|clear_health_status|clear_weight|clone|close|confidential|"
    "convert_to_ticket|copy_metadata|create_merge_request|done|draft|due|duplicate|epic|estimate|"
    "estimate_time|health_status|invite_email|iteration|label|labels|link|lock|merge|milestone|move|page|"
    "parent|promote|promote_to|promote_to_incident|publish|q|react|ready|reassign|reassign_reviewer|"
    "rebase|relabel|relate|remove_child|remove_contacts|remove_due_date|remove_email|remove_epic|"
    "remove_estimate|remove_iteration|remove_label|remove_milestone|remove_parent|remove_time_spent|"
    "remove_zoom|reopen|reply|request_changes|request_review|restore_epic|run_pipeline|set_parent|"
    "severity|ship|shrug|spend|spend_time|spent|status|submit_review|subscribe|tableflip|tag|"
    "target_branch|timeline|title|todo|type|unapprove|unassign|unassign_reviewer|unlabel|unlink|unlock|"
    "unrelate|unsubscribe|weight|zoom"
)
COMMAND = rf"/(?P<name>{NAMES})(?: (?P<argument>[^\n]*))?"
AS_LINE = re.compile(rf"{COMMAND}\s*$", re.I)
SKIPPED = (
    r"^```.+?\n```$",
    r"^<[^>]+?>\n.+?\n</[^>]+?>$",
    r"^>>>.+?\n>>>$",
)
AS_TEXT = re.compile(rf"{'|'.join(SKIPPED)}|^{COMMAND}(?:\s*\n|$)", re.I | re.M | re.S)


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    argument: str = ""


def extract(text: str) -> tuple[str, list[Command]]:
    """The note without its command lines, and the commands in the order found."""
    kept, commands = _by_text(text.replace("\r", ""))
    kept, more = _by_markdown(kept)
    return kept.rstrip(), commands + more


def _by_text(text: str) -> tuple[str, list[Command]]:
    commands: list[Command] = []

    def take(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found[0]
        commands.append(_command(found))
        return ""

    return AS_TEXT.sub(take, text), commands


def _by_markdown(text: str) -> tuple[str, list[Command]]:
    kept, commands = [], []
    for line in markdown.lines(text):
        found = AS_LINE.match(line.text) if line.kind == "text" else None
        if found:
            commands.append(_command(found))
        else:
            kept.append(line.text)
    return "\n".join(kept), commands


def _command(found: re.Match[str]) -> Command:
    return Command(found["name"].lower(), (found["argument"] or "").strip())
