import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';

export type HttpVersion = 'HTTP/2' | 'HTTP/1.1';

/** As it came, and what its lines say; comments have the name ''. */
export interface RawFrame {
  readonly raw: string;
  readonly fields: Readonly<Record<string, string>>;
}

interface Opened {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readable;
}

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** One connection over TLS, by either version of HTTP. */
export class SecureClient {
  static readonly #open = new Set<SecureClient>();
  readonly version: HttpVersion;
  readonly #url: string;
  readonly #ca: string;
  readonly #http2: ClientHttp2Session | undefined;
  readonly #ends = new Set<() => void>();

  constructor(url: string, ca: string, version: HttpVersion) {
    this.version = version;
    this.#url = url;
    this.#ca = ca;
    if (version === 'HTTP/2') {
      this.#http2 = connectHttp2(url, { ca });
      this.#http2.on('error', () => {});
    }
    SecureClient.#open.add(this);
  }

  async stream(path: string, headers: Record<string, string> = {}): Promise<SecureStream> {
    return new SecureStream(await this.#send(path, { headers }));
  }

  async request(path: string, sent: Sent = {}): Promise<Omit<Opened, 'body'> & { readonly text: string }> {
    const { status, headers, body } = await this.#send(path, sent);
    let text = '';
    for await (const part of body.setEncoding('utf8')) text += part;
    return { status, headers, text };
  }

  close(): void {
    SecureClient.#open.delete(this);
    this.#http2?.destroy();
    for (const end of this.#ends) end();
  }

  /** For afterAll: a test that failed half way must not keep the process alive. */
  static closeAll(): void {
    for (const client of [...SecureClient.#open]) client.close();
  }

  #send(path: string, { method = 'GET', headers = {}, body }: Sent): Promise<Opened> {
    return new Promise((resolve, reject) => {
      if (this.#http2) {
        const stream: ClientHttp2Stream = this.#http2.request({ ':path': path, ':method': method, ...headers });
        stream.on('error', reject);
        stream.once('response', ({ ':status': status = 0, ...rest }) =>
          resolve({ status, headers: rest, body: stream }),
        );
        stream.end(body);
        return;
      }
      const options = { agent: false, ca: this.#ca, method, headers } as const;
      const sent = requestHttps(new URL(path, this.#url), options, (response) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response });
      });
      this.#ends.add(() => sent.destroy());
      sent.on('error', reject).end(body);
    });
  }
}

/** An event stream, frame by frame. */
export class SecureStream {
  readonly status: number;
  readonly headers: Opened['headers'];
  readonly body: Readable;
  readonly frames: RawFrame[] = [];
  readonly closed: Promise<void>;
  #taken = 0;
  #rest = '';

  constructor({ status, headers, body }: Opened) {
    this.status = status;
    this.headers = headers;
    this.body = body;
    body.setEncoding('utf8').on('data', (text: string) => this.#push(text));
    body.on('error', () => {});
    this.closed = new Promise((resolve) => body.once('close', resolve));
  }

  /** The next frame of an event, or with an id. What came before it is passed over. */
  async next(event?: string, waitMs = 5_000): Promise<RawFrame> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      while (this.#taken < this.frames.length) {
        const frame = this.frames[this.#taken++] as RawFrame;
        if (event === undefined ? frame.fields.id !== undefined : frame.fields.event === event) return frame;
      }
      if (Date.now() > deadline) throw new Error(`${event ?? 'no id'} did not come`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** So many with data, at least: all of those that have come. */
  async until(count: number, waitMs = 20_000): Promise<RawFrame[]> {
    const deadline = Date.now() + waitMs;
    const dispatched = () => this.frames.filter(({ fields }) => fields.data !== undefined);
    while (dispatched().length < count) {
      if (Date.now() > deadline) throw new Error(`${dispatched().length} of ${count} came`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return dispatched();
  }

  #push(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2));
      this.frames.push({ raw: `${block}\n\n`, fields: Object.fromEntries(fields) });
    }
  }
}
