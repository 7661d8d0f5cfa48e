import { PA_RECORDS, type RecordDeleted } from '@provider-access/events';
import { asServed } from './as-served.ts';
import {
  type AcceptedData,
  isFirstVersion,
  type RecordData,
  recordData,
  recordKeys,
  replaces,
} from './record-events.ts';
import { labelRules } from '@provider-access/domain/pdex/labels';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import type { Ordered, RecordPart } from './record.ts';
import { unlabelled } from './record-labels.ts';

type Part = RecordPart & { readonly line?: string | Uint8Array };
/** While it gets its fields. They are set one by one, because copies of objects cost more than all else here. */
type Growing = { -readonly [Field in keyof Part]: Part[Field] };

type Begun = Partial<Growing> & Pick<Growing, keyof Ordered>;

/** What a record has whether it is deleted or not. */
function begun(data: RecordData): Begun {
  const { member, type, id, versionId, source, event, targets, status, statusChanged, recalled, tie } = data;
  const lastUpdated = Date.parse(data.lastUpdated);
  const businessTime = Date.parse(data.businessTime);
  const part: Begun = { member, type, id, versionId, lastUpdated, businessTime, sequence: data.sequence };
  if (source !== undefined) part.source = source;
  if (event !== undefined) part.event = event;
  if (targets !== undefined) part.targets = targets;
  if (status !== undefined) part.status = status;
  if (statusChanged !== undefined) part.statusChanged = Date.parse(statusChanged);
  if (recalled !== undefined) part.recalled = Date.parse(recalled);
  if (tie !== undefined) part.tie = { said: Date.parse(tie.said), events: tie.events };
  return part;
}

function setDeleted(part: Partial<Growing>, data: RecordDeleted): void {
  const { coverages = [], enteredInError, labels, reason } = data;
  part.references = coverages;
  part.bytes = Buffer.byteLength(enteredInError ?? '');
  part.deleted = true;
  if (labels !== undefined) part.labels = labels;
  part.reason = reason;
  if (enteredInError !== undefined) part.line = enteredInError;
}

function setServed(part: Partial<Growing>, data: AcceptedData): void {
  const { contentHash, sourceHash, serviceDate, references, labels, line } = data;
  part.contentHash = contentHash;
  if (sourceHash !== undefined) part.sourceHash = sourceHash;
  if (serviceDate !== undefined) part.serviceDate = serviceDate;
  part.references = references;
  part.bytes = Buffer.byteLength(line);
  // Side by side, because `unlabelled` is looked for in the text of a document.
  part.labels = labels!;
  part.labelsBy = labelRules();
  part.line = line;
}

const fromRecords: TopicEvolve<Part> = {
  part: 'record',
  keys: recordKeys,
  begins: isFirstVersion,
  evolve(known, record) {
    const data = recordData(record);
    const part = begun(data);
    if (known !== undefined && !replaces(known, part)) return undefined;
    if ('line' in data) setServed(part, asServed(data));
    else setDeleted(part, data);
    return part as Part;
  },
};

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
