import { Controller, Inject } from '@nestjs/common';
import { disclosures } from '@provider-access/audit';
import type { Disclosure } from '@provider-access/events';
import type { ViewReader } from '@provider-access/engines/views';
import { isId } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  type Asked,
  type Audited,
  type Entry,
  jsonObject,
  operation,
  Operation,
} from '@provider-access/service/operation';
import { z } from 'zod';
import { jsonOf } from './json-body.ts';

const MOST_MEMBERS = 100;
/** Entries of one member in a request. One mark has them all, and the documents of the audit must be small. */
const MOST_ENTRIES = 200;
/** `<instant>/<uuid>/<n>`: the id of an entry in a list of disclosures. */
const ENTRY = /^\d{4}-[\dTZ:.-]{1,30}\/[\w.~-]{1,100}\/\d{1,4}$/;
const MEMBERS_TEXT = `members is a list of 1 to ${MOST_MEMBERS} members with ${MOST_ENTRIES} entries at most.`;
const BODY = z.strictObject({
  recall: z.string('recall is required: its name.').min(1, 'recall is required: its name.').max(128),
  members: z
    .array(
      z.strictObject({
        member: z.string().refine(isId, MEMBERS_TEXT),
        entries: z.array(z.string().regex(ENTRY, MEMBERS_TEXT)).min(1, MEMBERS_TEXT).max(MOST_ENTRIES, MEMBERS_TEXT),
      }),
      MEMBERS_TEXT,
    )
    .min(1, MEMBERS_TEXT)
    .max(MOST_MEMBERS, MEMBERS_TEXT),
});
/** Marks entries of the accounting, for `pa recall` (ADR 0117). The mark is an entry of the audit itself. */
const RECALL = operation({
  route: 'POST /ops/disclosures/recalls',
  callers: ['administrator'],
  audit: 'recall',
  tag: 'Operations',
  summary: 'Mark releases that had wrong data',
  description:
    'Appends an entry to the audit for each member, which names the releases. Lists of disclosures and accountings ' +
    'show the mark from then on. Nothing is changed or removed, and a mark that comes again changes nothing.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: BODY,
        fields: { recall: 'The name of the recall.', members: '`entries` are `id` of a list of disclosures.' },
      },
    },
  },
  answer: jsonObject('The number of releases that were marked.'),
  refusals: ['invalid-request', 'unavailable'],
});

@Controller()
export class RecallsController {
  private readonly reader: ViewReader;
  constructor(@Inject(PORTS) { views }: ServicePorts) {
    this.reader = views.reader(disclosures);
  }

  @Operation(RECALL)
  async mark({ body }: Asked<typeof RECALL>): Promise<Audited> {
    const parsed = BODY.safeParse(jsonOf(body));
    if (!parsed.success) throw new Refusal('invalid-request', parsed.error.issues[0]!.message);
    const { recall: name, members } = parsed.data;
    let marked = 0;
    const audit: Entry[] = [];
    for (const { member, entries } of members) {
      if (!(await this.areReleases(member, entries)))
        throw new Refusal('invalid-request', 'entries names an entry that is no release about its member.');
      marked += entries.length;
      audit.push({ released: { members: [member], resources: 0, recall: { name, entries } } });
    }
    const [first, ...more] = audit;
    return { audit: [first!, ...more], answer: { json: { recall: name, marked } } };
  }

  private async areReleases(member: string, entries: readonly string[]): Promise<boolean> {
    const found = await this.reader.getMany(entries);
    return found.every((document) => {
      const entry = document?.['disclosure'] as Pick<Disclosure, 'members' | 'outcome'> | undefined;
      return entry?.outcome === 'released' && entry.members.includes(member);
    });
  }
}
