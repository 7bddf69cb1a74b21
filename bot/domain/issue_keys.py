"""Jira issue keys in what people write: titles, descriptions, commit messages, branch names.

Atlassian's own rule is a letter, letters or digits, a hyphen and a number without leading zero, with no letter or digit
on either side (its GitHub app's key pattern); Data Center lets administrators allow underscores too. That rule also
fits UTF-8 and its like, so a name that is no project is left out: by the known projects, else by a table.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

NAMES = """
    AES ANSI ARM ASCII BASE BCP BLAKE BSD CHACHA COVID CP CPE CRC CSS CVE CWE DDR DES DIN DOI EAN EC ECMA ED EIP EN ES
    ETSI EUC FIPS GB GCM GHSA GMT GPL GPT HMAC HOTFIX HTML HTTP IBM IEC IEEE IPV ISBN ISO ISSN ITU JDK JEP JIS JPEG JSR
    KOI LATIN LGPL MD MIT MP MPEG MPL MR NIST OAUTH OWASP PATCH PBKDF PCI PEP PHASE PHP PKCS POSIX PR PSR RC RELEASE RFC
    RHEL RIPEMD RSA SAML SHA SHA1 SHA2 SHA3 SHAKE SOC SPRINT SSE SSH SSL STD STEP TCP TIS TLS UCS UDP UNICODE USB UTC
    UTF UUID VERSION WCAG WINDOWS WPA X509 XEP
"""
NOT_PROJECTS = frozenset(NAMES.split())
PROJECT, NUMBER = r"[A-Z][A-Z0-9_]{1,63}", r"[1-9][0-9]{0,9}"
KEY = re.compile(
    rf"""(?<![^\W_]) (?<![-%&+$@]) ({PROJECT}) - ({NUMBER}) (?![^\W_]) (?!-\d)""",
    re.VERBOSE,
)
KEY_IN_BRANCH = re.compile(rf"(?<![^\W_])({PROJECT})-({NUMBER})(?![^\W_])", re.IGNORECASE | re.ASCII)
CVE = re.compile(r"CVE-\d{4}-\d+", re.IGNORECASE)
ADDRESS = re.compile(r"https?://[^\s<>\"'|\]]{1,4000}", re.IGNORECASE)
SELECTED = re.compile(rf"[?&]selectedIssue=({PROJECT}-{NUMBER})(?![\w-])")


@dataclass(frozen=True, slots=True)
class Found:
    """Keys in the order of their first appearance, and how many more there were."""

    keys: tuple[str, ...]
    left_out: int = 0


def found(texts: Iterable[str], known: Collection[str] | None = None, most: int = 50) -> Found:
    """The issue keys in the texts, each once, at most `most`. Only upper case counts.

    `known`: the project keys that exist; when None, well-known names that are no project (UTF-8) are left out. A CVE's
    number, and what stands in an address behind "?" or "#", is no key; an issue selected on a board is.
    """
    distinct = _distinct((match for text in texts for match in _in_text(text)), known)
    return Found(distinct[:most], max(0, len(distinct) - most))


def found_in_branch(name: str, known: Collection[str] | None = None) -> tuple[str, ...]:
    """The issue keys in a branch's name, in any case ("feature/shop-12-cart"), in upper case."""
    return _distinct(KEY_IN_BRANCH.finditer(CVE.sub(" ", name)), known)


def _distinct(matches: Iterable[re.Match[str]], known: Collection[str] | None) -> tuple[str, ...]:
    keys = (_key(match[1].upper(), match[2], known) for match in matches)
    return tuple(dict.fromkeys(key for key in keys if key))


def _key(project: str, number: str, known: Collection[str] | None) -> str | None:
    """The key, of "FEATURE_SHOP-12" that of the known project SHOP; None where there is no such project."""
    while known is not None and project not in known and "_" in project:
        project = project.partition("_")[2]
    exists = project not in NOT_PROJECTS if known is None else project in known
    return f"{project}-{number}" if exists else None


def _in_text(text: str) -> Iterator[re.Match[str]]:
    return KEY.finditer(ADDRESS.sub(_telling_part, text))


def _telling_part(address: re.Match[str]) -> str:
    """Of an address its path, and the issue that it selects."""
    path = re.split(r"[?#]", address[0], maxsplit=1)[0]
    selected = SELECTED.search(address[0])
    return f"{path} {selected[1]}" if selected else path
