/**
 * @typedef {{ kind: "heading", text: string } | { kind: "text", text: string }
 *   | { kind: "list", lines: string[] } | { kind: "fields", fields: { name: string, value: string }[] }} Block
 */

const BODY_MAX_CHARS = 40_000;
const BLOCKS_MAX = 200;
const FIELD = /^([A-Za-z][\w .-]{0,39}): (.*)$/;
/** What the hub begins the brief of an item with. */
const ABOUT = /^(priorities|owe|owed|calendar) \S{1,128}$/;

/**
 * Reads the plain text of a brief as headings, lists, fields and paragraphs.
 *
 * The hub writes `name: value` lines after a first line that names the item; whatever else a feeder wrote stays text.
 *
 * @param {string} body
 * @returns {Block[]}
 */
export function readBrief(body) {
  const lines = body.slice(0, BODY_MAX_CHARS).split("\n");
  /** @type {Block[]} */
  const blocks = [];
  let index = 0;
  if (ABOUT.test(lines[0] ?? "")) {
    const fields = [];
    for (index = 1; index < lines.length && lines[index] !== ""; index += 1) {
      const match = FIELD.exec(lines[index]);
      if (match) fields.push({ name: match[1], value: match[2] });
      else if (fields.length > 0) fields[fields.length - 1].value += `\n${lines[index]}`;
    }
    if (fields.length > 0) blocks.push({ kind: "fields", fields });
  }
  for (; index < lines.length && blocks.length < BLOCKS_MAX; index += 1) {
    const line = lines[index];
    const last = blocks[blocks.length - 1];
    if (line === "") continue;
    if (line.startsWith("- ")) {
      if (last?.kind === "list" && lines[index - 1] !== "") last.lines.push(line.slice(2));
      else blocks.push({ kind: "list", lines: [line.slice(2)] });
    } else if (lines[index + 1]?.startsWith("- ")) {
      blocks.push({ kind: "heading", text: line });
    } else if (last?.kind === "text" && lines[index - 1] !== "") {
      last.text += `\n${line}`;
    } else {
      blocks.push({ kind: "text", text: line });
    }
  }
  return blocks;
}
