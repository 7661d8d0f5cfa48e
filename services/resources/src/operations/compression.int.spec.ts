import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { condition, House } from '../../test/harness.ts';

describe('the encoding of answers', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.attribute('m1');
    await house.publish([
      { subject: 'm1', resource: condition('m1', 'small') },
      { subject: 'm1', resource: condition('m1', 'large', { note: [{ text: 'a long text '.repeat(500) }] }) },
      { subject: 'm1', resource: condition('m1', 'larger', { note: [{ text: 'a long text '.repeat(50_000) }] }) },
    ]);
    await house.settled();
    token = await house.token('app1');
  });
  afterAll(() => house.close());
  const ask = async (path: string, encoding?: string, method: 'GET' | 'HEAD' = 'GET') => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(encoding !== undefined && { 'accept-encoding': encoding }),
    };
    const fastify = house.app.getHttpAdapter().getInstance();
    const { statusCode, headers: given, rawPayload } = await fastify.inject({ method, url: `/fhir/${path}`, headers });
    return { statusCode, coding: given['content-encoding'], vary: given['vary'], headers: given, body: rawPayload };
  };

  it.each([
    [undefined, undefined],
    ['identity', undefined],
    ['deflate', undefined],
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['br;q=0.2, gzip;q=0.8', 'gzip'],
    ['gzip;q=0, br;q=0', undefined],
    ['br;q=0, gzip', 'gzip'],
    ['identity, gzip;q=0.5', undefined],
    ['*', 'gzip'],
  ])('of Accept-Encoding %s is %s', async (accepted, coding) => {
    const plain = (await ask('Condition/large')).body;
    const answer = await ask('Condition/large', accepted);
    expect([answer.statusCode, answer.coding, answer.vary]).toEqual([200, coding, 'accept-encoding']);
    const unpack = coding === 'gzip' ? gunzipSync : coding === 'br' ? brotliDecompressSync : (body: Buffer) => body;
    expect(unpack(answer.body).equals(plain)).toBe(true);
    if (coding !== undefined) expect(answer.body.byteLength).toBeLessThan(plain.byteLength / 5);
  });

  it('is the same for large answers, which leave as a stream', async () => {
    const plain = (await ask('Condition/larger')).body;
    for (const [coding, unpack] of [
      ['gzip', gunzipSync],
      ['br', brotliDecompressSync],
    ] as const) {
      const answer = await ask('Condition/larger', coding);
      expect(answer.coding).toBe(coding);
      expect(unpack(answer.body).equals(plain)).toBe(true);
    }
  });

  it('is compressed for searches, histories and the CapabilityStatement', async () => {
    for (const path of ['Condition?patient=m1', 'Condition/large/_history', 'metadata']) {
      const answer = await ask(path, 'gzip');
      expect([path, answer.statusCode, answer.coding]).toEqual([path, 200, 'gzip']);
      expect(JSON.parse(gunzipSync(answer.body).toString())).toHaveProperty('resourceType');
    }
  });

  it('is identity for small answers, so that every refusal is alike', async () => {
    expect((await ask('Condition/small', 'gzip')).coding).toBeUndefined();
    const { headers: unknown, ...answer } = await ask('Condition/nobody', 'gzip');
    expect([answer.statusCode, answer.coding, unknown['content-length']]).toEqual([404, undefined, expect.anything()]);
  });

  it('needs no body for HEAD, wherever GET works', async () => {
    for (const path of ['Condition/large', 'Condition/large/_history/1', 'Condition/large/_history', 'metadata'])
      for (const encoding of [undefined, 'gzip']) {
        const [get, head] = [await ask(path, encoding), await ask(path, encoding, 'HEAD')];
        expect([path, head.statusCode, head.body.byteLength]).toEqual([path, get.statusCode, 0]);
        for (const name of ['etag', 'last-modified', 'content-type'])
          expect(head.headers[name]).toBe(get.headers[name]);
      }
    const search = await ask('Condition?patient=m1', undefined, 'HEAD');
    expect([search.statusCode, search.body.byteLength]).toEqual([200, 0]);
  });
});
