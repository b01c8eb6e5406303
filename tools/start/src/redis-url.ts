import { StartError } from './errors.ts';

const TAKES = 'redis://host:port, rediss://host:port or redis+cluster://host:port,host:port';

/** The URL without its password, fit to be shown; also of a text that is no URL. */
export function maskRedisUrl(text: string): string {
  return text.replace(/^([a-z+]*:\/\/)?([^:@/]*):.*@/i, '$1$2:***@').replace(/([?&]password=)[^&]*/gi, '$1***');
}

/** @throws StartError `CONFIG_INVALID` when the apps would not take this as REDIS_URL. */
export function requireRedisUrl(text: string): void {
  if (isRedisUrl(text.trim())) return;
  throw new StartError('CONFIG_INVALID', `REDIS_URL: got ${JSON.stringify(maskRedisUrl(text))}, takes ${TAKES}`);
}

export function isClusterUrl(url: string): boolean {
  return url.startsWith('redis+cluster://');
}

/** As the apps read it (libs/ops), which this tool cannot import: it runs before they are built. */
function isRedisUrl(text: string): boolean {
  const [, scheme, rest] = /^(rediss?|redis\+cluster):\/\/(\S+)$/.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) return false;
  if (scheme !== 'redis+cluster') return URL.canParse(text) && new URL(text).hostname !== '';
  const nodes = rest.slice(rest.lastIndexOf('@') + 1).replace(/\/$/, '');
  return nodes.split(',').every((node) => {
    const port = Number(/^(?:\[[^\]]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(node)?.[1]);
    return port > 0 && port <= 65_535;
  });
}
