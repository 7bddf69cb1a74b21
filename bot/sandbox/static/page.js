// The page's life: read the state, show it, listen for changes.

import { byId, el, keep } from "./dom.js";
import { listenToForms } from "./forms.js";
import { lozenge, showIssue } from "./issue.js";
import { addressOf, addressOfIssue, pairOf } from "./pairs.js";
import { plural, show, stateOf } from "./view.js";

const STATE = "/sandbox/state";
const JIRA = "/sandbox/jira/view";
const EVENTS = "/sandbox/events";
const AGAIN_MS = 2000;

let state = null;
let jira = null;
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
      [state, jira] = await Promise.all([read(STATE), read(JIRA)]);
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
  shown = pairOf(location.pathname, state.merge_requests, jira?.issues ?? []);
  const { request, issue } = shown;
  const before = remarks();
  byId("waiting").hidden = true;
  byId("both").hidden = false;
  byId("request").hidden = byId("actions").hidden = byId("heading").hidden = !request;
  byId("nothing").hidden = Boolean(request);
  requests(request);
  panes();
  if (jira) showIssue(issue, jira.issues);
  if (request) {
    show(request, state, jira);
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

/** Issue and merge request stand beside each other, or in a narrow window behind two tabs. */
function panes() {
  const { request, issue, wanted } = shown;
  byId("issue").hidden = byId("panes").hidden = !jira;
  byId("both").dataset.issue = jira ? "yes" : "no";
  document.body.dataset.pane ??= wanted === "issue" ? "issue" : "merge";
  if (!jira) document.body.dataset.pane = "merge";
  byId("to-issue").replaceChildren(issue ? issue.key : "Issue", " ", issue ? lozenge(issue.status) : "");
  byId("to-merge").replaceChildren(request ? `!${request.iid}` : "Merge request", " ", request ? pill(request) : "");
  for (const tab of byId("panes").children) tab.setAttribute("aria-pressed", String(tab.dataset.pane === document.body.dataset.pane));
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
  byId("comment-as").textContent = request.acting;
  byId("push-branch").textContent = request.source_branch;
  const paths = request.files.filter((file) => file.status !== "deleted" && !file.binary).map((file) => file.new_path);
  byId("push-paths").replaceChildren(...paths.map((path) => el("option", { value: path })));
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
  panes();
});

listenToForms(() => shown, refresh);
listen();
refresh();
