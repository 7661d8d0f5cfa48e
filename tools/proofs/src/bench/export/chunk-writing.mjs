// Resources/s of writing chunks (decide, scan, deflate, index, files) against `gzip -1` of the same bytes and against a
// copy.
// node --conditions=@provider-access/source tools/proofs/src/bench/export/chunk-writing.mjs [members] [resources]
import { execFileSync } from 'node:child_process';
import { copyFileSync, statSync, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { DEFAULT_LABEL_POLICY } from '@provider-access/domain/pdex/labels';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import { memberFacts } from '@provider-access/facts/views';
import { LabelGate, locators, recordId, records, recordsReader } from '@provider-access/records';
import { writeChunk } from '../../../../../services/export/src/jobs/chunk-writer.ts';
import { at, provider, withMembers } from './member-facts.mjs';

const [members = 300, each = 400] = process.argv.slice(2).map(Number);
const TYPES = [
  'Condition',
  'Coverage',
  'Encounter',
  'ExplanationOfBenefit',
  'MedicationRequest',
  'Observation',
  'Patient',
  'Procedure',
];
let seed = 1;
const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
const coding = () => ({
  coding: [
    {
      system: 'http://snomed.info/sct',
      code: String(100000 + random(90000)),
      display: `Finding number ${random(4000)} of the catalogue`,
    },
  ],
});
const resource = (type, id, member) => ({
  resourceType: type,
  id,
  meta: {
    versionId: '1',
    lastUpdated: at,
    profile: [`http://hl7.org/fhir/us/core/StructureDefinition/us-core-${type.toLowerCase()}|6.1.0`],
  },
  status: 'final',
  category: [coding()],
  code: coding(),
  subject: { reference: `Patient/${member}` },
  effectiveDateTime: new Date(1.5e12 + random(2e9) * 100).toISOString(),
  item: Array.from({ length: 1 + random(6) }, (_, i) => ({
    sequence: i + 1,
    productOrService: coding(),
    quantity: { value: random(100) },
    locationCodeableConcept: coding(),
  })),
});
await withMembers(members, [records, locators], async ({ folder, views, names, append, passed }) => {
  for (const member of names) {
    await append(
      'pa.records',
      Array.from({ length: each }, (_, i) => {
        const type = TYPES[i % TYPES.length];
        const id = `${member}-${i}`;
        return {
          type: 'pa.record-accepted.v1',
          subject: member,
          key: recordId(member, type, id),
          data: {
            member,
            type,
            id,
            versionId: 1,
            lastUpdated: at,
            businessTime: at,
            sequence: 0,
            contentHash: '',
            references: ['Practitioner/p'],
            tokens: [],
            line: JSON.stringify(resource(type, id, member)),
          },
        };
      }),
    );
  }
  await passed(records, 'pa.records');

  const blobs = openFsBlobs({ root: join(folder, 'files') });
  const client = {
    client: 'c',
    name: 'c',
    status: 'approved',
    history: [{ status: 'approved', at }],
    providers: [provider],
    scope: '',
  };
  const [reader, facts, clock] = [recordsReader(views), views.reader(memberFacts), { now: () => Date.now() }];
  const labels = new LabelGate({ policy: DEFAULT_LABEL_POLICY, records: reader, members: facts, clock });
  const sources = { records: reader, facts, blobs, clock, labels };
  const run = async (fence) => {
    const started = performance.now();
    let resources = 0;
    let plain = 0;
    for (let i = 0; i < members; i += 250) {
      const summary = await writeChunk(
        {
          job: 'bench',
          chunk: i / 250,
          fence,
          client: 'c',
          group: 'g',
          types: [...TYPES, 'Practitioner'],
          members: names.slice(i, i + 250),
          party: {
            client,
            network: [[provider, [{ status: 'in-network', from: at }]]],
            sourceHolds: [],
            identities: [],
          },
        },
        sources,
      );
      for (const part of summary.parts) {
        resources += part.resources;
        plain += part.plain;
      }
    }
    return { seconds: (performance.now() - started) / 1000, resources, plain };
  };
  await run(1);
  const chunk = await run(2);

  const file = join(folder, 'all.ndjson');
  const out = createWriteStream(file);
  for (const member of names)
    for await (const record of sources.records.scanMember(member))
      if (!out.write(Buffer.concat([record.line, Buffer.from('\n')]))) await once(out, 'drain');
  out.end();
  await once(out, 'finish');
  const timed = (f) => {
    const s = performance.now();
    f();
    return (performance.now() - s) / 1000;
  };
  const gzip = timed(() => execFileSync('sh', ['-c', `gzip -1 -c ${file} > ${file}.gz`]));
  const copy = timed(() => copyFileSync(file, `${file}.copy`));
  const mb = chunk.plain / 1e6;
  const row = (name, seconds) => ({
    name,
    seconds: +seconds.toFixed(2),
    'resources/s': Math.round(chunk.resources / seconds),
    'MB/s': Math.round(mb / seconds),
    'of gzip -1': +(gzip / seconds).toFixed(2),
  });
  console.log(
    `${chunk.resources} resources, ${mb.toFixed(0)} MB, ${Math.round(statSync(`${file}.gz`).size / 1e6)} MB as gzip -1`,
  );
  console.table([row('chunks, one thread', chunk.seconds), row('gzip -1', gzip), row('copy', copy)]);
});
