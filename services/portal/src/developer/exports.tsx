import { useEffect, useState } from 'react';
import type { components } from '../../generated/openapi.d.ts';
import { api, ask, type Asked, type Fault, messageOf } from '../common/api.ts';
import { Button, Heading, Notice } from '../common/parts.tsx';
import { save } from '../common/save.ts';
import { FaultNotice } from './fault.tsx';
import { groupsOf } from './groups.tsx';
import { Left } from './left.tsx';
import { bearer, type OwnApp } from './own-app.ts';
import { useSpeech } from './texts.ts';
import { asApp, Loading, useAsApp } from './with-token.tsx';

type Job = components['schemas']['Exports']['exports'][number];
type Manifest = components['schemas']['Manifest'];
/** ms between two looks while something runs. */
const LOOK_MS = 3000;

const jobsOf = async (token: string): Promise<Asked<readonly Job[]>> => {
  const asked = await ask(api.GET('/fhir/bulk', { headers: bearer(token) }));
  return asked.fault === undefined ? { data: asked.data.exports } : asked;
};
/** An export of named patients, or a match, is not of the whole Group. */
const isWhole = (job: Job): boolean => !isMatch(job) && !/[?&]patient=/.test(job.request);
const isMatch = ({ request }: Job): boolean => request.includes('$provider-member-match');

/** The exports and matches of the app: how far they are, their files, and their end. They run on without this page. */
export function Exports({ app }: { readonly app: OwnApp }) {
  const { t, date } = useSpeech();
  const { data, fault, setFault, reload } = useAsApp(app, jobsOf);
  const groups = useAsApp(app, groupsOf).data;
  const [open, setOpen] = useState<string>();
  const runs = data?.some(({ state }) => state === 'running') === true;
  useEffect(() => {
    if (!runs) return;
    const timer = setTimeout(() => void reload(), LOOK_MS);
    return () => clearTimeout(timer);
  }, [data]);

  async function end(job: string): Promise<void> {
    const asked = await asApp(app, (token) =>
      ask(api.DELETE('/fhir/bulk/{job}', { params: { path: { job } }, headers: bearer(token) })),
    );
    if (asked.fault !== undefined) setFault(asked.fault);
    else await reload();
  }

  return (
    <>
      <Heading>{t('exports.title')}</Heading>
      <p>{t('exports.text')}</p>
      <Loading app={app} loaded={data !== undefined} fault={fault} retry={() => void reload()} />
      {data?.length === 0 && <p role="status">{t('exports.none')}</p>}
      {data?.map((job) => (
        <div key={job.id} className="sheet">
          <h2>{t(isMatch(job) ? 'exports.match' : 'exports.one', { group: job.group })}</h2>
          <dl>
            <dt>{t('exports.state')}</dt>
            <dd>
              <span className="tag">{t(`exports.${job.state}`)}</span> {job.progress} {job.message}
            </dd>
            {job.state === 'running' && <dt>{t('exports.left')}</dt>}
            {job.state === 'running' && (
              <dd>
                <Left
                  progress={job.progress}
                  total={isWhole(job) ? groups?.find(({ id }) => id === job.group)?.quantity : undefined}
                />
              </dd>
            )}
            <dt>{t('exports.asked')}</dt>
            <dd>{date(job.requestedAt)}</dd>
            {job.expiresAt !== undefined && <dt>{t('exports.until')}</dt>}
            {job.expiresAt !== undefined && <dd>{date(job.expiresAt)}</dd>}
          </dl>
          <div className="buttons">
            {job.state === 'complete' && (
              <Button aria-expanded={open === job.id} onPress={() => setOpen(open === job.id ? undefined : job.id)}>
                {t('exports.files')}
              </Button>
            )}
            <Button onPress={() => void end(job.id)}>
              {t(job.state === 'running' ? 'exports.cancel' : 'exports.delete')}
            </Button>
          </div>
          {open === job.id && <Contents app={app} job={job.id} />}
        </div>
      ))}
    </>
  );
}

const manifestOf = (job: string) => (token: string) =>
  ask(api.GET('/fhir/bulk/{job}', { params: { path: { job } }, headers: bearer(token) })) as Promise<Asked<Manifest>>;

function Contents({ app, job }: { readonly app: OwnApp; readonly job: string }) {
  const { t } = useSpeech();
  const { data, fault, reload } = useAsApp(app, manifestOf(job));
  const [refused, setRefused] = useState<Fault>();

  /** The manifest has the public URL; this page asks the server that it came from. */
  async function download(url: string): Promise<void> {
    const { pathname } = new URL(url);
    const asked = await asApp(app, async (token): Promise<Asked<Blob>> => {
      try {
        const answer = await fetch(pathname, { headers: bearer(token) });
        if (answer.ok) return { data: await answer.blob() };
        return { fault: { status: answer.status, message: messageOf(await answer.json()) } };
      } catch {
        return { fault: { status: 0, message: '' } };
      }
    });
    setRefused(asked.fault);
    if (asked.fault === undefined) save(pathname.split('/').at(-1)!, asked.data);
  }

  if (data === undefined) return <Loading app={app} loaded={false} fault={fault} retry={() => void reload()} />;
  const files = (['output', 'deleted', 'error'] as const).flatMap((kind) =>
    data[kind].map((file) => ({ ...file, kind })),
  );
  return (
    <>
      {refused !== undefined && <FaultNotice fault={refused} />}
      {files.length === 0 && <Notice kind="note">{t('exports.empty')}</Notice>}
      {files.length > 0 && (
        <div className="table" tabIndex={0} role="region" aria-label={t('exports.files')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t('exports.type')}</th>
                <th scope="col">{t('exports.lines')}</th>
                <th scope="col">{t('exports.file')}</th>
              </tr>
            </thead>
            <tbody>
              {files.map(({ kind, type, count, url }) => (
                <tr key={url}>
                  <td>
                    {type} {kind !== 'output' && <span className="tag">{t(`exports.${kind}`)}</span>}
                  </td>
                  <td>{count}</td>
                  <td>
                    <Button onPress={() => void download(url)}>{t('exports.save')}</Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="soft">{t('exports.large')}</p>
    </>
  );
}
