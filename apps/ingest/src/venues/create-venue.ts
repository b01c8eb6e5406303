import type { IngestConfig } from '../config.ts';
import { reconnectPolicy } from '../seed-settings.ts';
import { BinanceVenue } from './binance/binance-venue.ts';
import { ReplayVenue } from './replay/replay-venue.ts';
import { SimulatorVenue } from './simulator/simulator-venue.ts';
import type { QueueGauge, Venue, VenueReport } from './venue.ts';

/** @throws DepthcastError `CONFIG_INVALID` when a replay's file is none. */
export async function createVenue(config: IngestConfig, report: VenueReport, gauge: QueueGauge): Promise<Venue> {
  switch (config.SOURCE) {
    case 'simulator':
      return new SimulatorVenue({
        symbols: config.SYMBOLS,
        seed: config.SIMULATOR_SEED,
        ratePerSecond: config.SIMULATOR_RATE,
      });
    case 'binance':
      return new BinanceVenue({
        symbols: config.SYMBOLS,
        wsUrl: config.BINANCE_WS_URL,
        restUrl: config.BINANCE_REST_URL,
        stallMs: config.STALL_MS,
        reconnect: reconnectPolicy(config),
        report,
      });
    case 'replay':
      return ReplayVenue.open({
        file: config.REPLAY_FILE ?? '',
        speed: config.REPLAY_SPEED,
        tick: config.REPLAY_TICK,
        step: config.REPLAY_STEP,
        gauge,
        report,
      });
  }
}
