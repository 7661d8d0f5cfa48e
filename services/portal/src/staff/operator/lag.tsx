import { useState } from 'react';
import { Button } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { useSpeech } from '../texts.ts';
import type { Answered } from './requests.ts';

/** How far consumer groups and views are behind, the farthest first. Those without a record that waits on request. */
export function Lag({ services }: { readonly services: readonly Answered[] }) {
  const { t, language } = useSpeech();
  const [isAll, setIsAll] = useState(false);
  const all = services
    .flatMap(({ health }) => [
      ...(health?.groups ?? []).map(({ group, ...one }) => ({ name: group, ...one })),
      ...(health?.views ?? []).map(({ view, ...one }) => ({ name: view, ...one })),
    ])
    .toSorted((a, b) => (b.seconds ?? 0) - (a.seconds ?? 0) || b.records - a.records);
  const waiting = all.filter(({ records }) => records > 0);
  const rows = isAll ? all : waiting;
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  return (
    <section className="sheet">
      <h2>{t('operator.lag')}</h2>
      <p>{t('operator.lag.text')}</p>
      <p>
        {t('operator.lag.count', { waiting: waiting.length, all: all.length })}{' '}
        <Button aria-expanded={isAll} onPress={() => setIsAll(!isAll)}>
          {t(isAll ? 'operator.lag.waiting' : 'operator.lag.all')}
        </Button>
      </p>
      {rows.length > 0 && (
        <Rows
          title={t('operator.lag')}
          columns={[t('operator.reader'), t('operator.topic'), t('operator.records'), t('operator.seconds')]}
        >
          {rows.map(({ name, topic, records, seconds }) => (
            <tr key={`${name} ${topic}`}>
              <th scope="row">{name}</th>
              <td>{topic}</td>
              <td>{number.format(records)}</td>
              <td>{seconds === undefined ? '' : number.format(seconds)}</td>
            </tr>
          ))}
        </Rows>
      )}
    </section>
  );
}
