import { crc32 } from '@depthcast/book';
import { DepthcastError } from '@depthcast/protocol';
import { STARTING_ASSETS_MAX, startingBalances } from './accounts/starting-balances.ts';

/** Outputs are compared within one version only. It changes with every change of what the same inputs give. */
export const LOGIC_VERSION = '5';

/**
 * Where the anomaly detectors draw their lines, what each being for is said where it is used, in folds/; and what paper
 * accounts begin with.
 */
export interface MarketOptions {
  /** A second's traded size beyond so many times the average one is a volume spike. */
  readonly volumeSpikeFactor: number;
  /** Fewer trades in a second are none, however large. */
  readonly volumeSpikeTradesMin: number;
  /** The average's weight for the newest second is 2 ÷ (this + 1). */
  readonly volumeSpikeWindowSeconds: number;
  /** Seconds from the symbol's first trade in which nothing is a volume spike. */
  readonly volumeSpikeWarmupSeconds: number;
  /** A spread of more basis points of the mid is wide. */
  readonly wideSpreadBps: number;
  /** Seconds from the book's sync in which no spread is wide. */
  readonly wideSpreadWarmupSeconds: number;
  /** Of the last sizes, this part is not above the size that large trades are measured by. */
  readonly largeTradeQuantile: number;
  /** A trade beyond so many times that size is large. */
  readonly largeTradeFactor: number;
  /** Trades of the symbol before which none is large; at most the 512 that are remembered. */
  readonly largeTradeWarmupTrades: number;
  /** An episode is over after so many seconds … */
  readonly anomalyCalmSeconds: number;
  /** … of values below this part of what began it. */
  readonly anomalyRelease: number;
  /** What a paper account has when its first order opens it: up to 64 assets with their amounts, as text. */
  readonly paperBalances: string;
}

export const DEFAULT_MARKET_OPTIONS: MarketOptions = {
  volumeSpikeFactor: 10,
  volumeSpikeTradesMin: 10,
  volumeSpikeWindowSeconds: 300,
  volumeSpikeWarmupSeconds: 60,
  wideSpreadBps: 50,
  wideSpreadWarmupSeconds: 10,
  largeTradeQuantile: 0.99,
  largeTradeFactor: 5,
  largeTradeWarmupTrades: 200,
  anomalyCalmSeconds: 10,
  anomalyRelease: 0.5,
  paperBalances: 'USD:10000000,USDT:10000000,BTC:100,ETH:1000,ADA:1000000',
};

interface Range {
  readonly min: number;
  readonly max: number;
  readonly whole?: true;
}

const FACTOR: Range = { min: 1, max: 1e6 };
const SECONDS: Range = { min: 1, max: 86_400, whole: true };

/** An option that is no number: what makes sense of its text, or throws. */
interface Listed {
  readonly read: (text: string) => unknown;
  readonly kind: string;
}

const ALLOWED: Readonly<Record<keyof MarketOptions, Range | Listed>> = {
  volumeSpikeFactor: FACTOR,
  volumeSpikeTradesMin: { min: 1, max: 1e6, whole: true },
  volumeSpikeWindowSeconds: SECONDS,
  volumeSpikeWarmupSeconds: SECONDS,
  wideSpreadBps: { min: 0.01, max: 20_000 },
  wideSpreadWarmupSeconds: SECONDS,
  largeTradeQuantile: { min: 0.5, max: 1 },
  largeTradeFactor: FACTOR,
  largeTradeWarmupTrades: { min: 1, max: 512, whole: true },
  anomalyCalmSeconds: SECONDS,
  anomalyRelease: { min: 0, max: 1 },
  paperBalances: {
    read: startingBalances,
    kind: `a list such as USD:10000000,BTC:0.5 of at most ${STARTING_ASSETS_MAX} different assets, with up to 10^15 of each`,
  },
};

/**
 * Complete options, in one order of their names whatever order they came in.
 *
 * @throws DepthcastError `CONFIG_INVALID` naming option, value and what is allowed.
 */
export function marketOptions(given: Partial<MarketOptions> = {}): MarketOptions {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(ALLOWED, name))
      throw new DepthcastError('CONFIG_INVALID', `${name} is not an option of the market`);
  }
  const names = Object.keys(ALLOWED) as (keyof MarketOptions)[];
  return Object.fromEntries(
    names.map((name) => [name, checked(name, given[name] ?? DEFAULT_MARKET_OPTIONS[name])]),
  ) as unknown as MarketOptions;
}

/**
 * The version of what a market with these options gives for the same inputs: {@link LOGIC_VERSION} by default, and
 * another for every other choice. An engine that writes this into the log's tip and into snapshots treats a change of
 * options as it treats a change of the logic: it takes over without comparing outputs across it.
 */
export function logicVersionOf(given?: Partial<MarketOptions>): string {
  const options = JSON.stringify(marketOptions(given));
  if (options === JSON.stringify(marketOptions())) return LOGIC_VERSION;
  return `${LOGIC_VERSION}-${crc32(options).toString(16).padStart(8, '0')}`;
}

function checked(name: keyof MarketOptions, value: unknown): number | string {
  const allowed = ALLOWED[name];
  const kind = 'read' in allowed ? readText(allowed, value) : inRange(allowed, value);
  if (kind === undefined) return value as number | string;
  throw new DepthcastError('CONFIG_INVALID', `${name} ${JSON.stringify(value)} is not ${kind}`);
}

/** What the value should be, if it is not. */
function inRange({ min, max, whole }: Range, value: unknown): string | undefined {
  const fits = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value));
  return fits ? undefined : `${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`;
}

function readText({ read, kind }: Listed, value: unknown): string | undefined {
  if (typeof value !== 'string') return kind;
  try {
    read(value);
    return undefined;
  } catch {
    return kind;
  }
}
