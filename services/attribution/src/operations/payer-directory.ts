import { Inject, Injectable } from '@nestjs/common';
import { Facts } from '@provider-access/facts';
import { hasAllLabels, LabelGate, recordId, RecordsReader, SHARED } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

/** Knows which resources of the payer's directory exist for a client. */
@Injectable()
export class PayerDirectory {
  private readonly records: RecordsReader;
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(LabelGate) private readonly labels: LabelGate,
  ) {
    this.records = new RecordsReader(ports.views);
  }

  /** The given references (`Type/id`) that a read by the client would find. The caller checks the scope. */
  async readable(client: string, references: readonly string[]): Promise<readonly string[]> {
    const labels = this.labels.check(this.facts.parties, client);
    const ids = references.map((reference) => reference.split('/') as [string, string]);
    const heads = await this.records.heads(ids.map(([type, id]) => recordId(SHARED, type, id)));
    const readable = await Promise.all(
      heads.map(async (head) => {
        if (head === undefined || head.deleted === true) return false;
        // The labels of a record of an earlier release are only in its line.
        const record = !hasAllLabels(head) ? await this.records.byTypeId(SHARED, head.type, head.id) : head;
        return record !== undefined && !(await labels.withheld(record));
      }),
    );
    return references.filter((_, i) => readable[i]);
  }
}
