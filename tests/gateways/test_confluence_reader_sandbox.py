"""The reader on the sandbox's Confluence, which is as strict as the real one: the same questions, the same answers."""

import re
from pathlib import Path

import pytest
from confluence_bridge import ConfluenceBridge

from bot.domain.pages import PROPERTY
from bot.errors import AccessDenied, NotFound
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.confluence_recent import recently_changed
from bot.sandbox.confluence import deeds
from bot.sandbox.confluence.model import Page
from bot.sandbox.confluence.seed import BOT, GUIDE, KEY, OTHER_KEY, RELEASES


class Bench(ConfluenceBridge):
    @property
    def guide(self) -> Page:
        return self.page(GUIDE)

    def id_of(self, name: str) -> str:
        return self.me(name).id

    def reader(self) -> ConfluenceReader:
        return ConfluenceReader(self.api())


@pytest.fixture(params=["cloud", "datacenter"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(request.param, tmp_path)


def test_the_deployment_is_found_by_asking(bench: Bench) -> None:
    assert bench.asking(bench.person(BOT).token, "auto").is_cloud is bench.site.cloud


def test_a_wrong_token_is_said_to_be_one(bench: Bench) -> None:
    with pytest.raises(AccessDenied, match="renew TRIVET_CONFLUENCE__TOKEN"):
        ConfluenceReader(bench.asking("wrong" + "0" * 20, "auto")).me()


def test_the_account_is_the_bots(bench: Bench) -> None:
    me = bench.reader().me()
    assert (me.id, me.name, me.username) == (bench.id_of(BOT), "Trivet", "" if bench.site.cloud else BOT)


def test_a_page_is_read_as_it_stands(bench: Bench) -> None:
    page = bench.reader().page(bench.guide.id)
    assert (page.id, page.space, page.title, page.version) == (bench.guide.id, KEY, GUIDE, 2)
    assert page.storage == bench.guide.now.body
    assert (page.status, page.author, page.message) == ("current", bench.id_of("ada"), "The whole guide")
    assert bench.guide.parent
    assert page.parent == bench.guide.parent.id
    assert page.url.startswith(f"{bench.site.base}/")


def test_a_page_in_the_trash_says_so(bench: Bench) -> None:
    deeds.trash(bench.site, bench.person("ada"), bench.guide)
    assert bench.reader().page(bench.guide.id).status == "trashed"
    assert bench.reader().find(KEY, GUIDE) is None


def test_a_page_that_is_purged_or_not_for_us_is_not_found(bench: Bench) -> None:
    guide = bench.guide
    hidden = next(page for page in bench.site.pages if page.space.key == OTHER_KEY)
    deeds.purge(bench.site, bench.person("ada"), guide)
    for page in (guide, hidden):
        with pytest.raises(NotFound):
            bench.reader().page(page.id)


def test_a_page_is_found_by_its_title(bench: Bench) -> None:
    found = bench.reader().find(KEY, RELEASES)
    assert found
    assert found.storage == bench.reader().page(found.id).storage
    assert bench.reader().find(KEY, "Release next") is None


def test_an_archived_page_keeps_its_title_on_cloud(bench: Bench) -> None:
    deeds.archive(bench.site, bench.person("ada"), bench.guide)
    found = bench.reader().find(KEY, GUIDE)
    assert (found.status if found else None) == ("archived" if bench.site.cloud else None)


def test_a_restriction_of_a_page_above_is_seen(bench: Bench) -> None:
    reader, page = bench.reader(), bench.reader().page(bench.guide.id)
    assert not reader.is_restricted(page)
    assert bench.guide.parent
    deeds.restrict(
        bench.site, bench.person("ada"), bench.guide.parent, "read", [bench.person("ada"), bench.person(BOT)]
    )
    assert reader.is_restricted(page)


def test_a_restriction_to_edit_hides_nothing(bench: Bench) -> None:
    deeds.restrict(bench.site, bench.person("ada"), bench.guide, "update", [bench.person("ada")])
    assert not bench.reader().is_restricted(bench.reader().page(bench.guide.id))


def test_of_the_comments_those_in_the_footer_that_answer_none_are_read(bench: Bench) -> None:
    first = deeds.comment(bench.site, bench.person("ada"), bench.guide, "<p>First</p>")
    deeds.comment(bench.site, bench.person("sam"), bench.guide, "<p>An answer</p>", parent=first)
    for number in range(130):
        deeds.comment(bench.site, bench.person(BOT), bench.guide, f"<p>{number}</p>")
    found = bench.reader().comments(bench.guide.id)
    assert [re.sub("<[^>]*>", "", one.storage) for one in found] == ["First", *map(str, range(130))]
    assert (found[0].id, found[0].author, found[0].version) == (first.id, bench.id_of("ada"), 1)
    assert found[-1].author == bench.reader().me().id


def test_a_section_is_remembered_on_the_page(bench: Bench) -> None:
    reader, key = bench.reader(), PROPERTY.format(section="endpoints")
    assert reader.remembered(bench.guide.id, "endpoints") is None
    for value in ({"digests": ["a"]}, {"digests": ["a", "b"]}):
        made = deeds.set_property(bench.site, bench.person(BOT), bench.guide, key, value)
    assert reader.remembered(bench.guide.id, "endpoints") == {"digests": ["a", "b"]}
    found = reader.property(bench.guide.id, key)
    assert found
    assert (found.id, found.version.number) == (made.id, 2)


def test_pages_that_changed_of_late_are_found_oldest_first(bench: Bench) -> None:
    assert list(recently_changed(bench.api(), [KEY], 15)) == []
    titles = [f"Page {number}" for number in range(130)]
    ada, space = bench.person("ada"), bench.guide.space
    made = [deeds.create(bench.site, ada, space, title, "<p>New</p>") for title in titles]
    deeds.update(bench.site, ada, bench.guide, body="<p>Changed</p>")
    found = list(recently_changed(bench.api(), [KEY, OTHER_KEY, "NOPE"], 15))
    assert sorted(one.id for one in found) == sorted([*(page.id for page in made), bench.guide.id])
    assert [one.updated for one in found] == sorted(one.updated for one in found)
    guide = next(one for one in found if one.id == bench.guide.id)
    assert (guide.space, guide.version, guide.author) == (KEY, 3, bench.id_of("ada"))
    assert guide.updated.endswith("+00:00")


def test_no_question_takes_more_requests_than_it_needs(bench: Bench) -> None:
    reader = bench.reader()
    page = reader.page(bench.guide.id)
    bench.seen.clear()
    reader.page(bench.guide.id)
    reader.remembered(bench.guide.id, "endpoints")
    reader.comments(bench.guide.id)
    assert len(bench.seen) == 3
    reader.is_restricted(page)
    assert len(bench.seen) == 3 + 2 + 1  # its own restrictions, what stands above, and that one's
