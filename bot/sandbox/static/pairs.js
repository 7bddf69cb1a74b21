// Which merge request, issue and Confluence page are shown, by the address and by what they say of each other.

const REQUEST = /^\/(.+)\/-\/merge_requests\/(\d+)\/?/;
const ISSUE = /^\/jira\/browse\/([^/]+)\/?$/;
const PAGE = /^\/confluence\/(?:wiki\/)?spaces\/[^/]+\/pages\/(\d+)/;

/**
 * {request, issue, page, wanted}: `wanted` is what the address names, "request", "issue", "page" or null; what is not there
 * is undefined.
 */
export function shownBy(path, requests, issues, pages) {
  const number = path.match(PAGE)?.[1];
  if (number) {
    const page = pages.find((one) => one.id === number);
    const request = page && newest(requests.filter((one) => isToldOf(one, page)));
    return { ...pairOf(request ? addressOf(request) : "/", requests, issues), page, wanted: "page" };
  }
  const pair = pairOf(path, requests, issues);
  const told = pages.filter((page) => pair.request && isToldOf(pair.request, page));
  return { ...pair, page: lastChanged(told) ?? lastChanged(pages) };
}

/** Whether a note on the merge request leads to the page. */
function isToldOf(request, page) {
  const address = new RegExp(`/pages/${page.id}(?!\\d)`);
  return request.notes.some((note) => address.test(note.body));
}

/** The one that a person would look at: where something was written last. */
function lastChanged(pages) {
  const moment = (page) => [page.versions.at(-1).at, ...page.comments.map((one) => one.updated)].sort().at(-1);
  return pages.filter((one) => one.status === "current").sort((one, other) => (moment(one) < moment(other) ? 1 : -1))[0];
}

function pairOf(path, requests, issues) {
  const [, project, iid] = path.match(REQUEST) ?? [];
  if (iid) {
    const request = requests.find((one) => one.project === decodeURIComponent(project) && String(one.iid) === iid);
    return { request, issue: request && issueOf(request, issues), wanted: "request" };
  }
  const key = path.match(ISSUE)?.[1].toUpperCase();
  if (key) {
    const issue = issues.find((one) => one.key === key);
    return { request: issue && requestOf(issue, requests), issue, wanted: "issue" };
  }
  const request = requests.find((one) => one.state === "opened") ?? requests[0];
  return { request, issue: request ? issueOf(request, issues) : issues[0], wanted: null };
}

const issueOf = (request, issues) => issues.find((issue) => areLinked(request, issue)) ?? issues.find((issue) => isNamed(request, issue));

function requestOf(issue, requests) {
  return newest(requests.filter((request) => areLinked(request, issue) || isNamed(request, issue)));
}

/** The newest that is open, else the newest. */
function newest(requests) {
  return requests.findLast((request) => request.state === "opened") ?? requests.at(-1);
}

const areLinked = (request, issue) => issue.links.some((link) => link.url === request.web_url);

/** In the branch or the title, where a key belongs. */
function isNamed(request, issue) {
  const key = new RegExp(`(?<![\\p{L}\\p{N}])${issue.key}(?![\\p{L}\\p{N}])`, "iu");
  return key.test(request.source_branch) || key.test(request.title);
}

export const addressOf = (request) => `/${request.project}/-/merge_requests/${request.iid}`;
export const addressOfPage = (page) => new URL(page.url).pathname;
export const addressOfIssue = (issue) => `/jira/browse/${issue.key}`;
