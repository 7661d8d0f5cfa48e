import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AuditChain } from '@provider-access/audit';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

/** Seals the audit of each day while the service runs (docs/disclosures.md). */
@Injectable()
export class SealedDays implements OnApplicationBootstrap, OnModuleDestroy {
  readonly chain: AuditChain;
  constructor(@Inject(PORTS) ports: ServicePorts) {
    this.chain = new AuditChain(ports);
  }
  onApplicationBootstrap(): void {
    this.chain.start();
  }
  async onModuleDestroy(): Promise<void> {
    await this.chain.stop();
  }
}
