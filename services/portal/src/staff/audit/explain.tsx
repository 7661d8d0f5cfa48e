import { useState } from 'react';
import { Form } from 'react-aria-components';
import type { Fault } from '../../common/api.ts';
import { instantOf, MomentField } from '../../common/moment.tsx';
import { Button, Choice, Field, Radios } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { Facts } from './facts.tsx';
import { type Explained, explain, type Found } from './requests.ts';
import { sentencesOf } from './sentences.ts';

const OTHER = '';
type Known = 'then' | 'now' | 'other';

/** Apps that got something, were refused, or could see the member: the client id, and the name. */
function appsOf({ timeline, seeing }: Found): readonly (readonly [string, string])[] {
  const apps = new Map<string, string>();
  for (const { client, name } of [...(seeing?.apps ?? []), ...timeline.releases])
    apps.set(client, name === undefined ? client : `${name} (${client})`);
  return [...apps];
}

/** Whether an app could see the member at one time, by what was known at another one, in sentences with their facts. */
export function Explain({ found }: { readonly found: Found }) {
  const { t, date } = useSpeech();
  const apps = appsOf(found);
  const [app, setApp] = useState(apps[0]?.[0] ?? OTHER);
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState('');
  const [known, setKnown] = useState<Known>('then');
  const [until, setUntil] = useState('');
  const [answer, setAnswer] = useState<Explained>();
  const [fault, setFault] = useState<Fault>();
  const [busy, setBusy] = useState(false);

  async function send(): Promise<void> {
    const when = instantOf(at);
    const limit = known === 'now' ? 'now' : known === 'other' ? instantOf(until) : undefined;
    setBusy(true);
    setFault(undefined);
    const asked = await explain({
      client: app === OTHER ? typed.trim() : app,
      member: found.timeline.member,
      ...(when !== undefined && { at: when }),
      ...(limit !== undefined && { known: limit }),
    });
    setBusy(false);
    setAnswer(asked.data);
    setFault(asked.fault);
  }

  return (
    <section className="sheet" aria-labelledby="explain">
      <h2 id="explain">{t('explain')}</h2>
      <p>{t('explain.text')}</p>
      <Form
        className="asks no-print"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {apps.length > 0 && (
          <Choice
            label={t('explain.app')}
            value={app}
            onChange={setApp}
            options={[...apps, [OTHER, t('explain.app.other')] as const]}
          />
        )}
        {app === OTHER && (
          <Field label={t('explain.client')} value={typed} onChange={setTyped} isRequired maxLength={200} />
        )}
        <MomentField label={t('explain.at')} help={t('explain.at.help')} value={at} onChange={setAt} />
        <Radios
          label={t('explain.known')}
          value={known}
          onChange={(value) => setKnown(value as Known)}
          options={[
            ['then', t('explain.known.then'), t('explain.known.then.help')],
            ['now', t('explain.known.now'), t('explain.known.now.help')],
            ['other', t('explain.known.other')],
          ]}
        />
        {known === 'other' && (
          <MomentField label={t('explain.known.at')} value={until} onChange={setUntil} isRequired />
        )}
        {fault !== undefined && <FaultNotice fault={fault} />}
        <Button type="submit" look="main" isDisabled={busy}>
          {t('explain.ask')}
        </Button>
      </Form>
      {answer !== undefined && (
        <div role="status" className="answers">
          <Sentences all={sentencesOf(answer, t, date)} />
        </div>
      )}
      {answer !== undefined && <Facts answer={answer} names={found.timeline.names} />}
    </section>
  );
}

function Sentences({ all: [first, ...rest] }: { readonly all: readonly string[] }) {
  return (
    <>
      <p className="answer">{first}</p>
      <ul className="sentences">
        {rest.map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
    </>
  );
}
