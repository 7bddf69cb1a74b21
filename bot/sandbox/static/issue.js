// The issue as nodes: its facts, what may be done with it, its texts, links and history.

import { adf } from "./adf.js";
import { byId, el, keep, siteLink, visible } from "./dom.js";
import { addressOfIssue } from "./pairs.js";
import { avatar, badge, time } from "./view.js";

const FIELD_WORDS = { RemoteIssueLink: "link" };

/** Everything of one issue, where it belongs on the page. */
export function showIssue(issue, issues) {
  chooser(issue, issues);
  byId("issue-body").hidden = !issue;
  byId("issue-nothing").hidden = Boolean(issue);
  if (!issue) return;
  heading(issue);
  moves(issue);
  texts(issue);
  links(issue);
  comments(issue);
  history(issue);
}

export const lozenge = (status) => el("span", { class: "lozenge", "data-category": status.category }, status.name);

function chooser(issue, issues) {
  const item = (one) => ({
    key: one.key,
    signature: JSON.stringify([one.title, one.status, one === issue]),
    make: () =>
      el(
        "li",
        {},
        el(
          "a",
          { href: addressOfIssue(one), title: `${one.title} (${one.status.name})`, "aria-current": one === issue ? "page" : null },
          el("span", { class: "dot", "data-category": one.status.category, "aria-hidden": "true" }),
          one.key,
        ),
      ),
  });
  keep(byId("issues"), issues.map(item));
}

function heading(issue) {
  byId("issue-key").replaceChildren(
    el("a", { href: addressOfIssue(issue) }, issue.key),
    el("span", {}, issue.type),
    lozenge(issue.status),
    ...(issue.security ? [badge(`only ${issue.security}`)] : []),
  );
  byId("issue-title").replaceChildren(...visible(issue.title));
  const facts = [
    ["Assignee", person(issue.assignee)],
    ["Reporter", person(issue.reporter)],
    ["Priority", [issue.priority ?? "none"]],
    ...(issue.resolution ? [["Resolution", [issue.resolution]]] : []),
    ...(issue.components.length ? [["Component", [issue.components.join(", ")]]] : []),
    ...(issue.labels.length ? [["Labels", issue.labels.map((one) => el("span", { class: "label" }, visible(one)))]] : []),
  ];
  byId("issue-facts").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

const named = (one) => ({ author_name: one.display_name, author: one.name, bot: one.bot });

function person(one) {
  return one ? [avatar(named(one)), el("span", {}, visible(one.display_name))] : [el("span", { class: "muted" }, "nobody")];
}

function moves(issue) {
  const item = (one) => ({
    key: one.to,
    signature: JSON.stringify(one),
    make: () =>
      el("button", { type: "button", class: one.forward ? "primary" : null, "data-to": one.to, title: one.name }, `Move to ${one.to}`),
  });
  keep(byId("moves"), issue.moves.map(item));
}

function texts(issue) {
  drawInto(byId("issue-description"), issue.description, "No description.");
  byId("issue-criteria").hidden = !issue.criteria;
  if (issue.criteria) drawInto(byId("issue-criteria-text"), issue.criteria, "");
}

function drawInto(target, tree, nothing) {
  const signature = JSON.stringify(tree);
  if (target.signature === signature) return;
  target.signature = signature;
  const isEmpty = !tree?.content?.length;
  target.replaceChildren(isEmpty ? el("p", { class: "muted" }, nothing) : adf(tree));
}

function links(issue) {
  const item = (one) => ({
    key: one.global_id ?? one.url,
    signature: JSON.stringify(one),
    make: () =>
      el(
        "li",
        { "data-link": one.url, "data-resolved": one.resolved ? "yes" : "no" },
        el("span", { class: "muted" }, visible(one.relationship)),
        el("span", { class: "link-title" }, siteLink(one.url, visible(one.title))),
        one.status ? el("span", { class: "lozenge", "data-category": one.resolved ? "done" : "indeterminate" }, visible(one.status)) : "",
        one.summary ? el("span", { class: "muted" }, visible(one.summary)) : "",
      ),
  });
  keep(byId("issue-links"), issue.links.map(item));
  byId("link-count").textContent = issue.links.length || "";
  byId("no-links").hidden = issue.links.length > 0;
}

function comments(issue) {
  const item = (one) => ({ key: one.id, signature: JSON.stringify(one), make: () => comment(one) });
  keep(byId("issue-comments"), issue.comments.map(item));
  byId("issue-comment-count").textContent = issue.comments.length || "";
}

function comment(one) {
  const author = named(one.author);
  return el(
    "article",
    { class: "note", "data-comment": one.id, "data-author": author.author, "data-bot": author.bot ? "yes" : null },
    el(
      "header",
      {},
      avatar(author),
      el("b", {}, visible(author.author_name)),
      author.bot ? badge("bot") : "",
      one.visibility ? badge(`only ${one.visibility}`) : "",
      one.edited ? el("span", { class: "muted" }, "edited") : "",
      time({ created_at: one.edited ? one.updated : one.created }),
    ),
    el("div", { class: "prose" }, adf(one.body)),
  );
}

/** The newest first. */
function history(issue) {
  const make = (one) => () =>
    el(
      "li",
      { "data-field": one.field },
      el("b", {}, visible(one.author?.display_name ?? "somebody")),
      el("span", { class: "muted" }, visible(FIELD_WORDS[one.field] ?? one.field)),
      el("span", { class: "change" }, ...change(one)),
      time({ created_at: one.at }),
    );
  const items = issue.history.map((one, index) => ({ key: `${issue.key} ${index}`, make: make(one) }));
  keep(byId("issue-history"), items.reverse());
  byId("history-count").textContent = issue.history.length || "";
}

function change(one) {
  const before = one.from ? [el("del", {}, visible(one.from)), " → "] : [];
  return [...before, el("span", {}, visible(one.to ?? "nothing"))];
}
