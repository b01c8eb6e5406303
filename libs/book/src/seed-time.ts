/** ISO time as the market-depth seed writes it: `2024-01-15T10:30:01Z`, with milliseconds only where there are any. */
export function seedTime(ms: number): string {
  const text = new Date(ms).toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
}
