"""Where a request carries its access token. Header names are in lower case."""

import base64
import binascii
from collections.abc import Mapping


def api_token(headers: Mapping[str, str]) -> str:
    """PRIVATE-TOKEN or a Bearer token; empty when there is neither."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else headers.get("private-token", "")


def git_token(headers: Mapping[str, str]) -> str:
    """The password of Basic credentials, whatever the user name; empty when there are none."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
