// The merge request as nodes: each function shows one part of the sandbox's state.

import { byId, el, keep, visible } from "./dom.js";
import { isLine, newLines, rowAt, rowsOf, withBeyond } from "./diff.js";
import { markdown } from "./markdown.js";

const MANY_ROWS = 600;
const GIST = 90;
const EMOJI = {
  eyes: "👀",
  thumbsup: "👍",
  thumbsdown: "👎",
  white_check_mark: "✅",
  x: "❌",
  warning: "⚠️",
  tada: "🎉",
  rocket: "🚀",
  heart: "❤️",
  hourglass: "⏳",
  mag: "🔍",
  no_entry: "⛔",
  confused: "😕",
  fire: "🔥",
  laughing: "😆",
  bulb: "💡",
  question: "❓",
  heavy_check_mark: "✔️",
  ok_hand: "👌",
  clap: "👏",
  pray: "🙏",
  100: "💯",
};
const SIGNS = { added: "+", removed: "−", context: "" };
const FILE_WORDS = { added: "new", deleted: "deleted", renamed: "renamed" };
const NO_DIFF = {
  binary: "A binary file: there are no lines to show.",
  too_large: "The diff of this file is too large to show here.",
  binary: "A binary file: there are no lines to show.",
  too_large: "The diff of this file is too large to show here.",
  added: "The file is new and has no lines to show.",
  deleted: "The file is deleted; it had no lines to show.",
  renamed: "The file has a new name and the same content.",
  modified: "No line changed, only the file's mode.",
};

export const short = (sha) => (sha ?? "").slice(0, 8);

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

export const stateOf = (request) => (request.state === "opened" && request.draft ? "draft" : request.state);

/** Everything of one merge request, where it belongs. `others`: {jira, confluence}, null where the sandbox has none. */
export function show(request, state, others) {
  withAwards(request);
  const files = request.files.map((file) => placed(file, request.discussions));
  heading(request);
  description(request);
  conversation(request, files);
  commits(request);
  changes(files);
  seen(state, others);
}

/** Each note gets the reactions to it. */
function withAwards(request) {
  for (const one of [...request.notes, ...request.discussions.flatMap((each) => each.notes)]) {
    one.awards = request.note_awards.filter((each) => each.note === one.id);
  }
}

/** A file with its rows, and its threads: on a line, or at the head of the file. */
function placed(file, discussions) {
  const own = discussions.filter((one) => isOf(one.position, file));
  const onLine = own.filter((one) => !one.outdated && one.position.position_type !== "file");
  const rows = withBeyond(rowsOf(file.diff ?? ""), onLine.map((one) => one.position));
  const threads = new Map(onLine.map((one) => [one, rowAt(rows, one.position)]));
  return { ...file, rows, threads, own, atHead: own.filter((one) => !threads.has(one)), lines: newLines(rows) };
}

function isOf(position, file) {
  return Boolean(position) && (position.new_path === file.new_path || position.old_path === file.old_path);
}

function heading(request) {
  document.title = `${request.title} · !${request.iid}`;
  byId("crumbs").replaceChildren(request.project, el("b", {}, `!${request.iid}`));
  const status = stateOf(request);
  const words = { opened: "Open", draft: "Draft", merged: "Merged", closed: "Closed" };
  const parts = [
    el("h1", {}, visible(request.title)),
    el(
      "p",
      { class: "facts" },
      el("span", { class: "state", "data-state": status }, words[status] ?? status),
      el("span", {}, el("b", {}, request.author), request.state === "opened" ? " wants to merge " : " wanted to merge "),
      el("span", { class: "branches" }, el("code", {}, request.source_branch), " → ", el("code", {}, request.target_branch)),
      el("span", { class: "muted" }, "at ", el("code", { id: "head", "data-head": request.head }, short(request.head))),
      ...(request.labels ?? []).map((label) => el("span", { class: "label" }, label)),
      ...Object.entries(request.reviewer_states ?? {}).map(reviewer),
      ...(request.approved_by ?? []).map((name) => el("span", { class: "label" }, `approved by ${name}`)),
    ),
  ];
  byId("heading").replaceChildren(...parts);
}

function reviewer([name, status]) {
  return el("span", { class: "label", "data-reviewer": status }, `${name}: ${String(status).replaceAll("_", " ")}`);
}

function description(request) {
  const target = byId("description");
  if (target.signature !== request.description) {
    target.signature = request.description;
    const nothing = el("p", { class: "muted" }, "No description.");
    target.replaceChildren(request.description?.trim() ? markdown(request.description) : nothing);
  }
  byId("awards").replaceWith(awards(request.awards, { id: "awards" }));
}

function awards(given, attributes = {}) {
  const chips = [...Map.groupBy(given, (one) => one.name)].map(([name, all]) => {
    const users = all.map((one) => one.user).join(", ");
    return el("li", { "data-award": name, title: `${users}: ${name}` }, EMOJI[name] ?? `:${name}:`, el("span", {}, users));
  });
  return el("ul", { class: "awards", "aria-label": "Reactions", hidden: !given.length, ...attributes }, chips);
}

/** Plain notes, and threads whose file the merge request no longer changes, in order of time. */
function conversation(request, files) {
  const lost = request.discussions.filter((one) => !files.some((file) => file.own.includes(one)));
  const items = [
    ...request.notes.map((one) => ({ at: one.created_at, ...note(one) })),
    ...lost.map((one) => ({ at: one.notes[0].created_at, ...thread(one, null) })),
  ];
  items.sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0));
  keep(byId("conversation"), items);
  const count = items.length;
  byId("note-count").textContent = count || "";
  byId("silence").hidden = count > 0;
}

function note(one, around = null) {
  const make = () => {
    if (one.system) return systemNote(one);
    return el(
      "article",
      { class: "note", "data-note": one.id, "data-author": one.author, "data-bot": one.bot ? "yes" : null },
      el("header", {}, avatar(one), el("b", {}, one.author_name || one.author), ...standing(one), time(one)),
      el("div", { class: "prose" }, markdown(one.body, around)),
      awards(one.awards),
    );
  };
  return { key: `note ${one.id}`, signature: JSON.stringify([one, around?.signature]), make };
}

const standing = (one) => [one.bot ? badge("bot") : "", one.internal ? badge("internal") : ""];

function systemNote(one) {
  return el("p", { class: "system", "data-note": one.id }, visible(`${one.author} ${one.body}`), " ", time(one));
}

export const badge = (word, words = word) => el("span", { class: "badge", "data-badge": word }, words);

export function avatar(one) {
  const initial = [...(one.author_name || one.author)][0]?.toUpperCase() ?? "?";
  return el("span", { class: "avatar", "aria-hidden": "true", "data-bot": one.bot ? "yes" : null }, initial);
}

/** The hour of what is of today, the day of what is older. */
export function time(one) {
  const at = new Date(one.created_at);
  const isToday = at.toDateString() === new Date().toDateString();
  const words = isToday ? at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : at.toLocaleDateString([], { day: "numeric", month: "short" });
  return el("time", { datetime: one.created_at, title: at.toLocaleString() }, words);
}

/** A thread's card. A resolved one is folded; a fold the reader opened stays open. */
function thread(one, file) {
  const make = () => {
    const summary = el("summary", {}, el("b"), el("span", { class: "gist" }), el("span", { class: "marks" }));
    return el("details", { class: "thread", "data-discussion": one.id }, summary, el("div", { class: "notes" }), reply(one));
  };
  const update = (node) => {
    if (node.resolved !== one.resolved) node.open = one.resolved !== true;
    node.resolved = one.resolved;
    node.dataset.resolved = one.resolved === null ? "never" : one.resolved ? "yes" : "no";
    node.dataset.outdated = one.outdated ? "yes" : "no";
    node.querySelector(":scope > summary b").textContent = where(one, file);
    node.querySelector(".gist").textContent = gist(one);
    node.querySelector(".marks").replaceChildren(...marks(one));
    resolving(node.querySelector("[data-on]"), one.resolved);
    keep(node.querySelector(".notes"), one.notes.map((each) => note(each, replaced(one, file))));
  };
  return { key: `thread ${one.id}`, make, update };
}

/** The first words of a thread, for when it is folded. */
function gist(one) {
  const words = markdown(one.notes[0].body).firstElementChild?.textContent ?? "";
  return words.length > GIST ? `${words.slice(0, GIST)}…` : words;
}

function where(one, file) {
  const position = one.position;
  if (!position) return "Thread";
  const path = position.new_path ?? position.old_path;
  if (position.position_type === "file") return file ? "The file" : path;
  const words = lineWords(position);
  return `${words}${file ? "" : ` of ${path}`}${one.outdated ? ", as it was before" : ""}`;
}

function lineWords(position) {
  const range = position.line_range?.start;
  const start = range?.new_line ?? range?.old_line;
  const end = position.new_line ?? position.old_line;
  const words = start && start !== end ? `lines ${start} to ${end}` : `line ${end}`;
  return position.new_line ? `L${words.slice(1)}` : `Removed ${words}`;
}

function reply(one) {
  const field = { name: "body", required: true, autocomplete: "off", placeholder: "Reply", "aria-label": "Reply" };
  const answer = el("output", { class: "answer", role: "status" });
  const resolve = el("button", { type: "button", "data-on": "yes" });
  return el("form", { class: "reply", "data-reply": one.id }, el("input", field), el("button", {}, "Reply"), resolve, answer);
}

function resolving(button, resolved) {
  button.dataset.on = resolved ? "no" : "yes";
  button.textContent = resolved ? "Open again" : "Resolve";
}

function marks(one) {
  const replies = one.notes.length - 1;
  return [
    ...(replies > 0 ? [el("span", { class: "muted" }, plural(replies, "reply", "replies"))] : []),
    ...(one.outdated ? [badge("outdated")] : []),
    ...(one.resolved ? [badge("resolved", one.resolved_by ? `resolved by ${one.resolved_by}` : "resolved")] : []),
  ];
}

/** What a suggestion in this thread replaces: the lines of the file as the diff shows them. */
function replaced(one, file) {
  const line = one.position?.new_line;
  if (!file || !line || one.outdated) return null;
  const near = [...file.lines].filter(([number]) => Math.abs(number - line) < 100);
  return { line, text: (number) => file.lines.get(number), signature: JSON.stringify(near) };
}

function commits(request) {
  byId("commit-count").textContent = request.commits.length;
  const make = (one) => () =>
    el("li", { "data-commit": one.sha }, el("code", {}, short(one.sha)), el("span", {}, visible(one.title)), el("i", {}, one.author));
  keep(byId("commits"), request.commits.map((one) => ({ key: one.sha, make: make(one) })));
}

function changes(files) {
  const sums = files.map(counted);
  const added = sums.reduce((sum, one) => sum + one.added, 0);
  const removed = sums.reduce((sum, one) => sum + one.removed, 0);
  byId("totals").replaceChildren(`${plural(files.length, "file")} `, ...delta({ added, removed }));
  byId("no-changes").hidden = files.length > 0;
  keep(byId("contents"), files.map((file, index) => content(file, sums[index])));
  keep(byId("files"), files.map((file, index) => fileSection(file, sums[index])));
}

function counted(file) {
  const count = (kind) => file.rows.filter((row) => row.kind === kind).length;
  return { added: count("added"), removed: count("removed") };
}

function delta({ added, removed }) {
  return [el("ins", {}, `+${added}`), " ", el("del", {}, `−${removed}`)];
}

const anchorOf = (file) => `file-${encodeURIComponent(file.new_path)}`;

function content(file, sum) {
  const open = file.own.filter((one) => !one.resolved).length;
  const signature = JSON.stringify([file.status, file.binary, sum, open, file.own.length]);
  const count = file.own.length;
  const title = `${open} open of ${plural(count, "thread")}`;
  const threads = count ? el("span", { class: "threads", "data-open": open, title }, String(count)) : "";
  const make = () =>
    el(
      "li",
      { "data-status": file.status },
      el("a", { href: `#${anchorOf(file)}` }, visible(file.new_path)),
      threads,
      file.binary ? el("span", { class: "muted" }, "binary") : el("span", { class: "delta" }, delta(sum)),
    );
  return { key: file.new_path, signature, make };
}

function fileSection(file, sum) {
  const make = () => {
    const node = el(
      "details",
      { class: "file", id: anchorOf(file), "data-path": file.new_path },
      el("summary", {}, el("span", { class: "path" }), el("span", { class: "delta" })),
      el("div", { class: "file-threads" }),
      el("p", { class: "hush no-diff" }),
      el("table", { class: "diff", "aria-label": `Changes of ${file.new_path}` }, columns(), el("tbody")),
    );
    node.open = file.rows.length <= MANY_ROWS || file.threads.size > 0;
    return node;
  };
  const update = (node) => {
    node.dataset.status = file.status;
    node.querySelector(".path").replaceChildren(...pathOf(file));
    node.querySelector(":scope > summary .delta").replaceChildren(...(file.binary ? ["binary"] : delta(sum)));
    const nothing = node.querySelector(".no-diff");
    nothing.hidden = file.rows.some((row) => row.kind !== "beyond");
    nothing.textContent = NO_DIFF[reasonOf(file)];
    keep(node.querySelector(".file-threads"), file.atHead.map((one) => thread(one, file)));
    const rows = file.rows.filter(worthShowing);
    keep(node.querySelector("tbody"), rows.flatMap((row) => [rowItem(row), ...threadRows(row, file)]));
  };
  return { key: file.new_path, make, update };
}

const reasonOf = (file) => (file.binary ? "binary" : file.too_large ? "too_large" : file.status);
const columns = () => el("colgroup", {}, ["number", "number", "sign", "code"].map((name) => el("col", { class: name })));

function pathOf(file) {
  const word = FILE_WORDS[file.status];
  const from = file.status === "renamed" ? [el("span", { class: "muted" }, visible(file.old_path)), " → "] : [];
  return [...from, el("b", {}, visible(file.new_path)), word ? el("span", { class: "badge" }, word) : ""];
}

/** A hunk's header that leaves nothing out above it says nothing. */
const worthShowing = (row) => row.kind !== "gap" || row.old > 1 || row.new > 1;

/** Long lines wrap, so that a thread is never scrolled out of sight; a carriage return before the newline is shown. */
function rowItem(row) {
  const key = `${row.kind} ${row.old} ${row.new}`;
  const make = () => {
    if (!isLine(row)) return strip(row);
    return el(
      "tr",
      { class: `line ${row.kind}`, "data-old": row.old, "data-new": row.new },
      el("td", { class: "number" }, row.old ?? ""),
      el("td", { class: "number" }, row.new ?? ""),
      el("td", { class: "sign" }, SIGNS[row.kind]),
      el("td", { class: "code" }, codeOf(row.text)),
    );
  };
  return { key, signature: row.text, make };
}

function codeOf(text) {
  if (!text.endsWith("\r")) return visible(text);
  return [...visible(text.slice(0, -1)), el("span", { class: "cr", title: "carriage return" }, "␍")];
}

/** A row that is no line of the diff: a hunk's start, a missing last newline, a line the diff leaves out. */
function strip(row) {
  const beyond = row.kind === "beyond";
  const numbers = beyond ? [row.old, row.new] : [null, null];
  const words = beyond ? "an unchanged line outside the diff" : row.text;
  return el(
    "tr",
    { class: row.kind, "data-old": numbers[0], "data-new": numbers[1] },
    numbers.map((number) => el("td", { class: "number" }, number ?? "")),
    el("td", { class: "sign" }, row.kind === "gap" ? "⋯" : ""),
    el("td", { class: "code" }, visible(words)),
  );
}

function threadRows(row, file) {
  const here = [...file.threads].filter(([, place]) => place === row).map(([one]) => one);
  return here.map((one) => {
    const inner = thread(one, file);
    const make = () =>
      el("tr", { class: "thread-row", "data-discussion": one.id, ...linesOf(one.position) }, el("td", { colspan: "4" }));
    return { key: inner.key, make, update: (node) => keep(node.firstElementChild, [inner]) };
  });
}

const linesOf = (position) => ({ "data-line": position.new_line, "data-old-line": position.old_line });

/** The sandbox as a witness: what it sent, what it ran, whom notes called. What a bot caused is marked. */
function seen(state, { jira, confluence }) {
  const bots = botsOf(state.merge_requests);
  const kinds = [
    ["deliveries", "Webhook deliveries", (one) => [one.event, String(one.status ?? "waiting"), one.url, one.at]],
    ["notifications", "Notifications to people", (one) => [one.kind, one.user, plural(one.notes.length, "note")]],
    ["executed", "Quick actions run", (one) => [`/${one.command} ${one.arguments}`, one.user, one.done ? "" : "without effect"]],
    ["mentions", "People called by name", (one) => [`@${one.name}`, one.user, one.exists ? "" : "nobody of that name"]],
    ["references", "Cross references", (one) => [one.text, one.user]],
    ["external", "Images and links that lead away", (one) => [one.text, one.user, one.kind]],
  ];
  const items = kinds.map(([name, title, words]) => log(name, title, state[name], words, bots));
  if (confluence) items.splice(1, 0, log("confluence", "Confluence's deliveries", confluence.deliveries, wikiDelivery, bots));
  if (jira) items.splice(1, 0, log("jira", "Jira's webhook deliveries", jira.deliveries, trackerDelivery, bots));
  keep(byId("seen"), items);
}

const lastOf = (delivery) => delivery.statuses.at(-1);
const wikiDelivery = (one) => [one.event, String(one.status ?? "waiting"), one.url, one.at];
const trackerDelivery = (one) => [one.event, String(lastOf(one) ?? "waiting"), one.url, one.at];

/** The user names that wrote as bots. */
function botsOf(requests) {
  const notes = requests.flatMap((one) => [...one.notes, ...one.discussions.flatMap((each) => each.notes)]);
  return new Set(notes.filter((one) => one.bot).map((one) => one.author));
}

/** A bot's notes should call nobody, run nothing and lead nowhere; a delivery should arrive. */
function isBad(name, one, bots) {
  if (name === "deliveries" || name === "confluence") return isFailure(one.status);
  if (name === "jira") return isFailure(lastOf(one));
  return name !== "notifications" && bots.has(one.user);
}

function log(name, title, entries, words, bots) {
  const bad = entries.filter((one) => isBad(name, one, bots)).length;
  const summary = () => el("summary", {}, title, el("span", { class: "count" }));
  const make = () => el("details", { class: "log", "data-log": name }, summary(), el("ol"));
  const update = (node) => {
    node.dataset.count = entries.length;
    node.dataset.bad = bad;
    node.querySelector(".count").textContent = bad ? `${entries.length}, ${bad} bad` : entries.length;
    const lines = entries.map((one, index) => logLine(one, index, isBad(name, one, bots), words(one)));
    keep(node.querySelector("ol"), lines.reverse());
  };
  return { key: name, make, update };
}

const isFailure = (status) => status !== undefined && status !== null && !(Number(status) >= 200 && Number(status) < 300);

function logLine(one, index, bad, [what, state, more, at]) {
  const make = () =>
    el(
      "li",
      {},
      el("b", {}, visible(String(what))),
      el("span", { class: "status", "data-bad": bad ? "yes" : null }, state ?? ""),
      at ? time({ created_at: at }) : "",
      more ? el("span", { class: "muted" }, visible(String(more))) : "",
    );
  return { key: String(index), signature: JSON.stringify([one, bad]), make };
}
