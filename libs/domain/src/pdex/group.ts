import type { FhirResource } from '@provider-access/fhir';

import {
  DATA_ABSENT_REASON,
  GROUP_EXTENSIONS,
  GROUP_PROFILES,
  MEMBER_ATTRIBUTION,
  PROVIDER_GROUP_CODE,
  SUBSETTED,
  US_EIN,
  US_NPI,
} from './codes.ts';

/** Codes of ATR's CodeSystem atr-changetype that an entry may have. Who leaves is not listed (ADR 0120). */
export type ChangeType = 'new' | 'changed' | 'nochange';

/** The entry of one attributed member. Dates are FHIR dates. */
export interface GroupMember {
  /** Member id, which is Patient.id. */
  readonly member: string;
  readonly coverageId?: string | undefined;
  readonly from: string;
  readonly to?: string | undefined;
  readonly change: ChangeType;
}
/** The provider of a list as a Reference. Without any of these, entries name no provider. */
export interface GroupProvider {
  /** `Practitioner/p-1`, if the client can read it. */
  readonly reference?: string | undefined;
  readonly identifier?: { readonly system: string; readonly value: string } | undefined;
  readonly display?: string | undefined;
}

/** The payer as a Reference. Without any of these, the Group has no `managingEntity`. */
export interface GroupPayer {
  /** `Organization/payer-1`, if the client can read it. */
  readonly reference?: string | undefined;
  readonly identifier?: { readonly system: string; readonly value: string } | undefined;
  readonly display?: string | undefined;
}

interface GroupIdentifier {
  readonly system: string;
  readonly value: string;
}
/** What the payer says about a list as a whole (`payer.list-changed`). Days are FHIR dates. */
export interface GroupFacts {
  /** ATR's CodeSystem atr-attribution-list-status. */
  readonly status: 'draft' | 'open' | 'final';
  readonly name?: string | undefined;
  readonly validFrom?: string | undefined;
  readonly validTo?: string | undefined;
  /** ACO and settlement ids. */
  readonly identifiers: readonly GroupIdentifier[];
  readonly recipient?: GroupIdentifier | undefined;
}

export interface GroupInput {
  readonly id: string;
  /** Absent in an export, because a read gives another content this version. */
  readonly versionId?: string | undefined;
  /** Instant of the last change of the list; its day is the start of the characteristic's period. */
  readonly lastUpdated: string;
  readonly providerNpi?: string | undefined;
  readonly tin?: string | undefined;
  /** Of the provider, from the payer's directory. */
  readonly providerName?: string | undefined;
  /** The provider's resource in the directory, `Type/id`, if the client can read it. */
  readonly providerReference?: string | undefined;
  readonly contract?: GroupIdentifier | undefined;
  /** Absent: the list is open, and nothing else is known of it. */
  readonly facts?: GroupFacts | undefined;
  readonly payer: GroupPayer;
  readonly members: readonly GroupMember[];
  /** Size of the list, also where `members` is not the whole of it (summary). */
  readonly quantity: number;
  /** Omits the members and adds the tag SUBSETTED. */
  readonly summary?: boolean | undefined;
}

/**
 * The attribution list of one provider as a PDex provider Group (docs/regulation.md#groups; pdex-provider-group,
 * atr-group).
 */
export function groupResource(input: GroupInput): FhirResource {
  const { id, versionId, lastUpdated, providerNpi, tin, contract, facts, payer, members, summary = false } = input;
  const named = nameOf(input);
  const list = listName(input, named);
  const code = { system: MEMBER_ATTRIBUTION, code: PROVIDER_GROUP_CODE, display: 'PDex Provider Group' };
  const known = [
    ...(providerNpi === undefined ? [] : [{ system: US_NPI, value: providerNpi }]),
    ...(tin === undefined ? [] : [{ system: US_EIN, value: tin }]),
  ];
  const provider = providerOf(input);
  const identifier = [...known, ...(contract === undefined ? [] : [contract]), ...(facts?.identifiers ?? [])];
  return {
    resourceType: 'Group',
    id,
    meta: {
      ...(versionId === undefined ? {} : { versionId }),
      lastUpdated,
      profile: [GROUP_PROFILES.pdex, GROUP_PROFILES.atr],
      ...(summary ? { tag: [SUBSETTED] } : {}),
    },
    extension: extensionsOf(facts),
    ...(identifier.length === 0 ? {} : { identifier }),
    active: true,
    type: 'person',
    actual: true,
    code: { coding: [code] },
    ...(list !== undefined && { name: list }),
    quantity: input.quantity,
    ...managingEntity(payer),
    characteristic: [
      {
        code: { coding: [code] },
        valueReference: {
          ...(provider.identifier === undefined ? {} : { identifier: provider.identifier }),
          display: named ?? contract?.value ?? id,
        },
        exclude: false,
        period: { start: lastUpdated.slice(0, 10) },
      },
    ],
    ...(summary || members.length === 0 ? {} : { member: members.map((member) => groupMember(member, provider)) }),
  };
}

function extensionsOf(facts: GroupFacts | undefined): readonly object[] {
  const { status = 'open', validFrom, validTo, recipient } = facts ?? {};
  const period = {
    ...(validFrom === undefined ? {} : { start: validFrom }),
    ...(validTo === undefined ? {} : { end: validTo }),
  };
  return [
    { url: GROUP_EXTENSIONS.listStatus, valueCode: status },
    ...(Object.keys(period).length === 0 ? [] : [{ url: GROUP_EXTENSIONS.contractPeriod, valuePeriod: period }]),
    ...(recipient === undefined ? [] : [{ url: GROUP_EXTENSIONS.recipient, valueIdentifier: recipient }]),
  ];
}

/** The name that the payer gives the list, or that of the provider with the contract. */
function listName({ facts, contract }: GroupInput, provider: string | undefined): string | undefined {
  if (facts?.name !== undefined) return facts.name;
  if (provider === undefined || contract === undefined) return provider;
  return `${provider} (contract ${contract.value})`;
}

/** The provider as a person reads it. */
function nameOf({
  providerName,
  providerNpi,
  tin,
}: Pick<GroupInput, 'providerName' | 'providerNpi' | 'tin'>): string | undefined {
  if (providerName !== undefined && providerName !== '') return providerName;
  if (providerNpi !== undefined) return `NPI ${providerNpi}`;
  return tin === undefined ? undefined : `TIN ${tin}`;
}

/** The profile demands a payer. Where none can be named, the reason stands for it. */
export function managingEntity({ reference, identifier, display }: GroupPayer): { managingEntity: object } {
  const found = {
    ...(reference === undefined ? {} : { reference }),
    ...(identifier === undefined ? {} : { identifier }),
    ...(display === undefined ? {} : { display }),
  };
  const isEmpty = Object.keys(found).length === 0;
  return { managingEntity: isEmpty ? { extension: [{ url: DATA_ABSENT_REASON, valueCode: 'unknown' }] } : found };
}

/** The provider to whom the members of the list are attributed. */
export function providerOf(input: Pick<GroupInput, 'providerNpi' | 'tin' | 'providerName' | 'providerReference'>) {
  const { providerNpi, tin, providerReference: reference } = input;
  const identifier =
    providerNpi !== undefined
      ? { system: US_NPI, value: providerNpi }
      : tin === undefined
        ? undefined
        : { system: US_EIN, value: tin };
  return { reference, identifier, display: nameOf(input) } satisfies GroupProvider;
}

/**
 * The entry of one member in a Group (ATR: one for each pair of a member and a provider). A Group is the list of one
 * provider, so all its entries name the same.
 */
export const groupMember = (
  { member, coverageId, from, to, change }: GroupMember,
  { reference, identifier, display }: GroupProvider,
): Readonly<Record<string, unknown>> => {
  const provider = {
    ...(reference === undefined ? {} : { reference }),
    ...(identifier === undefined ? {} : { identifier }),
    ...(display === undefined ? {} : { display }),
  };
  return {
    extension: [
      { url: GROUP_EXTENSIONS.change, valueCode: change },
      ...(coverageId === undefined
        ? []
        : [{ url: GROUP_EXTENSIONS.coverage, valueReference: { reference: `Coverage/${coverageId}` } }]),
      ...(Object.keys(provider).length === 0 ? [] : [{ url: GROUP_EXTENSIONS.provider, valueReference: provider }]),
    ],
    entity: { reference: `Patient/${member}` },
    period: { start: from, ...(to === undefined ? {} : { end: to }) },
    inactive: false,
  };
};
