import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { type StaffText, useSpeech } from '../texts.ts';
import type { Shown } from './letters-page.tsx';
import { type Run, runs } from './requests.ts';
import { useWords } from './words.ts';

export const workOf = ({ action, isCorrected }: Run): StaffText =>
  action === 'discard' ? 'runs.discard' : isCorrected ? 'runs.corrected' : 'runs.replay';

/** What somebody began to do with every dead letter of a cause. */
export function Runs({ show }: { readonly show: (shown: Shown) => void }) {
  const { t, date } = useSpeech();
  const words = useWords();
  const [found, setFound] = useState<readonly Run[]>();
  const [fault, setFault] = useState<Fault>();
  useEffect(() => {
    void runs().then((asked) => {
      setFault(asked.fault);
      setFound(asked.data?.runs);
    });
  }, []);
  if (fault !== undefined) return <FaultNotice fault={fault} />;
  if (found === undefined) return null;
  return (
    <section className="sheet">
      <h2>{t('runs')}</h2>
      <p>{found.length === 0 ? t('runs.none') : t('runs.text')}</p>
      {found.length > 0 && (
        <Rows
          title={t('runs')}
          columns={[t('runs.what'), t('letters.action'), t('runs.state'), t('runs.at'), t('runs.by')]}
        >
          {found.map((run) => (
            <tr key={run.id}>
              <th scope="row">
                {t(workOf(run))}: {words.reason(run.reason)}
                <div className="soft">{run.detail}</div>
              </th>
              <td>
                <Button
                  aria-label={t('letters.open.cause', { detail: run.detail })}
                  onPress={() => show({ at: 'run', run: run.id })}
                >
                  {t('letters.open')}
                </Button>
              </td>
              <td>{t(`runs.${run.status}`)}</td>
              <td>{date(run.startedAt)}</td>
              <td>{run.by}</td>
            </tr>
          ))}
        </Rows>
      )}
    </section>
  );
}
