/** pino-roll brings no types of its own: what is used of it here. */
declare module 'pino-roll' {
  import type { EventEmitter } from 'node:events';

  export interface RollOptions {
    readonly file: string;
    readonly size?: string;
    readonly frequency?: 'daily' | 'hourly' | number;
    readonly dateFormat?: string;
    readonly mkdir?: boolean;
    readonly limit?: { readonly count: number; readonly removeOtherLogFiles?: boolean };
    /** Of the stream, a SonicBoom. */
    readonly sync?: boolean;
    readonly maxLength?: number;
  }

  export interface RollStream extends EventEmitter {
    write(line: string): boolean;
  }

  export default function roll(options: RollOptions): Promise<RollStream>;
}
