import { useState } from 'react';
import { Button, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { useSpeech } from '../texts.ts';
import { needsLook, type View } from './requests.ts';

/** How far each view has read the log. Views that are whole and up to date are shown on demand. */
export function Views({ rows }: { readonly rows: readonly View[] }) {
  const { t, language } = useSpeech();
  const [isAll, setAll] = useState(false);
  const number = new Intl.NumberFormat(language);
  const waiting = rows.filter(needsLook);
  const shown = isAll ? rows : waiting;
  const failed = rows.filter(({ failure }) => failure !== undefined).length;
  const stateOf = ({ failure, isRebuilding, passedOver }: View): string => {
    if (failure !== undefined) return t('views.failed', { failure });
    if (isRebuilding) return t('views.rebuilding');
    return passedOver === undefined ? t('views.live') : t('views.passed', { count: number.format(passedOver) });
  };
  return (
    <>
      {failed > 0 && <Notice kind="bad">{t('views.bad', { count: failed })}</Notice>}
      {waiting.length === 0 && <Notice kind="good">{t('views.good', { count: rows.length })}</Notice>}
      {shown.length > 0 && (
        <Rows title={t('views')} columns={[t('views.view'), t('views.behind'), t('views.documents'), t('views.state')]}>
          {shown.map((one) => (
            <tr key={`${one.service} ${one.view}`}>
              <th scope="row">
                {one.view}
                <div className="soft">{one.service}</div>
              </th>
              <td>{number.format(one.behind)}</td>
              <td>{number.format(one.documents)}</td>
              <td>{stateOf(one)}</td>
            </tr>
          ))}
        </Rows>
      )}
      {!isAll && shown.length < rows.length && (
        <Button onPress={() => setAll(true)}>{t('views.all', { count: rows.length })}</Button>
      )}
    </>
  );
}
