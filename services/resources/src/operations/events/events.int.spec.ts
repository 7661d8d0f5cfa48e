import { Metrics } from '@provider-access/service/observability';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { condition, event, House, patient, type Loose } from '../../../test/harness.ts';
import { EventReceiver } from '../../reading/event-receiver.ts';
import { ReadingThread } from '../../reading/reading-thread.ts';
import { APPEND_EVENTS } from './append-events.ts';

const STRUCTURED = 'application/cloudevents+json';
const NDJSON = 'application/x-ndjson';

describe('POST /events', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());
  const post = (
    body: string | object,
    type: string,
    headers: Record<string, string> = {},
    token = house.payerToken,
  ): ReturnType<House['call']> =>
    house.call('POST', '/events', {
      token,
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': type, ...headers },
    });
  const inLog = async (): Promise<number> =>
    (await house.log.head([PAYER_MEMBER_EVENTS]))[PAYER_MEMBER_EVENTS]!.reduce((a, b) => a + b, 0);

  it('takes one structured event, and an opt-out once it has effect', async () => {
    const answer = await post(event({ id: 's1', resource: patient('m1') }), STRUCTURED);
    expect([answer.status, answer.json()]).toEqual([
      202,
      { index: 0, id: 's1', status: 'accepted', receipt: expect.stringMatching(/^r-[a-z2-7]{26}$/) },
    ]);
    expect((await post(event({ type: 'payer.member-opted-out.v1', data: {} }), STRUCTURED)).json()).toMatchObject({
      status: 'effective',
    });
  });

  it('takes a batch and a binary event', async () => {
    const answer = await post(
      [event({ id: 'b1', resource: patient('m1') }), { specversion: '0.3' }],
      'application/cloudevents-batch+json',
    );
    expect(answer.json()).toMatchObject([
      { index: 0, id: 'b1', status: 'accepted' },
      { index: 1, status: 'refused', reason: 'not-a-cloudevent' },
    ]);
    const binary = await post({ resource: condition('m1', 'bin') }, 'application/json', {
      'ce-specversion': '1.0',
      'ce-id': 'bin1',
      'ce-source': '/payer',
      'ce-type': 'payer.resource-recorded.v1',
      'ce-time': '2025-01-01T00:00:00Z',
      'ce-subject': 'm1',
    });
    expect([binary.status, binary.json()]).toMatchObject([202, { id: 'bin1', status: 'accepted' }]);
    await house.call('GET', `/events/receipts/${binary.json().receipt}?wait=10`, { token: house.payerToken });
    await house.settled();
    expect(await house.records.byTypeId('m1', 'Condition', 'bin')).toBeDefined();
  });

  it('stores nothing of what it refuses, and says why line by line', async () => {
    const before = await inLog();
    const { rows, summary, receipt } = await house.publish([
      '{not json',
      '[]',
      '"text"',
      JSON.stringify({ ...event({ resource: patient('m1') }), time: 'noon' }),
      JSON.stringify(event({ data: { resource: { text: 'x'.repeat(4 * 1024 * 1024) } } })),
    ]);
    expect(rows.map((r) => [r.status, r.reason])).toEqual([
      ['refused', 'not-json'],
      ['refused', 'not-a-cloudevent'],
      ['refused', 'not-a-cloudevent'],
      ['refused', 'not-a-cloudevent'],
      ['refused', 'too-large'],
    ]);
    expect(rows[4].detail).toContain('4194304');
    expect(summary).toMatchObject({ complete: true, accepted: 0, refused: 5 });
    expect(receipt).toBeUndefined();
    expect(await inLog()).toBe(before);
  });

  // The log keeps ids and sources as long as the event, so their length is limited.
  it.each(['id', 'source'])('takes an event whose %s has 256 characters, and refuses one of 257', async (name) => {
    const before = await inLog();
    const answer = await post({ ...event({ resource: patient('m1') }), [name]: 'x'.repeat(257) }, STRUCTURED);
    expect([answer.status, answer.json()]).toMatchObject([
      400,
      { reason: 'not-a-cloudevent', detail: 'id and source have at most 256 characters' },
    ]);
    // A line as `pa publish` sends it.
    const { rows } = await house.publish([
      JSON.stringify({ ...event({ resource: patient('m1') }), [name]: 'x'.repeat(257) }),
    ]);
    expect(rows).toMatchObject([{ status: 'refused', reason: 'not-a-cloudevent' }]);
    expect(await inLog()).toBe(before);
    expect((await post({ ...event({ resource: patient('m1') }), [name]: 'x'.repeat(256) }, STRUCTURED)).status).toBe(
      202,
    );
  });

  it('answers a single event that it refuses with the status of the fault', async () => {
    expect((await post('{', STRUCTURED)).status).toBe(400);
    expect((await post(event({ data: { x: 'x'.repeat(4 * 1024 * 1024) } }), STRUCTURED)).status).toBe(413);
    expect((await post({ resource: {} }, 'application/json')).status).toBe(415);
    expect((await post('<x/>', 'application/xml')).status).toBe(415);
    expect((await post({}, 'application/cloudevents-batch+json')).status).toBe(400);
  });

  it('refuses an event that is nested too deeply or has an invalid attribute, and takes its neighbours', async () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    const good = JSON.stringify(event({ resource: patient('m1') }));
    const { data: _, ...envelope } = event({ id: 'deep' });
    const odd = [
      `{"data":{"resource":${deep}},${JSON.stringify(envelope).slice(1)}`,
      `{"odd":${deep},${good.slice(1)}`,
      `{"odd":{"toString":1},${good.slice(1)}`,
    ];
    const { rows, summary } = await house.publish([good, ...odd, good]);
    expect(rows.map((r) => [r.status, r.reason])).toEqual([
      ['accepted', undefined],
      ['refused', 'not-json'],
      ['refused', 'not-a-cloudevent'],
      ['refused', 'not-a-cloudevent'],
      ['accepted', undefined],
    ]);
    expect(summary).toMatchObject({ complete: true, accepted: 2, refused: 3 });
    expect((await post(`[${good},${odd.join(',')}]`, 'application/cloudevents-batch+json')).json()).toMatchObject([
      { status: 'accepted' },
      { status: 'refused' },
      { status: 'refused' },
      { status: 'refused' },
    ]);
  });

  it.each([
    ['an element that is not JSON', (good: string) => `[${good},${good},{]`, 'The body is not valid JSON.'],
    ['a missing element', (good: string) => `[${good},${good},]`, 'The body is not valid JSON.'],
    ['more behind its end', (good: string) => `[${good}] 5`, 'The body is not valid JSON.'],
    ['no end', (good: string) => `[${good}`, 'The body is not valid JSON.'],
    ['a byte order mark', (good: string) => `\ufeff[${good}]`, 'The body is not valid JSON.'],
    ['an event instead', (good: string) => good, 'A batch must be a JSON array of CloudEvents.'],
  ])('stores nothing of a batch with %s', async (_what, bodyOf, detail) => {
    const before = await inLog();
    // More than the thread gets at a time, so that the first events are read before the fault is found.
    const good = JSON.stringify(event({ resource: condition('m1', 'c', { note: [{ text: 'x'.repeat(700_000) }] }) }));
    const answer = await post(bodyOf(good), 'application/cloudevents-batch+json');
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(detail)]);
    expect(await inLog()).toBe(before);
  });

  it('takes a batch that is larger than the thread gets at a time, and answers in its order', async () => {
    const large = (n: number): object =>
      event({ id: `large-${n}`, resource: condition('m1', `large-${n}`, { note: [{ text: 'é'.repeat(300_000) }] }) });
    const sent = [large(0), { specversion: '0.3' }, large(1), large(2), 5, large(3)];
    const answer = await post(JSON.stringify(sent, undefined, 1), 'application/cloudevents-batch+json');
    expect(answer.json().map((row: Loose) => row.id ?? row.reason)).toEqual([
      'large-0',
      'not-a-cloudevent',
      'large-1',
      'large-2',
      'not-a-cloudevent',
      'large-3',
    ]);
    await house.settled();
    const { line } = (await house.records.byTypeId('m1', 'Condition', 'large-3'))!;
    expect(Buffer.from(line).toString().includes('é'.repeat(300_000))).toBe(true);
  });

  it('names the limit of a JSON batch and the way around it', async () => {
    const answer = await post(`[${' '.repeat(16 * 1024 * 1024)}]`, 'application/cloudevents-batch+json');
    expect(answer.status).toBe(413);
    expect(answer.json().message).toMatch(/16777216 bytes.*application\/x-ndjson/);
  });

  it('lets nobody in but the payer', async () => {
    const body = event({ resource: patient('m1') });
    for (const token of ['wrong', house.administratorToken])
      expect((await post(body, STRUCTURED, {}, token)).status).toBe(401);
    expect(
      (await house.call('POST', '/events', { body: JSON.stringify(body), headers: { 'content-type': STRUCTURED } }))
        .status,
    ).toBe(401);
  });

  it('takes no word about replays from outside', async () => {
    await post(
      {
        ...event({ id: 'sly', resource: patient('m1') }),
        pareplayof: 'dl-x',
        paattempt: '9',
        pareceipt: 'r-x',
        other: 'kept',
      },
      STRUCTURED,
    );
    const { [PAYER_MEMBER_EVENTS]: head } = await house.log.head([PAYER_MEMBER_EVENTS]);
    const records = (await Promise.all(head!.map((end, p) => house.log.read(PAYER_MEMBER_EVENTS, p, 0, end)))).flat();
    const { headers } = records.find((r) => r.headers['ce_id'] === 'sly')!;
    expect(headers).toMatchObject({ ce_other: 'kept', ce_pareceipt: expect.stringMatching(/^r-[a-z2-7]{26}$/) });
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['ce_pareplayof']));
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['ce_paattempt']));
  });

  it('keeps data that is not the last member, spaced or escaped, as it was sent', async () => {
    const resource = condition('m1', 'esc', { code: { text: 'a "quoted" \\ "data": {' } });
    const { data, ...envelope } = event({ id: 'esc', resource });
    const lines = [
      JSON.stringify({ data, ...envelope, id: 'esc0' }),
      '  { "specversion" : "1.0", "id":"esc1" , ' +
        '"source":"/p\\"data\\":","type":"payer.resource-recorded.v1","time":"2025-01-02T00:00:00Z","subject":"m1",  ' +
        `"data" :  ${JSON.stringify({ resource })} } `,
    ];
    expect((await house.publish(lines)).receipt).toMatchObject({ handled: 2, counts: { recorded: 1, unchanged: 1 } });
  });

  it('answers 404 for a receipt that was never given', async () => {
    expect(
      (await house.call('GET', '/events/receipts/r-aaaaaaaaaaaaaaaaaaaaaaaaaa', { token: house.payerToken })).status,
    ).toBe(404);
  });
});

describe('POST /events while the log is away', () => {
  it('answers 503 before the first event is durable, and says where it stopped after that', async () => {
    const log = openMemoryLog();
    const house = await House.open({ log });
    try {
      const body = JSON.stringify(event({ id: 'x', resource: patient('m1') }));
      log.faults.away = true;
      const answer = await house.call('POST', '/events', {
        token: house.payerToken,
        body,
        headers: { 'content-type': NDJSON },
      });
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '2']);
      log.faults.away = false;

      // The second append of a long stream fails.
      const append = log.append.bind(log);
      let appends = 0;
      log.append = (topic, records) => {
        if (topic === PAYER_MEMBER_EVENTS && (appends += 1) === 2) log.faults.away = true;
        return append(topic, records);
      };
      const lines = Array.from({ length: 1200 }, (_, i) =>
        JSON.stringify(event({ id: `n${i}`, resource: condition('m1', `n${i}`) })),
      ).join('\n');
      const cut = await house.call('POST', '/events', {
        token: house.payerToken,
        body: lines,
        headers: { 'content-type': NDJSON },
      });
      log.faults.away = false;
      const rows = cut.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Loose);
      expect(rows.filter((r) => r.status === 'accepted')).toHaveLength(APPEND_EVENTS);
      expect(rows.at(-2)).toMatchObject({ status: 'unavailable', reason: 'log-unavailable' });
      expect(rows.at(-1)).toMatchObject({ summary: { complete: false, accepted: APPEND_EVENTS } });
    } finally {
      log.faults.away = false;
      await house.close();
    }
  });
});

describe('POST /events of a hundred thousand events', () => {
  it('is read as it comes, in bounded memory', async () => {
    const { EventStream } = await import('./stream-events.ts');
    const { EventAppender } = await import('./append-events.ts');
    let appended = 0;
    const log = {
      append: (_topic: string, records: readonly unknown[]) =>
        Promise.resolve(records.map((_, i) => ({ partition: 0, offset: (appended += 1) + i * 0 }))),
    };
    const stream = new EventStream(
      new EventAppender(
        log as never,
        {
          waitForPayer: () => Promise.resolve(true),
          waitForPayerEverywhere: () => Promise.resolve(true),
          effects: async () => [],
        },
        new Metrics(),
      ),
      new EventReceiver(new ReadingThread(), undefined),
      'r-x',
    );
    const line = Buffer.from(`${JSON.stringify(event({ resource: patient('m1') }))}\n`.repeat(100));
    async function* request(): AsyncGenerator<Buffer> {
      for (let i = 0; i < 1000; i++) yield line;
    }
    let bytes = 0;
    stream.answer.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const summary = await stream.run(
      request(),
      () => undefined,
      () => Promise.resolve(),
    );
    expect(summary).toMatchObject({ complete: true, accepted: 100_000 });
    expect(appended).toBe(100_000);
    expect(bytes).toBeGreaterThan(100_000 * 40);
  });
});
