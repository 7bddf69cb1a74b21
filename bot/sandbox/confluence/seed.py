"""The demo's Confluence: space DOC with the guide to the shop's interface, and the page that releases are put below.

Two sections of the guide say what the main branch does. The demo's merge request makes "Endpoints" wrong: `check_out`
takes discount codes, `vat.tax` becomes `tax.due`, and paper vouchers are gone. What its second issue needs makes
"Amounts" wrong: customers are shown the currency of their country.
"""

from datetime import datetime, timedelta

from bot.sandbox.confluence import deeds
from bot.sandbox.confluence.model import PERMISSIONS, Flavour, Page, Person, Site, Space, Version, now
from bot.sandbox.model import State

KEY, OTHER_KEY = "DOC", "OPS"
BOT = "trivet"
GUIDE, RELEASES = "API guide", "Releases"
SECTION, OTHER_SECTION = "Endpoints", "Amounts"
REMARK = "the same as on the receipt"
WRITTEN_AGO, EDITED_AGO = timedelta(days=40), timedelta(days=9)

CODE = """\
cart = Cart(country="NL")
cart.add("MUG-1", 2)
order = check_out(cart)
print(order.total)  # 23.96"""

GUIDE_BODY = f"""\
<ac:layout>
<ac:layout-section ac:type="single"><ac:layout-cell>
<p>How other teams use the shop&rsquo;s code. Questions: <strong>#shop</strong>.</p>
<ac:structured-macro ac:name="info"><ac:rich-text-body><p>All amounts are in euro, as \
<code>Decimal</code>; nothing is a <code>float</code>.</p></ac:rich-text-body></ac:structured-macro>
</ac:layout-cell></ac:layout-section>
<ac:layout-section ac:type="two_right_sidebar"><ac:layout-cell>
<h2>A first order</h2>
<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">python</ac:parameter>\
<ac:plain-text-body><![CDATA[{CODE}]]></ac:plain-text-body></ac:structured-macro>
<p>The total is {REMARK}.</p>
<h2>{SECTION}</h2>
<p>Three functions make an order:</p>
<ul>
<li><p><code>Cart.add(sku, count=1)</code> puts a product into the cart. A product that nobody knows is a \
<code>KeyError</code>.</p></li>
<li><p><code>check_out(cart)</code> makes the order of a cart. It takes nothing but the cart.</p></li>
<li><p><code>vat.tax(net, country)</code> is the tax on a net amount, by the customer&rsquo;s country.</p></li>
</ul>
<p>Paper vouchers are worth what <code>vouchers.worth(code)</code> says.</p>
<table><tbody>
<tr><th>Field of an order</th><th>What it holds</th></tr>
<tr><td>net</td><td>the sum of the cart&rsquo;s lines, before tax</td></tr>
<tr><td>tax</td><td>what the customer&rsquo;s country takes</td></tr>
<tr><td>total</td><td>net and tax</td></tr>
</tbody></table>
<h2>{OTHER_SECTION}</h2>
<p><code>money.rounded(amount)</code> rounds to whole cents, half up.</p>
<p>Customers read amounts as <code>money.shown(amount)</code> writes them, always in euro.</p>
<h2>Who to ask</h2>
<p>Ada wrote most of it.</p>
</ac:layout-cell><ac:layout-cell>
<h3>On this page</h3>
<ac:structured-macro ac:name="toc" />
</ac:layout-cell></ac:layout-section>
</ac:layout>"""

RELEASES_BODY = "<p>What each release of the shop changes stands on the pages below this one.</p>"
RUNBOOK_BODY = "<h1>When payments stop</h1><p>Call the bank first.</p>"


def seeded(state: State, flavour: Flavour) -> Site:
    """A Confluence with everything in it."""
    with state.lock:
        site = Site(state, flavour)
        grace = site.add_person("grace", "Grace Okafor", admin=True)
        ada = site.add_person("ada", "Ada Lindqvist")
        sam = site.add_person("sam", "Sam Ferreira")
        trivet = site.add_person(BOT, "Trivet", bot=True)
        docs = add_space(site, KEY, "Docs", grace)
        permit(docs, [ada, trivet], "read", "edit", "comment", "delete")
        permit(docs, [sam], "read", "comment")
        ops = add_space(site, OTHER_KEY, "Operations", grace)
        permit(ops, [ada], "read", "edit", "comment", "delete")
        _write(site, docs, ops, ada, sam)
        return site


def add_space(site: Site, key: str, name: str, owner: Person) -> Space:
    """One that its owner alone may use."""
    space = Space(
        site.next_id(), key, name, owner, now(), {permission: [owner] for permission in PERMISSIONS}
    )
    site.spaces.append(space)
    return space


def permit(space: Space, people: list[Person], *permissions: str) -> None:
    for permission in permissions:
        space.permissions[permission] += [one for one in people if one not in space.permissions[permission]]


def _write(site: Site, docs: Space, ops: Space, ada: Person, sam: Person) -> None:
    home = deeds.create(site, ada, docs, "Docs", "<p>Everything about the shop.</p>")
    deeds.create(site, ada, docs, RELEASES, RELEASES_BODY, home)
    guide = deeds.create(site, ada, docs, GUIDE, "<p>To be written.</p>", home)
    deeds.update(site, ada, guide, body=GUIDE_BODY, message="The whole guide")
    deeds.comment_inline(site, sam, guide, "<p>Also for receipts in another currency?</p>", REMARK)
    deeds.create(site, ada, ops, "Runbook", RUNBOOK_BODY)
    for page in site.pages:
        _age(page)


def _age(page: Page) -> None:
    """Written so long ago that nobody who looks for news takes it for some."""
    page.created = now() - WRITTEN_AGO
    page.writes.clear()
    moments = [page.created, now() - EDITED_AGO]
    page.versions = [_at(version, moment) for version, moment in zip(page.versions, moments, strict=False)]
    for comment in page.comments:
        comment.created = now() - EDITED_AGO
        comment.versions = [_at(version, comment.created) for version in comment.versions]


def _at(version: Version, moment: datetime) -> Version:
    return Version(
        version.number, version.author, moment, version.title, version.body, version.message, version.minor
    )
