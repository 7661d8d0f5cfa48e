import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PA_RECORD_VERSIONS } from '@provider-access/events';
import { VersionsReader } from '@provider-access/records';
import { type Answer, condition, House, type Loose } from '../../../test/harness.ts';

const RESTRICTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' };
const at = (second: number): string => new Date(Date.UTC(2025, 0, 1, 0, 0, second)).toISOString();
const said = (id: string, text: string, second: number, more: object = {}) => ({
  subject: 'm1',
  time: at(second),
  resource: condition('m1', id, { code: { text }, ...more }),
});
const removed = (id: string, second: number, more: object = {}) => ({
  subject: 'm1',
  type: 'payer.resource-deleted.v1',
  time: at(second),
  data: { resourceType: 'Condition', id, ...more },
});
const recalled = (id: string, second: number) => removed(id, second, { recall: 'recall.1' });

/** ADR 0117: nothing of a recalled resource is released that lies before its correction. */
describe('a resource that the payer recalls', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.attribute('m1');
    token = await house.token('app1');
  });
  afterAll(() => house.close());
  async function publish(...events: Parameters<House['publish']>[0]): Promise<void> {
    await house.publish(events);
    await house.settled();
    await new VersionsReader(house.views).view.waitFor(await house.log.head([PA_RECORD_VERSIONS]), 60_000);
  }
  const get = (url: string): Promise<Answer> => house.call('GET', `/fhir/Condition/${url}`, { token });
  const statuses = (...urls: string[]): Promise<number[]> =>
    Promise.all(urls.map((url) => get(url).then(({ status }) => status)));
  const entriesOf = async (id: string): Promise<unknown[]> =>
    ((await get(`${id}/_history`)).json().entry ?? []).map((e: Loose) => [
      e.request.method,
      e.response.etag,
      e.resource?.code.text,
    ]);
  const found = async (id: string): Promise<number> => (await get(`?patient=m1&_id=${id}`)).json().total as number;

  it('has no version that is read, listed or found, until it is corrected', async () => {
    await publish(said('c', 'right once', 1), said('c', 'wrong', 2));
    await publish(recalled('c', 3));
    const gone = async (): Promise<void> => {
      expect(await statuses('c', 'c/_history/1', 'c/_history/2', 'c/_history/3')).toEqual([410, 404, 404, 410]);
      expect([await entriesOf('c'), await found('c')]).toEqual([[['DELETE', 'W/"3"', undefined]], 0]);
    };
    await gone();
    // The wrong event comes again: it is older than the recall.
    await publish(said('c', 'wrong', 2));
    await gone();
    await publish(said('c', 'corrected', 4));
    expect(await statuses('c', 'c/_history/1', 'c/_history/2', 'c/_history/3')).toEqual([200, 404, 404, 410]);
    expect(await entriesOf('c')).toEqual([
      ['PUT', 'W/"4"', 'corrected'],
      ['DELETE', 'W/"3"', undefined],
    ]);
    expect(await found('c')).toBe(1);
  });

  it('does not tell that it was there, if a label withheld it', async () => {
    await publish(said('secret', 'x', 1, { meta: { security: [RESTRICTED] } }));
    await publish(recalled('secret', 2));
    const [secret, unknown] = [await get('secret'), await get('nobody-has-it')];
    expect([secret.status, secret.text]).toEqual([404, unknown.text]);
  });

  it('hides what an ordinary removal before had left in the history', async () => {
    await publish(said('twice', 'wrong', 1));
    await publish(removed('twice', 2));
    expect(await statuses('twice/_history/1', 'twice')).toEqual([200, 410]);
    await publish(recalled('twice', 3));
    expect(await statuses('twice/_history/1', 'twice')).toEqual([404, 410]);
  });

  it('is a tombstone like any other if it was never there', async () => {
    await publish(recalled('never', 1));
    expect(await statuses('never', 'never/_history/1')).toEqual([404, 404]);
    await publish(said('never', 'older than the recall', 0));
    expect(await statuses('never')).toEqual([404]);
  });
});
