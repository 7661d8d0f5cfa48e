import { Inject, Injectable } from '@nestjs/common';
import { Audit, auditedQuery } from '@provider-access/audit';
import { groupDenial } from '@provider-access/domain/access';
import type { ViewReader } from '@provider-access/engines/views';
import { Facts, type GroupPart, groups } from '@provider-access/facts';
import { unknownResource } from '@provider-access/kernel';
import { isId } from '@provider-access/fhir';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

/** The Groups that a client may export. */
@Injectable()
export class OwnGroups {
  private readonly groups: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(Audit) private readonly audit: Audit,
  ) {
    this.groups = ports.views.reader(groups);
  }

  /**
   * Gives one answer for every Group that does not exist for the client: unknown, of another provider, out of network.
   * Every refusal is audited, so that the time of the answer does not tell them apart either.
   * @throws FactsStale, or Refusal 404
   */
  async assertOwn(client: string, id: string, query: Parameters<typeof auditedQuery>[0]): Promise<void> {
    const { access, parties } = this.facts;
    access.assertFresh();
    const group = isId(id) ? ((await this.groups.get(id))?.['group'] as GroupPart | undefined) : undefined;
    const reason =
      group === undefined
        ? 'group-unknown'
        : groupDenial(client, group.providers, parties, parties.decisionTime(this.ports.clock.now()));
    if (reason === undefined) return;
    const about = group === undefined ? {} : { group: id };
    await this.audit.refuse({ client, action: 'export-requested', reason, ...about, ...auditedQuery(query) });
    throw unknownResource();
  }
}
