import { expect, test } from 'vitest';
import { parseExposition, undocumented } from './exposition.ts';

const GOOD =
  '# HELP a_total Some\n# TYPE a_total counter\na_total{x="1",y="a\\"b"} 3\na_total{x="2",y=""} 0.5\n\n# HELP ' +
  'h_seconds Time\n# TYPE h_seconds histogram\nh_seconds_bucket{le="0.1"} 1\nh_seconds_bucket{le="+Inf"} ' +
  '2\nh_seconds_sum 3e-7\nh_seconds_count 2\n';

test('reads metrics with their samples', () => {
  const families = parseExposition(GOOD);
  expect(families.get('a_total')).toMatchObject({
    type: 'counter',
    help: 'Some',
    samples: [
      { labels: { x: '1', y: 'a\\"b' }, value: 3 },
      { labels: { x: '2', y: '' }, value: 0.5 },
    ],
  });
  expect(families.get('h_seconds')!.samples).toHaveLength(4);
});

test.each([
  ['a metric twice', GOOD + GOOD],
  ['no HELP', GOOD.replace('# HELP a_total Some\n', '')],
  ['a sample twice', GOOD.replace('{x="2",y=""}', '{y="a\\"b",x="1"}')],
  ['a sample of another metric', GOOD.replace('a_total{x="2"', 'b_total{x="2"')],
  ['a value that is no number', GOOD.replace(' 0.5', ' undefined')],
  ['NaN', GOOD.replace(' 0.5', ' NaN')],
  ['buckets that shrink', GOOD.replace('{le="0.1"} 1', '{le="0.1"} 5')],
  ['a count that is not the last bucket', GOOD.replace('h_seconds_count 2', 'h_seconds_count 3')],
  ['an open quote', GOOD.replace('y=""', 'y="')],
  ['no end', GOOD.trimEnd()],
])('refuses %s', (_name, text) => {
  expect(() => parseExposition(text)).toThrow();
});

test('names what the table does not know', () => {
  const table = { a_total: { type: 'counter', help: 'Some', labels: { x: ['1'], y: '/^a/' } } };
  expect(undocumented(parseExposition(GOOD), table)).toEqual([
    'a_total{x="2"}',
    'a_total{y=""}',
    'h_seconds (histogram): Time',
  ]);
});
