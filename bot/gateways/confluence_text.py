"""The addresses that a piece of storage leads to."""

from bot.domain.storage_scan import elements, scan


def addresses(fragment: str) -> frozenset[str]:
    """Where its links lead to. Raises Damaged where it is not well-formed."""
    links = (one for one in elements(scan(fragment).children) if one.name == "a")
    return frozenset(one.attributes["href"] for one in links if "href" in one.attributes)
