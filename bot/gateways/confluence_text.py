"""Parts of storage that a write looks at: the addresses it leads to, the line it ends with."""

from bot.domain.storage_scan import Element, elements, scan, text_of


def addresses(fragment: str) -> frozenset[str]:
    """Where its links lead to. Raises Damaged where it is not well-formed."""
    links = (one for one in elements(scan(fragment).children) if one.name == "a")
    return frozenset(one.attributes["href"] for one in links if "href" in one.attributes)


def last_line(fragment: str) -> str:
    """The characters of its last element that has any, blanks as one. Raises Damaged where it is not well-formed."""
    lines = [" ".join(text_of([one]).split()) for one in scan(fragment).children if isinstance(one, Element)]
    return next((line for line in reversed(lines) if line), "")
