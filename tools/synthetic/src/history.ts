import { flat } from './flat.ts';
import { DAY, dayStart, HOUR, YEAR } from './calendar.ts';
import { DISEASES, type Disease } from './catalogue.ts';
import { claimsOf } from './claims-history.ts';
import { clinicalOf } from './clinical-history.ts';
import { AUTHORIZATION_CHANGED, type Draft, RECORDED, recorded } from './draft.ts';
import type { Member } from './member.ts';
import { Random } from './random.ts';
import { authorizationOf, AUTHORIZATION_RATES, lifeOf, priorAuthorization } from './resources/authorization.ts';
import { documentReference, noteText } from './resources/notes.ts';
import { coverage, imagingStudy, patient, relatedPerson, submittedClaim } from './resources/enrollment.ts';
import type { Roster } from './roster.ts';
import type { Telling } from './telling.ts';

/** All events of a member, each with the outcome on a correct platform, in no order yet. */
export function historyOf(seed: string | number, member: Member, roster: Roster, asOf: number): Draft[] {
  const drafts: Draft[] = [];
  const counters = new Map<string, number>();
  const delays = Random.keyed(seed, 'member', member.n, 'delays');
  const chronic = chronicOf(Random.keyed(seed, 'member', member.n, 'diseases'), member);
  const telling: Telling = {
    seed,
    member,
    roster,
    asOf,
    chronic,
    stream: (purpose) => Random.keyed(seed, 'member', member.n, purpose),
    nextId(kind) {
      const next = (counters.get(kind) ?? 0) + 1;
      counters.set(kind, next);
      return flat(member.id, '-', kind, '-', next);
    },
    tell: (system, resource, time, published = time + delays.int(1, 40) * HOUR) =>
      void drafts.push(recorded(system, resource, time, published)),
    add: (draft) => void drafts.push(draft),
  };
  enroll(telling);
  claimsOf(telling);
  clinicalOf(telling);
  authorizationsOf(telling);
  notServedOf(telling);
  return drafts;
}

function chronicOf(random: Random, member: Member): Disease[] {
  const possible = DISEASES.filter((d) => d.chronic && d.from <= member.age);
  const count = Math.min(possible.length, random.poisson(member.use * 2.4 * Math.sqrt(member.burden)));
  const chosen = new Set<Disease>();
  while (chosen.size < count) chosen.add(random.pick(possible));
  return [...chosen];
}

const fact = (system: string, type: string, time: number, published: number, data: unknown): Draft => ({
  type,
  system,
  time,
  published,
  data,
  outcome: 'recorded',
  about: type,
});

/** Patient, Coverage, enrollment, attribution and consent decide who may see the rest. */
function enroll(t: Telling): void {
  const { member: m, roster, asOf } = t;
  const random = t.stream('enrollment');
  const first = Math.min(m.start, m.legacyStart ?? m.start) - 2 * DAY;
  t.tell('enrollment', patient(m, t.stream('address'), first, false), first, first);
  const moved = m.start + random.unit() * (asOf - m.start);
  if (random.chance(0.15) && moved > m.start + 30 * DAY)
    t.tell('enrollment', patient(m, t.stream('address'), moved, true), moved);
  t.tell('enrollment', coverage(m, roster, first + HOUR, undefined), first + HOUR, first + HOUR);
  // Whenever it is published, the enrollment states since when the member is covered.
  const enrolled = m.lateEnrollment ? m.start + 40 * DAY : first + 2 * HOUR;
  t.add(
    fact('enrollment', 'payer.member-enrolled.v1', first + 2 * HOUR, enrolled, {
      coverageId: m.coverageId,
      from: new Date(m.start).toISOString().slice(0, 10),
      plan: 'Northfield Choice',
    }),
  );
  if (m.terminatedAt !== undefined) {
    const to = new Date(m.terminatedAt).toISOString().slice(0, 10);
    t.add(
      fact('enrollment', 'payer.member-terminated.v1', m.terminatedAt - 3 * DAY, m.terminatedAt - 3 * DAY, {
        coverageId: m.coverageId,
        to,
      }),
    );
    t.tell('enrollment', coverage(m, roster, m.terminatedAt - 3 * DAY, m.terminatedAt), m.terminatedAt - 3 * DAY);
  }
  for (const a of m.attributions) {
    const provider = { npi: a.organization.npi, tin: a.organization.tin, contract: a.organization.contract };
    const from = new Date(a.from).toISOString().slice(0, 10);
    t.add(
      fact(
        'attribution',
        'payer.attribution-asserted.v1',
        a.from + HOUR,
        Math.max(a.from + 5 * HOUR, enrolled + HOUR),
        { provider, from, coverageId: m.coverageId, basis: 'claims of the last 24 months' },
      ),
    );
    if (a.to !== undefined)
      t.add(
        fact('attribution', 'payer.attribution-ended.v1', a.to + HOUR, a.to + 2 * HOUR, {
          provider,
          to: new Date(a.to).toISOString().slice(0, 10),
        }),
      );
  }
  if (m.optOut !== undefined) {
    const { at, back, targets } = m.optOut;
    const scope =
      targets === undefined
        ? { scope: 'global' }
        : { scope: 'provider-specific', targets: targets.map(({ npi, tin }) => ({ npi, tin })) };
    t.add(
      fact('preferences', 'payer.member-opted-out.v1', at, at + HOUR, {
        ...scope,
        effectiveFrom: new Date(at).toISOString(),
        setBy: 'member',
        channel: 'portal',
      }),
    );
    if (back !== undefined)
      t.add(
        fact('preferences', 'payer.member-opted-in.v1', back, back + HOUR, {
          effectiveFrom: new Date(back).toISOString(),
          setBy: 'member',
          channel: 'telephone',
        }),
      );
  }
  if (m.age < 18 || random.chance(0.1)) t.tell('enrollment', relatedPerson(m, first + 3 * HOUR), first + 3 * HOUR);
}

function authorizationsOf(t: Telling): void {
  const { member: m, asOf } = t;
  const random = t.stream('authorizations');
  const span = Math.max(0, m.end - m.start - 10 * DAY);
  for (let count = random.poisson((AUTHORIZATION_RATES.perYear * span) / YEAR); count > 0; count--) {
    const requested = dayStart(m.start + random.unit() * span) + random.int(8, 17) * HOUR;
    const a = authorizationOf(m, t.roster, random, t.nextId('pa'), requested);
    if (a.document !== undefined)
      t.tell(
        'authorizations',
        documentReference(
          m,
          a.document,
          noteText(m, t.chronic[0] ?? DISEASES[12]!, requested, random),
          requested,
          undefined,
          a.practitioner,
        ),
        requested + HOUR,
      );
    lifeOf(random, requested, asOf).forEach((step, sequence) => {
      const resource = priorAuthorization(a, step);
      const data = { resource, sequence };
      // Half of the payers' systems send it as an authorization, half as any other resource. Both mean the same.
      t.add({
        ...recorded('authorizations', resource, step.at, step.at + 2 * HOUR),
        data,
        type: m.n % 2 === 0 ? AUTHORIZATION_CHANGED : RECORDED,
      });
    });
  }
}

/** Resources of types that the platform does not owe: counted, neither stored nor dead letters. */
function notServedOf(t: Telling): void {
  const { member: m } = t;
  const random = t.stream('not-served');
  if (!random.chance(0.3)) return;
  for (let count = random.int(1, 3); count > 0; count--) {
    const at = m.start + random.unit() * (m.end - m.start - DAY);
    const resource = random.chance(0.6)
      ? submittedClaim(m, t.nextId('clm'), t.roster, at, random.int(5_000, 90_000))
      : imagingStudy(m, t.nextId('img'), at);
    t.add(recorded('claims', resource, at, at + HOUR, 'not-served'));
  }
}
