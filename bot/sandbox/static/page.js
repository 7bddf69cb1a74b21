// The page's life: read the state, show it, listen for changes.

import { byId, el, keep } from "./dom.js";
import { listenToForms } from "./forms.js";
import { lozenge, showIssue } from "./issue.js";
import { addressOf, addressOfIssue, addressOfPage, shownBy } from "./pairs.js";
import { plural, show, stateOf } from "./view.js";
import { showPage } from "./wiki.js";

const STATE = "/sandbox/state";
const JIRA = "/sandbox/jira/view";
const CONFLUENCE = "/sandbox/confluence/view";
const EVENTS = "/sandbox/events";
const AGAIN_MS = 2000;
const NARROW = matchMedia("(max-width: 1100px)");

let state = null;
let jira = null;
let confluence = null;
let shown = {};
let reading = false;
let stale = false;

/** Read the state anew; a change that comes while reading makes it read once more. */
async function refresh() {
  stale = true;
  if (reading) return;
  reading = true;
  try {
    while (stale) {
      stale = false;
      [state, jira, confluence] = await Promise.all([STATE, JIRA, CONFLUENCE].map(read));
      draw();
    }
  } catch (error) {
    trouble(`The sandbox does not answer (${error.message}). What you see may be old; trying again.`);
    setTimeout(refresh, AGAIN_MS);
  } finally {
    reading = false;
  }
}

async function read(address) {
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

function draw() {
  trouble("");
  shown = shownBy(location.pathname, state.merge_requests, jira?.issues ?? [], confluence?.pages ?? []);
  const { request, issue, page } = shown;
  const before = remarks();
  byId("waiting").hidden = true;
  byId("both").hidden = false;
  byId("request").hidden = byId("actions").hidden = byId("heading").hidden = !request;
  byId("nothing").hidden = Boolean(request);
  requests(request);
  panes();
  if (jira) showIssue(issue, jira.issues);
  if (confluence) showPage(page, confluence.pages);
  if (request) {
    show(request, state, { jira, confluence });
    controls(request);
  } else {
    nothing();
  }
  tell(remarks() - before);
  document.body.dataset.phase = "shown";
  document.body.dataset.revision = state.revision;
}

const remarks = () => document.querySelectorAll("[data-note], [data-comment]").length;

function tell(more) {
  if (more > 0 && document.body.dataset.phase === "shown") byId("said").textContent = `${plural(more, "new note")}.`;
}

/** All merge requests to choose from, where there are several. */
function requests(request) {
  const item = (one) => ({
    key: `${one.project}!${one.iid}`,
    signature: JSON.stringify([one.title, stateOf(one), one === request]),
    make: () =>
      el(
        "li",
        {},
        el(
          "a",
          { href: addressOf(one), title: one.title, "aria-current": one === request ? "page" : null },
          el("span", { class: "dot", "data-state": stateOf(one), "aria-hidden": "true" }),
          el("b", {}, `!${one.iid}`),
          el("span", { class: "chip-title" }, one.title),
        ),
      ),
  });
  byId("requests").hidden = state.merge_requests.length < 2;
  keep(byId("requests-list"), state.merge_requests.map(item));
}

/** Issue or page stand beside the merge request; in a narrow window one of the three is behind each tab. */
function panes() {
  const { request, issue, page, wanted } = shown;
  const beside = [jira && "issue", confluence && "wiki"].filter(Boolean);
  const first = { issue: "issue", page: "wiki" }[wanted];
  byId("issue").hidden = !jira;
  byId("wiki").hidden = !confluence;
  byId("panes").hidden = !beside.length;
  byId("panes").dataset.choice = beside.length > 1 ? "yes" : "no";
  byId("both").dataset.issue = beside.length ? "yes" : "no";
  document.body.dataset.side ??= first ?? beside[0] ?? "issue";
  document.body.dataset.pane ??= first ?? "merge";
  if (!beside.length) document.body.dataset.pane = "merge";
  byId("to-issue").hidden = !jira;
  byId("to-wiki").hidden = !confluence;
  byId("to-issue").replaceChildren(issue ? issue.key : "Issue", " ", issue ? lozenge(issue.status) : "");
  byId("to-wiki").replaceChildren(page ? page.title : "Page", " ", page ? el("span", { class: "state" }, `v${page.version}`) : "");
  byId("to-merge").replaceChildren(request ? `!${request.iid}` : "Merge request", " ", request ? pill(request) : "");
  for (const tab of byId("panes").children) tab.setAttribute("aria-pressed", String(isPressed(tab)));
}

/** Wide windows choose what stands beside the merge request, narrow ones what is seen at all. */
function isPressed(tab) {
  const { pane, side } = document.body.dataset;
  return NARROW.matches ? tab.dataset.pane === pane : tab.dataset.pane === side;
}

const pill = (request) => el("span", { class: "state", "data-state": stateOf(request) }, stateOf(request));

function nothing() {
  const { issue, wanted } = shown;
  document.title = issue ? `${issue.key} ${issue.title}` : "Sandbox · Trivet";
  byId("crumbs").textContent = issue && jira ? `Jira · ${issue.project}` : "Sandbox";
  byId("heading").replaceChildren();
  byId("nothing").replaceChildren(...(issue && wanted === "issue" ? unlinked(issue) : unknown(wanted)));
}

function unlinked(issue) {
  return [
    el("h1", {}, `${issue.key} has no merge request yet.`),
    el("p", {}, "It appears here by itself as soon as there is one: somebody opens it, or a rule does when the issue is moved."),
  ];
}

function unknown(wanted) {
  const linked = (address, words) => el("li", {}, el("a", { href: address }, words));
  const known = [
    ...state.merge_requests.map((one) => linked(addressOf(one), `${one.project}!${one.iid} ${one.title}`)),
    ...(wanted === "issue" ? (jira?.issues ?? []) : []).map((one) => linked(addressOfIssue(one), `${one.key} ${one.title}`)),
    ...(wanted === "page" ? (confluence?.pages ?? []) : []).map((one) => linked(addressOfPage(one), one.title)),
  ];
  const words = { request: "There is no such merge request here.", issue: "There is no such issue here." };
  return [
    el("h1", {}, words[wanted] ?? "There is no merge request yet."),
    known.length
      ? el("div", {}, el("p", {}, "The sandbox has these:"), el("ul", {}, known))
      : el("p", {}, "It appears here by itself as soon as somebody opens one."),
  ];
}

function controls(request) {
  const open = request.state === "opened";
  for (const button of byId("actions").querySelectorAll("button")) button.disabled = !open;
  const ready = byId("ready");
  ready.dataset.do = request.draft ? "ready" : "draft";
  ready.textContent = request.draft ? "Mark as ready" : "Mark as draft";
  byId("merge").disabled = !open || request.draft;
  byId("merge").title = request.draft ? "A draft cannot be merged" : "";
  people(request);
  byId("push-branch").textContent = request.source_branch;
  const paths = request.files.filter((file) => file.status !== "deleted" && !file.binary).map((file) => file.new_path);
  byId("push-paths").replaceChildren(...paths.map((path) => el("option", { value: path })));
}

/** Whom the page acts as: whoever was chosen, else the one the sandbox proposes. */
function people(request) {
  const choice = byId("comment-as");
  const chosen = request.people.includes(choice.value) ? choice.value : request.acting;
  if (choice.textContent !== request.people.join("")) choice.replaceChildren(...request.people.map((name) => el("option", {}, name)));
  choice.value = chosen;
}

function trouble(words) {
  byId("trouble").hidden = !words;
  byId("trouble").textContent = words;
}

/** Changes as the server tells them; the browser joins again by itself, save where the server turned it away. */
function listen() {
  const source = new EventSource(EVENTS);
  source.onopen = () => {
    live("yes", "live");
    refresh();
  };
  source.onmessage = refresh;
  source.onerror = () => {
    live("no", "reconnecting");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  };
}

function live(value, words) {
  byId("live").dataset.live = value;
  byId("live").textContent = words;
}

byId("panes").addEventListener("click", (event) => {
  const tab = event.target.closest("button");
  if (!tab) return;
  document.body.dataset.pane = tab.dataset.pane;
  if (tab.dataset.pane !== "merge") document.body.dataset.side = tab.dataset.pane;
  panes();
});
NARROW.addEventListener("change", () => state && panes());

listenToForms(() => shown, refresh);
listen();
refresh();
