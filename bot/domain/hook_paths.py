"""Below our address, where each platform sends its webhooks."""


def hook_path(source: str) -> str:
    """`source`: "gitlab", "jira" or "confluence"."""
    return f"/hooks/{source}"
