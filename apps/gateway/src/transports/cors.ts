/** CORS for the streams, which answer past Fastify. `*` allows every origin, never with credentials. */
export function corsHeaders(allowed: readonly string[], origin: string | undefined): Record<string, string> {
  if (allowed.includes('*')) return { 'Access-Control-Allow-Origin': '*' };
  if (origin !== undefined && allowed.includes(origin))
    return { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' };
  return { Vary: 'Origin' };
}
