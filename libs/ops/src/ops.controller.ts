import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Condition, Liveness, Readiness } from './conditions.ts';
import { Metrics } from './metrics.ts';

export interface HealthBody {
  readonly status: 'ok' | 'failing';
  readonly conditions?: Record<string, Condition>;
}

export interface ReadyBody {
  readonly status: 'ready' | 'unready';
  /** Names of the conditions that do not hold. */
  readonly unready: readonly string[];
  readonly conditions: Record<string, Condition>;
}

/** What orchestrators and Prometheus ask of every app. */
@Controller()
export class OpsController {
  readonly #liveness: Liveness;
  readonly #readiness: Readiness;
  readonly #metrics: Metrics;

  constructor(
    @Inject(Liveness) liveness: Liveness,
    @Inject(Readiness) readiness: Readiness,
    @Inject(Metrics) metrics: Metrics,
  ) {
    this.#liveness = liveness;
    this.#readiness = readiness;
    this.#metrics = metrics;
  }

  @Get('health')
  health(@Res({ passthrough: true }) reply: FastifyReply): HealthBody {
    answer(reply, this.#liveness.ok);
    return this.#liveness.ok ? { status: 'ok' } : { status: 'failing', conditions: this.#liveness.all() };
  }

  @Get('ready')
  ready(@Res({ passthrough: true }) reply: FastifyReply): ReadyBody {
    answer(reply, this.#readiness.ok);
    return {
      status: this.#readiness.ok ? 'ready' : 'unready',
      unready: this.#readiness.failing,
      conditions: this.#readiness.all(),
    };
  }

  @Get('metrics')
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.header('content-type', this.#metrics.contentType);
    return this.#metrics.metrics();
  }
}

function answer(reply: FastifyReply, ok: boolean): void {
  reply.status(ok ? 200 : 503).header('cache-control', 'no-store');
}
