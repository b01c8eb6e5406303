import { OtlpCollector, type ReceivedSpan, SseClient, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStack } from './stack.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

describe('with a collector of OpenTelemetry', () => {
  let collector: OtlpCollector;
  let stack: TestStack;

  beforeAll(async () => {
    collector = await OtlpCollector.start();
    stack = await TestStack.start({ gateway: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  }, 60_000);
  afterAll(async () => {
    await stack?.stop();
    await collector?.close();
  });

  const span = async (name: string): Promise<ReceivedSpan> => {
    const named = () => collector.spans.find((received) => received.name === name);
    await until(() => named() !== undefined, 10_000, `a span ${name}`);
    return named() as ReceivedSpan;
  };

  it("an order is one trace, from the client's own span to the engine's answer", async () => {
    const answer = await fetch(stack.url(0, '/api/orders?wait=ack'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: TRACEPARENT },
      body: '{"symbol":"BTCUSD","side":"BUY","qty":1,"price":20000,"client_order_id":"traced-1"}',
    });
    expect(answer.status).toBe(200);
    const request = await span('POST /api/orders');
    const placed = await span('place order');
    expect(request).toMatchObject({
      service: 'depthcast-gateway',
      traceId: TRACE,
      parentSpanId: '00f067aa0ba902b7',
      attributes: {
        'http.response.status_code': 200,
        'depthcast.request_id': answer.headers.get('x-request-id'),
      },
    });
    expect(placed).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId, status: 0 });
    expect(placed.durationMs).toBeLessThanOrEqual(request.durationMs);
    expect(collector.text).not.toMatch(/wait=ack|traced-1/);
  }, 30_000);

  it('a stream is a span until it is open', async () => {
    const stream = await SseClient.connect(stack.url(0, '/api/stream?types=clock&last_id=0'));
    expect(await span('GET /api/stream')).toMatchObject({ attributes: { 'http.response.status_code': 200 } });
    await stream.next('clock');
    stream.close();
    expect(collector.text).not.toContain('last_id');
  }, 30_000);
});
