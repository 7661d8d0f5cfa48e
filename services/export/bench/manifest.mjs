// A status request of a sealed job: how long it takes, and how long it keeps the event loop to itself.
// node bench/manifest.mjs [members=20000] [types=8], over what `npm run build` made (decorators do not run from source
// here).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import { encodeEvent } from '@provider-access/events';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { Facts } from '@provider-access/facts';
import { memberFacts } from '@provider-access/facts/views';
import { ProjectionSet } from '@provider-access/engines/views';
import { openEmbeddedViews } from '@provider-access/engines/views/embedded';
import { PartIndexBuilder } from '../dist/domain/segments/index.js';
import { manifestBody } from '../dist/operations/manifest.js';
import { Releases } from '../dist/operations/releases.js';

const [members = 20_000, types = 8] = process.argv.slice(2).map(Number);
const CHUNK = 250;
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
const at = '2020-01-01T00:00:00.000Z';
const provider = 'npi|1234567893';
const names = Array.from({ length: members }, (_, i) => `m${i}`);
let event = 0;
try {
  const log = openEmbeddedLog({ file: join(folder, 'log.sqlite') });
  const views = openEmbeddedViews({ file: join(folder, 'views.sqlite') });
  const set = new ProjectionSet({ log, views, projections: [memberFacts] });
  await set.start();
  const append = async (topic, list) => {
    for (let i = 0; i < list.length; i += 1000)
      await log.append(
        topic,
        list
          .slice(i, i + 1000)
          .map((e) =>
            encodeEvent(
              { id: `e${event++}`, source: 'urn:bench', time: at, ...e },
              { key: e.subject, partitionKey: e.subject },
            ),
          ),
      );
  };
  await append('pa.registry', [
    {
      type: 'pa.app-registered.v1',
      subject: 'c',
      data: {
        client: 'c',
        name: 'c',
        scope: 'system/*.rs',
        contacts: [],
        npis: [],
        tins: [],
        registrationTokenHash: 'h',
        registeredAt: at,
      },
    },
    {
      type: 'pa.app-approved.v1',
      subject: 'c',
      data: { client: 'c', providers: [provider], scope: 'system/*.rs', by: 'bench' },
    },
  ]);
  await append('pa.providers', [
    {
      type: 'pa.network-status-recorded.v1',
      subject: provider,
      data: { provider, status: 'in-network', from: at, businessTime: at },
    },
  ]);
  await append(
    'pa.members',
    names.map((member) => ({
      type: 'pa.coverage-changed.v1',
      subject: member,
      data: { member, coverageId: 'c', from: at, businessTime: at, sequence: 0 },
    })),
  );
  await append(
    'pa.attribution',
    names.map((member) => ({
      type: 'pa.member-attributed.v1',
      subject: member,
      data: { member, group: 'g', providers: [provider], from: at, businessTime: at },
    })),
  );
  if (!(await views.reader(memberFacts).waitFor(await log.head(['pa.members', 'pa.attribution']), 600_000)))
    throw new Error('the facts did not get there');
  const facts = new Facts({ log, views, clock: { now: () => Date.now() } });
  await facts.start();

  const blobs = openFsBlobs({ root: join(folder, 'files') });
  const files = [];
  for (let chunk = 0; chunk * CHUNK < members; chunk++) {
    for (let t = 0; t < types; t++) {
      const index = new PartIndexBuilder(`T${t}`);
      for (const member of names.slice(chunk * CHUNK, (chunk + 1) * CHUNK))
        index.add([member], { resources: 10, plain: 1000, compressed: 300, crc: 1 });
      await blobs.put(`jobs/j/${chunk}/T${t}.index`, index.encode());
      files.push({
        file: `T${t}-${chunk}-0.ndjson`,
        kind: 'output',
        type: `T${t}`,
        part: 'none',
        index: `jobs/j/${chunk}/T${t}.index`,
        resources: 1,
        plain: 1,
        compressed: 1,
      });
    }
  }
  await blobs.put('jobs/j/manifest.json', JSON.stringify({ v: 1, files, dropped: [] }));
  const job = {
    job: 'j',
    client: 'c',
    group: 'g',
    transactionTime: at,
    request: '',
    sealed: { manifest: 'jobs/j/manifest.json', sealedAt: at, expiresAt: at },
  };
  const releases = new Releases(blobs, facts.access);
  const rows = [];
  for (const name of ['first', 'again', 'once more']) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const started = performance.now();
    const body = await manifestBody(job, releases, { publicUrl: '', covers: () => true });
    rows.push({
      request: name,
      ms: Math.round(performance.now() - started),
      'longest turn, ms': Math.round(delay.max / 1e6),
      files: body.output.length,
      resources: body.output.reduce((n, f) => n + f.count, 0),
    });
    delay.disable();
  }
  console.log(`${members} members, ${files.length} files`);
  console.table(rows);
  await facts.stop();
  await set.stop();
  await log.close();
  await views.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
