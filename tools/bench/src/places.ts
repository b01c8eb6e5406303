import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository, from src/ and from dist/ alike. */
export const REPO = fileURLToPath(new URL('../../../', import.meta.url));

/** Where the recorded captures are, when they are there. */
export const CAPTURES =
  process.env.DEPTHCAST_DATA ?? fileURLToPath(new URL('../shared/data/binance', new URL('../../../', import.meta.url)));

/** The built entry of an app; `undefined` where it has not been built. */
export function appMain(app: string): string | undefined {
  const main = `${REPO}apps/${app}/dist/main.js`;
  return existsSync(main) ? main : undefined;
}
