import { type DynamicModule, Module } from '@nestjs/common';
import { Liveness, Readiness } from './conditions.ts';
import { Metrics } from './metrics.ts';
import { OpsController } from './ops.controller.ts';

export interface OpsOptions {
  /** The app's name: the `app` label of its metrics. */
  readonly name: string;
  /** Conditions that must be set before the app is ready; without them it is ready once it listens. */
  readonly readyWhen?: readonly string[];
}

/**
 * GET /health, /ready and /metrics. {@link Readiness}, {@link Liveness} and {@link Metrics} can be injected
 * everywhere in the app.
 */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: Nest modules are classes.
export class OpsModule {
  static forRoot(options: OpsOptions): DynamicModule {
    return {
      module: OpsModule,
      global: true,
      controllers: [OpsController],
      providers: [
        { provide: Readiness, useFactory: () => new Readiness(options.readyWhen) },
        { provide: Liveness, useFactory: () => new Liveness() },
        { provide: Metrics, useFactory: () => new Metrics(options.name) },
      ],
      exports: [Readiness, Liveness, Metrics],
    };
  }
}
