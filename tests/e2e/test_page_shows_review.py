"""A person watches the sandbox's page in a browser while the review arrives."""

from pathlib import Path

from tests.browser import Browser, needs_chromium
from tests.rig import Rig

PICTURE = Path(__file__).parents[1] / "artifacts" / "review-on-its-lines.png"
ON_LINES = """
[...document.querySelectorAll('tr.thread-row')].map(row => {
  let line = row.previousElementSibling;
  while (line.classList.contains('thread-row')) line = line.previousElementSibling;
  return line.closest('.file').dataset.path + ':' + line.dataset.new;
}).sort().join(' ')
"""
EXPECTED = {
    "README.md:20",
    "shop/checkout.py:23",
    "shop/discounts.py:18",
    "shop/discounts.py:32",
    "shop/discounts.py:34",
    "shop/settings.py:12",
}


@needs_chromium
def test_the_review_appears_on_its_lines_without_a_reload(tmp_path: Path) -> None:
    with Rig(tmp_path, seed=True) as rig, Browser() as browser:
        rig.sandbox.act(1, "draft")
        page = browser.open(rig.review(1)["web_url"], 1280, 2400, dark=False)
        page.run("window.neverReloaded = true")
        assert page.run("document.querySelectorAll('tr.thread-row').length") == 0
        rig.sandbox.act(1, "ready")
        page.wait("document.querySelectorAll('tr.thread-row').length === 6")
        assert set(page.run(ON_LINES).split()) == EXPECTED
        assert page.run("window.neverReloaded") is True
        rig.reviewed(1)
        page.wait(
            "document.querySelector('.file[data-path=\"data/codes.db\"] .file-threads [data-bot]') !== null"
        )
        assert (
            page.run(
                "[...document.querySelectorAll('[data-log][data-bad]')].filter(one => one.dataset.bad !== '0').length"
            )
            == 0
        )
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(PICTURE)
        assert page.complaints == []
