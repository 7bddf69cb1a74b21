"""What GitLab makes a reference or a link without being asked, and which addresses may stay links."""

import re

import re2

LETTER = r"[0-9A-Za-z_\x{80}-\x{10ffff}]"
PATH = r"[0-9A-Za-z_./\-\x{80}-\x{10ffff}]"
END = r"[^\s<>`|\\.,;:!?'\"()*_]"
NAME = rf"(?:\"[^\"`|\\]*\"|[^\s`|\\]*{LETTER}|[^\s`|\\]+)"
REFERENCE = (
    rf"[A-Za-z][A-Za-z0-9+.\-]*://[^\s<>`|\\]*{END}",  # an address of any scheme
    rf"(?i:www)\.[^\s<>`|\\]*{END}",
    rf"(?:{PATH}|\+)*@+{PATH}*{LETTER}",  # a mention, an e-mail address
    rf"(?:{PATH}|\^)*[#!&]\d+(?:\+s?)?",  # issue, merge request, epic, alert; of any project
    rf"{PATH}*%(?:\"[^\"`|\\]*\"|\"|{PATH}+)",  # milestone
    rf"{PATH}*~+{NAME}|~{{3,}}",  # label; a fence of tildes
    rf"{PATH}*\$+{NAME}",  # snippet, maths
    r"\*iteration:[^\s`|\\]+",
    r"\[[a-z_]+:[^\]\s`|\\]+\]",  # [vulnerability:1] and its like
    r"\[\[[^\]`|\\]*\]\]|(?i:\[_?TOC_?\])",  # wiki link, table of contents
    rf"{PATH}+/{PATH}+>",  # project
    r"[A-Z][A-Z0-9_]+-\d+",  # GL-1, and an external tracker's key
    r"[0-9a-fA-F]{7}",  # commit
    rf"(?:{LETTER}|:)*:[a-z0-9_+\-]+:(?:{LETTER}|:)*",  # emoji: a custom one is an image
)
"""GitLab's references, and what it makes a link without being asked (docs.gitlab.com/user/markdown)."""

OWN_ADDRESS = re.compile(
    r"(https?)://([a-z0-9.-]+(?::\d{1,5})?)(/[a-z0-9._~%/+:,;=-]*)?(?:\?[^#]*)?(#[a-z0-9._-]*)?",
    re.IGNORECASE,
)
REFERABLE = re.compile(
    r"/-/(?:issues|work_items|incidents|merge_requests|epics|milestones|commits?|compare|snippets|iterations|designs"
    r"|alert_management|security|feature_flags|boards|releases)\b"
)
"""Pages whose bare address is a reference to GitLab, as `#1` is. A link written out may lead there."""

_QUIET = re2.Options()
_QUIET.log_errors = False
REFERENCES = re2.compile(rf"{LETTER}*(?:{'|'.join(REFERENCE)}){LETTER}*", _QUIET)
"""As whole words: what is left over on either side must be no new word by being cut off."""


def bare_link(text: str, hosts: frozenset[str]) -> str | None:
    """A bare address as a link, None where it must not be one."""
    own = own_address(text, hosts)
    return f"<{own}>" if own and not REFERABLE.search(own) else None


def own_address(text: str, hosts: frozenset[str]) -> str | None:
    """The address without its query if its host is ours, else None. No user name or port hides the host."""
    found = OWN_ADDRESS.fullmatch(text)
    if not found or found[2].lower() not in hosts:
        return None
    return f"{found[1].lower()}://{found[2].lower()}{found[3] or ''}{found[4] or ''}"
