// What a person does on the page: buttons and forms, each one request to the sandbox's control API.

import { byId } from "./dom.js";
import { short } from "./view.js";

const PERSON = "ada"; // in Jira and Confluence

/** `shown` answers what the page shows, {request, issue, page}; `refresh` reads the state anew. */
export function listenToForms(shown, refresh) {
  /** Send what a form or button means; say in `answer` what went wrong. Answers what came back, null where nothing did. */
  async function send(address, body, answer, buttons) {
    answer.textContent = "";
    for (const button of buttons) button.disabled = true;
    try {
      const headers = { "Content-Type": "application/json" };
      const got = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
      if (!got.ok) answer.textContent = await reason(got);
      return got.ok ? await got.json() : null;
    } catch {
      answer.textContent = "The sandbox does not answer.";
      return null;
    } finally {
      for (const button of buttons) button.disabled = false;
      await refresh();
    }
  }

  const sendForm = (address, body, form) => send(address, body, form.querySelector(".answer"), form.querySelectorAll("button"));
  const ofRequest = (deed) => `/sandbox/merge_requests/${shown().request.iid}/${deed}`;
  const ofIssue = (deed) => `/sandbox/jira/issues/${shown().issue.key}/${deed}`;
  const ofPage = (deed) => `/sandbox/confluence/pages/${shown().page.id}/${deed}`;
  const whose = () => ({ project: shown().request.project, user: shown().request.acting });
  const chosen = () => ({ ...whose(), user: byId("comment-as").value });

  byId("actions").addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-do]");
    if (button) await send(ofRequest(button.dataset.do), whose(), byId("action-answer"), [button]);
  });

  byId("moves").addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-to]");
    if (button) await send(ofIssue("move"), { to: button.dataset.to, user: PERSON }, byId("move-answer"), [button]);
  });

  byId("comment").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const body = { ...chosen(), body: form.elements.body.value };
    if (await sendForm(ofRequest("comment"), body, form)) form.elements.body.value = "";
  });

  byId("issue-comment").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (await sendForm(ofIssue("comment"), { user: PERSON, body: form.elements.body.value }, form)) form.reset();
  });

  byId("wiki-comment").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (await sendForm(ofPage("comment"), { user: PERSON, body: paragraph(form) }, form)) form.reset();
  });

  byId("wiki-edit").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (await sendForm(ofPage("edit"), { user: PERSON, append: paragraph(form) }, form)) form.reset();
  });

  byId("request").addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-reply]");
    if (!form) return;
    event.preventDefault();
    const body = { ...chosen(), body: form.elements.body.value, discussion: form.dataset.reply };
    if (await sendForm(ofRequest("comment"), body, form)) form.reset();
  });

  byId("request").addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-on]");
    if (!button) return;
    const body = { ...chosen(), discussion: button.form.dataset.reply, on: button.dataset.on === "yes" };
    await send(ofRequest("resolve"), body, button.form.querySelector(".answer"), [button]);
  });

  byId("open-issue").addEventListener("click", () => byId("new-issue").showModal());
  byId("close-issue").addEventListener("click", () => byId("new-issue").close());

  /** The page goes on with the new issue. */
  byId("issue-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const body = { user: PERSON, summary: form.elements.summary.value, description: form.elements.description.value };
    const made = await sendForm("/sandbox/jira/issues", body, form);
    if (made) location.assign(`/jira/browse/${made.key}`);
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
    const { request } = shown();
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
    const { files } = shown().request;
    byId("push").showModal();
    const edited = form.elements.text.value !== (form.dataset.offered ?? "");
    if (form.elements.path.value && edited) return;
    const first = files.find((file) => file.status === "modified" && !file.binary) ?? files[0];
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
    const body = { ...whose(), branch: shown().request.source_branch, message: form.elements.message.value, files };
    if (await sendForm("/sandbox/push", body, form)) {
      form.reset();
      delete form.dataset.offered;
      byId("push").close();
    }
  });
}

/** What was typed as a paragraph of storage. */
function paragraph(form) {
  const text = document.createElement("p");
  text.textContent = form.elements.body.value;
  return new XMLSerializer().serializeToString(text).replace(/ xmlns="[^"]*"/, "");
}

async function reason(got) {
  const text = await got.text();
  try {
    const body = JSON.parse(text);
    const words = body.message ?? body.error ?? body.detail ?? body.errorMessages ?? text;
    return typeof words === "string" ? words : JSON.stringify(words);
  } catch {
    return text || `HTTP ${got.status}`;
  }
}
