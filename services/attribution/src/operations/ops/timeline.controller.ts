import { Controller, Inject } from '@nestjs/common';
import { disclosures, findDisclosures, isDisclosure } from '@provider-access/audit';
import { type Interval, type MemberFacts, type PartyFacts, sourcesOf } from '@provider-access/domain/access';
import type { ViewReader } from '@provider-access/engines/views';
import type { ProviderKey } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import { PayerDirectory } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { MOST } from './disclosure-fields.ts';
import { FROM, MEMBER, MOST_DAYS, periodOf, TO } from './explain-fields.ts';

/** Entries of the audit that one answer counts at most. Older ones of the period are not counted, and it says so. */
const MOST_ENTRIES = 20_000;

/** What happened to one member over time: one axis for what each decision about the member uses (docs/auditing.md). */
const TIMELINE = operation({
  route: 'GET /ops/explain/timeline',
  callers: ['auditor'],
  audit: 'explain',
  tag: 'Operations',
  summary: 'Show what happened to a member in a period',
  description:
    'What is known now about coverage, attributions, attestations, opt-outs, holds and notices, as far as it lies in ' +
    `the period. Releases and refusals are counted by UTC day and app, the newest ${MOST_ENTRIES} at most. The ` +
    `period has at most ${MOST_DAYS} days.`,
  fields: {
    member: { schema: MEMBER, refusal: 'required', description: 'The id of the member.' },
    from: { schema: FROM, refusal: 'required', description: 'The beginning of the period, with a zone.' },
    to: { schema: TO, description: 'The end of the period, with a zone. Not in the future. Default: now.' },
  },
  answer: jsonObject('The intervals, the counts, and the names of providers.'),
  refusals: ['invalid-request', 'unavailable'],
});

interface Period {
  /** RFC 3339, UTC, milliseconds: [from, to). */
  readonly from: string;
  readonly to: string;
}
/** What one app got or was refused on one UTC day. */
interface DayOfApp {
  readonly day: string;
  readonly client: string;
  readonly name?: string;
  released: number;
  refused: number;
}

@Controller()
export class TimelineController {
  private readonly reader: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(PayerDirectory) private readonly directory: PayerDirectory,
  ) {
    this.reader = ports.views.reader(disclosures);
  }

  @Operation(TIMELINE)
  async timeline({ query: { member, from, to } }: Asked<typeof TIMELINE>): Promise<Audited> {
    const period = periodOf(from, to, this.ports.clock.now());
    const [known, releases] = await Promise.all([this.facts.access.facts(member), this.releases(member, period)]);
    const lists = known === undefined ? NOTHING : intervals(known, this.facts.parties, period);
    const named = [...lists.attributions, ...lists.optOuts, ...lists.attestations].flatMap(providersIn);
    const json = {
      member,
      ...period,
      known: known !== undefined,
      ...lists,
      ...(known?.completeFrom !== undefined && { completeFrom: known.completeFrom }),
      mergedWith: known?.mergedWith ?? [],
      names: Object.fromEntries(await this.directory.namesOf(named)),
      ...releases,
    };
    return { audit: [{ released: { members: [member], resources: 0 } }], answer: { json } };
  }

  private async releases(member: string, { from, to }: Period): Promise<object> {
    const days = new Map<string, DayOfApp>();
    const filter = { member, from, before: to, looks: 'without' as const };
    let counted = 0;
    let oldest: string | undefined;
    for (let after: string | undefined; ;) {
      const { found, next } = await findDisclosures(this.reader, filter, { count: MOST, after });
      for (const { disclosure } of found) {
        const { at, client, agent, outcome } = disclosure;
        oldest = at;
        if (outcome === 'released' && !isDisclosure(disclosure)) continue;
        const key = `${at.slice(0, 10)} ${client}`;
        const name = agent === undefined ? {} : { name: agent.name };
        const one = days.get(key) ?? { day: at.slice(0, 10), client, ...name, released: 0, refused: 0 };
        one[outcome] += 1;
        days.set(key, one);
      }
      counted += found.length;
      const isCut = next !== undefined && counted >= MOST_ENTRIES;
      if (next === undefined || isCut)
        return {
          releases: Array.from(days, ([key, one]) => [key, one] as const)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([, one]) => one),
          ...(isCut && { releasesFrom: oldest }),
        };
      after = next;
    }
  }
}

const NOTHING = {
  coverage: [],
  plans: [],
  attributions: [],
  attestations: [],
  optOuts: [],
  holds: [],
  notices: [],
  sourceHolds: [],
} as const;

/** What lies in the period, at least with a part. */
function intervals(facts: MemberFacts, party: PartyFacts, { from, to }: Period) {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const within = <T extends Interval>(list: readonly T[]): readonly T[] =>
    list.filter((one) => Date.parse(one.from) <= end && (one.to === undefined || Date.parse(one.to) > begin));
  return {
    coverage: within(facts.coverage),
    plans: within(facts.plans ?? []),
    attributions: within(facts.attributions),
    attestations: within(facts.attestations ?? []),
    optOuts: within(facts.optOuts),
    holds: within(facts.holds),
    notices: within(facts.notices ?? []),
    sourceHolds: sourcesOf(facts).flatMap((source) =>
      within(party.sourceHolds(source)).map((hold) => ({ source, ...hold })),
    ),
  };
}
interface Naming {
  readonly providers?: readonly ProviderKey[];
  readonly provider?: ProviderKey;
  readonly targets?: readonly ProviderKey[];
}
const providersIn = ({ providers = [], provider, targets = [] }: Naming): readonly ProviderKey[] => [
  ...providers,
  ...targets,
  ...(provider === undefined ? [] : [provider]),
];
