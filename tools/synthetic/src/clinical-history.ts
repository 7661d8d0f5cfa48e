import { flat } from './flat.ts';
import { DAY, dayStart, FLOOR, HOUR, YEAR } from './calendar.ts';
import { ALLERGIES, DRUGS, NOTE_TYPES, OFFICE_VISITS, PANELS, SERVICES, VACCINES } from './catalogue.ts';
import { CLAIM_RATES, diseaseFor } from './claims-history.ts';
import { recorded } from './draft.ts';
import type { Telling } from './telling.ts';
import { type Json, quantity, type Resource } from './profiles.ts';
import type { Random } from './random.ts';
import * as clinical from './resources/clinical.ts';
import * as observations from './resources/observations.ts';
import * as notes from './resources/notes.ts';
import * as drugs from './resources/drugs.ts';
import * as plans from './resources/plans.ts';

/** The share of professional claims whose visit also exists as clinical data. */
const VISITS_WITH_DATA = 0.42;
const PRELIMINARY_FIRST = 0.02;

export function clinicalOf(t: Telling): void {
  standing(t);
  problems(t);
  medications(t);
  vaccines(t);
  const { member: m } = t;
  const random = t.stream('visits');
  const span = Math.max(0, m.end - m.start - 9 * DAY);
  const targets: string[] = [];
  for (
    let count = random.poisson((CLAIM_RATES.professional * m.use * m.burden * VISITS_WITH_DATA * span) / YEAR);
    count > 0;
    count--
  ) {
    visit(t, random, dayStart(m.start + random.unit() * span) + random.int(13, 21) * HOUR, targets);
  }
  legacyVisits(t);
  // Provenance as payers send it: one for hundreds of targets.
  for (let from = 0; from < targets.length; from += 250) {
    t.tell(
      'clinical',
      clinical.provenance(
        m,
        t.nextId('prov'),
        targets.slice(from, from + 250),
        m.end - 2 * DAY,
        m.home.practitioners[0]!,
        t.roster.payer,
      ),
      m.end - 2 * DAY,
    );
  }
}

/** Resources of every member: a care team and a smoking status, and for some allergies and devices. */
function standing(t: Telling): void {
  const { member: m } = t;
  const random = t.stream('standing');
  const at = m.start + random.int(1, 20) * DAY + 10 * HOUR;
  const practitioners = m.home.practitioners;
  t.tell(
    'clinical',
    plans.careTeam(m, flat(m.id, '-ct-1'), m.start, at, [
      practitioners[m.n % practitioners.length]!,
      practitioners[(m.n + 3) % practitioners.length]!,
    ]),
    at,
    at,
  );
  if (m.age >= 13) {
    const [code, text] = random.weighted([
      [60, ['266919005', 'Never smoked tobacco']],
      [25, ['8517006', 'Ex-smoker']],
      [15, ['449868002', 'Smokes tobacco daily']],
    ] as const);
    t.tell('clinical', observations.smokingStatus(m, t.nextId('obs'), at, code, text), at);
  }
  if (random.chance(0.35)) t.tell('clinical', clinical.allergy(m, t.nextId('alg'), random.pick(ALLERGIES), at), at);
  if (m.age > 55 && random.chance(0.15)) t.tell('clinical', clinical.device(m, t.nextId('dev'), at), at);
}

/**
 * Chronic diseases. Some were known before the floor and are still active, so the platform owes them. Each third has a
 * plan and a goal.
 */
function problems(t: Telling): void {
  const { member: m } = t;
  const random = t.stream('problems');
  t.chronic.forEach((disease, i) => {
    const onset = dayStart(
      m.legacyStart !== undefined && i === 0 ? m.legacyStart : m.start + random.unit() * (m.end - m.start) * 0.5,
    );
    const noted = Math.max(onset, m.start) + DAY;
    const id = t.nextId('cond');
    t.tell('clinical', clinical.condition(m, id, disease, onset, noted, 'problem', 'active'), noted);
    const abated = onset + random.int(200, 900) * DAY;
    if (random.chance(0.12) && abated < t.asOf - 30 * DAY && abated > FLOOR && abated > noted)
      t.tell(
        'clinical',
        clinical.condition(m, id, disease, onset, abated, 'problem', 'resolved', abated),
        abated + DAY,
      );
    if (i % 3 !== 0) return;
    const goalId = t.nextId('goal');
    t.tell('clinical', plans.goal(m, goalId, disease, noted), noted);
    t.tell(
      'clinical',
      plans.carePlan(m, t.nextId('plan'), noted, noted, disease, flat(m.id, '-ct-1'), goalId, 'active'),
      noted + HOUR,
    );
  });
}

function medications(t: Telling): void {
  const { member: m } = t;
  const random = t.stream('medications');
  const span = m.end - m.start - 40 * DAY;
  if (span <= 0) return;
  for (let count = Math.max(t.chronic.length, random.poisson(0.9 * m.years * m.use * m.burden)); count > 0; count--) {
    const drug = random.pick(DRUGS);
    const at = dayStart(m.start + random.unit() * span) + 15 * HOUR;
    const practitioner = random.pick(m.home.practitioners);
    const id = t.nextId('rx');
    const medicationId = random.chance(0.1) ? t.nextId('med') : undefined;
    if (medicationId !== undefined) t.tell('clinical', drugs.medication(m, medicationId, drug, at), at);
    t.tell('clinical', drugs.medicationRequest(m, id, drug, at, undefined, practitioner, 'active', medicationId), at);
    const stopped = at + random.int(60, 300) * DAY;
    for (let refill = 0; refill < 6; refill++) {
      const filled = at + refill * 30 * DAY + random.int(0, 3) * DAY;
      if (filled > Math.min(stopped, m.end - DAY) || random.chance(0.3)) break;
      t.tell(
        'clinical',
        drugs.medicationDispense(m, t.nextId('disp'), drug, id, refill === 0, filled, random.pick(t.roster.pharmacies)),
        filled,
      );
    }
    if (stopped < t.asOf - 10 * DAY)
      t.tell(
        'clinical',
        drugs.medicationRequest(
          m,
          id,
          drug,
          at,
          undefined,
          practitioner,
          random.chance(0.8) ? 'completed' : 'stopped',
          medicationId,
        ),
        stopped,
      );
  }
}

function vaccines(t: Telling): void {
  const { member: m } = t;
  const random = t.stream('vaccines');
  const span = Math.max(0, m.end - m.start - 5 * DAY);
  for (let count = random.poisson((span / YEAR) * (m.age < 6 ? 3 : 1)); count > 0; count--) {
    const at = dayStart(m.start + random.unit() * span) + 16 * HOUR;
    t.tell(
      'clinical',
      drugs.immunization(m, t.nextId('imm'), random.pick(VACCINES), at, random.pick(m.home.practitioners)),
      at + HOUR,
    );
  }
}

function visit(t: Telling, random: Random, at: number, targets: string[]): void {
  const { member: m } = t;
  const practitioner = random.pick(m.home.practitioners);
  const disease = diseaseFor(t, random.unit(), random.unit());
  const encounterId = t.nextId('enc');
  const inpatient = random.chance(0.015);
  const end = inpatient ? at + random.int(2, 6) * DAY : at + random.int(1, 4) * (HOUR / 4);
  const say = (resource: Resource, time = end + HOUR): void => {
    targets.push(flat(resource.resourceType, '/', resource.id));
    t.tell('clinical', resource, Math.min(time, t.asOf - HOUR));
  };
  say(
    clinical.encounter(m, encounterId, at, end, inpatient, practitioner, disease, random.pick(OFFICE_VISITS).text, {
      organization: t.roster.hospital,
      location: t.roster.hospitalLocation,
    }),
  );
  vitals(m.age, random).forEach(([profile, loinc, text, value]) =>
    say(observations.vital(m, t.nextId('obs'), profile, loinc, text, value, at, encounterId, practitioner)),
  );
  const note = notes.noteText(m, disease, at, random);
  say(notes.documentReference(m, t.nextId('doc'), note, at, encounterId, practitioner, random.pick(NOTE_TYPES)));
  if (!disease.chronic && random.chance(0.5))
    say(
      clinical.condition(
        m,
        t.nextId('cond'),
        disease,
        at,
        end,
        'encounter',
        'resolved',
        at + 12 * DAY < t.asOf ? at + 12 * DAY : at,
        encounterId,
      ),
    );
  if (random.chance(0.45)) laboratory(t, random, at, encounterId, say);
  if (random.chance(0.2)) say(notes.noteReport(m, t.nextId('rep'), note, at, encounterId, practitioner));
  if (random.chance(0.3)) {
    const service = random.pick(SERVICES);
    if (random.chance(0.6))
      say(clinical.serviceRequest(m, t.nextId('sr'), service, at, encounterId, practitioner, 'completed'));
    say(clinical.procedure(m, t.nextId('proc'), service, at + HOUR / 4, encounterId, practitioner));
  }
  if (m.age >= 18 && random.chance(0.15))
    say(observations.screening(m, t.nextId('obs'), at, random.int(0, 18), encounterId, practitioner));
}

function laboratory(
  t: Telling,
  random: Random,
  at: number,
  encounterId: string,
  say: (resource: Resource, time?: number) => void,
): void {
  const { member: m } = t;
  const panel = random.pick(PANELS);
  const specimenId = random.chance(0.5) ? t.nextId('spec') : undefined;
  if (specimenId !== undefined) say(observations.specimen(m, specimenId, at));
  const results = panel.tests.map((test) => {
    const result = observations.labResult(
      m,
      t.nextId('obs'),
      test,
      random,
      at,
      encounterId,
      specimenId,
      t.roster.laboratory,
    );
    if (random.chance(PRELIMINARY_FIRST) && at + 4 * DAY < t.asOf) {
      say({ ...result, status: 'preliminary' }, at + 20 * HOUR);
      t.tell('clinical', result, at + 3 * DAY);
    } else say(result, at + 20 * HOUR);
    return result.id;
  });
  say(observations.labReport(m, t.nextId('rep'), panel, results, at, encounterId, t.roster.laboratory), at + 21 * HOUR);
}

type Vital = readonly [profile: string, loinc: string, text: string, value: Json];
function vitals(age: number, random: Random): Vital[] {
  const adult = age >= 18;
  const height = adult ? random.int(150, 195) : 60 + age * 6 + random.int(0, 8);
  const weight = adult ? random.int(52, 120) : 5 + age * 3 + random.int(0, 4);
  const value = (amount: number, unit: string, code = unit): Json => ({ valueQuantity: quantity(amount, unit, code) });
  const all: Vital[] = [
    [
      'us-core-blood-pressure',
      '85354-9',
      'Blood pressure systolic and diastolic',
      observations.bloodPressure(random.int(102, 165), random.int(60, 98)),
    ],
    ['us-core-body-weight', '29463-7', 'Body weight', value(weight, 'kg')],
    ['us-core-heart-rate', '8867-4', 'Heart rate', value(random.int(55, 105), 'beats/minute', '/min')],
    ['us-core-body-height', '8302-2', 'Body height', value(height, 'cm')],
    [
      'us-core-bmi',
      '39156-5',
      'Body mass index (BMI) [Ratio]',
      value(Number((weight / (height / 100) ** 2).toFixed(1)), 'kg/m2'),
    ],
    ['us-core-respiratory-rate', '9279-1', 'Respiratory rate', value(random.int(12, 20), 'breaths/minute', '/min')],
    [
      'us-core-body-temperature',
      '8310-5',
      'Body temperature',
      value(Number((36.2 + random.unit() * 1.6).toFixed(1)), 'Cel'),
    ],
  ];
  return all.slice(0, random.int(2, all.length));
}

/** Visits before the floor, with types whose date of service is certain. */
function legacyVisits(t: Telling): void {
  const { member: m } = t;
  if (m.legacyStart === undefined) return;
  const random = t.stream('legacy-visits');
  const practitioner = m.home.practitioners[0]!;
  for (let count = 2 + random.poisson(3); count > 0; count--) {
    const at = dayStart(m.legacyStart + random.unit() * (FLOOR - m.legacyStart - 3 * DAY)) + 15 * HOUR;
    const old = (resource: Resource): void =>
      t.add(recorded('clinical', resource, at + HOUR, at + DAY, 'before-floor'));
    const encounterId = t.nextId('enc');
    old(
      clinical.encounter(
        m,
        encounterId,
        at,
        at + HOUR,
        false,
        practitioner,
        diseaseFor(t, 1, random.unit()),
        OFFICE_VISITS[0]!.text,
        { organization: t.roster.hospital, location: t.roster.hospitalLocation },
      ),
    );
    vitals(m.age, random).forEach(([profile, loinc, text, value]) =>
      old(observations.vital(m, t.nextId('obs'), profile, loinc, text, value, at, encounterId, practitioner)),
    );
    old(clinical.procedure(m, t.nextId('proc'), SERVICES[0]!, at, encounterId, practitioner));
    old(drugs.immunization(m, t.nextId('imm'), VACCINES[0]!, at, practitioner));
  }
}
