import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

const BODY_CHARS_MAX = 4_096;
const PLACES: Readonly<Record<string, string>> = {
  journal: 'Is it running (npm start), and is JOURNAL_HTTP_URL its address?',
  gateway: 'Is it running (npm start), and is GATEWAY_HTTP_URL its address?',
};

/** What could not be had, in words for people: exit code 1. */
export class CallError extends Error {}

export interface Call {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * Asks, and waits for as long as the answer takes: a large Parquet file begins only when it has been made. (`fetch`
 * gives up after five minutes.)
 *
 * @param who `journal` or `gateway`, for what is said when it does not answer.
 * @throws CallError naming the address, or what the answer says is wrong.
 */
export async function call(who: string, url: string, { method = 'GET', headers = {}, signal }: Call) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const make = url.startsWith('https:') ? requestHttps : requestHttp;
    make(url, { method, headers: { ...tokenOf(who), ...headers }, signal }, resolve)
      .on('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code ?? error.message;
        const at = new URL(url).origin;
        reject(
          signal.aborted ? error : new CallError(`the ${who} at ${at} does not answer (${reason}). ${PLACES[who]}`),
        );
      })
      .end();
  });
  if (response.statusCode === 200) return response;
  throw new CallError(`the ${who} answers ${response.statusCode}: ${messageOf(await textOf(response))}`);
}

/** Tokens come by the environment: in arguments everybody on the machine could read them. */
function tokenOf(who: string): Record<string, string> {
  const token = process.env[who === 'journal' ? 'JOURNAL_TOKEN' : 'GATEWAY_TOKEN'];
  return token ? { authorization: `Bearer ${token}` } : {};
}

export async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const piece of response) text += piece;
  return text;
}

/** Whole lines, without their ends, as they come. */
export async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const piece of response) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function messageOf(body: string): string {
  try {
    return String((JSON.parse(body) as { message?: unknown }).message ?? body);
  } catch {
    return body.slice(0, BODY_CHARS_MAX);
  }
}
