// A status request of a sealed job: how long it takes, and how long it keeps the event loop to itself.
// node tools/proofs/src/bench/export/manifest.mjs [members=20000] [types=8]
// It runs over what `npm run build` made, because decorators do not run from source here.
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import { DEFAULT_LABEL_POLICY } from '@provider-access/domain/pdex/labels';
import { Facts } from '@provider-access/facts';
import { labelled, LabelGate, locators, records, recordsReader } from '@provider-access/records';
import { appendFacts, approvedApp, inNetwork } from '@provider-access/process/testing';
import { PartIndexBuilder } from '../../../../../services/export/dist/domain/segments/index.js';
import { manifestBody } from '../../../../../services/export/dist/operations/status/manifest.js';
import { Releases } from '../../../../../services/export/dist/operations/download/releases.js';
import { at, provider, withMembers } from './member-facts.mjs';

const [members = 20_000, types = 8] = process.argv.slice(2).map(Number);
const CHUNK = 250;
await withMembers(members, [records, locators, labelled], async ({ folder, log, views, names }) => {
  await appendFacts(log, [...approvedApp('c', [provider]), inNetwork(provider)]);
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
    positions: {},
    sealed: { manifest: 'jobs/j/manifest.json', sealedAt: at, expiresAt: at },
  };
  const clock = { now: () => Date.now() };
  const exported = recordsReader(views);
  const gate = new LabelGate({ policy: DEFAULT_LABEL_POLICY, records: exported, members: facts.reader, clock });
  const releases = new Releases({ views }, blobs, facts, gate, { records: exported });
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
});
