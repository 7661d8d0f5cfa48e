// CPU of a chunk that a filter by an indexed parameter leaves 1 % of, as a part of the whole chunk, in alternating
// rounds of one run. All resources are Observations of some 0.5 kB.
// node --conditions=@provider-access/source tools/proofs/src/bench/export/filters.mjs [members] [resources] [rounds]
import { join } from 'node:path';
import { DEFAULT_LABEL_POLICY } from '@provider-access/domain/pdex/labels';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import { memberFacts } from '@provider-access/facts/views';
import { LabelGate, labelled, recordId, records, RecordsReader, searchKeys } from '@provider-access/records';
import { writeChunk } from '../../../../../services/export/src/jobs/chunk-writer.ts';
import { at, provider, withMembers } from './member-facts.mjs';

const [members = 250, each = 100, rounds = 5] = process.argv.slice(2).map(Number);
const BASE = 'https://pa.example/fhir';
const observation = (id, member, code) => ({
  resourceType: 'Observation',
  id,
  meta: { versionId: '1', lastUpdated: at, profile: ['http://hl7.org/fhir/us/core/StructureDefinition/us-core-lab'] },
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code, display: `Name of ${code}` }] },
  subject: { reference: `Patient/${member}` },
  effectiveDateTime: at,
  valueQuantity: { value: 5.4, unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
});
let count = 0;
await withMembers(members, [records, labelled, searchKeys], async ({ folder, views, names, append, passed }) => {
  for (const member of names)
    await append(
      'pa.records',
      Array.from({ length: each }, (_, i) => {
        const id = `${member}-${i}`;
        const line = JSON.stringify(observation(id, member, count++ % 100 === 0 ? 'rare' : `usual-${i % 20}`));
        const version = { versionId: 1, lastUpdated: at, businessTime: at, sequence: 0, contentHash: '' };
        return {
          type: 'pa.record-accepted.v1',
          subject: member,
          key: recordId(member, 'Observation', id),
          data: { member, type: 'Observation', id, ...version, references: [], tokens: [], labels: [], line },
        };
      }),
    );
  for (const view of [records, labelled, searchKeys]) await passed(view, 'pa.records');
  const client = {
    ...{ client: 'c', name: 'c', status: 'approved', scope: 'system/*.rs', providers: [provider] },
    history: [{ status: 'approved', at }],
  };
  const party = {
    client,
    network: new Map([[provider, [{ status: 'in-network', from: at }]]]),
    ...{ sourceHolds: new Map(), specialties: new Map(), lines: [], identities: new Map() },
  };
  const blobs = openFsBlobs({ root: join(folder, 'files') });
  const [reader, facts, clock] = [new RecordsReader(views), views.reader(memberFacts), { now: () => Date.now() }];
  const labels = new LabelGate({ policy: DEFAULT_LABEL_POLICY, records: reader, members: facts, clock });
  const sources = { records: reader, facts, blobs, clock, labels };
  let fence = 0;
  /** CPU of all chunks, ms, and how many resources they have. */
  const run = async (filter) => {
    const before = process.cpuUsage();
    const asked = filter && { asked: { filters: [{ type: 'Observation', conditions: [filter] }] }, base: BASE };
    let resources = 0;
    fence += 1;
    for (let i = 0; i < members; i += 250) {
      const purpose = { kind: 'export', group: 'g' };
      const some = { job: 'bench', chunk: i / 250, fence, client: 'c', purpose, types: ['Observation'], party };
      const { summary } = await writeChunk({ ...some, members: names.slice(i, i + 250), ...asked }, sources);
      for (const part of summary.parts) resources += part.resources;
    }
    const { user, system } = process.cpuUsage(before);
    return { ms: (user + system) / 1000, resources };
  };
  const ASKS = {
    whole: undefined,
    'by key': ['code', 'rare'],
    'no such key': ['code', 'none'],
    'by scan': ['code:not', 'usual-1'],
  };
  const found = Object.fromEntries(Object.keys(ASKS).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++)
    for (const [name, filter] of Object.entries(ASKS)) {
      const one = await run(filter);
      // The first round warms up.
      if (round > 0) found[name].push(one);
    }
  const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
  console.table(
    Object.entries(found).map(([name, list]) => ({
      name,
      resources: list[0].resources,
      'CPU ms': +median(list.map(({ ms }) => ms)).toFixed(1),
      'of whole': +median(list.map(({ ms }, i) => ms / found.whole[i].ms)).toFixed(3),
    })),
  );
});
