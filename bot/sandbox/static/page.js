// The page's life: read the state, show it, listen for changes, send what a person does.

import { byId, el } from "./dom.js";
import { plural, show, short } from "./view.js";

const STATE = "/sandbox/state";
const EVENTS = "/sandbox/events";
const AGAIN_MS = 2000;

let state = null;
let reading = false;
let stale = false;

const wanted = location.pathname.match(/^\/(.+)\/-\/merge_requests\/(\d+)\/?/);

function current() {
  if (!wanted) return state.merge_requests.find((one) => one.state === "opened") ?? state.merge_requests[0];
  const [, project, iid] = wanted;
  return state.merge_requests.find((one) => one.project === decodeURIComponent(project) && String(one.iid) === iid);
}

/** Read the state anew; a change that comes while reading makes it read once more. */
async function refresh() {
  stale = true;
  if (reading) return;
  reading = true;
  try {
    while (stale) {
      stale = false;
      state = await read(STATE);
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
  const request = current();
  const others = state.merge_requests.filter((one) => one !== request);
  byId("waiting").hidden = true;
  byId("request").hidden = byId("actions").hidden = !request;
  byId("nothing").hidden = Boolean(request);
  links(others, request);
  if (request) {
    const before = remarks();
    show(request, state);
    controls(request);
    tell(remarks() - before);
  } else {
    nothing();
  }
  document.body.dataset.phase = "shown";
  document.body.dataset.revision = state.revision;
}

const remarks = () => document.querySelectorAll("[data-note]").length;

function tell(more) {
  if (more > 0 && document.body.dataset.phase === "shown") byId("said").textContent = `${plural(more, "new note")}.`;
}

function links(others, request) {
  const nav = byId("others");
  nav.hidden = !request || !others.length;
  nav.replaceChildren(...others.map((one) => el("a", { href: pageOf(one), title: one.title }, `!${one.iid}`)));
}

const pageOf = (one) => `/${one.project}/-/merge_requests/${one.iid}`;

function nothing() {
  document.title = "Sandbox · Trivet";
  const linked = (one) => el("a", { href: pageOf(one) }, `${one.project}!${one.iid} ${one.title}`);
  const known = state.merge_requests.map((one) => el("li", {}, linked(one)));
  byId("heading").replaceChildren();
  byId("nothing").replaceChildren(
    el("h1", {}, wanted ? "There is no such merge request here." : "There is no merge request yet."),
    known.length
      ? el("div", {}, el("p", {}, "The sandbox has these:"), el("ul", {}, known))
      : el("p", {}, "It appears here by itself as soon as somebody opens one."),
  );
}

function controls(request) {
  const open = request.state === "opened";
  for (const button of byId("actions").querySelectorAll("button")) button.disabled = !open;
  const ready = byId("ready");
  ready.dataset.do = request.draft ? "ready" : "draft";
  ready.textContent = request.draft ? "Mark as ready" : "Mark as draft";
  byId("merge").disabled = !open || request.draft;
  byId("merge").title = request.draft ? "A draft cannot be merged" : "";
  byId("comment-as").textContent = request.author;
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

/** Send what a form or button means; say in `answer` what went wrong. Answers whether it went well. */
async function send(address, body, answer, buttons) {
  answer.textContent = "";
  for (const button of buttons) button.disabled = true;
  try {
    const headers = { "Content-Type": "application/json" };
    const got = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
    if (!got.ok) answer.textContent = await reason(got);
    return got.ok;
  } catch {
    answer.textContent = "The sandbox does not answer.";
    return false;
  } finally {
    for (const button of buttons) button.disabled = false;
    await refresh();
  }
}

async function reason(got) {
  const text = await got.text();
  try {
    const body = JSON.parse(text);
    const words = body.message ?? body.error ?? body.detail ?? text;
    return typeof words === "string" ? words : JSON.stringify(words);
  } catch {
    return text || `HTTP ${got.status}`;
  }
}

const control = (what) => `/sandbox/merge_requests/${current().iid}/${what}`;
const whose = () => ({ project: current().project, user: current().author });

byId("actions").addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-do]");
  if (button) await send(control(button.dataset.do), whose(), byId("action-answer"), [button]);
});

byId("comment").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = { ...whose(), body: form.elements.body.value };
  const done = await send(control("comment"), body, form.querySelector(".answer"), form.querySelectorAll("button"));
  if (done) form.reset();
});

byId("request").addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-reply]");
  if (!form) return;
  event.preventDefault();
  const body = { ...whose(), body: form.elements.body.value, discussion: form.dataset.reply };
  const done = await send(control("comment"), body, form.querySelector(".answer"), form.querySelectorAll("button"));
  if (done) form.reset();
});

for (const area of document.querySelectorAll("form textarea")) {
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
  });
}

/** The form offers a file as it stands at the head; a path that is not there yet makes a new file. */
async function offer(path) {
  const form = byId("push-form");
  const answer = form.querySelector(".answer");
  const request = current();
  const query = new URLSearchParams({ project: request.project, ref: request.head, path });
  const got = await fetch(`/sandbox/file?${query}`);
  if (form.elements.path.value !== path) return;
  form.elements.text.value = got.ok ? await got.text() : "";
  form.dataset.crlf = form.elements.text.value && got.headers.get("X-Line-End") === "crlf" ? "yes" : "no";
  form.dataset.offered = form.elements.text.value;
  answer.textContent = got.ok ? `as of ${short(request.head)}` : got.status === 404 ? "a new file" : await reason(got);
}

/** What was typed and not pushed is still there; what was only looked at is read anew. */
byId("open-push").addEventListener("click", () => {
  const form = byId("push-form");
  byId("push").showModal();
  const edited = form.elements.text.value !== (form.dataset.offered ?? "");
  if (form.elements.path.value && edited) return;
  const first = current().files.find((file) => file.status === "modified" && !file.binary) ?? current().files[0];
  form.elements.path.value ||= first?.new_path ?? "README.md";
  offer(form.elements.path.value);
});

byId("push-path").addEventListener("change", (event) => offer(event.target.value));
byId("close-push").addEventListener("click", () => byId("push").close());

byId("push-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const text = form.dataset.crlf === "yes" ? form.elements.text.value.replaceAll("\n", "\r\n") : form.elements.text.value;
  const files = { [form.elements.path.value]: text };
  const body = { ...whose(), branch: current().source_branch, message: form.elements.message.value, files };
  if (await send("/sandbox/push", body, form.querySelector(".answer"), form.querySelectorAll("button"))) {
    form.reset();
    delete form.dataset.offered;
    byId("push").close();
  }
});

listen();
refresh();
