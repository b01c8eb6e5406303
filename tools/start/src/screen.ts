import type { Writable } from 'node:stream';
import { type Paint, renderLine } from './render.ts';

const COLOURS = ['cyan', 'magenta', 'yellow', 'blue', 'green', 'redBright', 'cyanBright', 'magentaBright'] as const;
const NAME_WIDTH = 10;

/** The terminal: each line with the name of the process that said it. */
export class Screen {
  readonly #out: Writable;
  readonly #paint: Paint;
  readonly #json: boolean;
  readonly #colourOf = new Map<string, (typeof COLOURS)[number]>();

  /** @param json the apps' lines go out as they come, and nothing else on the same stream looks like them. */
  constructor(out: Writable, paint: Paint, json: boolean) {
    this.#out = out;
    this.#paint = paint;
    this.#json = json;
  }

  /** A line of an app. */
  line(name: string, line: string): void {
    if (this.#json) this.#out.write(`${line}\n`);
    else this.#write(name, renderLine(line, this.#paint));
  }

  /** A line of this tool about one of its processes. */
  say(name: string, message: string): void {
    this.#write(name, this.#paint('bold', message));
  }

  /** A block of text of this tool. */
  text(text: string): void {
    this.#out.write(`${text}\n`);
  }

  #write(name: string, text: string): void {
    let colour = this.#colourOf.get(name);
    if (!colour) {
      colour = COLOURS[this.#colourOf.size % COLOURS.length] ?? 'cyan';
      this.#colourOf.set(name, colour);
    }
    const prefix = this.#paint(colour, `${name.padEnd(NAME_WIDTH)} │`);
    this.#out.write(
      text
        .split('\n')
        .map((part) => `${prefix} ${part}\n`)
        .join(''),
    );
  }
}
