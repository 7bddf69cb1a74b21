// A small, safe subset of GitLab's Markdown, as nodes. What it does not know stays text; nothing becomes HTML.
//
// Known: paragraphs, headings, lists, quotes, tables, rules, fences, suggestions, <details>, <summary>, <br>, <sub>,
// bold, emphasis, strike, code, links to this site, entities, backslash escapes. Comments are hidden.
// The text may be hostile: patterns have one way to match, and what nests deeper than DEEPEST is shown as it is.

import { el, siteLink, visible } from "./dom.js";

const DEEPEST = 30;
const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s(.*))?$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])( {1,4}|\t|$)/;
const DETAILS = /^ {0,3}<details>/;
const COMMENT = /^ {0,3}<!--/;
const DIVIDER = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const SUGGESTION = /^suggestion(?::-(\d+)\+(\d+))?\s*$/;
const ENTITY = /&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});/y;
const BREAK = /(?: {2,8}|\\)\n/y;
const ESCAPED = /\\([!-/:-@[-`{-~])/y;
const ADDRESS = /^\]\([ \t]*<?((?:\\.|[^\s()<>\\])*)>?(?:[ \t]+"[^"]*")?[ \t]*\)/;
const CHANGES = { "+": "added", "-": "removed" };
const LONGEST_LABEL = 1000;
const LONGEST_ADDRESS = 4000;
const MARKS = [
  ["**", "strong"],
  ["__", "strong"],
  ["~~", "s"],
  ["*", "em"],
  ["_", "em"],
];

/**
 * The nodes of a note's text.
 *
 * `around` tells a suggestion which lines it replaces: {line: number, text(number) -> string | undefined}.
 */
export function markdown(text, around = null) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(lines, around));
  return fragment;
}

let depth = 0;

/** What `make` answers, unless we are too deep in already. */
function deeper(make, otherwise) {
  if (depth >= DEEPEST) return otherwise();
  depth += 1;
  try {
    return make();
  } finally {
    depth -= 1;
  }
}

function blocks(lines, around) {
  return deeper(() => blocksOf(lines, around), () => visible(lines.join("\n")));
}

function blocksOf(lines, around) {
  const nodes = [];
  let rest = lines;
  while (rest.length) {
    const [node, after] = block(rest, around);
    if (node) nodes.push(node);
    rest = after;
  }
  return nodes;
}

/** The first block of the lines, and the lines after it. */
function block(lines, around) {
  const line = lines[0];
  if (!line.trim()) return [null, lines.slice(1)];
  if (COMMENT.test(line)) return comment(lines);
  if (FENCE.test(line)) return fence(lines, around);
  if (DETAILS.test(line)) return details(lines, around);
  if (HEADING.test(line)) return heading(lines);
  if (RULE.test(line)) return [el("hr"), lines.slice(1)];
  if (QUOTE.test(line)) return quote(lines, around);
  if (ITEM.test(line)) return list(lines, around);
  if (isTable(lines)) return table(lines);
  return paragraph(lines);
}

function startsBlock(lines) {
  return [COMMENT, FENCE, DETAILS, HEADING, RULE, QUOTE, ITEM].some((start) => start.test(lines[0])) || isTable(lines);
}

function comment(lines) {
  const end = lines.findIndex((line) => line.includes("-->"));
  if (end < 0) return [null, []];
  const after = lines[end].slice(lines[end].indexOf("-->") + 3);
  return [null, [after, ...lines.slice(end + 1)]];
}

function fence(lines, around) {
  const [, ticks, info] = lines[0].match(FENCE);
  const closes = new RegExp(`^ {0,3}\\${ticks[0]}{${ticks.length},}\\s*$`);
  const close = lines.findIndex((line, index) => index > 0 && closes.test(line));
  const end = close < 0 ? lines.length : close;
  const inside = lines.slice(1, end);
  const found = info.trim().match(SUGGESTION);
  const node = found ? suggestion(inside, Number(found[1] ?? 0), Number(found[2] ?? 0), around) : code(inside, info.trim());
  return [node, lines.slice(end + 1)];
}

/** A difference has its lines coloured, and wrapped. */
function code(lines, language) {
  if (language !== "diff") return el("pre", {}, el("code", {}, visible(lines.join("\n"))));
  const row = (line) => el("span", { class: CHANGES[line[0]] }, visible(line));
  return el("pre", { class: "difference" }, el("code", {}, lines.map(row)));
}

/** Lines `above` the remark's line to `below` it, and what they would become. */
function suggestion(inside, above, below, around) {
  const first = around ? around.line - above : 0;
  const last = around ? around.line + below : -1;
  const numbers = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  const before = numbers.map((number) => around.text(number));
  const known = before.every((text) => text !== undefined);
  const where = !around ? "" : first === last ? `line ${first}` : `lines ${first} to ${last}`;
  const rows = [
    ...(known ? before.map((text) => change("removed", "−", text)) : []),
    ...inside.map((text) => change("added", "+", text)),
  ];
  return el(
    "figure",
    { class: "suggestion" },
    el("figcaption", {}, inside.length ? "Suggested change" : "Suggested removal", where ? ` of ${where}` : ""),
    el("div", { class: "swap" }, rows),
  );
}

function change(kind, sign, text) {
  return el("div", { class: kind }, el("span", { class: "sign" }, sign), el("code", {}, visible(text)));
}

function details(lines, around) {
  const [inside, after] = enclosed(lines);
  const [summary, rest] = takeSummary(inside);
  const node = el("details", {}, el("summary", {}, inline(summary)), el("div", { class: "folded" }, blocks(rest, around)));
  return [node, after];
}

/** What stands between <details> and its own </details>, nested ones included; to the end when it is never closed. */
function enclosed(lines) {
  const text = lines.join("\n");
  const tags = /<(\/?)details>/g;
  let depth = 0;
  for (const tag of text.matchAll(tags)) {
    depth += tag[1] ? -1 : 1;
    if (depth > 0) continue;
    const inside = text.slice(text.indexOf("<details>") + 9, tag.index);
    return [inside.split("\n"), text.slice(tag.index + 10).split("\n")];
  }
  return [text.slice(text.indexOf("<details>") + 9).split("\n"), []];
}

function takeSummary(lines) {
  const text = lines.join("\n");
  const found = text.match(/^\s*<summary>([\s\S]*?)<\/summary>/);
  if (!found) return ["Details", lines];
  return [found[1].trim(), text.slice(found[0].length).split("\n")];
}

function heading(lines) {
  const [, hashes, text] = lines[0].match(HEADING);
  const title = (text ?? "").trim().replace(/(?<![^\s])#+$/, "").trimEnd();
  return [el(`h${Math.min(hashes.length + 2, 6)}`, {}, inline(title)), lines.slice(1)];
}

function quote(lines, around) {
  let end = 1;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inside = lines.slice(0, end).map((line) => line.replace(QUOTE, ""));
  return [el("blockquote", {}, blocks(inside, around)), lines.slice(end)];
}

function list(lines, around) {
  const marker = lines[0].match(ITEM)[2];
  const ordered = /\d/.test(marker);
  const kind = marker.slice(-1);
  const items = [];
  let rest = lines;
  while (rest.length && ITEM.test(rest[0]) && rest[0].match(ITEM)[2].slice(-1) === kind) {
    const [item, after] = listItem(rest);
    items.push(item);
    rest = after;
  }
  const loose = items.some((item) => item.slice(0, -1).some((line, index) => !line.trim() && index > 0));
  const nodes = items.map((item) => el("li", {}, loose ? blocks(item, around) : tight(blocks(item, around))));
  return [el(ordered ? "ol" : "ul", ordered ? { start: String(parseInt(marker, 10)) } : {}, nodes), rest];
}

/** One item's lines without their indent, and the lines after the item. */
function listItem(lines) {
  const start = lines[0].match(ITEM)[0];
  const indent = start.trimEnd().length + Math.max(1, start.length - start.trimEnd().length);
  const inside = [lines[0].slice(start.length)];
  let end = 1;
  for (; end < lines.length; end += 1) {
    const line = lines[end];
    const next = lines.slice(end + 1).find((one) => one.trim());
    const isInside = line.startsWith(" ".repeat(indent));
    const isBlank = !line.trim() && next !== undefined && next.startsWith(" ".repeat(indent));
    const isLazy = line.trim() && inside.at(-1).trim() && !startsBlock(lines.slice(end, end + 2));
    if (!isInside && !isBlank && !isLazy) break;
    inside.push(isInside ? line.slice(indent) : line.trimStart());
  }
  while (end < lines.length && !lines[end].trim()) end += 1;
  return [inside, lines.slice(end)];
}

const tight = (nodes) => nodes.flatMap((node) => (node.tagName === "P" ? [...node.childNodes] : [node]));

function isTable(lines) {
  const [head, divider] = lines;
  return Boolean(divider) && head.includes("|") && DIVIDER.test(divider) && cells(head).length === cells(divider).length;
}

function cells(line) {
  const inside = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inside.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function table(lines) {
  const sides = cells(lines[1]).map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : null));
  let end = 2;
  while (end < lines.length && lines[end].trim() && !startsBlock(lines.slice(end, end + 2))) end += 1;
  const row = (tag, line) =>
    el("tr", {}, sides.map((side, column) => el(tag, { class: side }, inline(cells(line)[column] ?? ""))));
  const body = lines.slice(2, end).map((line) => row("td", line));
  const node = el("table", {}, el("thead", {}, row("th", lines[0])), el("tbody", {}, body));
  return [el("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Table" }, node), lines.slice(end)];
}

function paragraph(lines) {
  let end = 1;
  while (end < lines.length && lines[end].trim() && !startsBlock(lines.slice(end, end + 2))) end += 1;
  const text = lines.slice(0, end).map((line) => line.trimStart()).join("\n");
  const nodes = inline(text.trimEnd());
  return [nodes.length ? el("p", {}, nodes) : null, lines.slice(end)];
}

const inline = (text) => deeper(() => inlineOf(text), () => visible(text));

/** Inline nodes. Each reader looks at one place and answers [nodes, length it took], or null. */
function inlineOf(text) {
  const unclosed = new Set();
  const nodes = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    nodes.push(...visible(plain));
    plain = "";
  };
  while (at < text.length) {
    const literal = readLiteral(text, at);
    if (literal) {
      plain += literal[0];
      at += literal[1];
      continue;
    }
    const found =
      readCode(text, at) ?? readTag(text, at) ?? readLink(text, at) ?? readMark(text, at, unclosed) ?? readBreak(text, at);
    if (found) {
      flush();
      nodes.push(...found[0]);
      at += found[1];
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function readLiteral(text, at) {
  ESCAPED.lastIndex = ENTITY.lastIndex = at;
  const escaped = ESCAPED.exec(text);
  if (escaped) return [escaped[1], 2];
  const entity = ENTITY.exec(text);
  return entity ? [decoded(entity[0]), entity[0].length] : null;
}

/** The character of one entity, by the browser's own table. Only text of the shape of ENTITY comes here. */
function decoded(entity) {
  return new DOMParser().parseFromString(`.${entity}`, "text/html").body.textContent.slice(1);
}

function readCode(text, at) {
  if (text[at] !== "`") return null;
  const ticks = text.slice(at).match(/^`+/)[0];
  const end = closingTicks(text, at + ticks.length, ticks.length);
  if (end < 0) return [[ticks], ticks.length];
  let inside = text.slice(at + ticks.length, end).replaceAll("\n", " ");
  if (inside.startsWith(" ") && inside.endsWith(" ") && inside.trim()) inside = inside.slice(1, -1);
  return [[el("code", {}, visible(inside))], end + ticks.length - at];
}

function closingTicks(text, from, length) {
  for (const run of text.slice(from).matchAll(/`+/g)) if (run[0].length === length) return from + run.index;
  return -1;
}

function readTag(text, at) {
  if (text[at] !== "<") return null;
  const here = text.slice(at);
  const hidden = here.match(/^<!--[\s\S]*?-->/);
  if (hidden) return [[], hidden[0].length];
  const br = here.match(/^<br ?\/?>\n?/);
  if (br) return [[el("br")], br[0].length];
  const sub = here.match(/^<sub>([\s\S]*?)<\/sub>/);
  return sub ? [[el("sub", {}, inline(sub[1]))], sub[0].length] : null;
}

function readLink(text, at) {
  const start = text.startsWith("![", at) ? at + 2 : text[at] === "[" ? at + 1 : -1;
  if (start < 0) return null;
  const end = closingBracket(text, start);
  const found = end < 0 ? null : text.slice(end, end + LONGEST_ADDRESS).match(ADDRESS);
  if (!found) return null;
  const label = text.slice(start, end);
  const length = end + found[0].length - at;
  if (text[at] === "!") return [[el("span", { class: "muted" }, `[image: ${label}]`)], length];
  return [siteLink(unescaped(found[1]), inline(label)), length];
}

/** Where a link's words end: brackets in pairs, not in code, not escaped, not over a blank line; -1 if they do not. */
function closingBracket(text, from) {
  const limit = Math.min(text.length, from + LONGEST_LABEL);
  let open = 0;
  for (let at = from; at < limit; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "`") at += readCode(text, at)[1] - 1;
    else if (text[at] === "[") open += 1;
    else if (text[at] === "]" && open === 0) return at;
    else if (text[at] === "]") open -= 1;
  }
  return -1;
}

function unescaped(text) {
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const [character, length] = readLiteral(text, at) ?? [text[at], 1];
    plain += character;
    at += length;
  }
  return plain;
}

/** `unclosed`: the marks that are known to have no end in the rest of this text. */
function readMark(text, at, unclosed) {
  const found = MARKS.find(([mark]) => text.startsWith(mark, at));
  if (!found) return null;
  const [mark, tag] = found;
  const opens = /\S/.test(text[at + mark.length] ?? "") && !(mark[0] === "_" && /\w/.test(text[at - 1] ?? ""));
  if (!opens || unclosed.has(mark)) return [[mark], mark.length];
  const end = closingMark(text, at + mark.length, mark);
  if (end < 0) unclosed.add(mark);
  if (end < 0) return [[mark], mark.length];
  return [[el(tag, {}, inline(text.slice(at + mark.length, end)))], end + mark.length - at];
}

/** Where the mark closes: after a non-blank, outside code, not escaped, `_` not inside a word; -1 if it does not. */
function closingMark(text, from, mark) {
  for (let at = from; at < text.length; ) {
    const code = readCode(text, at);
    const step = readLiteral(text, at)?.[1] ?? (code ? code[1] : 0);
    if (step) {
      at += step;
      continue;
    }
    const isHere = text.startsWith(mark, at) && at > from && /\S/.test(text[at - 1]);
    const isWhole = mark.length === 2 || (text[at + 1] !== mark && text[at - 1] !== mark);
    const isEdge = mark[0] !== "_" || !/\w/.test(text[at + mark.length] ?? "");
    if (isHere && isWhole && isEdge) return at;
    at += 1;
  }
  return -1;
}

function readBreak(text, at) {
  if (text[at] !== " " && text[at] !== "\\") return null;
  BREAK.lastIndex = at;
  const found = BREAK.exec(text);
  return found ? [[el("br")], found[0].length] : null;
}
