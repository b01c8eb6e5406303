import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { frameOf, packetsIn } from '../../fanout/packets.ts';
import { settle } from '../../testing/memory-sink.ts';
import { type EngineConnection, EngineSink } from './engine-sink.ts';

/** Engine.IO's connection as far as a sink sees it: what is written waits while the transport is not writable. */
class FakeConnection extends EventEmitter {
  readyState = 'open';
  writeBuffer: { data: string }[] = [];
  isWritable = true;
  readonly sent: string[] = [];
  readonly transport: { socket?: object };

  constructor(isWebSocket: boolean) {
    super();
    const write = (bytes: Uint8Array, written?: () => void) => {
      this.sent.push(...packetsIn(bytes).map((packet) => packet.slice(1)));
      if (written) process.nextTick(written);
      return true;
    };
    this.transport = isWebSocket ? { socket: { readyState: 1, _socket: { write, writableLength: 0 } } } : {};
  }

  write(data: string): void {
    this.writeBuffer.push({ data });
    this.flush();
  }

  flush(): void {
    if (!this.isWritable || this.writeBuffer.length === 0) return;
    this.sent.push(...this.writeBuffer.splice(0).map(({ data }) => data));
    if (!this.transport.socket) this.isWritable = false;
    this.emit('drain');
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('fanout' as const), packets: fc.nat(3) }),
  fc.record({ do: fc.constantFrom('engine' as const, 'hold' as const, 'let go' as const, 'settle' as const) }),
);

describe('a client of Socket.IO as the fan-out sees it', () => {
  it('is sent everything in the order in which it was written, by either way, and says when it has been', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 40 }), async (isWebSocket, steps) => {
        const connection = new FakeConnection(isWebSocket);
        const sink = new EngineSink(connection as unknown as EngineConnection);
        const expected: string[] = [];
        const written: number[] = [];
        let writes = 0;
        for (const action of steps) {
          if (action.do === 'fanout') {
            const packets = Array.from({ length: action.packets }, (_, i) => `2["fanout",${expected.length + i}]`);
            expected.push(...packets);
            const at = writes++;
            sink.write(Buffer.concat(packets.map((packet) => frameOf(`4${packet}`))), () => written.push(at));
          } else if (action.do === 'engine') {
            expected.push(`2["engine",${expected.length}]`);
            connection.write(expected.at(-1) as string);
          } else if (action.do === 'settle') await settle(2);
          else {
            connection.isWritable = action.do === 'let go';
            connection.flush();
          }
          expect(connection.sent).toEqual(expected.slice(0, connection.sent.length));
          if (connection.sent.length === expected.length) expect(sink.writableLength).toBe(0);
        }
        for (let i = 0; i < 3; i++) {
          connection.isWritable = true;
          connection.flush();
        }
        await settle(3);
        expect(connection.sent).toEqual(expected);
        expect(written.sort((a, b) => a - b)).toEqual(Array.from({ length: writes }, (_, i) => i));
        expect(sink.writableLength).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('says that nothing more is written when the connection is gone', async () => {
    const connection = new FakeConnection(false);
    connection.isWritable = false;
    const sink = new EngineSink(connection as unknown as EngineConnection);
    const errors: unknown[] = [];
    sink.write(frameOf('42["x",1]'), (error) => errors.push(error));
    connection.readyState = 'closed';
    connection.emit('close');
    sink.write(frameOf('42["x",2]'), (error) => errors.push(error));
    await settle(2);
    expect(errors).toEqual([expect.any(Error), expect.any(Error)]);
    expect(sink.writableLength).toBe(0);
  });
});
