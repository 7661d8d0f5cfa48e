/**
 * What a call of `Metrics` and a scrape cost: `node --conditions=@provider-access/source
 * tools/proofs/src/bench/calls.ts`.
 */
import { Metrics } from '@provider-access/service/observability';

const CALLS = 300_000;
const ROUNDS = 5;
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
function perCall(work: () => void): number {
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const began = performance.now();
    for (let i = 0; i < CALLS; i++) work();
    if (round > 0) times.push(((performance.now() - began) / CALLS) * 1e6);
  }
  return median(times);
}
for (const enabled of [true, false]) {
  const metrics = new Metrics({ enabled });
  const ns = {
    count: perCall(() => metrics.count('pa_cache_requests_total', { cache: 'access-token', result: 'hit' })),
    move: perCall(() => metrics.move('http_server_active_requests', { service: 'resources' }, 1)),
    request: perCall(() => metrics.request('resources', 'GET', '/fhir/:type/:id', 200, 3)),
  };
  process.stdout.write(
    `${enabled ? 'on ' : 'off'} ${Object.entries(ns)
      .map(([call, each]) => `${call} ${each.toFixed(0)} ns`)
      .join(', ')}\n`,
  );
}
const metrics = new Metrics({ process: true });
for (let i = 0; i < 60; i++)
  for (const status of [200, 404, 503]) metrics.request('resources', 'GET', `/route/${i}`, status, 5);
const scrapes: number[] = [];
let bytes = 0;
for (let i = 0; i < 50; i++) {
  const began = performance.now();
  bytes = (await metrics.text()).length;
  scrapes.push(performance.now() - began);
}
process.stdout.write(`scrape of ${bytes} bytes: ${median(scrapes).toFixed(1)} ms\n`);
process.exit(0);
