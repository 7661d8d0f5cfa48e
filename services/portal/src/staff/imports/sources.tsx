import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import type { Shown } from './imports-page.tsx';
import { type Source, sources } from './requests.ts';
import { TakeBack } from './take-back.tsx';
import { useWords } from './words.ts';

/** What each source of full files has sent, page by page. */
export function Sources({ show }: { readonly show: (shown: Shown) => void }) {
  const { t } = useSpeech();
  const [found, setFound] = useState<readonly Source[]>();
  const [next, setNext] = useState<string>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  async function load(before: readonly Source[], page?: string): Promise<void> {
    const asked = await sources(page);
    setFault(asked.fault);
    if (asked.fault !== undefined) return;
    setFound([...before, ...asked.data.sources]);
    setNext(asked.data.next);
  }
  useEffect(() => void load([]), [tries]);
  return (
    <section className="sheet">
      <h2>{t('imports.sources')}</h2>
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {found === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {found?.length === 0 && <p>{t('imports.sources.none')}</p>}
      {found?.map((source) => (
        <OneSource key={`${source.source}/${source.kind}`} source={source} show={show} />
      ))}
      {next !== undefined && (
        <div className="buttons">
          <Button onPress={() => void load(found!, next)}>{t('letters.next')}</Button>
        </div>
      )}
    </section>
  );
}

function OneSource(props: { readonly source: Source; readonly show: (shown: Shown) => void }) {
  const { t, date } = useSpeech();
  const words = useWords();
  const {
    source: { source, kind, imports, more },
    show,
  } = props;
  const name = `${t(`imports.kind.${kind}`)}: ${source}`;
  const undone = new Set(imports.flatMap(({ undoes }) => undoes ?? []));
  return (
    <>
      <h3>{name}</h3>
      <Rows
        title={name}
        columns={[
          t('imports.batch'),
          ...(kind === 'opt-outs' ? [] : [t('imports.action')]),
          t('imports.day'),
          t('imports.rows-read'),
          t('imports.at'),
        ]}
      >
        {imports.map(({ batch, asOf, rows, time, undoes }) => (
          <tr key={`${batch} ${time}`}>
            <th scope="row" className="code">
              {batch}
              {undoes !== undefined && <div className="soft">{t('imports.takes-back')}</div>}
              {undone.has(batch) && <div className="soft">{t('imports.taken-back')}</div>}
            </th>
            {kind !== 'opt-outs' && (
              <td>{undoes === undefined && !undone.has(batch) && <TakeBack batch={batch} show={show} />}</td>
            )}
            <td>{words.day(asOf)}</td>
            <td>{words.number(rows)}</td>
            <td>{date(time)}</td>
          </tr>
        ))}
      </Rows>
      {kind === 'opt-outs' && <p>{t('imports.no-undo')}</p>}
      {more > 0 && <p className="soft">{t('imports.more', { count: words.number(more) })}</p>}
      <div className="buttons">
        <Button
          aria-label={t('imports.next-of', { name })}
          onPress={() => show({ at: 'new', about: { kind, source } })}
        >
          {t('imports.next')}
        </Button>
      </div>
    </>
  );
}
