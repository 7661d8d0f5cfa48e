import { expect, test } from 'vitest';
import { namesIn } from './promql.ts';

test.each([
  ['up', [['up', []]], []],
  ['sum by (a, b) (rate(x_total{c="d",e!~"f}"}[5m])) > 0.5', [['x_total', ['c', 'e']]], ['a', 'b']],
  [
    'sum(rate(x[5m])) by (a) / on (a) group_left (b) y{} offset 1h',
    [
      ['x', []],
      ['y', []],
    ],
    ['a', 'a', 'b'],
  ],
  [
    'a:b:c{le="+Inf"} unless on (n) absent(z) or time() - max(y) > 1e3',
    [
      ['a:b:c', ['le']],
      ['z', []],
      ['y', []],
    ],
    ['n'],
  ],
  ['histogram_quantile(0.99, sum by (le) (rate(h_bucket{n=~"$n"}[$__rate_interval])))', [['h_bucket', ['n']]], ['le']],
])('%s', (expr, selectors, grouping) => {
  expect(namesIn(expr)).toEqual({ selectors: selectors.map(([metric, labels]) => ({ metric, labels })), grouping });
});
test('reports text that is no PromQL with its place', () => {
  expect(() => namesIn('sum(x) # y')).toThrow('character 7');
});
