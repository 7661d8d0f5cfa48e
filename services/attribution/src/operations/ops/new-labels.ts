import { Inject, Injectable } from '@nestjs/common';
import type { PartyFacts } from '@provider-access/domain/access';
import { isCut, tagged } from '@provider-access/domain/pdex/labels';
import { isServedType } from '@provider-access/fhir';
import { labelled, LabelGate, ORDINARY, type RecordPart, RecordsReader } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { ViewReader } from '@provider-access/engines/views';

/** Records that are decided together. */
const TOGETHER = 200;

/** Which labelled resources of a member an app would get that sees the member (A72). */
@Injectable()
export class NewLabels {
  private readonly records: RecordsReader;
  private readonly labelled: ViewReader;
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(LabelGate) private readonly labels: LabelGate,
  ) {
    this.records = new RecordsReader(ports.views);
    this.labelled = ports.views.reader(labelled);
  }

  /** Of the members, those that have labelled resources. Most have none. */
  async among(members: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await this.labelled.getMany(members);
    return new Set(members.filter((_, at) => found[at] !== undefined));
  }

  /**
   * The labels of resources of the member that the policy does not withhold from the client, without labels that say
   * nothing of sensitive data.
   */
  async of(member: string, party: PartyFacts, client: string): Promise<readonly string[]> {
    const check = this.labels.check(party, client);
    const found = new Set<string>();
    const take = async (some: readonly RecordPart[]): Promise<void> => {
      for (const { withheld, labels } of await check.decideEach(some))
        if (!withheld) for (const label of labels) if (!ORDINARY.has(label) && !isCut(label)) found.add(tagged(label));
    };
    let some: RecordPart[] = [];
    for await (const document of this.records.views.records.scan({ index: 'by_type', equals: [member] })) {
      const head = document['record'] as RecordPart;
      if (head.deleted === true || !isServedType(head.type)) continue;
      some.push(head);
      if (some.length < TOGETHER) continue;
      await take(some);
      some = [];
    }
    await take(some);
    return [...found].toSorted();
  }
}
