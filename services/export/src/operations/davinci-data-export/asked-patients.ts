import { Inject, Injectable } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import type { Purpose } from '@provider-access/domain/access';
import { type DenialReason, namesOf } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { DECIDE_BATCH, Turns } from '@provider-access/jobs';
import type { AskedPatient } from '../../domain/request/patients.ts';

type GroupPurpose = Purpose & { readonly group: string };

/** Decides about the patients that a kick-off names. */
@Injectable()
export class AskedPatients {
  constructor(
    @Inject(Facts) private readonly facts: Pick<Facts, 'access'>,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  /**
   * Gives one answer for every patient of whom nothing is released: unknown, of another provider, opted out, held or
   * without coverage. It decides about all of them, so that the time does not tell the first one.
   * @throws FactsStale, or Refusal 400
   */
  async assertReleased(client: string, purpose: GroupPurpose, patients: readonly AskedPatient[]): Promise<void> {
    const ids = patients.flatMap(({ id }) => id ?? []);
    const refused: Partial<Record<DenialReason, string[]>> = {};
    const turns = new Turns();
    for (let i = 0; i < ids.length; i += DECIDE_BATCH) {
      await turns.next();
      const batch = ids.slice(i, i + DECIDE_BATCH);
      const decisions = await this.facts.access.decideMany(client, purpose, batch);
      decisions.forEach((decision, at) => {
        if (!decision.permit) (refused[decision.reason] ??= []).push(batch[at]!);
      });
    }
    const denied = new Set(Object.values(refused).flat());
    const first = patients.find(({ id }) => id === undefined || denied.has(id));
    if (first === undefined) return;
    await Promise.all(
      namesOf(refused).map((reason) =>
        this.audit.refuse({
          client,
          action: 'export-requested',
          reason,
          // A client may ask for any id, and the audit names no member whom nobody knows.
          members: reason === 'member-unknown' ? [] : refused[reason]!,
          group: purpose.group,
        }),
      ),
    );
    throw new Refusal('unknown-reference', `${first.name}: no resource of this reference can be released.`, {
      expression: 'patient',
    });
  }
}
