// A text of Jira's, an Atlassian Document Format tree, as nodes. What it does not know shows the text inside it.

import { el, siteLink, visible } from "./dom.js";

const DEEPEST = 60;
const LEVELS = [1, 2, 3, 4, 5, 6];
const COLORS = ["neutral", "purple", "blue", "red", "yellow", "green"];
const PANELS = ["info", "note", "tip", "warning", "error", "success"];
const MARKS = { strong: "strong", em: "em", strike: "s", underline: "u", code: "code" };

const wrap = (tag, attributes = {}) => (node, depth) => el(tag, attributes, children(node, depth));
const quiet = (words) => el("span", { class: "muted" }, visible(words));
const text = (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const of = (node, name) => text(node.attrs?.[name]);

/** How each kind of node is drawn. Headings stand below those of the page. */
const KINDS = {
  paragraph: wrap("p"),
  heading: (node, depth) => el(`h${Math.min(6, 3 + level(node))}`, {}, children(node, depth)),
  bulletList: wrap("ul"),
  orderedList: (node, depth) => el("ol", { start: Number.parseInt(of(node, "order"), 10) || null }, children(node, depth)),
  listItem: wrap("li"),
  taskList: wrap("ul", { class: "tasks" }),
  taskItem: (node, depth) => task(node, depth, "DONE"),
  decisionList: wrap("ul", { class: "tasks" }),
  decisionItem: (node, depth) => task(node, depth, "DECIDED"),
  blockquote: wrap("blockquote"),
  codeBlock: (node, depth) => el("pre", {}, el("code", {}, children(node, depth))),
  panel: (node, depth) => el("div", { class: "panel", "data-panel": known(PANELS, of(node, "panelType")) }, children(node, depth)),
  rule: () => el("hr"),
  table: (node, depth) => el("div", { class: "scroller" }, el("table", {}, el("tbody", {}, children(node, depth)))),
  tableRow: wrap("tr"),
  tableCell: (node, depth) => cell("td", node, depth),
  tableHeader: (node, depth) => cell("th", node, depth),
  expand: fold,
  nestedExpand: fold,
  text: words,
  hardBreak: () => el("br"),
  mention: (node) => el("span", { class: "mention" }, visible(of(node, "text") || `@${of(node, "id")}`)),
  emoji: (node) => el("span", {}, visible(of(node, "text") || of(node, "shortName"))),
  date: (node) => el("span", {}, day(of(node, "timestamp"))),
  status: (node) => el("span", { class: "lozenge", "data-color": known(COLORS, of(node, "color")) }, visible(of(node, "text"))),
  inlineCard: card,
  blockCard: card,
  embedCard: card,
  media: (node) => quiet(`[attachment${of(node, "alt") ? `: ${of(node, "alt")}` : ""}]`),
};

/** The document's blocks, in a fragment. */
export function adf(tree) {
  const blocks = document.createDocumentFragment();
  blocks.append(...children(tree, 0));
  return blocks;
}

function children(node, depth) {
  const inside = Array.isArray(node?.content) ? node.content.filter((one) => one && typeof one === "object") : [];
  return inside.flatMap((one) => drawn(one, depth + 1));
}

/** Too deep to be meant, or unknown: what it holds follows without structure. */
function drawn(node, depth) {
  if (depth > DEEPEST) return visible(textBelow(node));
  return Object.hasOwn(KINDS, node.type) ? KINDS[node.type](node, depth) : unknown(node, depth);
}

function unknown(node, depth) {
  const inside = children(node, depth);
  return inside.length || node.text ? [...visible(text(node.text)), ...inside] : quiet(`[${text(node.type)}]`);
}

/** Without recursion: nothing says how deep a tree may be. */
function textBelow(node) {
  const found = [];
  const waiting = [node];
  while (waiting.length) {
    const one = waiting.pop();
    if (typeof one?.text === "string") found.push(one.text);
    if (Array.isArray(one?.content)) for (const inside of [...one.content].reverse()) waiting.push(inside);
  }
  return found.join("");
}

function words(node) {
  const marks = Array.isArray(node.marks) ? node.marks : [];
  const plain = visible(text(node.text));
  const bare = marks.reduce((inside, mark) => marked(inside, mark), plain);
  const link = marks.find((mark) => mark?.type === "link");
  return link ? siteLink(text(link.attrs?.href), bare) : bare;
}

function marked(inside, mark) {
  if (Object.hasOwn(MARKS, mark?.type)) return [el(MARKS[mark.type], {}, inside)];
  if (mark?.type === "subsup") return [el(mark.attrs?.type === "sup" ? "sup" : "sub", {}, inside)];
  return inside;
}

const known = (names, name) => (names.includes(name) ? name : names[0]);
const level = (node) => (LEVELS.includes(node.attrs?.level) ? node.attrs.level : 3);

function cell(tag, node, depth) {
  const span = (name) => (Number.isInteger(node.attrs?.[name]) ? node.attrs[name] : null);
  return el(tag, { colspan: span("colspan"), rowspan: span("rowspan") }, children(node, depth));
}

function task(node, depth, done) {
  const isDone = of(node, "state") === done;
  return el("li", { "data-done": isDone ? "yes" : "no" }, isDone ? "☑ " : "☐ ", children(node, depth));
}

function fold(node, depth) {
  const inside = el("div", { class: "folded" }, children(node, depth));
  return el("details", {}, el("summary", {}, visible(of(node, "title") || "Details")), inside);
}

function card(node) {
  return siteLink(of(node, "url"), visible(of(node, "url")));
}

/** Jira keeps the milliseconds of a day in UTC. */
function day(milliseconds) {
  const at = new Date(Number(milliseconds));
  return Number.isNaN(at.getTime()) ? "" : at.toISOString().slice(0, 10);
}
