// Building nodes and keeping them: nothing here, or anywhere on this page, parses text as HTML.

const CONTROLS = "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f";
const ZERO_WIDTH = "\\u00ad\\u200b\\u200c\\u2060-\\u2064\\ufeff\\u{e0000}-\\u{e007f}";
const DIRECTIONS = "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069";
const JOINER = "(?<![\\p{Extended_Pictographic}\\ufe0f\\u{1f3fb}-\\u{1f3ff}])\\u200d"; // but not one inside an emoji
const INVISIBLE = new RegExp(`[${CONTROLS}${ZERO_WIDTH}${DIRECTIONS}]|${JOINER}`, "gu");

/** An element. A `class`, `hidden`, `data-*`, `aria-*`... goes in as an attribute; true means empty, null means absent. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat());
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Text as nodes, with the characters no eye can see (bidi controls, zero width) shown as their code points. */
export function visible(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(INVISIBLE)) {
    if (found.index > from) nodes.push(text.slice(from, found.index));
    const point = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(el("span", { class: "invisible", title: "a character that cannot be seen" }, `U+${point}`));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

/** A link that stays on this site; of any other only its words and its address, which leads nowhere. */
export function siteLink(address, words) {
  const target = URL.canParse(address, location.href) ? new URL(address, location.href) : null;
  if (target?.origin === location.origin) return [el("a", { href: target.href }, words)];
  return [...words, el("span", { class: "muted" }, ` (${address})`)];
}

/**
 * Make `parent` show `items` in order, touching only what changed, so that scroll, focus, folds and typed text stay.
 *
 * An item is {key, make, signature?, update?}: a node is made anew when its signature changes, and updated every time.
 * Nodes whose key was not there before are marked `fresh` once the page has been shown for the first time.
 */
export function keep(parent, items) {
  const kept = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const wanted = new Map(items.map((item) => [item.key, item.signature ?? ""]));
  for (const [key, node] of kept) if (wanted.get(key) !== node.signature) node.remove();
  let place = parent.firstElementChild;
  for (const item of items) {
    let node = kept.get(item.key);
    if (!node?.isConnected || node.signature !== (item.signature ?? "")) {
      const isNew = !node;
      node = item.make();
      node.dataset.key = item.key;
      node.signature = item.signature ?? "";
      if (isNew && document.body.dataset.phase === "shown") node.classList.add("fresh");
    }
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    item.update?.(node);
  }
}
