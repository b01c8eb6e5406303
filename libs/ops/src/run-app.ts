import type { ServerOptions } from 'node:http';
import type { SecureServerOptions } from 'node:http2';
import type { AddressInfo } from 'node:net';
import 'reflect-metadata';
import { DepthcastError } from '@depthcast/protocol';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { loadConfig } from './config.ts';
import { dieOfUnhandled, fatal } from './fatal.ts';
import { NestLogger } from './nest-logger.ts';
import { logRequests, requestIdOf } from './request-log.ts';
import { traceRequests } from './request-trace.ts';
import { type Addr, formatAddr, settings } from './settings.ts';
import { startTracing } from './tracing.ts';

export interface AppOptions {
  readonly name: string;
  /** The app's Nest root module; it imports OpsModule. */
  readonly module: Type<unknown> | DynamicModule;
  readonly addr: Addr;
  readonly logger: Logger;
  /** Fastify's options; `http` inside goes to Node's server (`highWaterMark`, timeouts), `https` to one with TLS. */
  readonly http?: FastifyServerOptions & {
    readonly http?: ServerOptions;
    readonly http2?: boolean;
    readonly https?: SecureServerOptions;
  };
  /** What has to be done to the app before it listens: CORS, websocket adapter, plugins. */
  readonly configure?: (app: NestFastifyApplication) => void | Promise<void>;
}

/** What every app reads for itself, whatever its own settings are. */
const processSchema = z.object({
  SHUTDOWN_MS: settings.shutdownMs(),
  /** Stop when stdin ends: a parent that holds its other end takes its children along, even when it is killed. */
  STOP_ON_STDIN_END: settings.boolean(false),
});

/**
 * An app's whole life as a process: boots, listens, stops once on SIGTERM or SIGINT and exits 0. Whatever goes wrong
 * ends the process with one `fatal` line and the error's exit code.
 */
export async function runApp(options: AppOptions): Promise<NestFastifyApplication> {
  const { logger } = options;
  dieOfUnhandled(logger);
  try {
    const config = loadConfig(processSchema, process.env);
    const app = await startApp(options);
    stopOnSignals(app, logger, config.SHUTDOWN_MS, config.STOP_ON_STDIN_END);
    return app;
  } catch (error) {
    return fatal(logger, error);
  }
}

/**
 * Boots and listens, and logs one `listening` line whose `addr` is the real address.
 *
 * @throws DepthcastError `PORT_IN_USE` or `CONFIG_INVALID` naming the address, or a variable of OpenTelemetry.
 */
export async function startApp(options: AppOptions): Promise<NestFastifyApplication> {
  const { name, logger, addr } = options;
  const tracing = await startTracing(name, process.env, logger);
  const server = { trustProxy: false, genReqId: requestIdOf, ...options.http };
  const adapter = new FastifyAdapter(server as ConstructorParameters<typeof FastifyAdapter>[0]);
  const app = await NestFactory.create<NestFastifyApplication>(options.module, adapter, {
    logger: new NestLogger(logger),
    abortOnError: false,
    // Open SSE responses would keep close() waiting for ever. In the adapter's own options this does nothing once
    // Socket.IO shares the server.
    forceCloseConnections: true,
  });
  try {
    const fastify = adapter.getInstance() as unknown as FastifyInstance;
    logRequests(fastify, logger);
    if (tracing) traceRequests(fastify, tracing);
    await options.configure?.(app);
    await app.listen(addr.port, addr.host);
  } catch (error) {
    await app.close().catch(() => {});
    throw namedListenError(error, name, addr);
  }
  const bound = app.getHttpServer().address() as AddressInfo;
  logger.info({ addr: formatAddr({ host: bound.address, port: bound.port }) }, 'listening');
  return app;
}

function namedListenError(error: unknown, name: string, addr: Addr): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const text = formatAddr(addr);
  if (code === 'EADDRINUSE') {
    return new DepthcastError('PORT_IN_USE', `${name} cannot listen on ${text}: port ${addr.port} is in use`, {
      cause: error,
    });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EACCES') {
    return new DepthcastError(
      'CONFIG_INVALID',
      `${name} cannot listen on ${text} (${code}): takes an address of this machine and a port this user may use`,
      { cause: error },
    );
  }
  return error;
}

function stopOnSignals(app: NestFastifyApplication, logger: Logger, shutdownMs: number, onStdinEnd: boolean): void {
  let stopping = false;
  const stop = async (reason: string): Promise<void> => {
    // A supervisor and a terminal may both ask; the second one must not cut the first short.
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, 'stopping');
    const bound = setTimeout(() => {
      logger.error({ shutdownMs }, 'shutdown took too long');
      process.exit(1);
    }, shutdownMs);
    try {
      await app.close();
    } catch (error) {
      fatal(logger, error);
    }
    clearTimeout(bound);
    logger.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  if (onStdinEnd) {
    process.stdin.on('end', () => void stop('stdin ended'));
    process.stdin.on('error', () => void stop('stdin ended'));
    process.stdin.resume();
  }
}
