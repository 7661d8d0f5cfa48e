import { Inject, Injectable } from '@nestjs/common';
import {
  type AttestationEnded,
  encodeEvent,
  npiKey,
  PA_ATTESTATIONS,
  recordedAtOrLater,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { TransactionTimes } from '@provider-access/engines/state';
import type { FindQuery, ViewDocument, ViewReader } from '@provider-access/engines/views';
import { attested, type AttestedPart, Facts, matchedGroups, type MatchedGroupPart } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

/** The last row of a page: the values of its index behind those of the filter, and the id of its document. */
export interface Place {
  readonly values: readonly string[];
  readonly id: string;
}
export interface Withdrawal {
  readonly group?: string | undefined;
  readonly member?: string | undefined;
  readonly client?: string | undefined;
  readonly reason: string;
  readonly by?: string | undefined;
}
export interface Withdrawn {
  readonly withdrawn: number;
  readonly members: readonly string[];
  /** Every process applies it. Otherwise it takes effect without further action. */
  readonly effective: boolean;
}
/** By what a list is restricted: the index, and the path of its second field. */
const INDEXES = {
  group: { index: 'by_group', then: 'member' },
  member: { index: 'by_member', then: 'recordedAt' },
  npi: { index: 'by_provider', then: 'recordedAt' },
  client: { index: 'by_client', then: 'recordedAt' },
} as const;
export type Filter = keyof typeof INDEXES;

/** How long an answer waits for the views, and for the other processes, ms. */
const WAIT_MS = 5000;
/** Records in one append. */
const TOGETHER = 500;

/** What providers attested, for the payer (MATCH.md M78). */
@Injectable()
export class Attestations {
  private readonly attested: ViewReader;
  private readonly matched: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
  ) {
    this.attested = ports.views.reader(attested);
    this.matched = ports.views.reader(matchedGroups);
  }

  /** A page of attestations, the newest first; those of a Group by their members. */
  async page(only: readonly [Filter, string] | undefined, limit: number, after: Place | undefined) {
    const [filter, value] = only ?? [];
    const { index, then } = filter === undefined ? { index: 'by_time', then: 'recordedAt' as const } : INDEXES[filter];
    const found = await this.attested.find({
      index,
      ...(value !== undefined && { equals: [filter === 'npi' ? npiKey(value) : value] }),
      ...pageOf(limit, after, then === 'member' ? 'asc' : 'desc'),
    });
    const rows = found.map((document) => document['attested'] as AttestedPart);
    return { rows: rows.map(rowOf), ...nextOf(found, limit, (at) => rows[at]![then] ?? '') };
  }

  /** A page of the results of matches, the newest first. */
  async matches(limit: number, after: Place | undefined) {
    const found = await this.matched.find({ index: 'by_time', ...pageOf(limit, after, 'desc') });
    const rows = found.map(({ _id: group, match }) => ({ group, ...(match as MatchedGroupPart) }));
    return {
      rows: rows.map(({ providers, ...row }) => ({ ...row, npis: providers.map(numberOf) })),
      ...nextOf(found, limit, (at) => rows[at]!.recordedAt),
    };
  }

  /**
   * Appends the end of each attestation that is in force, and waits until every process applies it.
   * @throws Refusal 503, EngineUnavailable
   */
  async withdraw({ group, member, client, reason: note, by }: Withdrawal): Promise<Withdrawn> {
    const { log, clock } = this.ports;
    // What a match has just appended is withdrawn too.
    if (!(await this.attested.waitFor(await log.head([PA_ATTESTATIONS]), WAIT_MS)))
      throw new Refusal('unavailable', 'The view of attestations is not up to date yet. Repeat the request.', {
        retryAfter: 5,
      });
    const at = instant(this.facts.parties.decisionTime(clock.now()));
    const ends: AttestationEnded[] = [];
    const [index, key] = group === undefined ? ['by_member', member!] : ['by_group', group];
    for await (const document of this.attested.scan({ index, equals: [key] })) {
      const one = document['attested'] as AttestedPart;
      const isAsked =
        (member === undefined || one.member === member) && (client === undefined || one.client === client);
      if (isAsked && one.ended === undefined && one.to !== undefined && one.to > at)
        ends.push({
          ...{ member: one.member, group: one.group, client: one.client, reason: 'withdrawn', at, note },
          ...(by !== undefined && { by }),
        });
    }
    const headers = recordedAtOrLater(await new TransactionTimes(this.ports.state.streams).newest());
    for (let i = 0; i < ends.length; i += TOGETHER)
      await log.append(
        PA_ATTESTATIONS,
        ends.slice(i, i + TOGETHER).map((end) => recordOf(end, headers)),
      );
    const effective = await this.facts.access.waitForOursEverywhere(await log.head([PA_ATTESTATIONS]), WAIT_MS);
    return { withdrawn: ends.length, members: [...new Set(ends.map((end) => end.member))], effective };
  }
}

/** One withdrawal of one attestation has one id, so that a repeated request appends the same event. */
function recordOf(data: AttestationEnded, headers: Readonly<Record<string, string>>): NewRecord {
  const record = encodeEvent({
    id: `${data.group}~${data.member}~withdrawn`,
    source: 'urn:provider-access:attribution',
    type: 'pa.attestation-ended.v1',
    time: data.at,
    subject: data.member,
    data,
  });
  return { ...record, headers: { ...record.headers, ...headers } };
}

const numberOf = (provider: string): string => provider.replace('npi|', '');
const rowOf = ({ provider, ...row }: AttestedPart) => ({
  ...row,
  ...(provider !== undefined && { npi: numberOf(provider) }),
});
const pageOf = (
  limit: number,
  after: Place | undefined,
  order: 'asc' | 'desc',
): Pick<FindQuery, 'limit' | 'order' | 'after'> => ({ limit, order, ...(after !== undefined && { after }) });
function nextOf(
  found: readonly ViewDocument[],
  limit: number,
  valueAt: (index: number) => string,
): { readonly next?: Place } {
  const last = found.length - 1;
  return found.length < limit ? {} : { next: { values: [valueAt(last)], id: found[last]!._id } };
}
