import { Controller, Inject } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import { type AppsOfMember, type Moment, SeenHistory, TooManyChanges } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PayerDirectory } from '@provider-access/records';
import { PORTS, type ServicePorts, startedStream } from '@provider-access/service/http';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import {
  AT,
  CLIENT,
  FROM,
  KNOWN,
  knownOf,
  MEMBER,
  momentOf,
  MOST_DAYS,
  notAfter,
  periodOf,
  TO,
} from './explain-fields.ts';

/** Lists of members that a process writes at once. Each of them reads every member of the app's Groups. */
const MOST_LISTS = 2;
const NDJSON = 'application/x-ndjson';

/** Which apps could see one member in a period. */
const APPS = operation({
  route: 'GET /ops/explain/apps',
  callers: ['auditor', 'call-centre'],
  audit: 'explain',
  tag: 'Operations',
  summary: 'List the apps that could see a member in a period',
  description:
    'For each app, the parts of the period in which it could see the member, by the decision of `GET /ops/explain` ' +
    `at each instant. \`last\` has the decision at the end of the period, with what grounds it or why it denies. ` +
    '`others` has apps that could not see the member: each was at some time bound to a provider of whom a statement ' +
    `about the member speaks. All further apps are of no such provider. The period has at most ${MOST_DAYS} days.`,
  fields: {
    member: { schema: MEMBER, refusal: 'required', description: 'The id of the member.' },
    from: { schema: FROM, refusal: 'required', description: 'The beginning of the period, with a zone.' },
    to: { schema: TO, description: 'The end of the period, with a zone. Not in the future. Default: now.' },
    known: {
      schema: KNOWN,
      description:
        'Only what the platform had recorded by this instant counts. `now` counts everything. Default: at each ' +
        'instant what was known then, so that the answer is what was served.',
    },
  },
  answer: jsonObject('The apps, the names of providers, and the parts of the period that the platform does not know.'),
  refusals: ['invalid-request', 'unavailable'],
});

/** Which members one app could see at an instant. */
const MEMBERS = operation({
  route: 'GET /ops/explain/members',
  callers: ['auditor'],
  audit: 'explain',
  head: false,
  tag: 'Operations',
  summary: 'List the members whom an app could see at an instant',
  description:
    'One line for each member, in the order of their ids, by the decision of `GET /ops/explain`. A line with ' +
    '`unknownBefore` is of a member of whom the platform does not know it. The last line counts them. Without it, ' +
    'the answer is not complete. The audit names each member before the line leaves.',
  fields: {
    client: { schema: CLIENT, refusal: 'required', description: 'The `client_id` of the app.' },
    at: { schema: AT, description: 'The instant of the decisions, with a zone. Not in the future. Default: now.' },
    known: {
      schema: KNOWN,
      description:
        'Only what the platform had recorded by this instant counts. `now` counts everything. Default: `at`.',
    },
  },
  answer: { description: 'The members, one JSON object a line.', type: NDJSON, schema: { type: 'string' } },
  refusals: ['invalid-request', 'unavailable'],
});

/** Lists about the past for auditors (APPS.md P17). Each question is in the audit, with the members that it names. */
@Controller()
export class ExplainListsController {
  private lists = 0;
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'clock'>,
    @Inject(SeenHistory) private readonly seen: SeenHistory,
    @Inject(Audit) private readonly audit: Pick<Audit, 'record'>,
    @Inject(PayerDirectory) private readonly directory: PayerDirectory,
  ) {}

  @Operation(APPS)
  async apps({ query: { member, from, to, known } }: Asked<typeof APPS>): Promise<Audited> {
    const now = instant(this.ports.clock.now());
    const period = periodOf(from, to, this.ports.clock.now());
    const until = knownOf(known, now);
    await this.seen.settled();
    const found = await this.seen.apps(member, period, until).catch((error: unknown) => {
      if (!(error instanceof TooManyChanges)) throw error;
      throw new Refusal(
        'invalid-request',
        'The member has too many changes for one answer. Ask for a shorter period, or for one app and instant.',
      );
    });
    const names = Object.fromEntries(await this.directory.namesOf(providersOf(found)));
    const json = { member, ...period, ...(until !== undefined && { known: until }), ...found, names };
    return { audit: [{ released: { members: [member], resources: 0 } }], answer: { json } };
  }

  @Operation(MEMBERS)
  async members({ query: { client, at, known }, caller }: Asked<typeof MEMBERS>): Promise<Audited> {
    const now = instant(this.ports.clock.now());
    const moment = momentOf(at, known, now);
    notAfter('at', moment.at, now);
    await this.seen.settled();
    const lines = this.lines(client, moment, caller.name);
    return {
      audit: [{ released: { members: [], resources: 0 } }],
      answer: { body: () => startedStream(lines, 1) },
    };
  }

  private async *lines(client: string, moment: Moment, by: string): AsyncGenerator<Uint8Array> {
    if (this.lists >= MOST_LISTS)
      throw new Refusal('unavailable', 'Other lists of members are being written. Repeat the request later.', {
        retryAfter: 10,
      });
    this.lists += 1;
    try {
      let [members, unknown] = [0, 0];
      const whole = await this.seen.unknownBefore(moment);
      if (whole === undefined)
        for await (const batch of this.seen.members(client, moment)) {
          if (batch.length === 0) continue;
          const named = batch.map(({ member }) => member);
          const look = { client: by, action: MEMBERS.audit, operation: MEMBERS.route, outcome: 'released' } as const;
          await this.audit.record({ ...look, members: named, resources: 0 });
          const ofUnknown = batch.filter(({ unknownBefore }) => unknownBefore !== undefined).length;
          unknown += ofUnknown;
          members += batch.length - ofUnknown;
          yield Buffer.from(batch.map((line) => `${JSON.stringify(line)}\n`).join(''));
        }
      const end = { client, ...moment, members, unknown, ...(whole !== undefined && { unknownBefore: whole }) };
      yield Buffer.from(`${JSON.stringify(end)}\n`);
    } finally {
      this.lists -= 1;
    }
  }
}

/** Most providers whose names one answer has. Each needs a query. */
const MOST_NAMED = 100;
/** The providers that the grounds name. */
function providersOf({ apps }: AppsOfMember) {
  const all = apps.flatMap(({ last }) =>
    last.decision === 'permit' ? last.grounds.flatMap(({ providers }) => providers) : [],
  );
  return [...new Set(all)].slice(0, MOST_NAMED);
}
