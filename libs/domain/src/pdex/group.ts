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

/** One attributed member. Dates are FHIR dates. */
export interface GroupMember {
  /** Member id, which is Patient.id. */
  readonly member: string;
  readonly coverageId?: string | undefined;
  readonly from: string;
  readonly to?: string | undefined;
}

/** The payer as a Reference. Without any of these, the Group has no `managingEntity`. */
export interface GroupPayer {
  /** `Organization/payer-1`, if the client can read it. */
  readonly reference?: string | undefined;
  readonly identifier?: { readonly system: string; readonly value: string } | undefined;
  readonly display?: string | undefined;
}

export interface GroupInput {
  readonly id: string;
  readonly versionId: string;
  /** Instant of the last change of the list; its day is the start of the characteristic's period. */
  readonly lastUpdated: string;
  readonly providerNpi?: string | undefined;
  readonly tin?: string | undefined;
  /** Of the provider, from the payer's directory. */
  readonly providerName?: string | undefined;
  readonly contract?: { readonly system: string; readonly value: string } | undefined;
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
  const { id, versionId, lastUpdated, providerNpi, tin, contract, payer, members, summary = false } = input;
  const named = nameOf(input);
  const code = { system: MEMBER_ATTRIBUTION, code: PROVIDER_GROUP_CODE, display: 'PDex Provider Group' };
  const known = [
    ...(providerNpi === undefined ? [] : [{ system: US_NPI, value: providerNpi }]),
    ...(tin === undefined ? [] : [{ system: US_EIN, value: tin }]),
  ];
  const [provider] = known;
  const identifier = [...known, ...(contract === undefined ? [] : [contract])];
  return {
    resourceType: 'Group',
    id,
    meta: {
      versionId,
      lastUpdated,
      profile: [GROUP_PROFILES.pdex, GROUP_PROFILES.atr],
      ...(summary ? { tag: [SUBSETTED] } : {}),
    },
    extension: [{ url: GROUP_EXTENSIONS.listStatus, valueCode: 'open' }],
    ...(identifier.length === 0 ? {} : { identifier }),
    active: true,
    type: 'person',
    actual: true,
    code: { coding: [code] },
    ...(named !== undefined && { name: `${named}${contract === undefined ? '' : ` (contract ${contract.value})`}` }),
    quantity: input.quantity,
    ...managingEntity(payer),
    characteristic: [
      {
        code: { coding: [code] },
        valueReference: {
          ...(provider === undefined ? {} : { identifier: provider }),
          display: named ?? contract?.value ?? id,
        },
        exclude: false,
        period: { start: lastUpdated.slice(0, 10) },
      },
    ],
    ...(summary || members.length === 0 ? {} : { member: members.map(groupMember) }),
  };
}

/** The provider as a person reads it. */
function nameOf({ providerName, providerNpi, tin }: GroupInput): string | undefined {
  if (providerName !== undefined && providerName !== '') return providerName;
  if (providerNpi !== undefined) return `NPI ${providerNpi}`;
  return tin === undefined ? undefined : `TIN ${tin}`;
}

/** The profile demands a payer. Where none can be named, the reason stands for it. */
function managingEntity({ reference, identifier, display }: GroupPayer): { managingEntity: object } {
  const found = {
    ...(reference === undefined ? {} : { reference }),
    ...(identifier === undefined ? {} : { identifier }),
    ...(display === undefined ? {} : { display }),
  };
  const isEmpty = Object.keys(found).length === 0;
  return { managingEntity: isEmpty ? { extension: [{ url: DATA_ABSENT_REASON, valueCode: 'unknown' }] } : found };
}

/** The entry of one member in a Group. */
export const groupMember = ({ member, coverageId, from, to }: GroupMember): Readonly<Record<string, unknown>> => ({
  ...(coverageId === undefined
    ? {}
    : {
        extension: [{ url: GROUP_EXTENSIONS.coverage, valueReference: { reference: `Coverage/${coverageId}` } }],
      }),
  entity: { reference: `Patient/${member}` },
  period: { start: from, ...(to === undefined ? {} : { end: to }) },
  inactive: false,
});
