import { VirtualTime } from './virtual-time.ts';

/** Of real time, which does not stand still while the simulated one does. */
const realMs = performance.now.bind(performance);
const beganMs = realMs();

const time = VirtualTime.install();
// Not before: all that it loads is to find the timers that have been put there.
const { simulate } = await import('./simulate.ts');
process.exitCode = await simulate(process.argv.slice(2), time, () => (realMs() - beganMs) / 1_000);
