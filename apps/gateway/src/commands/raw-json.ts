const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPENERS = new Set(['[', '{'].map((c) => c.charCodeAt(0)));
const CLOSERS = new Set([']', '}'].map((c) => c.charCodeAt(0)));

/**
 * The members of an object's JSON text in their order, each value as the text it has there: JSON.parse would round
 * numbers that a double does not hold, a `ts_ns` above all. A name given twice comes twice.
 *
 * @param json the text of one object that JSON.parse takes; of another the parts make no sense.
 */
export function rawMembers(json: string): (readonly [name: string, value: string])[] {
  return parts(json).map((part) => {
    const nameEnd = stringEnd(part, 0);
    const colon = part.indexOf(':', nameEnd);
    return [JSON.parse(part.slice(0, nameEnd)) as string, part.slice(colon + 1).trim()];
  });
}

/** The same of an array's items. */
export function rawItems(json: string): string[] {
  return parts(json);
}

/** What stands between the outermost brackets, cut at its own commas. One pass, without recursion. */
function parts(json: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i);
    if (c === QUOTE) i = stringEnd(json, i) - 1;
    else if (OPENERS.has(c)) {
      if (depth++ === 0) start = i + 1;
    } else if (c === COMMA && depth === 1) {
      found.push(json.slice(start, i).trim());
      start = i + 1;
    } else if (CLOSERS.has(c) && --depth === 0) {
      const last = json.slice(start, i).trim();
      if (last !== '') found.push(last);
    }
  }
  return found;
}

/** The place after a string that begins at `start`; the text's end when it has none. */
export function stringEnd(json: string, start: number): number {
  for (let end = start + 1; end < json.length; end++) {
    const c = json.charCodeAt(end);
    if (c === QUOTE) return end + 1;
    if (c === BACKSLASH) end++;
  }
  return json.length;
}
