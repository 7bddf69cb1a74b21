"""The platforms: where each is, and with which account Trivet reads and writes there."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr

from bot.settings.addresses import Address, ConfluenceAddress, GitLabAddress, JiraAddress
from bot.settings.forms import Email, Secrets, Texts, Token


class GitLabSettings(BaseModel):
    """One GitLab. `read_token` falls back to `token`; `webhook_secrets` are all valid at once, for rotation."""

    model_config = ConfigDict(extra="forbid")

    url: GitLabAddress | None = None
    token: Token | None = None
    read_token: Token | None = None
    webhook_secrets: Secrets = ()
    projects: Texts = ()

    @property
    def reader(self) -> SecretStr | None:
        return self.read_token or self.token


class AtlassianSettings(BaseModel):
    """One Jira or Confluence. With an e-mail address the token is Cloud's (Basic), without one a personal access token.

    The reader falls back to the writer. `deployment` auto: by the address, else by asking. `browse_url`: where people
    open it, for tokens that go through Atlassian's gateway.
    """

    model_config = ConfigDict(extra="forbid")

    url: Address | None = None
    email: Email | None = None
    token: Token | None = None
    read_email: Email | None = None
    read_token: Token | None = None
    webhook_secrets: Secrets = ()
    deployment: Literal["auto", "cloud", "datacenter"] = "auto"
    browse_url: Address | None = None

    @property
    def reader(self) -> tuple[str | None, SecretStr | None]:
        """E-mail address and token for reading; a reading token without an address of its own is the writer's."""
        if self.read_token:
            return self.read_email or self.email, self.read_token
        return self.email, self.token


class JiraSettings(AtlassianSettings):
    """One Jira."""

    url: JiraAddress | None = None


class ConfluenceSettings(AtlassianSettings):
    """One Confluence."""

    url: ConfluenceAddress | None = None
