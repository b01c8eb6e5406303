const CRC16_POLYNOMIAL = 0x1021;

/**
 * The partition whose inbox, engine and log a symbol's are: `crc16(symbol) % partitions`, so that every app, in every
 * process, says the same without asking.
 *
 * @param symbol as it stands on the wire.
 */
export function partitionOf(symbol: string, partitions: number): number {
  return partitions === 1 ? 0 : crc16(symbol) % partitions;
}

/** CRC-16/XMODEM, which Redis Cluster uses for its slots. Symbols are ASCII. */
export function crc16(text: string): number {
  let crc = 0;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i) << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ CRC16_POLYNOMIAL) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}
