/** What both databases give and take: 64-bit integers come as numbers, exact up to 2^53, beyond which reading throws. */
export type SqlValue = string | number | boolean | null;
export type SqlRow = readonly SqlValue[];

/** SQL with its values: text is bound as `$1` …, so nothing that came from outside stands in the text itself. */
export interface Sql {
  readonly text: string;
  readonly values: readonly string[];
}

/** One connection, or one transaction on it. Statements go one after another. */
export interface SqlSession {
  /** Whether events stand in a table a day: a statement that does not say which days then locks them all. */
  readonly daily: boolean;
  query(sql: Sql): Promise<readonly SqlRow[]>;
}

type Embedded = SqlValue | Sql;

/**
 * Builds {@link Sql}: `` sql`SELECT 1 WHERE symbol = ${symbol} AND ${condition}` ``. Whole numbers and booleans are
 * written as literals, which both databases type by themselves; strings are bound; other {@link Sql} is put in place.
 */
export function sql(strings: TemplateStringsArray, ...embedded: readonly Embedded[]): Sql {
  let text = strings[0] ?? '';
  const values: string[] = [];
  embedded.forEach((value, i) => {
    text += place(value, values) + (strings[i + 1] ?? '');
  });
  return { text, values };
}

/** Text of the program's own, such as a name. */
export function raw(text: string): Sql {
  return { text, values: [] };
}

export function join(parts: readonly Sql[], separator: string): Sql {
  const values: string[] = [];
  return { text: parts.map((part) => place(part, values)).join(separator), values };
}

function place(value: Embedded, values: string[]): string {
  if (value === null) return 'NULL';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a whole number below 2^53`);
    return String(value);
  }
  if (typeof value === 'string') return `$${values.push(value)}`;
  const shift = values.length;
  values.push(...value.values);
  return shift === 0 ? value.text : value.text.replace(/\$(\d+)/g, (_, n) => `$${Number(n) + shift}`);
}

/** A 64-bit integer as a number. @throws RangeError where it would be rounded. */
export function exactNumber(value: bigint | string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`the database holds ${value}, beyond 2^53`);
  return number;
}
