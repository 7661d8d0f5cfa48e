import { Controller, Get, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit, basisOf } from '@provider-access/audit';
import type { Decision, DenialReason } from '@provider-access/domain/access';
import { Facts } from '@provider-access/facts';
import { isSharedType, isId } from '@provider-access/kernel/fhir';
import {
  LabelGate,
  lineBytes,
  recordId,
  type RecordsReader,
  SHARED,
  type StoredRecord,
} from '@provider-access/facts/records';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { RECORDS } from '../../projections/index.ts';
import { acceptsJson, FHIR_JSON, servedType, unknownResource } from '../fhir-request.ts';

type Found =
  | { readonly record: StoredRecord; readonly member?: string; readonly decision?: Decision }
  | { readonly reason: DenialReason | 'unknown-resource' | 'withheld-by-label'; readonly member?: string };
const UNKNOWN: Found = { reason: 'unknown-resource' };
/** No member has this id. */
const NOBODY = '?';

/** GET [base]/{type}/{id}. https://hl7.org/fhir/R4/http.html#read */
@Controller('fhir')
@UseGuards(SmartGuard)
export class ReadController {
  constructor(
    @Inject(RECORDS) private readonly records: RecordsReader,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  @Get(':type/:id')
  async read(
    @Param('type') type: string,
    @Param('id') id: string,
    @Req() request: SmartRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    servedType(type);
    const { client, scopes } = request.smart;
    requireScope(scopes, type, 'r');
    acceptsJson(request.headers.accept);
    const found = isId(id)
      ? await (isSharedType(type) ? this.shared(client, type, id) : this.ofMember(client, type, id))
      : UNKNOWN;
    const members = found.member === undefined ? [] : [found.member];
    if (!('record' in found)) {
      await this.audit.refuse({ client, action: 'read', reason: found.reason, members, types: [type] });
      throw unknownResource();
    }
    await this.audit.record({
      client,
      action: 'read',
      outcome: 'released',
      members,
      resources: 1,
      types: [type],
      ...basisOf([found.decision]),
    });
    const { record } = found;
    void reply
      .header('content-type', FHIR_JSON)
      .header('etag', `W/"${record.versionId}"`)
      .header('last-modified', new Date(record.lastUpdated).toUTCString())
      .header('cache-control', 'no-store')
      .send(lineBytes(record));
  }

  private async shared(client: string, type: string, id: string): Promise<Found> {
    this.facts.access.assertFresh();
    return this.visible(client, SHARED, type, id);
  }

  /**
   * Reads the locator, decides, and loads the record last. A record may have megabytes, so loading it before the
   * decision would let a client tell a denied record from an unknown one by the response time. A resource under
   * `shared` whose type is no directory type is not readable here; exports include it with the resources that refer to
   * it.
   */
  private async ofMember(client: string, type: string, id: string): Promise<Found> {
    const holders = (await this.records.holders(type, id)).filter((member) => member !== SHARED);
    const asked = holders.length === 0 ? [NOBODY] : holders;
    // Decide for an unknown id too, so that it takes the same time.
    const decisions = await this.facts.access.decideMany(client, { kind: 'read' }, asked);
    const at = decisions.findIndex((d) => d.permit);
    if (at < 0) {
      // A withheld resource costs this read too, so that the time tells nothing.
      await this.records.heads([recordId(NOBODY, type, id)]);
      if (holders.length === 0) return UNKNOWN;
      const [first] = decisions;
      return { reason: first !== undefined && !first.permit ? first.reason : 'member-unknown', member: holders[0]! };
    }
    const found = await this.visible(client, holders[at]!, type, id);
    return 'record' in found ? { ...found, decision: decisions[at]! } : found;
  }

  /**
   * The record, unless its security labels withhold it. Its head decides before the line is loaded, because the time of
   * loading a large line would reveal that there is a withheld resource.
   */
  private async visible(client: string, owner: string, type: string, id: string): Promise<Found> {
    const { parties } = this.facts;
    const check = this.labels.check(parties, client);
    const member = owner === SHARED ? {} : { member: owner };
    const [head] = await this.records.heads([recordId(owner, type, id)]);
    if (head === undefined || head.deleted === true) return { reason: 'unknown-resource', ...member };
    if (head.labels !== undefined && (await check.withheld(head))) return { reason: 'withheld-by-label', ...member };
    const record = await this.records.byTypeId(owner, type, id);
    if (record === undefined) return { reason: 'unknown-resource', ...member };
    // A record of an earlier release shows its labels in its line, and a newer version may have come since.
    return (await check.withheld(record)) ? { reason: 'withheld-by-label', ...member } : { record, ...member };
  }
}
