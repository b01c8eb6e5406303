export interface Frame {
  /** Empty where the frame has none. */
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** The frames of a Server-Sent Events stream as gateways write it: lines end with LF, a frame with an empty one. */
export class Frames {
  #rest = '';

  /** The frames that this piece makes whole. */
  push(piece: string): Frame[] {
    const blocks = (this.#rest + piece).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(frameOf);
  }
}

function frameOf(block: string): Frame {
  let id = '';
  let event = 'message';
  let data = '';
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    const value = line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    const name = line.slice(0, colon);
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data = data === '' ? value : `${data}\n${value}`;
  }
  return { id, event, data };
}
