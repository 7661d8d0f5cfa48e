import { EXPORT_GUIDES, EXPORT_OPERATIONS, EXPORT_PARAMETERS, type ExportParameter } from '../src/pdex/index.ts';

const PARAMETERS: readonly ExportParameter[] = EXPORT_PARAMETERS;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const operationsOf = ({ operations }: ExportParameter): string =>
  operations.length === EXPORT_OPERATIONS.length ? 'both' : operations.map((name) => `\`${name}\``).join(', ');
const uncapitalized = (sentence: string): string =>
  `${sentence.charAt(0).toLowerCase()}${sentence.slice(1).replace(/\.$/, '')}`;
const withoutIt = ({ ignoring }: ExportParameter): string =>
  ignoring === 'more' ? 'would send more data: refused' : 'the same data: ignored, with a warning';

const BULK = EXPORT_GUIDES.filter((guide) => guide.startsWith('Bulk '));
/** The parameters of a version of Bulk Data that the one before does not have. */
const newIn = (guide: (typeof BULK)[number]): string => {
  const before = BULK[BULK.indexOf(guide) - 1];
  const names = PARAMETERS.filter(
    ({ guides }) => guides.includes(guide) && (before === undefined || !guides.includes(before)),
  );
  return names.map(({ name }) => `\`${name}\``).join(', ');
};
/** What the versions say beside parameters, and what the platform does. */
const DIFFERENCES: readonly (readonly string[])[] = [
  [
    'kick-off',
    'GET',
    'GET, POST',
    'GET; POST may be offered',
    'POST',
    'GET and POST; POST only with `EXPORT_MANIFEST=4`',
  ],
  [
    'headers `Accept` and `Prefer`',
    'required',
    'a server may ask for them',
    'as 2',
    'as 2',
    '`EXPORT_STRICT=true` asks for them',
  ],
  ['several filters', 'comma list, experimental', 'as 1', 'repeated', 'repeated', 'both'],
  ['several types', 'comma list', 'comma list', 'comma list', 'repeated', 'both'],
  ['URLs of files', 'any', 'absolute', 'absolute', 'absolute', 'absolute'],
  ['status', 'status of the answer', 'as 1', 'or `X-Export-Status`, if the client prefers it', 'as 3', 'both'],
  ['`deleted`', '', 'optional', 'optional', 'optional, items without `type`', 'there; `type` as the version'],
  ['`request`', 'required', 'required', 'required', 'not there', 'there; not with `EXPORT_MANIFEST=4`'],
  ['messages', '`error`', '`error`', '`error`', '`outcome`', '`error`; `outcome` with `EXPORT_MANIFEST=4`'],
  ['`extension`', 'object', 'object', 'object', 'list', 'object; list with `EXPORT_MANIFEST=4`'],
  ['`outputOrganizedBy`, `continuesInFile`', '', '', 'with `organizeOutputBy`', 'as 3', 'as 3'],
  ['`manifestType`, `outputFormat`', '', '', '', 'optional', 'with `EXPORT_MANIFEST=4`'],
];

/** The page of the parameters of an export, from the table that the parser follows. */
export function exportParametersPage(): string {
  const offered = PARAMETERS.filter((each) => each.offered);
  return `# Parameters of an export

This page is generated from the table of parameters: \`npm run export-parameters-page -w @provider-access/domain\`.

Send the parameters on the URL of a kick-off, or in a Parameters resource by POST. [Exporting](exporting.md) shows
requests and answers. [The rules](regulation.md#export-parameters) say what a value may be.

${table(
  ['parameter', 'cardinality', 'where', 'operations', 'what it does', '`pa export`'],
  offered.map((each) => [
    `[\`${each.name}\`](${each.page})`,
    each.cardinality,
    each.where,
    operationsOf(each),
    each.description,
    'none' in each.option ? `none: ${uncapitalized(each.option.none)}` : `\`${each.option.flags}\``,
  ]),
)}

## What the server cannot apply

A request with a parameter that the server cannot apply gets 400, and the error names the parameter. With the header
\`Prefer: handling=lenient\` the server ignores a parameter that restricts nothing. The \`error\` file of the export
then has a warning. The server refuses a restriction all the same, because an export without it would send more data
than the client asked for. The same is true of a parameter that no guide defines, because its effect is unknown.

${table(
  ['parameter', 'offered', 'an export without it, with `handling=lenient`'],
  PARAMETERS.map((each) => [`\`${each.name}\``, each.offered ? 'yes' : 'no', withoutIt(each)]),
)}

## Guides

Bulk 1, 2 and 3 are the versions 1.0.0, 2.0.0 and 3.0.0 of Bulk Data Access. Bulk 4 is the ballot of version 4. ATR is
Member Attribution 2.1.0, and PDex is version 2.2.0.

${table(
  ['parameter', ...EXPORT_GUIDES],
  PARAMETERS.map(({ name, guides }) => [
    `\`${name}\``,
    ...EXPORT_GUIDES.map((guide) => (guides.includes(guide) ? 'yes' : '')),
  ]),
)}

## Versions of Bulk Data

${table(
  ['', ...BULK, 'this platform'],
  [['parameters that the version before lacks', ...BULK.map(newIn), ''], ...DIFFERENCES],
)}
`;
}
