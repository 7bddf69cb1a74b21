// A unified diff as rows, and which row a GitLab position means.

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$/;
const KINDS = { "+": "added", "-": "removed", " ": "context", "": "context" };

/**
 * Rows {kind, old, new, text}: `added`, `removed` and `context` lines with their numbers (null on the side where the
 * line is not), `gap` for a hunk's header and `eof` for a missing last newline. Lines end at \n only.
 */
export function rowsOf(diff) {
  const rows = [];
  let oldLine = 0;
  let newLine = 0;
  for (const line of diff.replace(/\n$/, "").split("\n")) {
    const hunk = line.match(HUNK);
    if (hunk) {
      [oldLine, newLine] = [Number(hunk[1]), Number(hunk[2])];
      rows.push({ kind: "gap", old: oldLine, new: newLine, text: hunk[3] });
    } else if (rows.length && line.startsWith("\\")) {
      rows.push({ kind: "eof", old: oldLine, new: newLine, text: "no newline at the end of the file" });
    } else if (rows.length) {
      const kind = KINDS[line.slice(0, 1)] ?? "context";
      rows.push({
        kind,
        old: kind === "added" ? null : oldLine++,
        new: kind === "removed" ? null : newLine++,
        text: line.slice(1),
      });
    }
  }
  return rows;
}

export const isLine = (row) => row.kind === "added" || row.kind === "removed" || row.kind === "context";

/** The row of a position: an added line has a new number only, a removed one an old number only, a context line both. */
export function rowAt(rows, position) {
  const [before, after] = [position.old_line ?? null, position.new_line ?? null];
  return rows.find((row) => (isLine(row) || row.kind === "beyond") && row.old === before && row.new === after);
}

/** The rows with one more for each position on an unchanged line that the diff does not show. */
export function withBeyond(rows, positions) {
  const all = [...rows];
  for (const position of positions) {
    if (rowAt(all, position)) continue;
    const number = position.new_line ?? position.old_line;
    const side = position.new_line ? "new" : "old";
    let place = all.findIndex((row) => row[side] !== null && row[side] > number);
    if (place < 0) place = all.length;
    if (place > 0 && all[place - 1].kind === "gap") place -= 1;
    const beyond = { kind: "beyond", old: position.old_line ?? null, new: position.new_line ?? null, text: "" };
    all.splice(place, 0, beyond);
  }
  return all;
}

/** New line number -> text, of the lines the diff shows. */
export function newLines(rows) {
  return new Map(rows.filter((row) => isLine(row) && row.new !== null).map((row) => [row.new, row.text]));
}
