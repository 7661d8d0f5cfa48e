import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, condition, House, type Loose } from '../../test/harness.ts';

const JSON_TYPE = 'application/fhir+json; charset=utf-8';
const XML = { accept: 'application/fhir+xml' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** https://hl7.org/fhir/R4/http.html#general, https://hl7.org/fhir/R4/http.html#parameters */
describe('the parameters of every interaction', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.attribute('m1');
    token = await house.token('app1');
    for (const second of [1, 2, 3])
      await house.publish([
        {
          subject: 'm1',
          time: `2025-01-01T00:00:0${second}Z`,
          resource: condition('m1', 'c1', {
            code: { text: `text ${second}` },
            note: [{ text: 'a note' }],
            recordedDate: '2024-01-01',
          }),
        },
      ]);
    await house.publish(['c2', 'c3'].map((id) => ({ subject: 'm1', resource: condition('m1', id) })));
    await house.settled();
  });
  afterAll(() => house.close());
  const get = (url: string, headers: Record<string, string> = {}): Promise<Answer> =>
    house.call('GET', `/fhir/${url}`, { token, headers });
  const linkOf = (bundle: Loose, name: string): string | undefined =>
    bundle.link.find(({ relation }: Loose) => relation === name)?.url.replace('https://pa.example.org/fhir/', '');
  /** The entries of all pages, with the same headers. */
  async function pages(url: string, headers: Record<string, string>): Promise<Loose[]> {
    const entries: Loose[] = [];
    for (let next: string | undefined = url; next !== undefined;) {
      const answer = await get(next, headers);
      expect(answer.status, `${next} ${answer.text}`).toBe(200);
      const bundle = answer.json<Loose>();
      entries.push(...(bundle.entry ?? []));
      const self = await get(linkOf(bundle, 'self')!, headers);
      expect([self.status, self.json().entry]).toEqual([200, bundle.entry]);
      next = linkOf(bundle, 'next');
    }
    return entries;
  }

  it.each([
    'metadata?',
    'Condition/c1?',
    'Condition/c1/_history/2?',
    'Condition/c1/_history?_count=2&',
    'Condition?patient=m1&_count=2&',
    'DocumentReference/$docref?patient=m1&',
  ])('%s: _format decides before Accept, and _pretty changes white space alone', async (url) => {
    const plain = await get(url);
    expect([plain.status, plain.headers['content-type']]).toEqual([200, JSON_TYPE]);
    expect((await get(url, XML)).status).toBe(406);
    for (const query of [
      '_format=json',
      '_format=application/fhir%2Bjson;fhirVersion=4.0',
      '_format=json&_pretty=true',
    ]) {
      const answer = await get(url + query, XML);
      expect([answer.status, answer.headers['content-type']], query).toEqual([200, JSON_TYPE]);
    }
    for (const format of ['xml', 'application/fhir%2Bxml', 'ttl', ''])
      expect((await get(`${url}_format=${format}`)).json(), format).toMatchObject({
        issue: [{ code: 'not-supported', expression: ['_format'] }],
      });
    expect((await get(`${url}_format=xml`)).status).toBe(406);
    for (const value of ['false', ''])
      expect([(await get(`${url}_pretty=${value}`)).text], value).toEqual([plain.text]);
    // The resources have no decimals that JavaScript writes otherwise.
    expect((await get(`${url}_pretty=true`)).text).toBe(JSON.stringify(JSON.parse(plain.text), null, 2));
  });

  it.each([
    'Condition?patient=m1&_count=2',
    'Condition?patient=m1&_count=1&_sort=-_id',
    'Condition/c1/_history?_count=1',
  ])('the links of %s lead on with the headers of the first request', async (url) => {
    const expected = await pages(url, {});
    expect(expected).toHaveLength(3);
    expect(await pages(`${url}&_format=json&_pretty=true`, XML)).toEqual(expected);
  });

  it.each(['Condition?patient=m1&_count=2', 'Condition/c1/_history?_count=2'])(
    'the links of %s take the parameters that a client adds to each request',
    async (url) => {
      const next = linkOf((await get(url)).json(), 'next')!;
      const expected = (await get(next)).json();
      const answer = await get(`${next}&_format=json&_pretty=true`, XML);
      expect([answer.status, answer.json().entry]).toEqual([200, expected.entry]);
      expect((await get(linkOf(answer.json(), 'self')!, XML)).status).toBe(200);
      expect((await get(`${next}&_format=json&_format=json`, XML)).status).toBe(200);
      expect((await get(next, XML)).status).toBe(406);
      expect((await get(`${next}&_format=xml`)).status).toBe(406);
      for (const changed of ['&_count=1', '&_summary=true', '&color=red'])
        expect((await get(next + changed)).status, changed).toBe(400);
    },
  );

  it('a format that is added to a page link leads on through the pages behind', async () => {
    const [first] = (await get('Condition?patient=m1&_count=1')).json().link.slice(-1);
    const second = `${first.url.replace('https://pa.example.org/fhir/', '')}&_format=json`;
    expect(await pages(second, XML)).toHaveLength(2);
  });

  it('a search by POST takes them in its body and on its URL', async () => {
    for (const [query, body] of [
      ['', 'patient=m1&_count=2&_format=json&_pretty=true'],
      ['?_format=json&_pretty=true', 'patient=m1&_count=2'],
    ] as const) {
      const headers = { ...FORM, ...XML };
      const answer = await house.call('POST', `/fhir/Condition/_search${query}`, { token, headers, body });
      expect([answer.status, answer.json().entry.length]).toEqual([200, 2]);
      expect(await pages(linkOf(answer.json(), 'self')!, XML)).toHaveLength(3);
    }
  });

  it.each(['Condition/c1', 'Condition/c1/_history/3'])('%s gives the part that a search would give', async (url) => {
    const whole = (await get(url)).json();
    for (const query of ['_summary=true', '_summary=text', '_summary=data', '_elements=code,note', '_summary=false']) {
      const answer = await get(`${url}?${query}`);
      const [{ resource }] = (await get(`Condition?patient=m1&_id=c1&${query}`)).json().entry;
      expect([answer.status, answer.json()], query).toEqual([200, resource]);
      expect(answer.headers['etag']).toBe('W/"3"');
      const tags = (answer.json<Loose>().meta.tag ?? []).map(({ code }: Loose) => code);
      expect(tags.includes('SUBSETTED'), query).toBe(query !== '_summary=false');
    }
    const { note, recordedDate } = (await get(`${url}?_elements=note`)).json();
    expect([note, recordedDate]).toEqual([whole.note, undefined]);
    expect((await get(`${url}?_summary=true`, { 'if-none-match': 'W/"3"' })).status).toBe(304);
  });

  it.each([
    ['_summary=some', 'value', '_summary'],
    ['_summary=count', 'value', '_summary'],
    ['_summary=true&_summary=text', 'invalid', '_summary'],
    ['_elements=color', 'not-supported', '_elements'],
  ])('a read refuses %s, whether there is such a resource or not', async (query, code, expression) => {
    const answers = await Promise.all(
      ['c1', 'c1/_history/1', 'nobody', 'nobody/_history/1'].map((path) => get(`Condition/${path}?${query}`)),
    );
    for (const answer of answers) {
      expect([answer.status, answer.text]).toEqual([400, answers[0]!.text]);
      expect(answer.json()).toMatchObject({ issue: [{ code, expression: [expression] }] });
    }
  });

  // https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3
  it('ignores an If-Modified-Since that is no HTTP-date', async () => {
    const { headers } = await get('Condition/c1');
    const modified = headers['last-modified'] as string;
    expect((await get('Condition/c1', { 'if-modified-since': modified })).status).toBe(304);
    const day = new Date(Date.parse(modified));
    const long = day.toLocaleDateString('en-US', { weekday: 'long', timeZone: 'UTC' });
    const [, date, month, year, time] = modified.split(' ');
    for (const same of [
      `${long}, ${date}-${month}-${year!.slice(2)} ${time} GMT`,
      `${long.slice(0, 3)} ${month} ${String(day.getUTCDate()).padStart(2)} ${time} ${year}`,
    ])
      expect((await get('Condition/c1', { 'if-modified-since': same })).status, same).toBe(304);
    for (const wrong of ['9999', '2222-01-01', '2222-01-01T00:00:00Z', 'tomorrow'])
      expect((await get('Condition/c1', { 'if-modified-since': wrong })).status, wrong).toBe(200);
  });
});
