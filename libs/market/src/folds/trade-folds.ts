import type { LogEvent } from '@depthcast/protocol';
import type { MarketOptions } from '../market-options.ts';
import { Bars, type BarsMemory } from './bars.ts';
import type { FoldEventWriter } from './fold-event-writer.ts';
import { LargeTrade, type LargeTradeMemory } from './large-trade.ts';
import { RollingTrades, type RollingTradesMemory } from './rolling-trades.ts';
import { VolumeSpike, type VolumeSpikeMemory } from './volume-spike.ts';

/** A trade in ticks and lots; `buys`: the taker did. */
export interface Trade {
  readonly tsEventUs: number;
  readonly ticks: number;
  readonly lots: number;
  readonly buys: boolean;
}

export interface TradeFoldsMemory {
  readonly bars: BarsMemory;
  readonly rolling: RollingTradesMemory;
  readonly volumeSpike: VolumeSpikeMemory;
  readonly largeTrade: LargeTradeMemory;
}

/** What a symbol's trades add up to. */
export class TradeFolds {
  readonly bars: Bars;
  readonly rolling: RollingTrades;
  readonly volumeSpike: VolumeSpike;
  readonly largeTrade: LargeTrade;

  /** @param second event time. */
  constructor(options: MarketOptions, writer: FoldEventWriter, second: number, memory?: TradeFoldsMemory) {
    this.bars = new Bars(writer, second, memory?.bars);
    this.rolling = new RollingTrades(second, memory?.rolling);
    this.volumeSpike = new VolumeSpike(options, writer, second, memory?.volumeSpike);
    this.largeTrade = new LargeTrade(options, writer, memory?.largeTrade);
  }

  memory(): TradeFoldsMemory {
    return {
      bars: this.bars.memory(),
      rolling: this.rolling.memory(),
      volumeSpike: this.volumeSpike.memory(),
      largeTrade: this.largeTrade.memory(),
    };
  }

  onTrade({ tsEventUs, ticks, lots, buys }: Trade, second: number, events: LogEvent[]): void {
    this.bars.onTrade(second, tsEventUs, ticks, lots, buys);
    this.rolling.add(ticks, lots, buys);
    this.volumeSpike.onTrade(lots);
    this.largeTrade.onTrade(second, tsEventUs, lots, events);
  }
}
