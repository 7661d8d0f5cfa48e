import { openSync } from 'node:fs';
import { pino } from 'pino';
import { newContext, SpanKind, Telemetry, type Tracing } from '@provider-access/service/observability';
import { recordSpans } from '@provider-access/service/observability/testing';

/**
 * What the parts of telemetry cost, µs each: the fastest of many short runs, which a busy machine disturbs least.
 * node --conditions=@provider-access/source tools/proofs/src/bench/tracing.ts
 */
const RUNS = 200;
const EACH = 500;

async function fastest(work: () => unknown): Promise<number> {
  let best = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now();
    for (let i = 0; i < EACH; i++) {
      const result = work();
      if (result instanceof Promise) await result;
    }
    best = Math.min(best, performance.now() - started);
  }
  return (best / EACH) * 1000;
}

const request = (tracing: Tracing) => async (): Promise<void> => {
  const scope = tracing.begin('GET /fhir/:type/:id', {
    kind: SpanKind.SERVER,
    attributes: { 'http.request.method': 'GET', 'url.scheme': 'http', 'http.route': '/fhir/:type/:id' },
  });
  await tracing.within(scope, async () => {
    for (let i = 0; i < 5; i++)
      await tracing.span(
        'find resources_records_v1',
        {
          kind: SpanKind.CLIENT,
          attributes: {
            'db.system.name': 'mongodb',
            'db.operation.name': 'find',
            'db.collection.name': 'resources_records_v1',
          },
        },
        async () => undefined,
      );
  });
};

const off = new Telemetry().tracing('resources');
const unrecorded = recordSpans(0).telemetry.tracing('resources');
const recorded = recordSpans(1).telemetry.tracing('resources');
const log = pino(
  { base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ dest: openSync('/dev/null', 'w'), sync: false }),
);
const ids = newContext();

const rows: readonly (readonly [what: string, us: number])[] = [
  ['a request with five reads, off', await fastest(request(off))],
  ['the same, not recorded', await fastest(request(unrecorded))],
  ['the same, recorded (six spans, not sent)', await fastest(request(recorded))],
  [
    'a line of the request log',
    await fastest(() =>
      log.info(
        {
          method: 'GET',
          route: '/fhir/:type/:id',
          status: 200,
          ms: 1.5,
          bytes: 3000,
          client: 'c-0123456789abcdef',
          trace_id: ids.traceId,
          span_id: ids.spanId,
        },
        'request',
      ),
    ),
  ],
];
for (const [what, us] of rows) process.stdout.write(`${what.padEnd(44)} ${us.toFixed(2).padStart(8)} µs\n`);
