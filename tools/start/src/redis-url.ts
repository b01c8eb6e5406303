import { StartError } from './errors.ts';

const TAKES =
  'redis://host:port, rediss://host:port, redis+cluster://host:port,host:port or ' +
  'redis+sentinel://host:port,host:port/name';
const SENTINEL_SCHEME = 'redis+sentinel://';
const SENTINEL_PARAMS: ReadonlySet<string> = new Set(['db', 'sentinelUsername', 'sentinelPassword']);

/** The URL without its password, fit to be shown; also of a text that is no URL. */
export function maskRedisUrl(text: string): string {
  return text.replace(/^([a-z+]*:\/\/)?([^:@/]*):.*@/i, '$1$2:***@').replace(/([?&]\w*password=)[^&]*/gi, '$1***');
}

/** @throws StartError `CONFIG_INVALID` when the apps would not take this as REDIS_URL. */
export function requireRedisUrl(text: string): void {
  if (isRedisUrl(text.trim())) return;
  throw new StartError('CONFIG_INVALID', `REDIS_URL: got ${JSON.stringify(maskRedisUrl(text))}, takes ${TAKES}`);
}

export function isClusterUrl(url: string): boolean {
  return url.startsWith('redis+cluster://');
}

export function isSentinelUrl(url: string): boolean {
  return url.startsWith(SENTINEL_SCHEME);
}

/** `[user:password@]host:port,host:port[/name][?key=value]`, what stands behind the scheme of several nodes. */
export function splitNodes(url: string) {
  const [, username = '', password = '', list = '', name = '', query = ''] =
    /^redis\+\w+:\/\/(?:([^:@/]*):([^@/]*)@)?([^/?]+)\/?([^/?]*)(?:\?(.*))?$/.exec(url) ?? [];
  const nodes = list.split(',').map((node) => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(node) ?? [];
    return { host: bracketed ?? plain ?? '', port: Number(port) };
  });
  return {
    username: decoded(username),
    password: decoded(password),
    nodes,
    name: decoded(name),
    params: new URLSearchParams(query),
  };
}

/** What no percent sign was meant for stands as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** As the apps read it (libs/ops), which this tool cannot import: it runs before they are built. */
function isRedisUrl(text: string): boolean {
  if (/^rediss?:\/\/\S+$/.test(text)) return URL.canParse(text) && new URL(text).hostname !== '';
  if (!/^\S+$/.test(text) || !(isClusterUrl(text) || isSentinelUrl(text))) return false;
  const { nodes, name, params } = splitNodes(text);
  const keys = [...params.keys()];
  const isNamed = isSentinelUrl(text)
    ? name !== '' && keys.every((key) => SENTINEL_PARAMS.has(key)) && /^\d{1,5}$/.test(params.get('db') ?? '0')
    : name === '' && keys.length === 0;
  return isNamed && nodes.every(({ host, port }) => host !== '' && port > 0 && port <= 65_535);
}
