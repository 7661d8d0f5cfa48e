import { useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import type { Shown } from './letters-page.tsx';
import type { Change } from './patch.ts';
import { begin, type Cause } from './requests.ts';
import { useWords } from './words.ts';

interface CorrectAllProps {
  readonly cause: Cause;
  readonly changes: readonly Change[];
  readonly show: (shown: Shown) => void;
}
/** Shows what a correction changes, before it is made to every dead letter of the cause. */
export function CorrectAll({ cause, changes, show }: CorrectAllProps) {
  const { t } = useSpeech();
  const words = useWords();
  const [fault, setFault] = useState<Fault>();
  async function start(): Promise<void> {
    const asked = await begin({ cause: cause.cause, action: 'replay', patch: changes });
    setFault(asked.fault);
    if (asked.fault === undefined) show({ at: 'run', run: asked.data.id });
  }
  return (
    <section className="sheet">
      <h2>{t('letter.all')}</h2>
      <p>{t('letter.all.text')}</p>
      <Rows title={t('letter.all')} columns={[t('letter.change'), t('letter.place'), t('letter.value')]}>
        {changes.map((change) => (
          <tr key={`${change.op} ${change.path}`}>
            <th scope="row">{t(`change.op.${change.op}`)}</th>
            <td className="code">{change.path}</td>
            <td className="code">{change.op === 'remove' ? '' : JSON.stringify(change.value)}</td>
          </tr>
        ))}
      </Rows>
      {fault !== undefined && <FaultNotice fault={fault} />}
      <div className="buttons">
        <Button look="main" onPress={() => void start()}>
          {t('letter.all.start', { count: words.number(cause) })}
        </Button>
      </div>
    </section>
  );
}
