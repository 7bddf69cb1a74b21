"""Addresses in settings: of platforms, Redis, a database, an error tracker; and the secrets that stand in them."""

import re
from contextlib import suppress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

NOT_HTTP = "must be an http(s) address without user name or query, like https://gitlab.example.com"
NOT_BASE = "must be GitLab's own address, without /api/v4"
NOT_JIRA = "must be Jira's own address, without /rest or /browse"
NOT_CONFLUENCE = "must be Confluence's own address, without /rest, /api, /spaces or /pages"
NOT_REDIS = "must be like redis://host:6379/0, rediss://host:6380/0 or unix:///path/redis.sock"
NOT_ADDRESS = "is no address: percent-encode what is special in its password"


def is_plain_http(value: str) -> bool:
    parts = urlsplit(value)
    has_more = parts.username or parts.password or parts.query
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_more


def _http(value: str) -> str:
    if not is_plain_http(value):
        raise ValueError(NOT_HTTP)
    return value.rstrip("/")


def _gitlab(value: str) -> str:
    if re.search(r"/api/v\d", value):
        raise ValueError(NOT_BASE)
    return _http(value)


def _jira(value: str) -> str:
    """A context path (/jira) and the gateway's (/ex/jira/ID) are part of it."""
    if re.search(r"/(rest|browse)(/|$)", value):
        raise ValueError(NOT_JIRA)
    return _http(value)


def _confluence(value: str) -> str:
    """A context path (/confluence), Cloud's /wiki and the gateway's (/ex/confluence/ID) are part of it."""
    if re.search(r"/(rest|api|spaces|display|pages)(/|$)", urlsplit(value).path):
        raise ValueError(NOT_CONFLUENCE)
    return _http(value)


def _redis(value: str) -> str:
    parts = urlsplit(_whole(value))
    if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.path):
        raise ValueError(NOT_REDIS)
    return value


def _whole(value: str) -> str:
    """One that can be taken apart; the rest is for who opens it."""
    try:
        urlsplit(value)
    except ValueError:
        raise ValueError(NOT_ADDRESS) from None
    return value


def _dsn(value: SecretStr) -> SecretStr:
    _whole(value.get_secret_value())
    return value


Address = Annotated[str, AfterValidator(_http)]
GitLabAddress = Annotated[str, AfterValidator(_gitlab)]
JiraAddress = Annotated[str, AfterValidator(_jira)]
ConfluenceAddress = Annotated[str, AfterValidator(_confluence)]
RedisAddress = Annotated[str, AfterValidator(_redis)]
DatabaseAddress = Annotated[str, AfterValidator(_whole)]
Dsn = Annotated[SecretStr, AfterValidator(_dsn)]


def password_of(url: str) -> str:
    """The password in an address; "": none."""
    with suppress(ValueError):
        return urlsplit(url).password or ""
    return ""


def key_of(dsn: str) -> str:
    """The key in an error tracker's address, which stands where others have a user name; "": none."""
    with suppress(ValueError):
        return urlsplit(dsn).username or ""
    return ""
