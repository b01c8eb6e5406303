/** Tells what may come again and again once in so long: one line in a while says as much as all of them. */
export function nowAndThen<Told extends readonly unknown[]>(
  everyMs: number,
  tell: (...told: Told) => void,
): (...told: Told) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (...told) => {
    const nowMs = performance.now();
    if (nowMs - lastMs < everyMs) return;
    lastMs = nowMs;
    tell(...told);
  };
}
