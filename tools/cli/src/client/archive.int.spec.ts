import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { c } from 'tar';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readItems } from './sources.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-archive-'));
  mkdirSync(join(folder, 'tmp'));
  vi.stubEnv('TMPDIR', join(folder, 'tmp'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const patient = (id: string): string => `${JSON.stringify({ resourceType: 'Patient', id })}\n`;
const bundle = (id: string): string =>
  JSON.stringify({ resourceType: 'Bundle', entry: [{ resource: JSON.parse(patient(id)) as object }] }, null, 1);
const CONTENT: Readonly<Record<string, string>> = {
  'dump/later.json': bundle('m2'),
  'dump/Patient.ndjson': patient('m1'),
  'dump/notes.txt': 'not JSON',
  '__MACOSX/dump/._Patient.ndjson': 'a note of a Mac',
};
const at = (name: string): string => join(folder, name);

/** A zip file by PKWARE's APPNOTE: local headers, the central directory and its end. */
function zip(content: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(content)) {
    const [path, data] = [Buffer.from(name), Buffer.from(text)];
    const packed = deflateRawSync(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, path, packed]);
    const made = Buffer.alloc(2);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), made, common, tail, path]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from('PK\u0005\u0006'), end]);
}
async function tar(name: string, gzip: boolean): Promise<void> {
  for (const [path, text] of Object.entries(CONTENT)) {
    mkdirSync(join(folder, 'in', path, '..'), { recursive: true });
    writeFileSync(join(folder, 'in', path), text);
  }
  symlinkSync('/etc', join(folder, 'in', 'dump', 'link.json'));
  await c({ gzip, file: at(name), cwd: join(folder, 'in') }, ['dump', '__MACOSX']);
}
const read = async (path: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const item of readItems(path, 'urn:test', '2026-01-01T00:00:00.000Z'))
    found.push(item.ok ? item.about : `${item.place}: ${item.reason}`);
  return found;
};

test.each(['dump.tar.gz', 'dump.tgz', 'dump.tar', 'dump.zip'])(
  '%s is read like a folder, and leaves nothing',
  async (name) => {
    if (name.endsWith('.zip')) writeFileSync(at(name), zip(CONTENT));
    else await tar(name, name !== 'dump.tar');
    expect(await read(at(name))).toEqual(['Patient/m1', 'Patient/m2']);
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  },
);

test('names that lead out of the archive write nothing', async () => {
  writeFileSync(at('evil.zip'), zip({ '../../evil.ndjson': patient('m1') }));
  await expect(read(at('evil.zip'))).rejects.toThrow(/evil\.zip cannot be unpacked: .*relative path/);
  expect([existsSync(at('evil.ndjson')), readdirSync(join(folder, 'tmp'))]).toEqual([false, []]);
});

test.each(['broken.zip', 'broken.tar.gz'])('%s is refused with a sentence', async (name) => {
  writeFileSync(at(name), 'this is no archive of any kind');
  await expect(read(at(name))).rejects.toThrow(`${at(name)} cannot be unpacked`);
});

test('an archive without FHIR files is named by its own path', async () => {
  writeFileSync(at('none.zip'), zip({ 'notes.txt': 'x' }));
  await expect(read(at('none.zip'))).rejects.toThrow(`${at('none.zip')} holds no .ndjson or .json file`);
});
