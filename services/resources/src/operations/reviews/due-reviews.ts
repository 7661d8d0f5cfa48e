import { Inject, Injectable } from '@nestjs/common';
import { PayerDays } from '@provider-access/domain/pdex/days';
import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { Facts, isOptOut, type MemberFactsDocument, type MembersPart, personOfId } from '@provider-access/facts';
import { isObject } from '@provider-access/fhir';
import { MOST_IDS } from '@provider-access/intake';
import { instant } from '@provider-access/kernel';
import { recordId, RecordsReader } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { consents, type FoundPart, representedMembers } from '../../projections/consents.ts';
import { type DueReview, reviewsOf } from '../../consents/reviews.ts';
import { representedAt, type StatedConsent } from '../../consents/statements.ts';

/** A statement of a representative that a person must look at again. It has no name of the member. */
interface ReviewRow {
  readonly member: string;
  /** The id of its Consent in the payer's portal. */
  readonly consent: string;
  readonly states: 'opt-out' | 'opt-in';
  /** When it was stated, an RFC 3339 instant. */
  readonly stated: string;
  readonly since: string;
  readonly reasons: readonly DueReview[];
  readonly proof?: StatedConsent['details']['proof'];
}
interface ReviewPage {
  readonly rows: readonly ReviewRow[];
  /** The member behind whom the next page begins; absent on the last one. */
  readonly next?: string;
}

type Patient = Readonly<Record<string, unknown>>;
type PartOfId = Pick<MembersPart, 'mergedWith' | 'retired'>;
interface Represented extends FoundPart {
  /** All ids of the person, this one first. */
  readonly ids: readonly string[];
}

/** Which statements of representatives are due for a review (docs/opt-outs.md, PEOPLE.md N9). It changes nothing. */
@Injectable()
export class DueReviews {
  private readonly reader: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ResourcesConfig,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(RecordsReader) private readonly records: RecordsReader,
    @Inject(PayerDays) private readonly days: PayerDays,
  ) {
    this.reader = ports.views.reader(consents);
  }

  /** The latest day that it is in the payer's time zones. */
  today(): string {
    return this.days.daysAt(this.ports.clock.now()).last;
  }

  /** Looks at `limit` members. A page may have no rows, and others behind it. @throws FactsStale */
  async page(limit: number, after?: string): Promise<ReviewPage> {
    this.facts.access.assertFresh();
    const found = await representedMembers(this.reader, limit, after);
    const persons = await this.personsOf(found);
    const patients = await this.patientsOf(persons);
    const now = instant(this.ports.clock.now());
    const common = { ageOfMajority: this.config.ageOfMajority, days: this.days, today: this.today() };
    const rows = persons.flatMap(({ member, part }, at): ReviewRow[] => {
      const known = patients[at]!;
      if (known.some(isDeceased)) return [];
      const birthDate = known.map((patient) => patient['birthDate']).find((date) => typeof date === 'string');
      return representedAt(part, now).flatMap((statement) => {
        const reasons = reviewsOf(statement, { ...common, birthDate });
        return reasons.length === 0 ? [] : [rowOf(member, statement, reasons)];
      });
    });
    return { rows, ...(found.length === limit && { next: found.at(-1)!.member }) };
  }

  /** Leaves out the ids for which another id of the person stands: it has their statements too. */
  private async personsOf(found: readonly FoundPart[]): Promise<readonly Represented[]> {
    const load = async (ids: readonly string[]): Promise<ReadonlyMap<string, PartOfId>> => {
      const documents = await this.facts.reader.getMany(ids);
      return new Map(documents.flatMap((one) => (one === undefined ? [] : [[one._id, partOf(one)] as const])));
    };
    const parts = await load(found.map(({ member }) => member));
    const persons: Represented[] = [];
    for (const one of found) {
      const person = await personOfId(one.member, parts.get(one.member) ?? {}, { load, most: MOST_IDS });
      if (person.id === one.member)
        persons.push({ ...one, ids: [one.member, ...[...person.parts.keys()].filter((id) => id !== one.member)] });
    }
    return persons;
  }

  /** The Patients of each person, in the order of its ids. */
  private async patientsOf(persons: readonly Represented[]): Promise<readonly (readonly Patient[])[]> {
    const ids = persons.flatMap(({ ids: each }) => each);
    const loaded = await this.records.load(ids.map((id) => recordId(id, 'Patient', id)));
    const byId = new Map(ids.map((id, at) => [id, loaded[at]]));
    return persons.map(({ ids: each }) =>
      each.flatMap((id) => {
        const record = byId.get(id);
        const patient = record === undefined || record.deleted === true ? undefined : patientIn(record.line);
        return patient === undefined ? [] : [patient];
      }),
    );
  }
}

const partOf = (document: ViewDocument): PartOfId => (document as MemberFactsDocument).members ?? {};

function rowOf(member: string, statement: StatedConsent, reasons: readonly DueReview[]): ReviewRow {
  const { proof } = statement.details;
  return {
    member,
    consent: statement.id,
    states: isOptOut(statement) ? 'opt-out' : 'opt-in',
    stated: statement.businessTime,
    since: reasons.map(({ since }) => since).toSorted()[0]!,
    reasons,
    ...(proof !== undefined && { proof }),
  };
}

function patientIn(line: Uint8Array): Patient | undefined {
  try {
    const patient: unknown = JSON.parse(Buffer.from(line).toString());
    return isObject(patient) ? patient : undefined;
  } catch {
    return undefined;
  }
}
const isDeceased = (patient: Patient): boolean =>
  patient['deceasedBoolean'] === true || typeof patient['deceasedDateTime'] === 'string';
