import type { Input } from './input.ts';
import { JSON_TYPE } from './request-parts.ts';

const UNKNOWN = `/ops/imports/imp-${'a'.repeat(26)}`;
const asked = (url: string, more: Partial<Input>): readonly Input[] => [{ url, by: 'payer', status: 404, ...more }];
const posted = (body: object): Partial<Input> => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });

/** About imports by people. A run that begins would be work beside the requests that are counted. */
export const IMPORTS: Readonly<Record<string, readonly Input[]>> = {
  'GET /ops/sources': [{ url: '/ops/sources', by: 'payer', most: { rows: 100 } }],
  'POST /ops/imports': asked('/ops/imports', { ...posted({}), status: 400 }),
  'POST /ops/imports/undo': asked('/ops/imports/undo', { ...posted({ batch: 'x' }), status: 400 }),
  'GET /ops/imports': [{ url: '/ops/imports', by: 'payer' }],
  'GET /ops/imports/{id}': asked(UNKNOWN, {}),
  'DELETE /ops/imports/{id}': asked(UNKNOWN, { method: 'DELETE' }),
  'PUT /ops/imports/{id}/parts/{n}': asked(`${UNKNOWN}/parts/0`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: 'member,npi,from',
  }),
  'POST /ops/imports/{id}/check': asked(`${UNKNOWN}/check`, { method: 'POST' }),
  'POST /ops/imports/{id}/confirm': asked(`${UNKNOWN}/confirm`, posted({ number: '00000-00000' })),
};
