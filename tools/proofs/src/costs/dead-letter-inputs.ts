import type { Input } from './input.ts';
import { JSON_TYPE } from './request-parts.ts';

const PATH = '/events/dead-letters';
const posted = (body: object): Partial<Input> => ({
  method: 'POST',
  headers: JSON_TYPE,
  body: JSON.stringify(body),
});
const missing = (path: string, more: Partial<Input> = {}): readonly Input[] => [
  { url: `${PATH}/${path}`, by: 'payer', status: 404, ...more },
];

/** About dead letters. The world of the test has none, so `causes.int` of resources counts the rows of the causes. */
export const DEAD_LETTERS: Readonly<Record<string, readonly Input[]>> = {
  'GET /events/dead-letters': [{ url: PATH, by: 'payer', most: { bytes: 60_000 } }],
  'GET /events/dead-letters/causes': [{ url: `${PATH}/causes`, by: 'payer' }],
  'GET /events/dead-letters/{id}': missing('unknown'),
  'POST /events/dead-letters/{id}/replay': missing('unknown/replay', posted({})),
  'POST /events/dead-letters/{id}/check': missing('unknown/check', posted({})),
  'POST /events/dead-letters/{id}/discard': missing('unknown/discard', posted({ reason: 'test' })),
  'POST /events/dead-letters/runs': missing(
    'runs',
    posted({ cause: 'invalid-data.aaaaaaaaaaaaaaaa', action: 'replay' }),
  ),
  'GET /events/dead-letters/runs': [{ url: `${PATH}/runs`, by: 'payer' }],
  'GET /events/dead-letters/runs/{run}': missing('runs/unknown'),
  'POST /events/dead-letters/runs/{run}/stop': missing('runs/unknown/stop', posted({})),
};
