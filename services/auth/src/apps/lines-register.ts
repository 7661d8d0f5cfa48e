import { Inject, Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import type { LinesSet } from '@provider-access/events';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { RegistryStreams } from './registry-streams.ts';

const STREAM = 'lines';
/** How many processes may race to set a table. One of them wins each round. */
const ROUNDS = 10;
interface Event {
  readonly type: 'pa.lines-set.v1';
  readonly data: LinesSet;
}

/** The tables of the lines of business, one version after another. */
@Injectable()
export class LinesRegister {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(RegistryStreams) private readonly streams: RegistryStreams,
  ) {}

  /**
   * Sets the table, and resolves when every process decides by it. The lines that are in force already change nothing,
   * but wait as well, because the first attempt may have timed out.
   * @throws Refusal 409, 503
   */
  async set(table: Pick<LinesSet, 'by' | 'reason' | 'lines'>): Promise<LinesSet> {
    for (let round = 0; round < ROUNDS; round++) {
      const head = await this.streams.head<LinesSet, Event>({
        name: STREAM,
        client: STREAM,
        evolve: (_before, { data }) => data,
      });
      const current = head?.snapshot;
      if (current !== undefined && isDeepStrictEqual(current.lines, table.lines)) {
        await this.streams.acknowledge(STREAM, head!.version);
        return current;
      }
      const version = (head?.version ?? 0) + 1;
      const data: LinesSet = { version, setAt: instant(this.ports.clock.now()), ...table };
      const event = { id: `${STREAM}/${version}`, type: 'pa.lines-set.v1', subject: STREAM, data };
      const appended = await this.streams.append(STREAM, version - 1, [event], data);
      if (appended === undefined) continue;
      await this.streams.acknowledge(STREAM, appended);
      return data;
    }
    throw new Refusal('conflict', 'Other requests set the lines of business at the same time. Repeat the request.');
  }
}
