"""The dates of HTTP headers (RFC 9110, 5.6.7), from whichever server."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def http_date(said: str) -> datetime | None:
    """The moment, with its zone; None where it is none that can be read, as one with a year of twenty digits."""
    try:
        found = parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
