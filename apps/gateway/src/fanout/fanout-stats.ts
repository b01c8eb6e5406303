import type { Encoded } from './encoder.ts';
import type { Format } from './format.ts';

/** Plain counters: one addition a batch and group, read when somebody asks for metrics. */
export class FanoutStats {
  framesOut = 0;
  bytesOut = 0;
  /** Of these, to clients of Socket.IO. */
  packetsOut = 0;
  packetBytesOut = 0;
  writes = 0;
  slowWrites = 0;

  /** A run has been written to so many sessions. */
  count(encoded: Encoded, { framing }: Format, sessions: number): void {
    const frames = encoded.frames * sessions;
    const bytes = (encoded.bytes?.length ?? 0) * sessions;
    this.framesOut += frames;
    this.bytesOut += bytes;
    this.writes += sessions;
    if (framing !== 'packets') return;
    this.packetsOut += frames;
    this.packetBytesOut += bytes;
  }
}
