// The Confluence page as nodes: its facts, its text, its comments and what each version changed.

import { byId, el, keep, visible } from "./dom.js";
import { addressOfPage } from "./pairs.js";
import { storage } from "./storage.js";
import { avatar, badge, plural, time } from "./view.js";

const SIGNS = { "+": "added", "-": "removed", " ": "" };

/** Everything of one page, where it belongs; the others to choose from. */
export function showPage(page, pages) {
  chooser(page, pages);
  byId("wiki-body").hidden = !page;
  if (!page) return;
  heading(page);
  text(page);
  comments(page);
  versions(page);
}

function chooser(page, pages) {
  const item = (one) => ({
    key: one.id,
    signature: JSON.stringify([one.title, one.status, one.version, one === page]),
    make: () =>
      el(
        "li",
        {},
        el(
          "a",
          { href: addressOfPage(one), title: `${one.title}, version ${one.version}`, "aria-current": one === page ? "page" : null },
          visible(one.title),
        ),
      ),
  });
  keep(byId("wiki-pages"), pages.map(item));
}

function heading(page) {
  const restricted = page.restricted.read.length ? [badge(`only ${page.restricted.read.join(", ")}`)] : [];
  byId("wiki-where").replaceChildren(
    el("span", {}, [page.space, ...page.ancestors.map((one) => one.title)].join(" / ")),
    ...(page.status === "current" ? [] : [badge(page.status)]),
    ...restricted,
    ...page.labels.map((one) => el("span", { class: "label" }, visible(one))),
  );
  byId("wiki-title").replaceChildren(el("a", { href: addressOfPage(page) }, visible(page.title)));
  const last = page.versions.at(-1);
  byId("wiki-facts").replaceChildren(...written(last), time({ created_at: last.at }));
}

const named = (one) => ({ author_name: one.display_name, author: one.name, bot: one.bot });

function written(version) {
  const { author, number } = version;
  return [el("b", {}, `Version ${number}`), avatar(named(author)), visible(author.display_name), author.bot ? badge("bot") : ""].flat();
}

function text(page) {
  const target = byId("wiki-text");
  const signature = JSON.stringify(page.tree);
  if (target.signature === signature) return;
  target.signature = signature;
  target.replaceChildren(page.tree.children.length ? storage(page.tree) : el("p", { class: "muted" }, "The page is empty."));
}

function comments(page) {
  const item = (one) => ({ key: one.id, signature: JSON.stringify(one), make: () => comment(one) });
  keep(byId("wiki-comments"), page.comments.map(item));
  byId("wiki-comment-count").textContent = page.comments.length || "";
}

function comment(one) {
  const author = named(one.author);
  return el(
    "article",
    { class: "note", "data-comment": one.id, "data-author": author.author, "data-bot": author.bot ? "yes" : null, "data-place": one.location },
    el(
      "header",
      {},
      avatar(author),
      el("b", {}, visible(author.author_name)),
      author.bot ? badge("bot") : "",
      one.parent ? badge("reply") : "",
      one.resolution === "open" || !one.resolution ? "" : badge(one.resolution),
      one.edited ? el("span", { class: "muted" }, "edited") : "",
      time({ created_at: one.edited ? one.updated : one.created }),
    ),
    one.selection ? el("p", { class: "quoted" }, visible(one.selection)) : "",
    el("div", { class: "prose" }, storage(one.tree)),
  );
}

/** The newest first and open. */
function versions(page) {
  const make = (one) => () =>
    el(
      "li",
      { "data-version": one.number, "data-author": one.author.name },
      el(
        "details",
        { open: one.number === page.version },
        el("summary", {}, ...written(one), one.minor ? badge("minor") : "", time({ created_at: one.at })),
        one.message ? el("p", { class: "said" }, visible(one.message)) : "",
        changed(one),
      ),
    );
  const items = page.versions.map((one) => ({ key: `${page.id} ${one.number}`, signature: JSON.stringify([one, page.version]), make: make(one) }));
  keep(byId("wiki-versions"), items.reverse());
  byId("wiki-version-count").textContent = plural(page.versions.length, "version");
}

function changed(version) {
  if (!version.changes.length) return el("p", { class: "hush" }, version.number === 1 ? "The page is new." : "The text reads as before.");
  const line = (one) => el("li", { class: SIGNS[one.sign], "data-sign": one.sign }, visible(one.text));
  return el("ol", { class: "lines" }, version.changes.map(line));
}
