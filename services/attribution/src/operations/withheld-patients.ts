import { Inject, Injectable } from '@nestjs/common';
import { Facts } from '@provider-access/facts';
import type { ViewReader } from '@provider-access/engines/views';
import {
  labelled,
  LabelGate,
  LastLabelled,
  recordId,
  RecordsReader,
  withholdsOrdinary,
} from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

/**
 * Finds members whose Patient a label withholds. A list leaves them out like every member who is not visible, because
 * an entry without a Patient would tell of the label (ADR 0120).
 */
@Injectable()
export class WithheldPatients {
  private readonly records: RecordsReader;
  private readonly labelled: Pick<ViewReader, 'getMany'>;
  constructor(
    @Inject(PORTS) { views }: Pick<ServicePorts, 'views'>,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(LabelGate) private readonly gate: LabelGate,
  ) {
    this.records = new RecordsReader(views);
    this.labelled = views.reader(labelled);
  }

  /** One query for all members, and one for Patients that have labels. */
  async withheld(client: string, members: readonly string[]): Promise<ReadonlySet<string>> {
    const check = this.gate.check(this.facts.parties, client);
    const found = new Set<string>();
    if (members.length === 0) return found;
    const last = new LastLabelled(this.labelled);
    await last.read(members);
    const ordinary = withholdsOrdinary(check.labels);
    const marked = members.filter((member) => last.since(0, member, 'Patient', ordinary));
    if (marked.length === 0) return found;
    const heads = await this.records.heads(marked.map((member) => recordId(member, 'Patient', member)));
    for (const [i, head] of heads.entries())
      if (head !== undefined && head.deleted !== true && (await check.withheld(head))) found.add(marked[i]!);
    return found;
  }
}
