import { ChannelReader, CONTROL_CHANNEL, type RedisClient, revokedKey } from '@depthcast/log';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap, type Provider } from '@nestjs/common';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { AuthSettings } from './auth-settings.ts';
import { CredentialWatch } from './credential-watch.ts';
import { AUTHENTICATOR, SESSION_GUARD } from './identity.ts';
import { TicketStore } from './tickets.ts';
import { TokenAuthenticator } from './token-authenticator.ts';
import { TokenVerifier } from './token-verifier.ts';

const TICK_MS = 1_000;
const notice = z.object({ type: z.literal('revoke'), jti: z.string() });

/** Listens for revocations and ends what has expired, from the app's start to its end. */
@Injectable()
class AuthService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #watch: CredentialWatch;
  readonly #channel: ChannelReader;
  #timer: NodeJS.Timeout | undefined;

  constructor(watch: CredentialWatch, client: RedisClient, logger: Logger) {
    this.#watch = watch;
    this.#channel = new ChannelReader({
      client,
      channel: CONTROL_CHANNEL,
      onMessage: (text) => {
        const jti = revokedBy(text);
        if (jti === undefined) logger.warn(`a message on ${CONTROL_CHANNEL} is not understood`);
        else watch.revoke(jti);
      },
      onSubscribed: () => {
        watch.recheck();
        void watch.checkDue();
      },
    });
  }

  onApplicationBootstrap(): void {
    this.#channel.start();
    this.#timer = setInterval(() => void this.#watch.tick(), TICK_MS);
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.#timer);
    this.#channel.stop();
  }
}

/**
 * What decides who may do what: {@link AUTHENTICATOR}, {@link SESSION_GUARD} and TicketStore.
 *
 * @param redis the injection token of the app's Redis client.
 */
export function authProviders(config: AuthSettings, logger: Logger, redis: symbol): Provider[] {
  const nowMs = Date.now;
  const onWarn = (message: string, error: Error) => logger.warn({ err: error }, message);
  const isRevokedAt = (client: RedisClient) => async (jti: string) => (await client.exists(revokedKey(jti))) > 0;
  return [
    {
      provide: TicketStore,
      inject: [redis],
      useFactory: (client: RedisClient) => new TicketStore(client, nowMs),
    },
    {
      provide: AUTHENTICATOR,
      inject: [redis, TicketStore],
      useFactory: (client: RedisClient, tickets: TicketStore) =>
        new TokenAuthenticator({
          mode: config.AUTH_MODE,
          verifier: new TokenVerifier(config, { onWarn, nowMs }),
          redeem: (ticket) => tickets.redeem(ticket),
          isRevoked: isRevokedAt(client),
          nowMs,
        }),
    },
    {
      provide: SESSION_GUARD,
      inject: [redis],
      useFactory: (client: RedisClient) => new CredentialWatch({ isRevoked: isRevokedAt(client), nowMs }),
    },
    ...(config.AUTH_JWT_SECRET === undefined && config.AUTH_JWKS_URL === undefined ? [] : [service(logger, redis)]),
  ];
}

/** Where no key is trusted no session has a token, and nothing of it has to be watched. */
function service(logger: Logger, redis: symbol): Provider {
  return {
    provide: AuthService,
    inject: [SESSION_GUARD, redis],
    useFactory: (watch: CredentialWatch, client: RedisClient) => new AuthService(watch, client, logger),
  };
}

/** The `jti` that a notice names. */
function revokedBy(text: string): string | undefined {
  try {
    return notice.parse(JSON.parse(text)).jti;
  } catch {
    return undefined;
  }
}
