import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { readGranted } from '@provider-access/domain/smart';
import { LONG_AGO } from '@provider-access/process/testing';
import { directory, searchKeys } from '@provider-access/records';
import { PA_ATTRIBUTION } from '@provider-access/events';
import { OPERATIONS } from '@provider-access/jobs';
import { ask, text } from './asked.ts';
import { GROUP, type ManifestBody, NPI, Platform } from './harness.ts';
import { ALL } from './publisher.ts';

interface Form {
  readonly parameter: readonly unknown[];
  /** Whether a file of the manifest names the members that it is about. */
  readonly names: (item: ManifestBody['output'][number]) => boolean;
}
/** The forms of an export whose files are not those of `$export` alone (EXPORT.md, hostile inputs). */
const FORMS = {
  list: {
    parameter: [text('exportType', 'hl7.fhir.us.davinci-atr'), text('_type', 'Group,Patient,Coverage')],
    names: ({ type }) => type === 'Group',
  },
  organized: { parameter: [text('organizeOutputBy', 'Patient')], names: () => true },
  filtered: {
    parameter: [text('_typeFilter', 'DocumentReference?status=current'), text('_type', 'DocumentReference')],
    names: () => true,
  },
} as const satisfies Record<string, Form>;
export type FormName = keyof typeof FORMS;
export const FORM_NAMES = Object.keys(FORMS) as readonly FormName[];

/** A platform with the views that a list and filters read. */
export const startForms = (...[config, wrap, engine]: Parameters<typeof Platform.start>): Promise<Platform> =>
  Platform.start({ kickOffsPerHour: 10_000, runningPerClient: 10_000, ...config }, wrap, engine, [
    directory,
    searchKeys,
  ]);

export interface Having {
  /** Documents of each member. */
  readonly documents: number;
  /** Bytes of a document, which no compression makes smaller. */
  readonly bytes: number;
}
/** Members of the Group with a Patient and documents. */
export async function populate(
  platform: Platform,
  members: readonly string[],
  { documents, bytes }: Having,
): Promise<void> {
  await platform.client('c1');
  await platform.group();
  await platform.members(members, { from: LONG_AGO });
  await platform.append(
    PA_ATTRIBUTION,
    members.map((member) => ({
      type: 'pa.member-attributed.v1',
      subject: member,
      at: LONG_AGO,
      data: {
        ...{ member, group: GROUP, providers: [NPI], from: LONG_AGO, coverageId: `cov-${member}` },
        businessTime: new Date(Date.parse(LONG_AGO) + 1).toISOString(),
      },
    })),
  );
  await platform.resources(
    members.flatMap((member) => [
      { member, type: 'Patient', id: member, resource: { resourceType: 'Patient', id: member } },
      ...Array.from({ length: documents }, (_, n) => {
        const id = `${member}-d${n}`;
        const content = [{ attachment: { data: randomBytes(bytes).toString('base64') } }];
        const subject = { reference: `Patient/${member}` };
        const resource = { resourceType: 'DocumentReference', id, status: 'current', subject, content };
        return { member, type: 'DocumentReference', id, resource };
      }),
    ]),
  );
  await platform.reader(searchKeys).waitFor(await platform.log.head(['pa.records']), 60_000);
}

/** Starts an export of the form. Returns the path of the job. */
export async function begin(platform: Platform, form: FormName): Promise<string> {
  const answer = await ask(platform, { parameter: FORMS[form].parameter });
  if (answer.status !== 202) throw new Error(`kick-off ${answer.status}: ${await answer.text()}`);
  return answer.headers.get('content-location')!.replace('http://test', '');
}
/** The URLs of the files that name the members, in their order. */
export const filesOf = (form: FormName, { output }: ManifestBody): readonly string[] =>
  output.filter(FORMS[form].names).map(({ url }) => url);

/** The members that a text of one of the forms names, each once, in the order in which they come. */
export const membersIn = (body: string): readonly string[] => [
  ...new Set([...body.matchAll(/"Patient\/(m\d+)"/g)].map(([, member]) => member!)),
];

interface Download {
  readonly download: (asked: object) => Promise<{ readonly answer: { readonly body: () => Promise<Readable> } }>;
}
/** The stream of a download, without a connection that would take bytes ahead. */
export async function streamOf(platform: Platform, url: string, coding = 'identity'): Promise<Readable> {
  const [job, file] = new URL(url).pathname.split('/').slice(-2) as [string, string];
  const asked = {
    client: 'c1',
    scopes: readGranted(ALL),
    params: { job, file },
    request: { method: 'GET', headers: { 'accept-encoding': coding } },
  };
  const [controller] = OPERATIONS.filter(({ name }) => name === 'DownloadController');
  const download = platform.main.app.get<Download>(controller!, { strict: false });
  return (await download.download(asked)).answer.body();
}
