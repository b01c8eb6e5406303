import type { FastifyRequest } from 'fastify';

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE'] as const;
/** Anything else could be read as the pattern of a route. */
const PLAIN_PATH = /^[\w./-]+$/;
const LAST_PART = /[^/]+$/;

/** The methods that a request's path takes; none where there is no such path. */
export function methodsOf({ server, url }: Pick<FastifyRequest, 'server' | 'url'>): string[] {
  const [path = ''] = url.split('?', 1);
  if (!PLAIN_PATH.test(path)) return [];
  const routes = [path, path.replace(LAST_PART, ':client_order_id')];
  return METHODS.filter((method) => routes.some((route) => server.hasRoute({ method, url: route })));
}
