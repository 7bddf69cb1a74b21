"""What a reader sees of Markdown, texts that try to change the page, and findings to write about."""

from html.parser import HTMLParser

from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.findings import Finding, Severity

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

KEY = Finding(
    rule="secrets/private-key",
    severity=Severity.BLOCKER,
    path="src/app/keys.py",
    line=12,
    title="Private key in the diff",
    detail="Anyone who can read the repository can use it.\n\nRevoke it first.",
    evidence="a PEM block of 27 lines",
)
BIG = Finding(rule="files/large", severity=Severity.MINOR, path="logo.psd", title="A file of 12 MB")
MODEL = Finding(
    rule="sql-injection",
    severity=Severity.CRITICAL,
    path="src/app/find.py",
    line=41,
    anchor='db.execute(f"... {name}")',
    title="A customer's name becomes SQL in `find()`",
    detail="The name is put into the statement, so that a quote in it ends the text.",
    evidence="`name` comes from the request, src/app/views.py:12",
)


class Shown(HTMLParser):
    """The text of a page, paragraph tags aside, and which elements it has."""

    def __init__(self, body: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", set[str]()
        self.feed(MARKDOWN.render(body))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


NAUGHTY = st.sampled_from(
    [
        *"`*_~[]()<>|#+-=:!&$\\/@1.a \n",
        "\n\n",
        "```",
        "1. ",
        "- ",
        "---",
        "&lt;",
        "**a**",
        "<b>",
        "![a](b)",
        "[a]: b",
        "a_b_c",
    ]
)
TEXTS = st.lists(NAUGHTY, max_size=30).map("".join)
