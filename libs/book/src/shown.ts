const SHOWN_CHARS_MAX = 80;

/**
 * A value as an error message shows it: at most some 80 characters, whatever came. Shallow on purpose: what came
 * from outside may be nested deeper than the stack.
 */
export function shown(value: unknown): string {
  if (Array.isArray(value))
    return cut(`[${value.slice(0, 4).map(shownItem).join(',')}${value.length > 4 ? ',…' : ''}]`);
  return shownItem(value);
}

function shownItem(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cut(value));
  if (value !== null && typeof value === 'object') return Array.isArray(value) ? '[…]' : '{…}';
  return cut(String(value));
}

function cut(text: string): string {
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
}
