import { PA_RECORDS } from '@provider-access/events';
import { asServed } from './as-served.ts';
import { type AcceptedData, isFirstVersion, orderOf, recordData, recordKeys, replaces } from './record-events.ts';
import { labelRules } from '@provider-access/domain/pdex/labels';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import type { RecordPart } from './record.ts';
import { unlabelled } from './record-labels.ts';

const fromRecords: TopicEvolve<RecordPart & { line?: string | Uint8Array }> = {
  part: 'record',
  keys: recordKeys,
  begins: isFirstVersion,
  evolve(part, record) {
    const data = recordData(record);
    const common = {
      member: data.member,
      type: data.type,
      id: data.id,
      versionId: data.versionId,
      lastUpdated: Date.parse(data.lastUpdated),
      ...orderOf(data),
      ...(data.targets !== undefined && { targets: data.targets }),
      ...(data.status !== undefined && { status: data.status }),
      ...(data.statusChanged !== undefined && { statusChanged: Date.parse(data.statusChanged) }),
      ...(data.recalled !== undefined && { recalled: Date.parse(data.recalled) }),
      ...(data.tie !== undefined && { tie: { said: Date.parse(data.tie.said), events: data.tie.events } }),
    };
    if (part !== undefined && !replaces(part, common)) return undefined;
    if (!('line' in data))
      return {
        ...common,
        references: data.coverages ?? [],
        bytes: Buffer.byteLength(data.enteredInError ?? ''),
        deleted: true,
        ...(data.labels !== undefined && { labels: data.labels }),
        reason: data.reason,
        ...(data.enteredInError !== undefined && { line: data.enteredInError }),
      };
    return {
      ...common,
      ...servedPart(asServed(data)),
    };
  },
};

const servedPart = ({ contentHash, sourceHash, serviceDate, references, labels, line }: AcceptedData) => ({
  contentHash,
  ...(sourceHash !== undefined && { sourceHash }),
  ...(serviceDate !== undefined && { serviceDate }),
  references,
  bytes: Buffer.byteLength(line),
  // Side by side, because `unlabelled` is looked for in the text of a document.
  labels: labels!,
  labelsBy: labelRules(),
  line,
});

/**
 * One document for each resource, with the encoded line beside it. Resources writes it; resources and export read it.
 * The index `by_id` finds the members who have or had a `Type/id` (ADR 0093).
 * `sourceHash`, `tie`, `labels`, `labelsBy`, `targets`, `status` and `recalled` came without a new version of the view:
 * a document without them means the same, so both releases may write it.
 */
export const records: Projection = {
  owner: 'resources',
  name: 'records',
  version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  commitMs: 100,
  indexes: [
    { name: 'by_type', fields: ['record.member', 'record.type', 'record.id'] },
    { name: 'by_updated', fields: ['record.member', 'record.type', 'record.lastUpdated', 'record.id'] },
    { name: 'by_id', fields: ['record.id', 'record.type'], added: true },
  ],
  bodies: ['record.line'],
  plain: {
    part: 'record',
    // A process puts its lists of codes in force after this module was loaded.
    get text() {
      return unlabelled();
    },
  },
  subject: 'record.member',
};
