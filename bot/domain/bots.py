"""Which accounts are programs, by their names.

GitLab makes accounts named `project_7_bot_9f3c...` for the access tokens of projects and groups, and
`service_account_...` for service accounts (docs.gitlab.com/user/project/settings/project_access_tokens); the others
are the names that programs go by. A person called Talbot is none.
"""

import re
from typing import Final

_NAME: Final = re.compile(
    r"(?:project|group)_\d+_bot(?:_\w+)?|service_account_\w+|ghost"
    r"|(?:.+[-_.])?bot(?:[-_.\d].*)?|.+\[bot\]"
    r"|(?:gitlab-?)?(?:duo|dependabot|renovate)(?:[-_.].*)?|coderabbitai|greptileai|sonarqube|sonarcloud",
    re.IGNORECASE,
)


def is_bot_name(username: str) -> bool:
    """Whether an account of this user name is a program's, as far as a name can tell."""
    return _NAME.fullmatch(username) is not None
