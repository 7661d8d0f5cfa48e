import type {
  AttestationFact,
  AttributionFact,
  CoverageFact,
  HoldFact,
  Interval,
  OptOutFact,
  PlanFact,
} from '@provider-access/domain/access';
import { type DenialReason, DENIALS } from '@provider-access/events/audit-words';
import { table } from '../output.ts';

interface Verdict {
  /** `unknown`: the platform does not know any more what it knew then. */
  readonly decision: 'permit' | 'deny' | 'unknown';
  readonly reason?: DenialReason;
  /** Of `unknown`. */
  readonly unknownBefore?: string;
}
type Marked<T> = T & { readonly holds: boolean };
/** The answer of `GET /ops/explain`. */
export interface Explanation extends Verdict {
  readonly client: string;
  readonly member: string;
  readonly at: string;
  /** The answer about the past in words, with both times. Absent for now, and in answers of earlier releases. */
  readonly words?: readonly string[];
  /** The member that stays, if a merge had retired the id of the question. */
  readonly survivor?: Verdict & { readonly member: string };
  readonly now: Verdict;
  readonly clientFacts: {
    readonly name: string;
    readonly statusAt: string | null;
    readonly providers: readonly string[];
  } | null;
  /** Absent in answers of earlier releases. */
  readonly withheld?: {
    readonly resources: number;
    readonly labels: Readonly<Record<string, number>>;
    /** Absent without a table of lines. */
    readonly coverages?: Readonly<Record<string, number>>;
    /** By the reason why the platform gave them a label. */
    readonly tags?: Readonly<Record<string, number>>;
    /** Claims that are served without some lines, by the reason. */
    readonly lines?: Readonly<Record<string, number>>;
  };
  readonly memberFacts: {
    readonly coverage: readonly Marked<CoverageFact>[];
    readonly attributions: readonly (Marked<AttributionFact> & {
      readonly boundToClient: boolean;
      readonly inNetwork: boolean;
    })[];
    /** Absent in answers of earlier releases, and if no plan is known. */
    readonly plans?: readonly Marked<PlanFact>[];
    /** Absent in answers of earlier releases, and if no provider has attested. */
    readonly attestations?: readonly (Marked<AttestationFact> & {
      readonly ofClient: boolean;
      readonly boundToClient: boolean;
      readonly inNetwork: boolean;
    })[];
    readonly optOuts: readonly Marked<OptOutFact>[];
    readonly holds: readonly Marked<HoldFact>[];
    readonly sourceHolds: readonly (Marked<HoldFact> & { readonly source: string })[];
  } | null;
}

const named = (keys: readonly string[]): string => keys.map((key) => key.replace('|', ' ')).join(', ') || 'none';
const option = (key: string | undefined): string => (key === undefined ? '--npi NPI' : `--${key.replace('|', ' ')}`);
const holding = <T extends { readonly holds: boolean }>(facts: readonly T[] = []): T[] =>
  facts.filter(({ holds }) => holds);

/** The text of a reason as the end of a sentence. A server of a newer release may have a reason without a text here. */
function causeOf(reason: string): string {
  const text = (DENIALS as Readonly<Record<string, string>>)[reason];
  return text === undefined ? `of ${reason}` : text.charAt(0).toLowerCase() + text.slice(1, -1);
}

/** Why access was denied, and what changes that. Both are the end of a sentence. */
function denial(e: Explanation, reason: DenialReason): readonly [because: string, change: string] {
  const { client, member, clientFacts, memberFacts } = e;
  const bound = clientFacts?.providers ?? [];
  const attributions = holding(memberFacts?.attributions);
  switch (reason) {
    case 'client-unknown':
      return ['no app has this client id', 'Check the id with `pa apps list`.'];
    case 'client-not-approved':
      return [
        `the status of the app is ${clientFacts?.statusAt ?? 'unknown'}`,
        `A reviewer changes that with \`pa apps approve ${client}\`.`,
      ];
    case 'member-unknown':
      return [
        'no coverage, attribution or opt-out of this member is stored',
        'Check the id, or publish the member with `pa enroll` and `pa attribute`.',
      ];
    case 'notice':
      return [
        'no notice to the member is in force, and HOLD_UNTIL_NOTICE is on',
        'Send the notice, and report it with `payer.notice-sent.v1`.',
      ];
    case 'on-hold':
    case 'source-on-hold': {
      const [hold] = [...holding(memberFacts?.holds), ...holding(memberFacts?.sourceHolds)];
      const letter = hold?.deadLetter ?? 'ID';
      return [
        `the dead letter ${letter}${hold === undefined ? '' : ` (${hold.eventType})`} holds ` +
          (reason === 'on-hold' ? 'the member' : 'every member of its source'),
        `Read it with \`pa dead-letters show ${letter}\`, then replay or discard it.`,
      ];
    }
    case 'not-attributed':
      return [
        `the member is attributed to ${named(attributions.flatMap(({ providers }) => providers))}, and the app is ` +
          `bound to ${named(bound)}`,
        `An attribution changes that: \`pa attribute --member ${member} ${option(bound[0])}\`.`,
      ];
    case 'opted-out': {
      const [optOut] = holding(memberFacts?.optOuts);
      const since = optOut === undefined ? '' : ` since ${optOut.from} (${optOut.scope}, event ${optOut.event})`;
      return [`the member is opted out${since}`, `An opt-in changes that: \`pa opt-in --member ${member}\`.`];
    }
    case 'not-covered': {
      const [latest] = [...(memberFacts?.coverage ?? [])].sort((a, b) => (b.to ?? '').localeCompare(a.to ?? ''));
      const ended =
        latest?.to === undefined ? '' : `; coverage ${latest.coverageId} is from ${latest.from} to ${latest.to}`;
      return [
        `the member has no coverage at that moment${ended}`,
        `Coverage changes that: \`pa enroll --member ${member} --coverage ID\`.`,
      ];
    }
    case 'line-not-started': {
      const ids = holding(memberFacts?.coverage).map(({ coverageId }) => coverageId);
      const plans = holding(memberFacts?.plans).filter(({ coverageId }) => ids.includes(coverageId));
      const named = plans.map(({ plan }) => plan).join(', ');
      return [
        named === ''
          ? `the plan of the coverage ${ids.join(', ') || 'now'} is not known, so its line of business is not`
          : `the line of business of the plan ${named} has not started, or the table does not name the plan`,
        'Look with `pa lines show`; `pa lines set FILE` changes the table, and an enrolment names the plan.',
      ];
    }
    case 'not-in-network': {
      const providers = attributions.filter(({ boundToClient }) => boundToClient).flatMap((a) => a.providers);
      return [
        `the provider of the attribution (${named(providers)}) is not in network`,
        `The network status changes that: \`pa network ${option(providers[0])} --status in-network\`.`,
      ];
    }
    default:
      return [causeOf(reason), 'The page /docs/refusals.html says what changes that.'];
  }
}

/** Who attested, when, and by which policy (MATCH.md M37). */
const attestedBy = ({ provider, attestedAt, policy, group }: AttestationFact): string =>
  `attested by ${named([provider]).replace('npi', 'NPI')} on ${attestedAt}, policy ${policy}, Group ${group}`;

/** Two sentences: what decided, and what would change it. */
export function explanationSentences(e: Explanation): readonly [string, string] {
  const { client, member } = e;
  if (e.decision === 'unknown')
    return [
      `Unknown: what the platform recorded before ${e.unknownBefore ?? 'that moment'} is not known any more.`,
      'Ask about a later moment, or with `--known` for what is known now (/docs/explain.html).',
    ];
  if (e.decision === 'deny' && e.reason !== undefined) {
    const [because, change] = denial(e, e.reason);
    return [`Denied (${e.reason}): app ${client} does not see member ${member}, because ${because}.`, change];
  }
  const [ground] = holding(e.memberFacts?.attributions).filter((a) => a.boundToClient && a.inNetwork);
  const [attestation] = holding(e.memberFacts?.attestations).filter(
    (a) => a.ofClient && a.boundToClient && a.inNetwork,
  );
  if (ground === undefined && attestation !== undefined)
    return [
      `Permitted: app ${client} sees member ${member}, who has coverage and is ${attestedBy(attestation)}, until ` +
        `${attestation.to ?? 'it is withdrawn'}.`,
      'This ends when the member opts out, when coverage ends, when the attestation expires or is withdrawn, when ' +
        'the provider leaves the network, or when the app is suspended.',
    ];
  const by = ground === undefined ? '' : ` to ${named(ground.providers)}, which is in network, since ${ground.from}`;
  return [
    `Permitted: app ${client} sees member ${member}, who has coverage and is attributed${by}.`,
    'This ends when the member opts out, when coverage or attribution ends, when the provider leaves the network, or ' +
      'when the app is suspended.',
  ];
}

const WORDED = ['coverage', 'plans', 'attributions', 'attestations', 'optOuts', 'holds', 'sourceHolds', 'mergedWith'];
/** Statements of a kind for which this page has no words, by the name of their list in the answer. */
const otherFacts = (memberFacts: object): [name: string, fact: Marked<Interval & { readonly event: string }>][] =>
  Object.entries(memberFacts).flatMap(([name, list]: [string, unknown]) =>
    Array.isArray(list) && !WORDED.includes(name) ? list.map((fact): [string, never] => [name, fact as never]) : [],
  );

/** The statements behind the decision. */
export function factRows({ memberFacts }: Explanation): string[] {
  if (memberFacts === null) return [];
  const row = (what: string, fact: { from: string; to?: string; holds: boolean }, detail: string): string[] => [
    what,
    fact.holds ? 'yes' : 'no',
    fact.from,
    fact.to ?? '',
    detail,
  ];
  const rows = [
    ...memberFacts.coverage.map((c) => row('coverage', c, `${c.coverageId}, event ${c.event}`)),
    ...(memberFacts.plans ?? []).map((p) => row('plan', p, `${p.plan} of ${p.coverageId}, event ${p.event}`)),
    ...memberFacts.attributions.map((a) =>
      row(
        'attribution',
        a,
        [
          named(a.providers),
          ...(a.boundToClient ? ['of this app'] : []),
          ...(a.inNetwork ? ['in network'] : []),
          `event ${a.event}`,
        ].join(', '),
      ),
    ),
    ...(memberFacts.attestations ?? []).map((a) =>
      row(
        'attestation',
        a,
        [
          attestedBy(a),
          a.ofClient ? 'for this app' : `for the app ${a.client}`,
          ...(a.boundToClient ? ['of this app'] : []),
          ...(a.inNetwork ? ['in network'] : []),
          `event ${a.event}`,
        ].join(', '),
      ),
    ),
    ...memberFacts.optOuts.map((o) => row('opt-out', o, `${o.scope} ${named(o.targets ?? [])}, event ${o.event}`)),
    ...memberFacts.holds.map((h) => row('hold', h, `${h.eventType}, ${h.deadLetter}`)),
    ...memberFacts.sourceHolds.map((h) => row('hold of a source', h, `${h.source}, ${h.eventType}, ${h.deadLetter}`)),
    ...otherFacts(memberFacts).map(([name, fact]) => row(name, fact, `event ${fact.event}`)),
  ];
  return rows.length === 0 ? [] : table(['statement', 'holds', 'from', 'to', 'what'], rows);
}

/** The resources that security labels and lines of business keep from the app; none if nothing is withheld. */
export function withheldLines({ withheld }: Explanation): string[] {
  const lines = withheld?.lines ?? {};
  const cut =
    Object.keys(lines).length === 0
      ? []
      : table(
          ['claims without a line, because of a code', 'claims'],
          Object.entries(lines).map(([tag, count]) => [tag, String(count)]),
        );
  if (withheld === undefined || withheld.resources === 0) return cut;
  const { resources, labels, coverages = {}, tags = {} } = withheld;
  const [hasLabels, hasCoverages] = [Object.keys(labels).length > 0, Object.keys(coverages).length > 0];
  const because = [
    ...(hasLabels || !hasCoverages ? ['security labels (/docs/security-labels.html)'] : []),
    ...(hasCoverages ? ['lines of business (/docs/lines-of-business.html)'] : []),
  ].join(' or ');
  const ofCoverages = Object.entries(coverages).map(([id, count]) => [id || 'none is named', String(count)]);
  return [
    `${resources} ${resources === 1 ? 'resource' : 'resources'} of this member ` +
      `${resources === 1 ? 'is' : 'are'} withheld because of ${because}.`,
    ...(hasCoverages ? table(['coverage', 'resources'], ofCoverages) : []),
    ...(!hasLabels && hasCoverages
      ? []
      : table(
          ['label', 'resources'],
          Object.entries(labels).map(([label, count]) => [label, String(count)]),
        )),
    ...(Object.keys(tags).length === 0
      ? []
      : table(
          ['because of a code', 'resources'],
          Object.entries(tags).map(([tag, count]) => [tag, String(count)]),
        )),
    ...cut,
  ];
}
