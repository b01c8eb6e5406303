import { DepthcastError } from '@depthcast/protocol';
import type { z } from 'zod';
import { isSecretName, maskSecrets } from './secrets.ts';

const SHOWN_CHARS_MAX = 120;

export type Source = Readonly<Record<string, string | undefined>>;

/**
 * Reads an app's settings, once, at start. An empty variable counts as unset.
 *
 * @param source usually `process.env`, with command-line options laid over it.
 * @throws DepthcastError `CONFIG_INVALID`: one message with a line for each bad variable, what it got (secrets
 *   masked) and what it takes.
 */
export function loadConfig<S extends z.ZodObject>(schema: S, source: Source): z.output<S> {
  const given = Object.fromEntries(
    Object.keys(schema.shape)
      .map((name) => [name, source[name]])
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = schema.safeParse(given);
  if (result.success) return result.data;

  const takesByName = new Map<string, Set<string>>();
  for (const issue of result.error.issues) {
    const name = String(issue.path[0] ?? 'settings');
    takesByName.set(name, (takesByName.get(name) ?? new Set()).add(issue.message));
  }
  const lines = [...takesByName].map(
    ([name, takes]) => `${name}: got ${shown(name, source[name])}, takes ${[...takes].join('; ')}`,
  );
  throw new DepthcastError('CONFIG_INVALID', lines.join('\n'));
}

function shown(name: string, value: string | undefined): string {
  if (value === undefined || value === '') return 'nothing';
  if (isSecretName(name)) return '***';
  return JSON.stringify(maskSecrets(value.length > SHOWN_CHARS_MAX ? `${value.slice(0, SHOWN_CHARS_MAX)}…` : value));
}
