import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Heading } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import type { Shown } from './imports-page.tsx';
import { type Run, runs } from './requests.ts';
import { Sources } from './sources.tsx';
import { useWords } from './words.ts';

/** The newest imports that people began, and what each source has sent. */
export function ImportsList({ show }: { readonly show: (shown: Shown) => void }) {
  const { t, date } = useSpeech();
  const words = useWords();
  const [found, setFound] = useState<readonly Run[]>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    void runs().then((asked) => {
      setFault(asked.fault);
      setFound(asked.data?.runs);
    });
  }, [tries]);
  return (
    <>
      <Heading>{t('imports')}</Heading>
      <p>{t('imports.text')}</p>
      <div className="buttons">
        <Button look="main" onPress={() => show({ at: 'new' })}>
          {t('imports.new')}
        </Button>
      </div>
      <section className="sheet">
        <h2>{t('imports.runs')}</h2>
        {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
        {found === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
        {found?.length === 0 && <p>{t('imports.runs.none')}</p>}
        {found !== undefined && found.length > 0 && (
          <Rows
            title={t('imports.runs')}
            columns={[t('imports.file'), t('imports.action'), t('imports.by'), t('imports.begun')]}
          >
            {found.map((run) => (
              <tr key={run.id}>
                <th scope="row">
                  {t(`imports.kind.${run.kind}`)}: <bdi>{run.source}</bdi>{' '}
                  <span className="tag">{words.state(run)}</span>
                  <div className="soft">{words.day(run.asOf)}</div>
                  <div className="soft">
                    <bdi>{run.action === 'undo' ? t('imports.undo') : run.name}</bdi>
                  </div>
                </th>
                <td>
                  <Button
                    aria-label={t('imports.open.one', {
                      kind: t(`imports.kind.${run.kind}`),
                      source: run.source,
                      state: words.state(run),
                    })}
                    onPress={() => show({ at: 'run', run: run.id })}
                  >
                    {t('imports.open')}
                  </Button>
                </td>
                <td>{run.by}</td>
                <td>{date(run.startedAt)}</td>
              </tr>
            ))}
          </Rows>
        )}
      </section>
      <Sources show={show} />
    </>
  );
}
