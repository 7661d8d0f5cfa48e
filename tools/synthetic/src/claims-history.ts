import { DAY, dayStart, FLOOR, HOUR, YEAR } from './calendar.ts';
import { DISEASES, DRUGS, type Disease } from './catalogue.ts';
import { recorded } from './draft.ts';
import type { Telling } from './telling.ts';
import type { Resource } from './profiles.ts';
import {
  type ClaimContext,
  inpatientClaim,
  oralClaim,
  outpatientClaim,
  pharmacyClaim,
  professionalClaim,
} from './resources/claims.ts';

/**
 * Claims per Medicare beneficiary-year (CMS DE-SynPUF 2008), scaled by `Member.use` and `Member.burden`. Oral: dental
 * plans are few.
 */
export const CLAIM_RATES = {
  professional: 14.7,
  outpatient: 2.4,
  inpatient: 0.24,
  pharmacy: 17.2,
  oral: 0.15,
  adjusted: 0.03,
  reversed: 0.012,
} as const;
type Kind = 'professional' | 'outpatient' | 'inpatient' | 'pharmacy' | 'oral';
const KINDS: readonly Kind[] = ['professional', 'outpatient', 'inpatient', 'pharmacy', 'oral'];

/** Diseases of the member, and sometimes an acute one. */
export function diseaseFor(t: Telling, draw: number, pick: number): Disease {
  const acute = DISEASES.filter((d) => !d.chronic && d.from <= Math.max(t.member.age, 1));
  return t.chronic.length > 0 && draw < 0.7
    ? t.chronic[Math.floor(pick * t.chronic.length)]!
    : acute[Math.floor(pick * acute.length)]!;
}

export function claimsOf(t: Telling): void {
  const { member: m } = t;
  const span = Math.max(0, m.end - m.start - 15 * DAY);
  for (const kind of KINDS) {
    const random = t.stream(`claims-${kind}`);
    const rate = kind === 'oral' ? CLAIM_RATES.oral : CLAIM_RATES[kind] * m.use * m.burden;
    for (let count = random.poisson((rate * span) / YEAR); count > 0; count--)
      claim(t, kind, random, dayStart(m.start + random.unit() * span));
    if (m.legacyStart === undefined) continue;
    // Two claims a year are enough to show that the years before the floor stay out.
    const old = t.stream(`legacy-claims-${kind}`);
    if (kind === 'oral' || kind === 'inpatient') continue;
    for (let count = old.poisson(((FLOOR - m.legacyStart) / YEAR) * 2); count > 0; count--)
      legacyClaim(t, kind, old, dayStart(m.legacyStart + old.unit() * (FLOOR - m.legacyStart - 5 * DAY)));
  }
  if (m.legacyStart !== undefined && m.n % 2 === 0) spanningStay(t);
}

function context(t: Telling, kind: Kind, random: ClaimContext['random'], start: number, prior?: string): ClaimContext {
  const end = kind === 'inpatient' ? start + random.int(2, 9) * DAY : start;
  return {
    member: t.member,
    roster: t.roster,
    random,
    id: t.nextId('eob'),
    start,
    end,
    received: end + random.int(1, 4) * DAY + 10 * HOUR,
    disease: diseaseFor(t, random.unit(), random.unit()),
    practitioner: random.pick(t.member.home.practitioners),
    ...(prior !== undefined && { prior }),
  };
}

function build(kind: Kind, c: ClaimContext): Resource {
  switch (kind) {
    case 'professional':
      return professionalClaim(c, c.random.chance(0.6));
    case 'outpatient':
      return outpatientClaim(c);
    case 'inpatient':
      return inpatientClaim(c);
    case 'pharmacy':
      return pharmacyClaim(c, c.random.pick(DRUGS), c.random.int(0, 5));
    case 'oral':
      return oralClaim(c);
  }
}

function claim(t: Telling, kind: Kind, random: ClaimContext['random'], start: number): void {
  const c = context(t, kind, random, start);
  const resource = build(kind, c);
  t.tell('claims', resource, c.received);
  const again = c.received + random.int(20, 90) * DAY;
  const fate = random.unit();
  if (again >= t.asOf - 20 * DAY || fate >= CLAIM_RATES.adjusted + CLAIM_RATES.reversed) return;
  // Adjusted: the first claim is cancelled and a new one names it. Reversed: cancelled, and nothing replaces it.
  t.tell('claims', { ...resource, status: 'cancelled' }, again);
  if (fate >= CLAIM_RATES.adjusted) return;
  const adjusted: ClaimContext = { ...c, id: t.nextId('eob'), received: again, prior: resource.id };
  t.tell('claims', build(kind, adjusted), again + HOUR);
}

function legacyClaim(t: Telling, kind: Kind, random: ClaimContext['random'], start: number): void {
  const c = context(t, kind, random, start);
  t.add(recorded('claims', build(kind, c), c.received, c.received + DAY, 'before-floor'));
}

/** A stay over New Year 2016. Its service ended after the floor, so the platform owes it. */
function spanningStay(t: Telling): void {
  const c = {
    ...context(t, 'inpatient', t.stream('spanning-stay'), FLOOR - 3 * DAY),
    end: FLOOR + 2 * DAY,
    received: FLOOR + 9 * DAY,
  };
  t.tell('claims', inpatientClaim(c), c.received);
}
