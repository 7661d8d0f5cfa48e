import type { Provider } from '@nestjs/common';
import { LevelLedger } from '@provider-access/levels';
import { Facts } from '@provider-access/facts';
import { RecordsReader } from '@provider-access/records';
import type { ServicePorts } from '@provider-access/service/http';
import type { AttachmentStore } from '../attachments/attachment-store.ts';
import type { ResourcesConfig } from '../config.ts';
import type { JudgeOptions } from '../domain/judge.ts';
import { EventReceiver } from '../reading/event-receiver.ts';
import { CorrectionCheck } from './correction-check.ts';
import { CurrentVersions } from './current-versions.ts';
import { ReadingThread } from '../reading/reading-thread.ts';
import { judgingBy, RecordIntake } from './record-intake.ts';
import { recordStages } from './record-stages.ts';
import { VisibleLevels } from './visible-levels.ts';

/** What consumes events in the resources service. */
export function intakeProviders(
  ports: ServicePorts,
  config: ResourcesConfig,
  attachments: AttachmentStore,
): Provider[] {
  const { log, clock, metrics } = ports;
  const ledger = new LevelLedger({
    log,
    clock,
    metrics,
    service: 'resources',
    objectives: ['claims-visible', 'prior-authorization-visible'],
  });
  const rules = { ...config, attachmentsAbove: attachments.isOpen ? config.attachmentsAbove : undefined };
  const judging = (): JudgeOptions => judgingBy(rules, clock.now(), clock.now());
  return [
    ReadingThread,
    {
      provide: EventReceiver,
      inject: [ReadingThread],
      useFactory: (reading: ReadingThread) =>
        new EventReceiver(reading, log.handsOnHeaders === true ? judging : undefined),
    },
    {
      provide: CorrectionCheck,
      inject: [RecordsReader, ReadingThread, Facts],
      useFactory: (reader: RecordsReader, reading: ReadingThread, { reader: members }: Facts) =>
        new CorrectionCheck(reading, judging, { patients: reader.views.patients, members }),
    },
    { provide: LevelLedger, useValue: ledger },
    {
      provide: RecordIntake,
      inject: [RecordsReader, ReadingThread, Facts],
      useFactory: (reader: RecordsReader, reading: ReadingThread, { reader: members, access }: Facts) => {
        const current = new CurrentVersions(log, reader);
        return new RecordIntake({
          ports,
          reading,
          current,
          stages: recordStages({ ports, reader, members, current, attachments, ledger, config }),
          rules,
          factsPassed: async (timeoutMs) => access.waitForPayer(await access.payerHead(), timeoutMs),
        });
      },
    },
    VisibleLevels,
  ];
}
