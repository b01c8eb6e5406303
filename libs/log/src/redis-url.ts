import { DepthcastError } from '@depthcast/protocol';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** What a URL of several nodes says; `redis://` and `rediss://` are the client's own to read. */
export interface NodesUrl {
  readonly nodes: readonly HostPort[];
  readonly username?: string;
  readonly password?: string;
  /** Of a Sentinel's master; '' where none is named. */
  readonly name: string;
  readonly params: ReadonlyMap<string, string>;
}

const NODES = /^(?:([^:@/]*):([^@/]*)@)?([^/?]+)\/?([^/?]*)(?:\?(.*))?$/;
const NODE = /^(?:\[([^\]]+)\]|([^\s:/[\]]+)):(\d{1,5})$/;
const PORT_MAX = 65_535;

/**
 * Reads `[user:password@]host:port,host:port[/name][?key=value&…]`, what stands behind a scheme of ours. User, password
 * and values are percent-decoded.
 *
 * @param takes the form that is allowed, for the message.
 * @param params the keys that may stand there; without it, no name may either.
 * @throws DepthcastError `CONFIG_INVALID`, without the text: it may hold a password.
 */
export function parseNodes(text: string, takes: string, params?: readonly string[]): NodesUrl {
  const [, username = '', password = '', list = '', name = '', query = ''] = NODES.exec(text) ?? [];
  const given = new Map(new URLSearchParams(query));
  const nodes = list.split(',').map((node) => {
    const [, bracketed, plain, port] = NODE.exec(node) ?? [];
    return { host: bracketed ?? plain ?? '', port: Number(port) };
  });
  const isWhole = nodes.every(({ host, port }) => host !== '' && port > 0 && port <= PORT_MAX);
  const isMore = params ? [...given.keys()].some((key) => !params.includes(key)) : name !== '' || query !== '';
  if (!isWhole || isMore) {
    throw new DepthcastError('CONFIG_INVALID', `REDIS_URL is not ${takes}`);
  }
  return {
    nodes,
    ...(username === '' ? {} : { username: decoded(username) }),
    ...(password === '' ? {} : { password: decoded(password) }),
    name: decoded(name),
    params: given,
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
