import { expect, it } from 'vitest';
import { Metrics } from './metrics.ts';
import { PendingSums } from './pending-sums.ts';

it('writes the sum of each set of labels once, in the order of their first increment', () => {
  const written: unknown[] = [];
  const sums = new PendingSums(['a', 'b'], (labels, sum) => written.push([labels, sum]));
  sums.add({ a: 'x', b: 'y' }, 1);
  sums.add({ b: 'y', a: 'x' }, 2);
  sums.add({ a: 'x\ny', b: '' }, 5);
  sums.add({ a: 'x', b: 'z' }, 1);
  sums.add({ a: 'x', b: 'z' }, -1);
  expect(written).toEqual([]);
  sums.flush();
  expect(written).toEqual([
    [{ a: 'x', b: 'y' }, 3],
    [{ a: 'x\ny', b: '' }, 5],
    [{ a: 'x', b: 'z' }, 0],
  ]);
  sums.flush();
  expect(written).toHaveLength(3);
});

it('keeps a bounded number of sets, whatever callers invent', () => {
  const written: number[] = [];
  const sums = new PendingSums(['a'], (_, sum) => written.push(sum));
  for (let i = 0; i < 10_000; i++) sums.add({ a: `made up ${i}` }, 1);
  expect(written.length).toBeGreaterThanOrEqual(9_500);
  sums.flush();
  expect(written).toHaveLength(10_000);
});

it('shows each increment to the next reader, and a gauge that is set after a move has the set value', async () => {
  const metrics = new Metrics();
  const labels = { service: 'auth' } as const;
  for (let i = 1; i <= 3; i++) {
    metrics.count('pa_tokens_issued_total');
    metrics.move('http_server_active_requests', labels, 1);
    const text = await metrics.text();
    expect(text).toContain(`pa_tokens_issued_total ${i}`);
    expect(text).toContain(`http_server_active_requests{service="auth"} ${i}`);
  }
  metrics.move('http_server_active_requests', labels, 5);
  metrics.set('http_server_active_requests', labels, 1);
  metrics.move('http_server_active_requests', labels, 1);
  expect(await metrics.text()).toContain('http_server_active_requests{service="auth"} 2');
});
