import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { digestOf } from './archive.ts';
import { fetchPackage } from './fetch.ts';
import { archiveOf, definitionsOf, whyWithout } from './find.ts';

/** A tar archive has a header of 512 bytes for each file, and ends with empty blocks. */
function archive(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, text]) => {
    const header = Buffer.alloc(512);
    header.write(`package/${name}`);
    header.write(`${Buffer.byteLength(text).toString(8).padStart(11, '0')} `, 124);
    header.write('0', 156);
    const content = Buffer.alloc(512 * Math.ceil(Buffer.byteLength(text) / 512));
    content.write(text);
    return [header, content];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}
const set = { resourceType: 'ValueSet', id: 'colours', url: 'http://x/colours' };
const parameter = { resourceType: 'SearchParameter', id: 'Patient-name', code: 'name' };
const published = archive({
  'package.json': '{"name":"x.core"}',
  'ValueSet-colours.json': JSON.stringify({ ...set, text: { div: '<div>red</div>' } }),
  'SearchParameter-Patient-name.json': JSON.stringify(parameter),
});
/** The same definitions in another order and form, with another example and narrative. */
const packedAgain = archive({
  'SearchParameter-Patient-name.json': JSON.stringify(parameter, undefined, 2),
  'Patient-example.json': '{"resourceType":"Patient","id":"example"}',
  'ValueSet-colours.json': JSON.stringify({ ...set, text: { div: '<div>rot</div>' } }, undefined, 1),
});
const changed = archive({
  'ValueSet-colours.json': JSON.stringify({ ...set, url: 'http://x/other' }),
  'SearchParameter-Patient-name.json': JSON.stringify(parameter),
});
const CORE = { name: 'x.core', version: '4.0.1', sha256: digestOf(published) };

let answer: Buffer | undefined;
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.url!);
  response.statusCode = answer === undefined ? 404 : 200;
  response.end(answer);
});
let base: string;
let cache: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'definitions-'));
  vi.stubEnv('PROVIDER_ACCESS_CACHE', cache);
  vi.stubEnv('FHIR_PACKAGES', undefined);
  asked.length = 0;
  answer = published;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});
const failure = async (wanted: typeof CORE, from = base): Promise<string> =>
  fetchPackage(wanted, from).then(
    () => 'it was taken',
    (error: Error) => error.message,
  );

describe('a package of definitions', () => {
  it('is fetched once, by its name and version, and then read from the cache', async () => {
    const path = join(cache, 'fhir-packages/x.core-4.0.1.tgz');
    expect(archiveOf(CORE)).toBeUndefined();
    expect(await fetchPackage(CORE, base)).toBe(path);
    expect(await fetchPackage(CORE, base)).toBe(path);
    expect(asked).toEqual(['/x.core/4.0.1']);
    expect(definitionsOf(CORE, (name) => name.startsWith('SearchParameter-'))).toEqual([parameter]);
  });

  it('is fetched from the address that its row has', async () => {
    await fetchPackage({ ...CORE, url: `${base}/igs/core.tgz` }, 'http://127.0.0.1:1');
    expect(asked).toEqual(['/igs/core.tgz']);
  });

  it('is taken in another packing, order and narrative, because it defines the same', async () => {
    answer = packedAgain;
    expect(packedAgain.equals(published)).toBe(false);
    expect(existsSync(await fetchPackage(CORE, base))).toBe(true);
  });

  it('is refused with other definitions, and not kept', async () => {
    answer = changed;
    const text = await failure(CORE);
    for (const part of [
      'x.core 4.0.1',
      `${base}/x.core/4.0.1`,
      CORE.sha256,
      digestOf(changed),
      join(cache, 'fhir-packages'),
      'x.core-4.0.1.tgz',
    ])
      expect(text).toContain(part);
    expect(readdirSync(cache)).toEqual([]);
  });

  it('is refused where the cache holds other definitions', async () => {
    const path = await fetchPackage(CORE, base);
    writeFileSync(path, changed);
    expect(await failure(CORE)).toContain(digestOf(changed));
    writeFileSync(path, 'half of an answer');
    expect(await failure(CORE)).toBe(`${path} is no archive of x.core 4.0.1.`);
  });

  it('that the server does not have is an error with the address, the hash, the folder and the next step', async () => {
    answer = undefined;
    const text = await failure({ ...CORE, made: 'built from the source' } as typeof CORE);
    expect(text).toContain(`x.core 4.0.1 could not be fetched from ${base}/x.core/4.0.1 (HTTP 404)`);
    expect(text).toContain(`(SHA-256 ${CORE.sha256}; built from the source) into ${join(cache, 'fhir-packages')} as`);
    expect(await failure(CORE, 'http://127.0.0.1:1')).toMatch(/could not be fetched from .*fetch failed/);
  });
});

describe('a folder that FHIR_PACKAGES names', () => {
  it('is the only place where packages are looked for', async () => {
    await fetchPackage(CORE, base);
    const folder = mkdtempSync(join(cache, 'given-'));
    vi.stubEnv('FHIR_PACKAGES', folder);
    expect(archiveOf(CORE)).toBeUndefined();
    writeFileSync(join(folder, 'core.tgz'), published);
    expect(await fetchPackage({ ...CORE, file: 'core.tgz' }, base)).toBe(join(folder, 'core.tgz'));
    writeFileSync(join(folder, 'x.core-4.0.1.tgz'), changed);
    expect(await failure(CORE)).toContain(`${join(folder, 'x.core-4.0.1.tgz')} has other definitions`);
  });
});

describe('a spec that needs packages', () => {
  it('says which ones are missing, and how to get them', async () => {
    const other = { ...CORE, name: 'x.guide', version: '1.0.0' };
    expect(whyWithout(CORE, other)).toBe(
      ' (skipped without x.core 4.0.1, x.guide 1.0.0: npm run fhir-packages fetches them)',
    );
    await fetchPackage(CORE, base);
    expect(whyWithout(CORE)).toBe('');
    expect(whyWithout(CORE, other)).toContain('without x.guide 1.0.0:');
    expect(() => definitionsOf(other, () => true)).toThrow('x.guide 1.0.0 is not on this machine');
  });
});
