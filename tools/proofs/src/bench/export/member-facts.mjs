// What the benches of export share: an embedded log and views of members whom one provider may see.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeEvent } from '@provider-access/events';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { ProjectionSet } from '@provider-access/engines/views';
import { openEmbeddedViews } from '@provider-access/engines/views/embedded';
import { memberFacts } from '@provider-access/facts/views';

export const at = '2020-01-01T00:00:00.000Z';
export const provider = 'npi|1234567893';
/** Records of one append. */
const BATCH = 1000;

/** Runs `bench` on `members` covered and attributed members, with these projections beside the facts. */
export async function withMembers(members, projections, bench) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const log = openEmbeddedLog({ file: join(folder, 'log.sqlite') });
  const views = openEmbeddedViews({ file: join(folder, 'views.sqlite') });
  const set = new ProjectionSet({ log, views, projections: [memberFacts, ...projections] });
  const names = Array.from({ length: members }, (_, i) => `m${i}`);
  let event = 0;
  const append = async (topic, list) => {
    for (let i = 0; i < list.length; i += BATCH)
      await log.append(
        topic,
        list
          .slice(i, i + BATCH)
          .map(({ key, ...e }) =>
            encodeEvent(
              { id: `e${event++}`, source: 'urn:bench', time: at, ...e },
              { key: key ?? e.subject, partitionKey: e.subject },
            ),
          ),
      );
  };
  /** Waits until a view has passed the heads of these topics. */
  const passed = async (projection, ...topics) => {
    if (!(await views.reader(projection).waitFor(await log.head(topics), 600_000)))
      throw new Error('a view did not get there');
  };
  try {
    await set.start();
    const common = { from: at, businessTime: at };
    await append(
      'pa.members',
      names.map((member) => ({
        type: 'pa.coverage-changed.v1',
        subject: member,
        data: { member, coverageId: 'c', ...common, sequence: 0 },
      })),
    );
    await append(
      'pa.attribution',
      names.map((member) => ({
        type: 'pa.member-attributed.v1',
        subject: member,
        data: { member, group: 'g', providers: [provider], ...common },
      })),
    );
    await passed(memberFacts, 'pa.members', 'pa.attribution');
    await bench({ folder, log, views, names, append, passed });
    await set.stop();
    await log.close();
    await views.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
