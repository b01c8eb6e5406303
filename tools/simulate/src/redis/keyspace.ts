import { wrongType } from './reply.ts';
import { Stream, type StreamMark } from './stream.ts';

export type Value = string | Map<string, string> | Stream;

interface Slot {
  readonly value: Value;
  /** By the clock of the process that holds it. */
  readonly expiresAtMs: number | undefined;
}

/** How a key was before a command changed it. */
interface Before {
  readonly command: number;
  readonly atMs: number;
  readonly key: string;
  readonly slot: Slot | undefined;
  /** Streams change in place: what undoes it. */
  readonly mark: StreamMark | undefined;
}

/** Nothing older can be lost: AOF everysec, a replica that is behind. */
export const LOSS_MS_MAX = 1_000;

/**
 * Keys and values of one Redis process, and how to go back by up to a second: what a crash or a failover loses is the
 * newest commands, whole ones, from some moment on.
 */
export class Keyspace {
  #slots = new Map<string, Slot>();
  #undo: Before[] = [];
  #command = 0;
  #commandAtMs = 0;
  readonly #touched = new Set<string>();

  /** What is changed from here on belongs to one more command, or script: it is lost as a whole or not at all. */
  begin(simulatedMs: number): void {
    this.#command++;
    this.#commandAtMs = simulatedMs;
    this.#touched.clear();
    let old = 0;
    while ((this.#undo[old]?.atMs ?? simulatedMs) < simulatedMs - LOSS_MS_MAX) old++;
    // In blocks, since each cut moves what is left.
    if (old > 256) this.#undo.splice(0, old);
  }

  /** The number of the present command. */
  get command(): number {
    return this.#command;
  }

  /** Keys that the present command has changed. */
  get touched(): ReadonlySet<string> {
    return this.#touched;
  }

  get keys(): string[] {
    return [...this.#slots.keys()];
  }

  /** About what all of it takes. */
  get bytes(): number {
    let bytes = 0;
    for (const { value } of this.#slots.values()) {
      if (value instanceof Map) for (const [field, text] of value) bytes += field.length + text.length;
      else bytes += value instanceof Stream ? value.bytes : value.length;
    }
    return bytes;
  }

  get(key: string, clockMs: number): Value | undefined {
    const slot = this.#slots.get(key);
    if (slot?.expiresAtMs !== undefined && slot.expiresAtMs <= clockMs) {
      this.delete(key);
      return undefined;
    }
    return slot?.value;
  }

  expiresAtMs(key: string): number | undefined {
    return this.#slots.get(key)?.expiresAtMs;
  }

  set(key: string, value: string, expiresAtMs?: number): void {
    this.#remember(key);
    this.#slots.set(key, { value, expiresAtMs });
  }

  expire(key: string, expiresAtMs: number): void {
    const slot = this.#slots.get(key);
    if (!slot) return;
    this.#remember(key);
    this.#slots.set(key, { value: slot.value, expiresAtMs });
  }

  delete(key: string): boolean {
    if (!this.#slots.has(key)) return false;
    this.#remember(key);
    return this.#slots.delete(key);
  }

  /** The hash to write to; made when there is none. */
  hash(key: string, clockMs: number): Map<string, string> {
    const value = this.get(key, clockMs);
    if (value !== undefined && !(value instanceof Map)) throw wrongType();
    if (value && this.#touched.has(key)) return value;
    this.#remember(key);
    // A copy: the one before belongs to the undo.
    const fresh = new Map(value);
    this.#slots.set(key, { value: fresh, expiresAtMs: this.#slots.get(key)?.expiresAtMs });
    return fresh;
  }

  /** The stream to write to; made when there is none. */
  stream(key: string, clockMs: number): Stream {
    const value = this.get(key, clockMs);
    if (value !== undefined && !(value instanceof Stream)) throw wrongType();
    this.#remember(key);
    const stream = value ?? new Stream();
    if (!value) this.#slots.set(key, { value: stream, expiresAtMs: undefined });
    return stream;
  }

  clear(): void {
    for (const key of [...this.#slots.keys()]) this.delete(key);
  }

  /** Commands that may still be lost: those that have changed something in the last `ms`, oldest first. */
  recentWrites(simulatedMs: number, ms: number): { readonly command: number; readonly atMs: number }[] {
    const recent = this.#undo.filter(({ atMs }) => atMs > simulatedMs - Math.min(ms, LOSS_MS_MAX));
    return recent.filter(({ command }, i) => command !== recent[i - 1]?.command);
  }

  /** What another process begins with, to which neither `command` nor any later one ever came; undefined: all did. */
  before(command: number | undefined): Keyspace {
    const copies = new Map<Stream, Stream>();
    const copyOf = (slot: Slot | undefined): Slot | undefined => {
      if (!(slot?.value instanceof Stream)) return slot;
      const copy = copies.get(slot.value) ?? slot.value.copy();
      copies.set(slot.value, copy);
      return { ...slot, value: copy };
    };
    const past = new Keyspace();
    for (const [key, slot] of this.#slots) past.#slots.set(key, copyOf(slot) as Slot);
    for (let i = this.#undo.length - 1; i >= 0; i--) {
      const before = this.#undo[i] as Before;
      if (command === undefined || before.command < command) break;
      const slot = copyOf(before.slot);
      if (slot) {
        past.#slots.set(before.key, slot);
        if (before.mark) (slot.value as Stream).restore(before.mark);
      } else past.#slots.delete(before.key);
    }
    return past;
  }

  #remember(key: string): void {
    if (this.#touched.has(key)) return;
    this.#touched.add(key);
    const slot = this.#slots.get(key);
    const mark = slot?.value instanceof Stream ? slot.value.mark() : undefined;
    this.#undo.push({ command: this.#command, atMs: this.#commandAtMs, key, slot, mark });
  }
}
