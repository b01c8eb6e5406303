import { CLIENTS, deliver, startGateway } from '../fanout/contestant.ts';
import { startPlainSocketIo, WEBSOCKET } from '../fanout/rivals.ts';
import { type Bench, interleave, rowOf } from '../harness.ts';
import { SYMBOL } from '../sample-event.ts';

const ROUNDS = { warmUps: 1, rounds: 3 };

/**
 * 5,000 events/s of 400 B to 1,000 WebSocket clients of Socket.IO, from a log in Redis through a gateway process, against
 * plain socket.io that emits the same messages to everybody. The clients count bytes and answer nothing; what each
 * server delivers of the 5 M/s offered is the figure.
 */
export const gatewaySocketIo: Bench = {
  name: 'gateway.socketio',
  async run(context) {
    const { children, note } = context;
    // What is said is Socket.IO's CONNECT, with what the client wants.
    const ours = await startGateway(context, { ...WEBSOCKET, say: `40{"streams":["${SYMBOL}:L2"]}` });
    const plain = await startPlainSocketIo(context);
    const load = children.script('../fanout/load-client', import.meta.url);
    const taken = await interleave({ ours: () => deliver(load, ours), plain: () => deliver(load, plain) }, ROUNDS);
    note(`${CLIENTS} WebSocket clients of one load process; events = all bytes ÷ bytes an event on 4 sampled clients`);
    const { name } = gatewaySocketIo;
    const reference = 'socket.io emit';
    const rate = { unit: 'events/s', ours: taken.ours.rate, reference, theirs: taken.plain.rate };
    return [
      rowOf({ name, ...rate, target: { on: 'ratio', atLeast: 5 } }),
      rowOf({ name: `${name}.p50`, unit: 'ms', ours: taken.ours.p50Ms, reference, theirs: taken.plain.p50Ms }),
      rowOf({ name: `${name}.p99`, unit: 'ms', ours: taken.ours.p99Ms, reference, theirs: taken.plain.p99Ms }),
    ];
  },
};
