import { EXPORT_TYPES } from './export-type.ts';

/** The two operations that start an export of a Group. */
export const EXPORT_OPERATIONS = ['$export', '$davinci-data-export'] as const;
export type ExportOperation = (typeof EXPORT_OPERATIONS)[number];

/** The guides that define parameters of an export. A number is a version of Bulk Data Access; 4 is its ballot. */
export const EXPORT_GUIDES = ['Bulk 1', 'Bulk 2', 'Bulk 3', 'Bulk 4', 'ATR', 'PDex'] as const;
type ExportGuide = (typeof EXPORT_GUIDES)[number];

/** A parameter of a kick-off. The parser, the OpenAPI document, the page of the docs and `pa export` follow from it. */
export interface ExportParameter {
  readonly name: string;
  readonly guides: readonly ExportGuide[];
  readonly cardinality: '0..1' | '0..*';
  /** `body`: only in the Parameters resource of a POST. */
  readonly where: 'URL or body' | 'body';
  readonly operations: readonly ExportOperation[];
  /**
   * What an answer has that ignores the parameter. `more`: data that the client did not ask for, so the server refuses
   * a parameter that it cannot apply. `the same`: the same data, so `Prefer: handling=lenient` may ignore it.
   */
  readonly ignoring: 'more' | 'the same';
  /** The type of a value in a body. Default: any other type that a guide uses. */
  readonly value?: 'Reference';
  readonly offered: boolean;
  /** For the OpenAPI document and the page. */
  readonly description: string;
  /** The page of the docs that explains it. */
  readonly page: string;
  /** The option of `pa export` with its help text, or a sentence that says why there is none. */
  readonly option: { readonly flags: string; readonly text: string } | { readonly none: string };
}

const BULK = ['Bulk 1', 'Bulk 2', 'Bulk 3', 'Bulk 4'] as const;
const RULES = 'regulation.md#export-parameters';
const BOTH = { where: 'URL or body', operations: EXPORT_OPERATIONS, page: RULES } as const;

/** Every parameter that a guide defines for an export of a Group. */
export const EXPORT_PARAMETERS = [
  {
    ...BOTH,
    name: '_type',
    guides: [...BULK, 'ATR', 'PDex'],
    cardinality: '0..*',
    ignoring: 'more',
    offered: true,
    description: 'Resource types, separated by commas. Default: all that the scopes cover.',
    option: { flags: '--type <types>', text: 'comma list of resource types' },
  },
  {
    ...BOTH,
    name: 'resourceTypes',
    guides: ['ATR'],
    cardinality: '0..*',
    ignoring: 'more',
    offered: true,
    description: 'Another name of `_type`. Give only one of them.',
    option: { none: '`--type` sends `_type`.' },
  },
  {
    ...BOTH,
    name: '_since',
    guides: [...BULK, 'ATR', 'PDex'],
    cardinality: '0..1',
    ignoring: 'more',
    offered: true,
    description: 'Only what changed since this instant: `transactionTime` of the export before.',
    option: { flags: '--since <instant>', text: 'what changed since an instant, or since the `last` finished export' },
  },
  {
    ...BOTH,
    name: '_until',
    guides: ['Bulk 3', 'Bulk 4', 'ATR', 'PDex'],
    cardinality: '0..1',
    ignoring: 'more',
    offered: true,
    description: 'Only what changed before this instant.',
    option: { flags: '--until <instant>', text: 'what changed before an instant' },
  },
  {
    ...BOTH,
    name: 'patient',
    guides: ['Bulk 2', 'Bulk 3', 'Bulk 4', 'ATR', 'PDex'],
    cardinality: '0..*',
    where: 'body',
    value: 'Reference',
    ignoring: 'more',
    offered: true,
    description: 'Only the resources of these patients, each as `Patient/id`.',
    option: { flags: '--patient <ids>', text: 'comma list of ids of patients' },
  },
  {
    ...BOTH,
    name: '_typeFilter',
    guides: [...BULK, 'ATR', 'PDex'],
    cardinality: '0..*',
    ignoring: 'more',
    offered: true,
    description: 'Only what one of these searches finds, for example `Observation?category=vital-signs`.',
    option: { flags: '--filter <searches>', text: 'comma list of searches, as `Type?parameter=value`' },
  },
  {
    ...BOTH,
    name: '_elements',
    guides: ['Bulk 2', 'Bulk 3', 'Bulk 4'],
    cardinality: '0..*',
    ignoring: 'more',
    offered: true,
    description: 'Only these root elements, as `Type.element` or `element`.',
    option: { flags: '--elements <names>', text: 'comma list of root elements, as `Type.element` or `element`' },
  },
  {
    ...BOTH,
    name: 'includeAssociatedData',
    guides: ['Bulk 2', 'Bulk 3', 'Bulk 4'],
    cardinality: '0..*',
    ignoring: 'more',
    offered: true,
    description: 'Which Provenance is sent: `LatestProvenanceResources` or `RelevantProvenanceResources`.',
    option: {
      flags: '--associated <kinds>',
      text: 'which Provenance: LatestProvenanceResources or RelevantProvenanceResources',
    },
  },
  {
    ...BOTH,
    name: 'exportType',
    guides: ['ATR', 'PDex'],
    cardinality: '0..1',
    operations: ['$davinci-data-export'],
    ignoring: 'more',
    offered: true,
    description: 'What kind of export it is, for example `hl7.fhir.us.davinci-pdex#provider-download`.',
    option: { flags: '--export-type <code>', text: `what kind of export: ${Object.keys(EXPORT_TYPES).join(', ')}` },
  },
  {
    ...BOTH,
    name: '_outputFormat',
    guides: [...BULK, 'ATR', 'PDex'],
    cardinality: '0..1',
    ignoring: 'the same',
    offered: true,
    description: 'Only `application/fhir+ndjson`.',
    option: { none: 'It has one value.' },
  },
  {
    ...BOTH,
    name: 'organizeOutputBy',
    guides: ['Bulk 3', 'Bulk 4'],
    cardinality: '0..1',
    ignoring: 'the same',
    offered: true,
    description: '`Patient`: files in blocks, one for each patient.',
    option: { flags: '--organize <type>', text: '`Patient`: files in blocks, one for each patient' },
  },
  {
    ...BOTH,
    name: 'allowPartialManifests',
    guides: ['Bulk 3', 'Bulk 4'],
    cardinality: '0..1',
    ignoring: 'the same',
    offered: true,
    description: '`true` or `false`. Changes nothing, because the manifest is always complete.',
    option: { none: 'It changes nothing.' },
  },
] as const satisfies readonly ExportParameter[];

const BY_NAME: ReadonlyMap<string, ExportParameter> = new Map(EXPORT_PARAMETERS.map((each) => [each.name, each]));
/** Undefined if no guide defines a parameter of this name. */
export const exportParameter = (name: string): ExportParameter | undefined => BY_NAME.get(name);
