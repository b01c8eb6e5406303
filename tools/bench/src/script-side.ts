/**
 * The child's half of {@link Children.script}: answers each message by `handle`, and leaves with the parent.
 */
export function serveParent<Ask>(handle: (ask: Ask) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C goes to the whole terminal group; the parent ends us in its own order.
  process.on('SIGINT', () => {});
  process.on('message', (ask: Ask) => {
    handle(ask).then(
      (reply) => process.send?.({ reply }),
      (error: Error) => process.send?.({ error: error.stack ?? error.message }),
    );
  });
}
