import { isSharedType, searchOf, SERVED_TYPES } from '@provider-access/fhir';
import { profilesOf } from '@provider-access/fhir/profiles';
import { mayBeShared } from '@provider-access/records';
import {
  ATR,
  EXPORT_PARAMETERS,
  type ExportOperation,
  type ExportParameter,
  GROUP_PROFILES,
} from '@provider-access/domain/pdex';
import { MATCH_SCOPES } from '@provider-access/domain/smart';
import { FHIR_TYPE } from '@provider-access/service/http';
import { RELEASE } from '@provider-access/process';
import type { Descriptor } from '@provider-access/service/operation';
import { CONSENT_PROFILE } from '../../consents/resource.ts';
import { CONSENT_PARAMETERS } from '../consents/search.ts';

/** Profiles of ATR 2.1.0 beside that of Group. The list export has these types. */
const ATR_PROFILES: Readonly<Record<string, string>> = {
  Coverage: `${ATR}atr-coverage`,
  Location: `${ATR}atr-location`,
  Organization: `${ATR}atr-organization`,
  Patient: `${ATR}atr-patient`,
  Practitioner: `${ATR}atr-practitioner`,
  PractitionerRole: `${ATR}atr-practitionerrole`,
  RelatedPerson: `${ATR}atr-relatedperson`,
};
/** The versions of guides whose profiles the statement names (docs/regulation.md#profiles). */
const GUIDES: ReadonlySet<string> = new Set(['US Core 6.1.0', 'CARIN BB 2.2.0', 'CARIN BB 2.1.0', 'PDex 2.2.0']);
/** The profiles of a type that intake checks. A payer's resource may declare others, which nobody here has checked. */
const profilesOfType = (type: string): readonly string[] => [
  ...new Set(
    profilesOf(type)
      .filter(({ guide }) => GUIDES.has(`${guide.name} ${guide.version}`))
      .map(({ url }) => url),
  ),
  ...(ATR_PROFILES[type] === undefined ? [] : [ATR_PROFILES[type]]),
];

/**
 * The guides that the statement claims, each with its own statement for servers. The server meets every SHALL of that
 * statement, and docs/regulation.md explains every other SHALL that is not met (ADR 0060). `test/claims.ts` lists for
 * each guide what is not met, and a spec compares both.
 */
const CLAIMED: readonly { readonly guide: string; readonly statement?: string }[] = [
  {
    guide: 'http://hl7.org/fhir/us/davinci-pdex/ImplementationGuide/hl7.fhir.us.davinci-pdex|2.1.0',
    statement: 'http://hl7.org/fhir/us/davinci-pdex/CapabilityStatement/pdex-provider-access-server',
  },
  {
    guide: 'http://hl7.org/fhir/us/davinci-atr/ImplementationGuide/hl7.fhir.us.davinci-atr|2.1.0',
    statement: 'http://hl7.org/fhir/us/davinci-atr/CapabilityStatement/atr-producer',
  },
  {
    guide: 'http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata|3.0.0',
    statement: 'http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data',
  },
  { guide: 'http://hl7.org/fhir/smart-app-launch/ImplementationGuide/hl7.fhir.uv.smart-app-launch|2.2.0' },
];

/** With `EXPORT_MANIFEST=4`, the manifest is none of an earlier version. */
const claimedWith = (manifest: '3' | '4') =>
  manifest === '3'
    ? CLAIMED
    : CLAIMED.map((claim) => ({ ...claim, guide: claim.guide.replace('bulkdata|3.0.0', 'bulkdata|4.0.0-ballot') }));

const EXPECTATION = 'http://hl7.org/fhir/StructureDefinition/capabilitystatement-expectation';
const COMBINATION = 'http://hl7.org/fhir/StructureDefinition/capabilitystatement-search-parameter-combination';
const expected = (level: string): object => ({ url: EXPECTATION, valueCode: level });

const searchParam = (type: string): readonly object[] =>
  searchOf(type)!.parameters.map(({ name, definition, kind, documentation, level }) => ({
    extension: [expected(level)],
    name,
    ...(definition !== undefined && { definition }),
    type: kind,
    documentation,
  }));

const reachOf = (type: string): string =>
  `Members attributed to the caller only${mayBeShared(type) ? ', and what the payer shares without a patient' : ''}.`;

/** What the operations on a type say of it. `path`: the base of its paths. */
function offered(path: string, operations: readonly Descriptor[]) {
  const on = operations.filter(({ route }) => route.split(' ')[1]!.startsWith(path));
  const [conditionalRead] = on.flatMap(({ conditional }) => conditional ?? []);
  return {
    interaction: [...new Set(on.flatMap(({ interaction }) => interaction ?? []))].map((code) => ({ code })),
    conditionalRead,
    operation: [...new Set(on.flatMap(({ capability }) => capability ?? []))],
  };
}

function resource(type: string, operations: readonly Descriptor[]): unknown {
  const { interaction, conditionalRead } = offered('/fhir/{type}', operations);
  const { operation } = offered(`/fhir/${type}/`, operations);
  const { parameters, combinations, includeForms, revincludes } = searchOf(type)!;
  const profiles = profilesOfType(type);
  const alone = parameters.filter((p) => p.alone === true).map(({ name }) => name);
  return {
    ...(combinations.length > 0 && {
      extension: combinations.map(({ names, level }) => ({
        url: COMBINATION,
        extension: [expected(level), ...names.map((name) => ({ url: 'required', valueString: name }))],
      })),
    }),
    type,
    ...(profiles.length > 0 && { supportedProfile: profiles }),
    ...(!isSharedType(type) && {
      documentation: `${reachOf(type)} A search needs one of ${alone.join(', ')}.`,
    }),
    interaction,
    versioning: 'versioned',
    readHistory: true,
    conditionalRead,
    ...(includeForms.length > 0 && { searchInclude: includeForms }),
    ...(revincludes.length > 0 && { searchRevInclude: revincludes }),
    searchParam: searchParam(type),
    ...(operation.length > 0 && { operation }),
  };
}

/** Every search parameter works in `_typeFilter` too, so none is marked with operation-not-supported. */
const parametersOf = (operation: ExportOperation): string =>
  (EXPORT_PARAMETERS as readonly ExportParameter[])
    .filter(({ operations, offered: isOffered }) => isOffered && operations.includes(operation))
    .map(({ name }) => name)
    .join(', ');

const group = {
  type: 'Group',
  documentation: 'The own Groups of the caller only, by GET and by POST _search.',
  supportedProfile: [GROUP_PROFILES.atr, GROUP_PROFILES.pdex],
  interaction: ['read', 'vread', 'history-instance', 'search-type'].map((code) => ({ code })),
  versioning: 'versioned',
  // A history has the version that the client sees now, and no former one (ADR 0054).
  readHistory: false,
  conditionalRead: 'not-match',
  searchParam: searchParam('Group'),
  operation: [
    {
      name: 'export',
      definition: 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export',
      documentation:
        `FHIR NDJSON of the members of the Group, with ${parametersOf('$export')}. Resources of the directory that a ` +
        'released resource refers to come along. A member who became visible after _since comes whole.',
    },
    {
      name: 'davinci-data-export',
      definition: 'http://hl7.org/fhir/us/davinci-atr/OperationDefinition/davinci-data-export',
      documentation: `As export, also with exportType: ${parametersOf('$davinci-data-export')}.`,
    },
    {
      name: 'provider-member-match',
      definition: MATCH_SCOPES[0],
      documentation:
        'On the type, by POST, asynchronous as export. A provider attests that it treats people, and gets Groups of ' +
        `those who match and of the others. It needs the scope ${MATCH_SCOPES.join(' or ')}, or system/Group.rs.`,
    },
  ],
};

const binary = (operations: readonly Descriptor[]) => ({
  type: 'Binary',
  documentation:
    'The content of a large attachment, by the URL in the resource that carries it, with the scope and the decision ' +
    'of that resource. Bytes with ranges, or a Binary resource for ' +
    `${FHIR_TYPE}. No search.`,
  interaction: offered('/fhir/Binary', operations).interaction,
});

interface About {
  readonly publicUrl: string;
  readonly sandbox: boolean;
}
/** What a statement says of the server, whoever asks. */
const server = ({ publicUrl, sandbox }: About) => ({
  version: RELEASE.version,
  status: 'active',
  date: RELEASE.releaseDate,
  publisher: 'The payer that runs this server',
  kind: 'instance',
  software: { name: 'provider-access', version: RELEASE.version },
  implementation: {
    description: `Provider Access API${sandbox ? ' - a sandbox: all data is synthetic' : ''}`,
    url: `${publicUrl}/fhir`,
  },
  fhirVersion: '4.0.1',
  format: ['json', FHIR_TYPE],
});

/**
 * GET [base]/metadata (docs/regulation.md#capabilitystatement), from the operations of this service and the tables
 * that their handlers use. It has what an app can use, and nothing else.
 * https://hl7.org/fhir/R4/capabilitystatement.html
 */
export function capabilityStatement(
  publicUrl: string,
  operations: readonly Descriptor[],
  sandbox = false,
  manifest: '3' | '4' = '3',
): string {
  const claimed = claimedWith(manifest);
  const base = `${publicUrl}/fhir`;
  return JSON.stringify({
    resourceType: 'CapabilityStatement',
    id: 'provider-access',
    url: `${base}/metadata`,
    name: 'ProviderAccess',
    title: 'Provider Access API',
    ...server({ publicUrl, sandbox }),
    description:
      'Provider Access API of CMS-0057-F: data of attributed members for in-network providers, without remittances ' +
      'and cost sharing.',
    instantiates: claimed.flatMap(({ statement }) => statement ?? []),
    implementationGuide: claimed.map(({ guide }) => guide),
    rest: [
      {
        mode: 'server',
        documentation:
          `Guides and an OpenAPI description: ${publicUrl}/docs. ` + `Help for providers: ${publicUrl}/providers`,
        security: {
          cors: false,
          service: [
            {
              coding: [
                { system: 'http://terminology.hl7.org/CodeSystem/restful-security-service', code: 'SMART-on-FHIR' },
              ],
              text: 'SMART Backend Services',
            },
          ],
          description:
            // The extension oauth-uris demands an authorization endpoint, which a backend service does not have.
            `SMART Backend Services (private_key_jwt, system scopes); see ${base}/.well-known/smart-configuration. ` +
            `Tokens: ${publicUrl}/auth/token. Registration: ${publicUrl}/auth/register. ` +
            'A request without a valid token is 401, and one beyond its scope 403.',
        },
        resource: [...SERVED_TYPES.map((type) => resource(type, operations)), group, binary(operations)].toSorted(
          (a, b) => ((a as { type: string }).type < (b as { type: string }).type ? -1 : 1),
        ),
      },
    ],
  });
}

/** GET [base]/metadata with the token of the payer's portal for members: Consents alone (ADR 0101). */
export function portalStatement(publicUrl: string, operations: readonly Descriptor[], sandbox = false): string {
  const { interaction, conditionalRead } = offered('/fhir/Consent', operations);
  return JSON.stringify({
    resourceType: 'CapabilityStatement',
    id: 'member-portal',
    url: `${publicUrl}/fhir/metadata`,
    name: 'ProviderAccessMemberPortal',
    title: 'Provider Access API for the portal of members',
    ...server({ publicUrl, sandbox }),
    description: 'Decisions of members about the Provider Access API, for the payer and its portal.',
    rest: [
      {
        mode: 'server',
        documentation: `How opt-outs work: ${publicUrl}/docs/opt-outs.html`,
        security: { cors: false, description: 'A bearer token that the payer issues to its portal.' },
        resource: [
          {
            type: 'Consent',
            documentation: 'A search needs one of patient, _id. A decision is revoked by creating another Consent.',
            supportedProfile: [CONSENT_PROFILE],
            interaction,
            versioning: 'versioned',
            readHistory: true,
            conditionalRead,
            searchParam: CONSENT_PARAMETERS.map(({ name, type, definition, level, description }) => ({
              extension: [expected(level)],
              name,
              ...(definition !== undefined && { definition }),
              type,
              documentation: description,
            })),
          },
        ],
      },
    ],
  });
}
