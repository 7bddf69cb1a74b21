// A text of Confluence's, a tree of its storage, as nodes. What it does not know shows the text inside it.

import { el, siteLink, visible } from "./dom.js";

const MARKS = { strong: "strong", b: "strong", em: "em", i: "em", u: "u", ins: "u", s: "s", del: "s", code: "code", sub: "sub", sup: "sup" };
const PANELS = { info: "info", note: "warning", warning: "error", tip: "success", panel: "neutral" };
const COLORS = { grey: "neutral", gray: "neutral", purple: "purple", blue: "blue", red: "red", yellow: "yellow", green: "green" };
const HIDDEN = new Set(["ac:parameter", "ac:task-id", "ac:task-uuid", "ac:task-status", "colgroup"]);

const LAYOUTS = ["two_right_sidebar", "two_left_sidebar", "single"];

const isText = (node) => typeof node === "string";
const attribute = (node, name) => (Object.hasOwn(node.attributes, name) ? node.attributes[name] : "");
const known = (node) => (LAYOUTS.includes(attribute(node, "ac:type")) ? attribute(node, "ac:type") : "equal");
const within = (node, name) => node.children.find((one) => !isText(one) && one.name === name);
const wrap = (tag, attributes = {}) => (node) => el(tag, attributes, children(node));
const quiet = (words) => el("span", { class: "muted" }, visible(words));
const through = (node) => children(node);

/** How each element is drawn. Headings stand below those of the page. */
const KINDS = {
  ...Object.fromEntries(Object.entries(MARKS).map(([name, tag]) => [name, wrap(tag)])),
  ...Object.fromEntries([1, 2, 3, 4, 5, 6].map((level) => [`h${level}`, wrap(`h${Math.min(6, 3 + level)}`)])),
  p: wrap("p"),
  ul: wrap("ul"),
  ol: wrap("ol"),
  li: wrap("li"),
  blockquote: wrap("blockquote"),
  pre: (node) => el("pre", {}, el("code", {}, children(node))),
  br: () => el("br"),
  hr: () => el("hr"),
  div: through,
  span: through,
  table: (node) => el("div", { class: "scroller" }, el("table", {}, children(node))),
  thead: wrap("thead"),
  tbody: wrap("tbody"),
  tr: wrap("tr"),
  th: (node) => cell("th", node),
  td: (node) => cell("td", node),
  a: (node) => siteLink(attribute(node, "href"), children(node)),
  img: () => quiet("[image]"),
  "ac:image": () => quiet("[image]"),
  "ac:emoticon": (node) => quiet(attribute(node, "ac:emoji-fallback") || `:${attribute(node, "ac:name")}:`),
  "ac:link": link,
  "ac:task-list": wrap("ul", { class: "tasks" }),
  "ac:task": task,
  "ac:layout": through,
  "ac:layout-section": (node) => el("div", { class: "columns", "data-columns": known(node) }, children(node)),
  "ac:layout-cell": wrap("div"),
  "ac:inline-comment-marker": (node) => el("mark", { "data-ref": attribute(node, "ac:ref") }, children(node)),
  "ac:structured-macro": macro,
};

/** How each macro is drawn that is more than its name. */
const MACROS = {
  ...Object.fromEntries(Object.entries(PANELS).map(([name, panel]) => [name, (node) => framed(node, panel)])),
  code: (node) => el("pre", {}, el("code", {}, visible(textBelow(within(node, "ac:plain-text-body"))))),
  noformat: (node) => el("pre", {}, el("code", {}, visible(textBelow(within(node, "ac:plain-text-body"))))),
  expand: (node) => el("details", {}, el("summary", {}, visible(parameter(node, "title") || "Details")), el("div", { class: "folded" }, body(node))),
  status: (node) => el("span", { class: "lozenge", "data-color": COLORS[parameter(node, "colour").toLowerCase()] ?? "neutral" }, visible(parameter(node, "title"))),
  anchor: (node) => el("span", { class: "anchor", title: "an anchor" }, visible(parameter(node, ""))),
};

/** The blocks of a tree, in a fragment. */
export function storage(tree) {
  const blocks = document.createDocumentFragment();
  blocks.append(...children(tree));
  return blocks;
}

function children(node) {
  return node.children.flatMap((one) => (isText(one) ? visible(one) : drawn(one)));
}

function drawn(node) {
  if (HIDDEN.has(node.name)) return [];
  return Object.hasOwn(KINDS, node.name) ? KINDS[node.name](node) : children(node);
}

function macro(node) {
  const name = attribute(node, "ac:name");
  if (Object.hasOwn(MACROS, name)) return MACROS[name](node);
  return [quiet(`[${name}]`), ...body(node)];
}

function framed(node, panel) {
  const title = parameter(node, "title");
  return el("div", { class: "panel", "data-panel": panel }, title ? el("p", {}, el("strong", {}, visible(title))) : "", body(node));
}

const body = (node) => {
  const inside = within(node, "ac:rich-text-body");
  return inside ? children(inside) : [];
};

function parameter(node, name) {
  const found = node.children.find((one) => !isText(one) && one.name === "ac:parameter" && attribute(one, "ac:name") === name);
  return textBelow(found);
}

/** A page, a person or an attachment: the words that were put on it, else what it leads to. */
function link(node) {
  const words = within(node, "ac:link-body") ?? within(node, "ac:plain-text-link-body");
  if (words) return el("span", { class: "mention" }, children(words));
  const target = node.children.find((one) => !isText(one));
  const named = target ? attribute(target, "ri:content-title") || attribute(target, "ri:filename") || target.name.replace("ri:", "") : "link";
  return el("span", { class: "mention" }, visible(named));
}

function task(node) {
  const isDone = textBelow(within(node, "ac:task-status")) === "complete";
  const words = within(node, "ac:task-body");
  return el("li", { "data-done": isDone ? "yes" : "no" }, isDone ? "☑ " : "☐ ", words ? children(words) : "");
}

function cell(tag, node) {
  const span = (name) => (/^[1-9]\d?$/.test(attribute(node, name)) ? attribute(node, name) : null);
  return el(tag, { colspan: span("colspan"), rowspan: span("rowspan") }, children(node));
}

function textBelow(node) {
  if (!node) return "";
  return node.children.map((one) => (isText(one) ? one : textBelow(one))).join("");
}
