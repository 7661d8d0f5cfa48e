import { randomInt } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fresh, freshPlatform, registerApp } from './harness.ts';
import { publishTaken } from './payers.ts';
import { http, json, kickOff, payerEvent, sealed, texts } from './road.ts';
import { LIMITS } from './world/context.ts';

/** A payer attributes some members by NPI, others by NPI and TIN, and one by both (ATTRIBUTION.md A2). */
const NPI = npiOf(randomInt(1e8));
const TIN = String(randomInt(1e8, 1e9));
const HERE = { plain: 'm-plain', taxed: 'm-taxed', both: 'm-both' } as const;
const enrolled = (member: string): DomainEvent[] => [
  payerEvent('payer.member-enrolled.v1', member, { coverageId: `c-${member}`, from: '2020-01-01' }),
  payerEvent('payer.resource-recorded.v1', member, { resource: { resourceType: 'Patient', id: member } }),
];
const attributed = (member: string, tin?: string): DomainEvent =>
  payerEvent('payer.attribution-asserted.v1', member, {
    provider: { npi: NPI, ...(tin !== undefined && { tin }) },
    from: '2020-01-01',
  });

interface Found {
  readonly id: string;
  readonly quantity: number;
  readonly identifier: readonly { readonly value: string }[];
  readonly member?: readonly { readonly entity: { readonly reference: string } }[];
}
const membersOf = ({ member = [] }: Found): string[] => member.map(({ entity }) => entity.reference.slice(8));

describe('a provider with and without a TIN', () => {
  let fresh: Fresh;
  let practice: () => Promise<string>;
  let taxed: () => Promise<string>;
  /** The id of the Group with the TIN, as an app that is bound to the TIN alone knows it. */
  let former: string;

  const groups = async (token: string): Promise<readonly Found[]> => {
    const bundle = json<{ entry?: { resource: Found }[] }>(
      await http(`${fresh.platform().base}/fhir/Group`, { token }),
    );
    return (bundle.entry ?? []).map(({ resource }) => resource);
  };
  const read = async (id: string, token: string) => http(`${fresh.platform().base}/fhir/Group/${id}`, { token });
  const patientsOf = async (id: string, token: string): Promise<string[]> => {
    const files = await texts(await sealed(await kickOff(fresh.platform(), token, id, '?_type=Patient'), token), token);
    return [...files.values()]
      .flatMap((text) => text.trim().split('\n'))
      .map((line) => (JSON.parse(line) as { id: string }).id)
      .toSorted();
  };

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS });
    const network = { npi: NPI, tin: TIN, status: 'in-network', from: '2020-01-01' };
    await publishTaken(
      fresh.platform(),
      payerEvent('payer.network-status-changed.v1', NPI, network),
      ...Object.values(HERE).flatMap(enrolled),
      attributed(HERE.plain),
    );
    await publishTaken(
      fresh.platform(),
      attributed(HERE.taxed, TIN),
      attributed(HERE.both),
      attributed(HERE.both, TIN),
    );
    const [one, other] = [
      await registerApp(fresh.platform(), { name: 'Practice', npi: NPI }),
      await registerApp(fresh.platform(), { name: 'Taxed', npi: npiOf(randomInt(1e8)), tin: TIN }),
    ];
    practice = () => one.tokens.get();
    taxed = () => other.tokens.get();
    await eventually(async () => expect((await groups(await taxed()))[0]?.quantity).toBe(2));
    former = (await groups(await taxed()))[0]!.id;
  });
  afterAll(() => fresh?.dispose());

  test('A2 the developer finds one Group with all members, each once, and both identifiers', async () => {
    const token = await practice();
    await eventually(async () => expect((await groups(token)).map(({ quantity }) => quantity)).toEqual([3]));
    const [group] = await groups(token);
    expect(membersOf(group!).toSorted()).toEqual(Object.values(HERE).toSorted());
    expect(group!.identifier.map(({ value }) => value)).toEqual([NPI, TIN]);
  });

  test('A2 exports all members with one request', async () => {
    const token = await practice();
    const [group] = await groups(token);
    expect(await patientsOf(group!.id, token)).toEqual(Object.values(HERE).toSorted());
  });

  test('A2 the other id answers with the same Group, and exports it', async () => {
    const token = await practice();
    const [group] = await groups(token);
    expect(former).not.toBe(group!.id);
    const answer = await read(former, token);
    expect([answer.status, json<Found>(answer)]).toEqual([200, json<Found>(await read(group!.id, token))]);
    expect(json<Found>(answer).id).toBe(group!.id);
    expect(answer.headers['content-location']).toMatch(new RegExp(`/fhir/Group/${group!.id}$`));
    expect(await patientsOf(former, token)).toEqual(Object.values(HERE).toSorted());
  });

  test('A2 an app that is bound to the TIN alone sees its own part under its own id, and no other Group', async () => {
    const token = await taxed();
    const [group, ...more] = await groups(token);
    expect([group!.id, membersOf(group!).toSorted(), more]).toEqual([former, [HERE.both, HERE.taxed].toSorted(), []]);
    expect(await patientsOf(former, token)).toEqual([HERE.both, HERE.taxed].toSorted());
    const [list] = await groups(await practice());
    const [foreign, unknown] = [await read(list!.id, token), await read('a'.repeat(26), token)];
    expect([foreign.status, foreign.body.toString()]).toEqual([404, unknown.body.toString()]);
  });
});
