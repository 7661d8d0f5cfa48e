import type { FhirResource } from '@provider-access/kernel/fhir';

import { GROUP_EXTENSIONS, MEMBER_ATTRIBUTION, PROVIDER_GROUP_CODE, SUBSETTED, US_EIN, US_NPI } from './codes.ts';
import { ATR_PROFILES, PDEX_PROFILES } from './profiles.ts';

type ChangeType = 'new' | 'dropped' | 'changed' | 'nochange' | 'cancelled';

/** One attributed member. Dates are FHIR dates. */
export interface GroupMember {
  /** Member id, which is Patient.id. */
  readonly member: string;
  readonly coverageId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** True for a member who is no longer attributed. Default false. */
  readonly inactive?: boolean | undefined;
  readonly changeType?: ChangeType | undefined;
  /** `Practitioner/x`, `PractitionerRole/x` or `Organization/x`. */
  readonly attributedProvider?: string | undefined;
}

export interface GroupInput {
  readonly id: string;
  readonly versionId: string;
  /** Instant of the last change of the list; its day is the start of the characteristic's period. */
  readonly lastUpdated: string;
  readonly providerNpi?: string | undefined;
  readonly tin?: string | undefined;
  readonly contract?:
    | {
        readonly value: string;
        readonly system?: string | undefined;
        readonly from?: string | undefined;
        readonly to?: string | undefined;
      }
    | undefined;
  readonly name?: string | undefined;
  readonly providerDisplay?: string | undefined;
  /** The payer: `Organization/payer-1`. */
  readonly payer: { readonly reference: string; readonly display?: string | undefined };
  readonly listStatus?: 'draft' | 'open' | 'final' | undefined;
  readonly active?: boolean | undefined;
  readonly members: readonly GroupMember[];
  /** Size of the list when `members` is not the whole of it (summary). */
  readonly quantity?: number | undefined;
  /** Omits the members and adds the tag SUBSETTED. */
  readonly summary?: boolean | undefined;
}

/**
 * The attribution list of one provider as a PDex provider Group (docs/regulation.md#groups; pdex-provider-group,
 * atr-group).
 */
export function groupResource(input: GroupInput): FhirResource {
  const { id, versionId, lastUpdated, providerNpi, tin, contract, payer, members, summary = false } = input;
  const provider =
    providerNpi === undefined
      ? tin === undefined
        ? undefined
        : { system: US_EIN, value: tin }
      : { system: US_NPI, value: providerNpi };
  const display = input.providerDisplay ?? input.name;
  const code = { system: MEMBER_ATTRIBUTION, code: PROVIDER_GROUP_CODE, display: 'PDex Provider Group' };
  const identifier = [
    ...(providerNpi === undefined ? [] : [{ system: US_NPI, value: providerNpi }]),
    ...(tin === undefined ? [] : [{ system: US_EIN, value: tin }]),
    ...(contract === undefined
      ? []
      : [{ ...(contract.system === undefined ? {} : { system: contract.system }), value: contract.value }]),
  ];
  const contractPeriod = period(contract?.from, contract?.to);
  return {
    resourceType: 'Group',
    id,
    meta: {
      versionId,
      lastUpdated,
      profile: [PDEX_PROFILES.providerGroup, ATR_PROFILES.group],
      ...(summary ? { tag: [SUBSETTED] } : {}),
    },
    extension: [
      { url: GROUP_EXTENSIONS.listStatus, valueCode: input.listStatus ?? 'open' },
      ...(contractPeriod === undefined ? [] : [{ url: GROUP_EXTENSIONS.contractPeriod, valuePeriod: contractPeriod }]),
    ],
    ...(identifier.length === 0 ? {} : { identifier }),
    active: input.active ?? true,
    type: 'person',
    actual: true,
    code: { coding: [code] },
    ...(input.name === undefined ? {} : { name: input.name }),
    quantity:
      input.quantity ?? new Set(members.filter((member) => member.inactive !== true).map(({ member }) => member)).size,
    managingEntity: { reference: payer.reference, ...(payer.display === undefined ? {} : { display: payer.display }) },
    characteristic: [
      {
        code: { coding: [code] },
        valueReference: {
          ...(provider === undefined ? {} : { identifier: provider }),
          display: display ?? provider?.value ?? contract?.value ?? id,
        },
        exclude: false,
        period: { start: lastUpdated.slice(0, 10) },
      },
    ],
    ...(summary || members.length === 0 ? {} : { member: members.map(groupMember) }),
  };
}

/** One entry of Group.member. */
function groupMember({
  member,
  coverageId,
  from,
  to,
  inactive = false,
  changeType,
  attributedProvider,
}: GroupMember): Readonly<Record<string, unknown>> {
  const extension = [
    ...(changeType === undefined ? [] : [{ url: GROUP_EXTENSIONS.changeType, valueCode: changeType }]),
    ...(coverageId === undefined
      ? []
      : [{ url: GROUP_EXTENSIONS.coverage, valueReference: { reference: `Coverage/${coverageId}` } }]),
    ...(attributedProvider === undefined
      ? []
      : [{ url: GROUP_EXTENSIONS.attributedProvider, valueReference: { reference: attributedProvider } }]),
  ];
  const attribution = period(from, to);
  return {
    ...(extension.length === 0 ? {} : { extension }),
    entity: { reference: `Patient/${member}` },
    ...(attribution === undefined ? {} : { period: attribution }),
    inactive,
  };
}

function period(start: string | undefined, end: string | undefined): { start?: string; end?: string } | undefined {
  if (start === undefined && end === undefined) return undefined;
  return { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
}
