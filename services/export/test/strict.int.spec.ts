import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GROUP, Platform } from './harness.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await Platform.start({ kickOffsPerHour: 1000 });
  await platform.client('c1');
  await platform.group();
  await platform.members(['m1']);
});
afterAll(() => platform.dispose());

it.each(['patient=Patient/1', '_elements=colour', '_typeFilter=Observation', '_until=yesterday', 'foo=bar'])(
  'E1: %s is refused when lenient, because without it the export would have more than was asked for',
  async (query) => {
    const headers = { prefer: 'respond-async, handling=lenient' };
    for (const operation of ['$export', '$davinci-data-export']) {
      const answer = await platform.fetch(`/fhir/Group/${GROUP}/${operation}?${query}`, { headers });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(query.split('=')[0]!)]);
    }
  },
);

describe('EXPORT_STRICT', () => {
  it('E7: refuses a kick-off without Accept or Prefer: respond-async, and nothing else', async () => {
    const strict = await platform.another({ strict: true });
    const token = await platform.token();
    const answers = async (base: string, headers: Readonly<Record<string, string>>) => {
      // `fetch` sends `Accept` by itself.
      const answer = await new Promise<{ status: number; body: string; location?: string | undefined }>(
        (resolve, reject) => {
          const authorization = `Bearer ${token}`;
          request(`${base}/fhir/Group/${GROUP}/$export?_type=Patient`, { headers: { ...headers, authorization } })
            .on('response', (response) => {
              let body = '';
              response.on('data', (chunk: Buffer) => (body += chunk.toString()));
              const location = response.headers['content-location'];
              response.on('end', () => resolve({ status: response.statusCode!, body, location }));
            })
            .on('error', reject)
            .end();
        },
      );
      if (answer.location !== undefined) await platform.fetch(answer.location, { method: 'DELETE' });
      return [answer.status, /"code":"(\w+)"/.exec(answer.body)?.[1]];
    };
    const accept = 'application/fhir+json';
    for (const [headers, isComplete] of [
      [{}, false],
      [{ accept }, false],
      [{ prefer: 'respond-async' }, false],
      [{ accept, prefer: 'handling=lenient' }, false],
      [{ accept, prefer: 'respond-async, handling=lenient' }, true],
      [{ accept, prefer: 'handling=lenient; respond-async' }, true],
      [{ accept: '*/*', prefer: 'Respond-Async' }, true],
    ] as const) {
      const accepted = [202, 'informational'];
      expect(await answers(strict.url, headers)).toEqual(isComplete ? accepted : [400, 'required']);
      expect(await answers(platform.url, headers)).toEqual(accepted);
    }
  });
});
