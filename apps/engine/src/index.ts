/** What stands on an engine inside its own process: the simulation. Apps never import this. */
export { EngineLoop, type EngineLoopOptions, type EngineObserver } from './engine-loop.ts';
export type { Recovered } from './recover.ts';
