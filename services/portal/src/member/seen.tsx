import { useState } from 'react';
import { Button } from '../common/parts.tsx';
import { type Release, releases } from './requests.ts';
import { useSpeech } from './texts.ts';

const provider = (key: string): string => key.replace(/^npi\|/, 'NPI ').replace(/^tin\|/, 'TIN ');

/** Who got data about the member, the newest first. */
export function Seen({ first, next }: { readonly first: readonly Release[]; readonly next: string | undefined }) {
  const { t, date } = useSpeech();
  const [shown, setShown] = useState({ all: first, next });
  async function more(): Promise<void> {
    const asked = await releases(shown.next);
    if (asked.fault === undefined) setShown({ all: [...shown.all, ...asked.data.disclosures], next: asked.data.next });
  }
  return (
    <section className="sheet">
      <h2 id="seen">{t('seen')}</h2>
      {shown.all.length === 0 ? (
        <p>{t('seen.none')}</p>
      ) : (
        <div className="table" tabIndex={0} role="region" aria-labelledby="seen">
          <table>
            <thead>
              <tr>
                <th scope="col">{t('seen.when')}</th>
                <th scope="col">{t('seen.who')}</th>
                <th scope="col">{t('seen.what')}</th>
              </tr>
            </thead>
            <tbody>
              {shown.all.map(({ id, at, agent, types = [] }) => (
                <tr key={id}>
                  <td>{date(at)}</td>
                  <td>
                    <bdi>{agent?.name ?? t('app')}</bdi>
                    <div className="soft">{agent?.providers.map(provider).join(', ')}</div>
                  </td>
                  <td>{types.join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown.next !== undefined && (
        <div className="buttons">
          <Button onPress={() => void more()}>{t('seen.more')}</Button>
        </div>
      )}
    </section>
  );
}
