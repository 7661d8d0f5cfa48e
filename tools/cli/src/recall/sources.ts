import { readItems } from '../client/sources.ts';
import { type Batch, SOURCE } from '@provider-access/full-files';
import type { Context } from '../context.ts';
import { Held } from '../full/held.ts';
import { undoBatch } from '../full/undo.ts';
import { publishAll } from '../full/publish-events.ts';
import { CliError, EXIT } from '../output.ts';
import { explained } from '../releases/given.ts';
import { wrongIn, type WrongStatement } from '../releases/wrong.ts';
import { type Confirmation, corrections, membersOf, type Recalled } from './wanted.ts';

/** What is recalled, and how it is taken back. */
export interface Recall {
  readonly recalled: Recalled;
  /** Sentences about what the recall does not take back. */
  readonly notes: readonly string[];
  /** Whether a place of the file could not be read. */
  readonly unread: boolean;
  /** Takes it back. Returns sentences about what it changed. @throws CliError */
  withdraw(confirmation: Confirmation): Promise<readonly string[]>;
}
type Period = Pick<Recalled, 'since' | 'until'>;

/** Wrong events of a file. */
export async function recallOfEvents(context: Context, path: string, period: Period): Promise<Recall> {
  const { data, access, resources, statements, without, unread } = await wrongIn(readItems(path, SOURCE, period.since));
  const recalled = { data, access, resources, statements, ...period };
  const taken = new Set(statements.map(({ member }) => member));
  const others = [...access].filter((member) => !taken.has(member)).length;
  return {
    recalled,
    unread: unread.length > 0,
    notes: [
      ...Array.from(without, ([type, count]) => `${count} events ${type} give nobody anything about a member.`),
      ...unread.slice(0, 20).map(({ place, reason }) => `Not read: ${place}: ${reason}`),
      ...(others === 0
        ? []
        : [`${others} members have wrong merges, opt-ins or changes of coverage: correct these yourself.`]),
    ],
    async withdraw(confirmation) {
      const token = context.administratorToken();
      const ids = new Map<string, readonly string[]>();
      for (const member of membersOf(resources.values())) {
        // The resources of a member who was merged lie under the other id. The client of the question does not matter.
        const { memberFacts } = await explained(context, token, { client: 'none', member, at: confirmation.time });
        ids.set(member, [member, ...(memberFacts?.mergedWith ?? [])]);
      }
      const events = corrections(recalled, confirmation, (member) => ids.get(member) ?? [member]);
      const { outcomes } = await publishAll({ server: context.server, token: context.payerToken() }, events);
      const newer = outcomes['superseded'] ?? 0;
      return [
        `${resources.size} resources are withdrawn from reads, files and histories, and the next deltas list them.`,
        ...(newer === 0 ? [] : [`${newer} of them have a version that came after the dry run, and stay.`]),
        ...(statements.length === 0 ? [] : [`${statements.length} attributions and enrolments are taken back.`]),
      ];
    },
  };
}

/** A full import. */
export async function recallOfBatch(context: Context, batch: Batch, until: string | undefined): Promise<Recall> {
  const platform = { server: context.server, token: context.payerToken() };
  const statements: WrongStatement[] = [];
  let since: string | undefined;
  for await (const { subject, row, batch: by, time } of new Held(platform.server, platform.token, batch).rows()) {
    if (by !== batch.batch) continue;
    since = since === undefined || time < since ? time : since;
    if (row === null) continue;
    const { npi, tin, contract, coverageId, from } = row as Readonly<Record<string, string>>;
    const about = { member: subject, from: from! };
    statements.push(
      batch.kind === 'roster'
        ? { ...about, provider: JSON.parse(JSON.stringify({ npi, tin, contract })) as { npi?: string } }
        : { ...about, coverageId: coverageId! },
    );
  }
  if (since === undefined)
    throw new CliError(EXIT.refused, `No row is as ${batch.batch} stated it, so there is nothing to take back.`);
  const access = new Set(statements.map(({ member }) => member));
  return {
    recalled: {
      ...{ data: new Map(), access, resources: new Map(), statements, since },
      ...(until !== undefined && { until }),
    },
    notes: [],
    unread: false,
    async withdraw() {
      const undone = await undoBatch(batch, platform);
      undone.close();
      return [
        `${undone.rows} rows are as they were before ${batch.batch}. The undo is ${undone.by}.`,
        ...(undone.kept === 0 ? [] : [`${undone.kept} rows stay, because a later import changed them.`]),
      ];
    },
  };
}
