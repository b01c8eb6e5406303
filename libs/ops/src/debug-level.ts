import { z } from 'zod';
import { loadConfig, type Source } from './config.ts';
import { settings } from './settings.ts';

const schema = z.object({ DEBUG: settings.boolean(false) });

/**
 * DEBUG=true (BBO seed) is LOG_LEVEL=debug, unless a level is named.
 *
 * @throws DepthcastError `CONFIG_INVALID` for a DEBUG that is neither true nor false.
 */
export function withDebug(env: Source): Source {
  const { DEBUG } = loadConfig(schema, env);
  return DEBUG && !env.LOG_LEVEL ? { ...env, LOG_LEVEL: 'debug' } : env;
}
