import { writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { openRaw } from '../fanout/raw-stream.ts';
import { serveParent } from '../script-side.ts';

export interface ResumeAsk {
  readonly port: number;
  /** One after the other, each on a connection of its own. */
  readonly paths: readonly string[];
  /** How the last frame begins. */
  readonly until: string;
  /** Where to leave what the last of them was answered. */
  readonly keepIn?: string;
}

export interface Resumes {
  /** From the request, which is sent on a connection that is there, to the last byte of the last frame. */
  readonly ms: readonly number[];
  readonly bytes: number;
}

const FRAME_END = '\n\n';
const ANSWER_MS_MAX = 5_000;

/** Finds the end of the frame that begins with a text, in parts. */
class LastFrame {
  readonly #until: Buffer;
  #rest: Buffer = Buffer.alloc(0);
  #isFound = false;

  constructor(until: string) {
    this.#until = Buffer.from(until);
  }

  /** Whether the end has come. */
  push(part: Buffer): boolean {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, part]) : part;
    const at = this.#isFound ? 0 : bytes.indexOf(this.#until);
    const wanted = at < 0 ? this.#until.length : FRAME_END.length;
    this.#isFound ||= at >= 0;
    if (at >= 0 && bytes.indexOf(FRAME_END, at) >= 0) return true;
    this.#rest = Buffer.from(bytes.subarray(Math.max(0, bytes.length - wanted + 1)));
    return false;
  }
}

async function resume(port: number, path: string, until: string, kept: Buffer[] | undefined) {
  const last = new LastFrame(until);
  let socket: Socket | undefined;
  let sentMs = 0;
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  try {
    const ms = await new Promise<number>((resolve, reject) => {
      const take = (part: Buffer) => {
        bytes += part.length;
        kept?.push(Buffer.from(part));
        if (last.push(part)) resolve(performance.now() - sentMs);
      };
      const watch = (it: Socket) => {
        socket = it;
        // Behind the listener that sends the request.
        it.once('connect', () => {
          sentMs = performance.now();
        });
      };
      timer = setTimeout(() => reject(new Error(`${path} brought ${bytes} bytes and no end`)), ANSWER_MS_MAX);
      openRaw({ port, path }, take, watch).catch(reject);
    });
    return { ms, bytes };
  } finally {
    clearTimeout(timer);
    socket?.destroy();
  }
}

serveParent<ResumeAsk>(async ({ port, paths, until, keepIn }) => {
  const ms: number[] = [];
  let bytes = 0;
  let kept: Buffer[] | undefined;
  for (const path of paths) {
    kept = keepIn === undefined ? undefined : [];
    const one = await resume(port, path, until, kept);
    ms.push(one.ms);
    ({ bytes } = one);
  }
  if (keepIn !== undefined) writeFileSync(keepIn, Buffer.concat(kept ?? []));
  return { ms, bytes } satisfies Resumes;
});
