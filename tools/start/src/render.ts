import { styleText } from 'node:util';

/** Fields of a log line that its reader knows already: from the prefix, or shown in their own place. */
const SHOWN_ELSEWHERE = new Set(['level', 'time', 'app', 'pid', 'hostname', 'msg', 'err', 'stack']);

type Style = Parameters<typeof styleText>[0];

const LEVEL_STYLES: Readonly<Record<string, Style>> = {
  fatal: ['bold', 'red'],
  error: 'red',
  warn: 'yellow',
  info: 'green',
  debug: 'blue',
  trace: 'gray',
};

/** Writes with colour or without. */
export type Paint = (style: Style, text: string) => string;

/** Colours where `stream` is a terminal that shows them; NO_COLOR and FORCE_COLOR are respected. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream });
}

/**
 * One line of an app for people: pino's JSON becomes `11:10:00.123 info  listening addr=127.0.0.1:8081`; anything
 * else stays as it is.
 */
export function renderLine(line: string, paint: Paint): string {
  const entry = tryParse(line);
  if (!entry) return line;
  const level = String(entry.level ?? '');
  const time = typeof entry.time === 'string' ? entry.time.slice(11, 23) : '';
  const fields = Object.entries(entry)
    .filter(([name]) => !SHOWN_ELSEWHERE.has(name))
    .map(([name, value]) => paint('gray', `${name}=`) + (typeof value === 'string' ? value : JSON.stringify(value)));
  const stack = stackOf(entry);
  return (
    [
      paint('gray', time),
      paint(LEVEL_STYLES[level] ?? 'white', level.padEnd(5)),
      String(entry.msg ?? ''),
      ...fields,
    ].join(' ') + (stack ? `\n${paint('gray', stack)}` : '')
  );
}

function stackOf(entry: Record<string, unknown>): string {
  const error = entry.err as { stack?: string; message?: string } | undefined;
  return String(error?.stack ?? error?.message ?? entry.stack ?? '');
}

function tryParse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{"level":')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
