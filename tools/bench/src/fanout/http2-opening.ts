import type { Opening } from './raw-stream.ts';

/** RFC 9113, as much of it as it takes to ask and then only count. */
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const FRAME_HEAD_BYTES = 9;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const ACK = 0x1;
const END_STREAM_AND_HEADERS = 0x5;
const INITIAL_WINDOW_SIZE = 4;
const WINDOW_BYTES_DEFAULT = 65_535;
/** Whatever a round brings fits in, so that no window is ever opened again: 2 GiB a connection. */
const WINDOW_BYTES = 2 ** 31 - 1;
/** RFC 7541: `:method: GET`, `:scheme: https`, `:status: 200` of the static table, and names of it with other values. */
const METHOD_GET = 0x82;
const SCHEME_HTTPS = 0x87;
const STATUS_200 = 0x88;
const AUTHORITY = 0x01;
const PATH = 0x04;
/** A length of one byte, and a text that is not Huffman-coded. */
const TEXT_CHARS_MAX = 126;

/** One connection of HTTP/2 with so many streams of one path, which is open when all of them have been answered. */
export class Http2Opening implements Opening {
  readonly request: Buffer;
  readonly #path: string;
  #unanswered: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(authority: string, path: string, streams: number) {
    this.#path = path;
    this.#unanswered = streams;
    const fields = Buffer.concat([
      Buffer.from([METHOD_GET, SCHEME_HTTPS]),
      textField(AUTHORITY, authority),
      textField(PATH, path),
    ]);
    // A client's streams have odd numbers.
    const asks = Array.from({ length: streams }, (_, i) => frame(HEADERS, END_STREAM_AND_HEADERS, 2 * i + 1, fields));
    const window = Buffer.alloc(6);
    window.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
    window.writeUInt32BE(WINDOW_BYTES, 2);
    const wider = Buffer.alloc(4);
    wider.writeUInt32BE(WINDOW_BYTES - WINDOW_BYTES_DEFAULT, 0);
    this.request = Buffer.concat([
      Buffer.from(PREFACE),
      frame(SETTINGS, 0, 0, window),
      frame(WINDOW_UPDATE, 0, 0, wider),
      ...asks,
    ]);
  }

  take(part: Buffer, reply: (bytes: Buffer) => void): boolean {
    let bytes = Buffer.concat([this.#rest, part]);
    while (bytes.length >= FRAME_HEAD_BYTES) {
      const end = FRAME_HEAD_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      this.#frame(bytes.readUInt8(3), bytes.readUInt8(4), bytes.subarray(FRAME_HEAD_BYTES, end), reply);
      bytes = bytes.subarray(end);
    }
    this.#rest = Buffer.from(bytes);
    return this.#unanswered === 0;
  }

  #frame(type: number, flags: number, payload: Buffer, reply: (bytes: Buffer) => void): void {
    if (type === SETTINGS && (flags & ACK) === 0) reply(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (type === RST_STREAM || type === GOAWAY) throw new Error(`${this.#path} was refused: frame ${type}`);
    if (type !== HEADERS) return;
    if (payload[0] !== STATUS_200) throw new Error(`${this.#path} answered something else than 200`);
    this.#unanswered--;
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function textField(name: number, text: string): Buffer {
  if (text.length > TEXT_CHARS_MAX) throw new Error(`${text.length} characters do not fit a short field`);
  return Buffer.concat([Buffer.from([name, text.length]), Buffer.from(text)]);
}
