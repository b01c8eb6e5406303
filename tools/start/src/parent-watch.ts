const POLL_INTERVAL_MS = 500;

/**
 * Calls `onGone` once the parent has died, when npm is what started this. npm passes SIGTERM on to the shell between
 * it and us, which dies of it without telling anyone: `npm start & kill $!` would leave everything running.
 */
export function watchParent(env: NodeJS.ProcessEnv, onGone: () => void): void {
  if (env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, POLL_INTERVAL_MS);
  timer.unref();
}
