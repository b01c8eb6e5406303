import type { Tracer } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import { z } from 'zod';
import { loadConfig, type Source } from './config.ts';
import { nowAndThen } from './now-and-then.ts';
import { maskSecrets } from './secrets.ts';
import { settings } from './settings.ts';
import { within } from './within.ts';

/** OpenTelemetry as far as it is used. Loaded when there is a collector to send spans to, and not before. */
export interface Tracing {
  readonly api: typeof import('@opentelemetry/api');
  readonly tracer: Tracer;
  /** The context that a request came with: that of its `traceparent` (W3C), where it has one. */
  contextOf(headers: Readonly<Record<string, string | string[] | undefined>>): import('@opentelemetry/api').Context;
  /** Sends what there is, for two seconds at most. Never rejects. */
  stop(): Promise<void>;
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
const PARENT_BASED = 'parentbased_';
const RATIO_TAKES = 'a number from 0 to 1';

/** The standard's own variables. Those of the exporter (headers, timeouts, certificates) the exporter reads itself. */
const schema = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: settings.url(['http', 'https']).optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: settings.url(['http', 'https']).optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: settings.oneOf(['http/json'], 'http/json'),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: settings.oneOf(['http/json'], 'http/json'),
  OTEL_TRACES_SAMPLER: settings.oneOf(SAMPLERS, 'parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, RATIO_TAKES)
    .default('1')
    .transform(Number),
});
type TracingConfig = z.output<typeof schema>;

/** Ended spans that wait to be sent; further ones are dropped. */
const QUEUE_SPANS_MAX = 2_048;
const BATCH_SPANS_MAX = 512;
const SEND_EVERY_MS = 1_000;
const SEND_MS_MAX = 10_000;
const FLUSH_MS_MAX = 2_000;
/** A collector that is away is told of once in so long. */
const COMPLAINT_MS = 60_000;

/**
 * Spans to an OpenTelemetry collector (OTLP over HTTP, JSON), where OTEL_EXPORTER_OTLP_ENDPOINT names one. It may be
 * away or slow: spans are then dropped, and nothing else is.
 *
 * @returns `undefined` where none is named: nothing of OpenTelemetry has been loaded then.
 * @throws DepthcastError `CONFIG_INVALID` naming the variable.
 */
export async function startTracing(name: string, source: Source, logger: Logger): Promise<Tracing | undefined> {
  if (!isWanted(source)) return undefined;
  const config = loadConfig(schema, source);
  const [api, core, { OTLPTraceExporter }, resources, sdk] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
  ]);
  core.setGlobalErrorHandler(
    nowAndThen(COMPLAINT_MS, (error: unknown) => {
      const reason = maskSecrets(String((error as Error)?.message ?? error));
      logger.warn({ reason }, 'spans could not be sent');
    }),
  );
  const processor = new sdk.BatchSpanProcessor({
    exporter: new OTLPTraceExporter(),
    maxQueueSize: QUEUE_SPANS_MAX,
    maxExportBatchSize: BATCH_SPANS_MAX,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: SEND_MS_MAX,
  });
  const known = resources.resourceFromAttributes({ 'service.name': `depthcast-${name}` });
  const provider = new sdk.TracerProvider({
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go over ours.
    resource: known.merge(resources.detectResources({ detectors: [resources.envDetector] })),
    sampler: samplerOf(config, sdk),
    spanProcessors: [processor],
  });
  const propagator = new core.W3CTraceContextPropagator();
  const endpoint = config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_ENDPOINT ?? '';
  logger.info({ endpoint: maskSecrets(endpoint), sampler: config.OTEL_TRACES_SAMPLER }, 'requests are traced');
  return {
    api,
    tracer: provider.getTracer('depthcast'),
    contextOf: (headers) => propagator.extract(api.ROOT_CONTEXT, headers, api.defaultTextMapGetter),
    stop: async () => {
      // Whatever comes of it.
      await within(
        provider.shutdown().catch(() => {}),
        FLUSH_MS_MAX,
      );
    },
  };
}

function isWanted(source: Source): boolean {
  const { OTEL_SDK_DISABLED, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = source;
  // In the standard's words: whatever is not `true` is false.
  if (OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return false;
  return Boolean(OTEL_EXPORTER_OTLP_ENDPOINT || OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}

function samplerOf(config: TracingConfig, sdk: typeof import('@opentelemetry/sdk-trace')): Sampler {
  const { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio } = config;
  const isParentBased = sampler.startsWith(PARENT_BASED);
  const root = (): Sampler => {
    switch (isParentBased ? sampler.slice(PARENT_BASED.length) : sampler) {
      case 'always_off':
        return new sdk.AlwaysOffSampler();
      case 'traceidratio':
        return new sdk.TraceIdRatioBasedSampler(ratio);
      default:
        return new sdk.AlwaysOnSampler();
    }
  };
  return isParentBased ? new sdk.ParentBasedSampler({ root: root() }) : root();
}
