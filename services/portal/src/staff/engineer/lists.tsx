import { useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Field } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { Funnel } from './funnel.tsx';
import { type List, lists } from './requests.ts';

interface Page {
  readonly lists: readonly List[];
  readonly next?: string;
}
/** What the members of each Group lack, in pages of the server, and the way to any Group by its id. */
export function Lists({ first }: { readonly first: Page }) {
  const { t, language } = useSpeech();
  const number = new Intl.NumberFormat(language);
  const [shown, setShown] = useState(first);
  const [group, setGroup] = useState<string>();
  const [typed, setTyped] = useState('');
  const [fault, setFault] = useState<Fault>();
  async function more(): Promise<void> {
    const asked = await lists(shown.next);
    setFault(asked.fault);
    if (asked.fault === undefined) setShown({ ...asked.data, lists: [...shown.lists, ...asked.data.lists] });
  }
  return (
    <>
      {shown.lists.length === 0 ? (
        <p>{t('lists.none')}</p>
      ) : (
        <Rows
          title={t('lists')}
          columns={[t('lists.group'), t('lists.members'), t('lists.lacking'), t('lacks.what'), t('funnel.who')]}
        >
          {shown.lists.map(({ group: id, providers, contract, members, lacking, lacks }) => (
            <tr key={id}>
              <th scope="row">
                <bdi>{providers.map((key) => key.replace('|', ' ')).join(', ')}</bdi>
                {contract !== undefined && (
                  <div className="soft">
                    <bdi>{contract}</bdi>
                  </div>
                )}
                <div className="soft">{id}</div>
              </th>
              <td>{number.format(members)}</td>
              <td>{number.format(lacking)}</td>
              <td>
                {lacks.map(({ element, count }) => (
                  <div key={element}>
                    <span className="code">{element}</span> <span className="soft">{number.format(count)}</span>
                  </div>
                ))}
              </td>
              <td>
                <Button aria-pressed={group === id} onPress={() => setGroup(id)}>
                  {t('lists.why')}
                  <span className="hidden">{` ${id}`}</span>
                </Button>
              </td>
            </tr>
          ))}
        </Rows>
      )}
      {fault !== undefined && <FaultNotice fault={fault} />}
      {shown.next !== undefined && (
        <div className="buttons">
          <Button onPress={() => void more()}>{t('lists.more')}</Button>
        </div>
      )}
      <form
        className="sheet"
        onSubmit={(event) => {
          event.preventDefault();
          setGroup(typed.trim());
        }}
      >
        <Field
          label={t('lists.id')}
          help={t('lists.id.help')}
          value={typed}
          onChange={setTyped}
          maxLength={64}
          isRequired
        />
        <Button type="submit">{t('lists.why')}</Button>
      </form>
      {group !== undefined && <Funnel key={group} group={group} />}
    </>
  );
}
