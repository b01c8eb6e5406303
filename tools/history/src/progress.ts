const BAR_CHARS = 28;
const DRAW_MS = 100;
const LINE_MS = 5_000;
const CLEAR_LINE = '\r\u001b[2K';

export interface Screen {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** How far something is: a bar that is drawn over and over on a terminal, elsewhere a line once in a while. */
export class Progress {
  readonly #screen: Screen;
  readonly #nowMs: () => number;
  readonly #beganMs: number;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  constructor(screen: Screen, nowMs: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#nowMs = nowMs;
    this.#beganMs = nowMs();
  }

  get seconds(): number {
    return (this.#nowMs() - this.#beganMs) / 1_000;
  }

  /** @param share 0 to 1; undefined where nobody knows. */
  show(share: number | undefined, text: string): void {
    const { isTTY } = this.#screen;
    const nowMs = this.#nowMs();
    if (nowMs - this.#drawnMs < (isTTY ? DRAW_MS : LINE_MS)) return;
    this.#drawnMs = nowMs;
    const percent = share === undefined ? '' : `${Math.floor(clamp(share) * 100)} %`.padStart(5);
    if (!isTTY) {
      this.#screen.write(`${[percent.trim(), text].filter((part) => part !== '').join('  ')}\n`);
      return;
    }
    const full = Math.round(clamp(share ?? 0) * BAR_CHARS);
    const bar = share === undefined ? '·'.repeat(BAR_CHARS) : `${'█'.repeat(full)}${'░'.repeat(BAR_CHARS - full)}`;
    this.#screen.write(`${CLEAR_LINE}${bar} ${percent}  ${text}`);
    this.#isDrawn = true;
  }

  /** Takes the bar away, so that what is said next stands on a line of its own. */
  clear(): void {
    if (this.#isDrawn) this.#screen.write(CLEAR_LINE);
    this.#isDrawn = false;
  }
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}

/** 1234567 as 1,234,567. */
export function counted(count: number): string {
  return count.toLocaleString('en-US');
}
