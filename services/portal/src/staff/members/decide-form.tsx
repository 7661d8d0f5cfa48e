import { useState } from 'react';
import { Form } from 'react-aria-components';
import type { Fault } from '../../common/api.ts';
import { decision, type Denials, isNpi } from '../../common/consent.ts';
import { decide } from '../../common/decide.ts';
import { Button, Choice, Field, Notice, Radios } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { type StaffText, useSpeech } from '../texts.ts';
import type { Entered, Kind } from './confirmation.tsx';
import type { Found, Release } from './requests.ts';

const KINDS = ['out-all', 'out-one', 'in-all', 'in-one'] as const satisfies readonly Kind[];
const ID = /^[A-Za-z0-9.-]{1,64}$/;
const OTHER = '';

/** Providers whom the member may mean: NPI, and the name of the app that asked for them. */
function providersOf({ named }: Denials, seen: readonly Release[]): readonly (readonly [string, string])[] {
  const found = new Map(named.filter(isNpi).map((npi) => [npi, `NPI ${npi}`]));
  for (const { agent } of seen)
    for (const key of agent?.providers ?? []) {
      const [kind, npi = ''] = key.split('|');
      if (kind === 'npi') found.set(npi, `${agent!.name} (NPI ${npi})`);
    }
  return [...found];
}

interface DecideFormProps {
  readonly found: Found;
  readonly script: string;
  readonly setScript: (script: string) => void;
  readonly entered: (entered: Entered) => void;
}
/** What the caller decides, with the words to read out before it is saved. */
export function DecideForm({ found, script, setScript, entered }: DecideFormProps) {
  const { t } = useSpeech();
  const [kind, setKind] = useState<Kind>();
  const [chosen, setChosen] = useState(OTHER);
  const [typed, setTyped] = useState('');
  const [by, setBy] = useState<Entered['by']>();
  const [reference, setReference] = useState('');
  const [checked, setChecked] = useState('');
  const [wrong, setWrong] = useState<StaffText>();
  const [fault, setFault] = useState<Fault>();
  const [busy, setBusy] = useState(false);
  const isOne = kind === 'out-one' || kind === 'in-one';
  const isIn = kind === 'in-all' || kind === 'in-one';
  const isOther = by === 'representative';
  const providers = providersOf(found.denials, found.releases.disclosures);

  async function send(): Promise<void> {
    if (kind === undefined || by === undefined) return;
    const npi = isOne ? (chosen === OTHER ? typed.replaceAll(/[\s-]/g, '') : chosen) : undefined;
    const id = reference.trim();
    const isNone = npi !== undefined && !isNpi(npi);
    const fails = isNone ? 'call.npi.wrong' : isOther && !ID.test(id) ? 'call.rep.wrong' : undefined;
    setWrong(fails);
    setFault(undefined);
    if (fails !== undefined) return;
    const checkedBy = checked.trim();
    const call = {
      script: script.trim(),
      ...(isOther && { representative: { id, ...(checkedBy !== '' && { checkedBy }) } }),
    };
    setBusy(true);
    const asked = await decide(decision(found.member, isIn ? 'permit' : 'deny', npi, call));
    setBusy(false);
    if (asked.fault !== undefined) return setFault(asked.fault);
    const { member } = found;
    const at = Date.now();
    entered({ member, kind, by, script: call.script, decided: asked.data, at, ...(npi !== undefined && { npi }) });
  }

  return (
    <section className="sheet" aria-labelledby="enter">
      <h2 id="enter">{t('call.enter')}</h2>
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Radios
          label={t('decide')}
          value={kind ?? ''}
          onChange={(value) => setKind(value as Kind)}
          options={KINDS.map((one) => [one, t(`say.${one}`)] as const)}
        />
        {isOne && providers.length > 0 && (
          <Choice
            label={t('call.which')}
            value={chosen}
            onChange={setChosen}
            options={[...providers, [OTHER, t('call.which.other')] as const]}
          />
        )}
        {isOne && chosen === OTHER && (
          <Field label={t('call.npi')} value={typed} onChange={setTyped} isRequired maxLength={20} />
        )}
        <Radios
          label={t('call.who')}
          value={by ?? ''}
          onChange={(value) => setBy(value as Entered['by'])}
          options={(['member', 'representative'] as const).map((one) => [one, t(`call.who.${one}`)] as const)}
        />
        {isOther && (
          <>
            <Field
              label={t('call.rep')}
              help={t('call.rep.help')}
              value={reference}
              onChange={setReference}
              isRequired
            />
            <Field
              label={t('call.rep.checked')}
              help={t('call.rep.checked.help')}
              value={checked}
              onChange={setChecked}
              isRequired={isIn}
              maxLength={200}
            />
          </>
        )}
        <Field
          label={t('call.script')}
          help={t('call.script.help')}
          value={script}
          onChange={setScript}
          isRequired
          maxLength={100}
        />
        {kind !== undefined && (
          <Notice kind="note">
            <p>
              <strong>{t('call.read')}</strong>
            </p>
            <p>
              {t(`say.${kind}.means`)} {t('say.always')}
            </p>
          </Notice>
        )}
        {wrong !== undefined && <Notice kind="bad">{t(wrong)}</Notice>}
        {fault !== undefined && <FaultNotice fault={fault} />}
        <div className="buttons">
          <Button type="submit" look="main" isDisabled={busy || kind === undefined || by === undefined}>
            {t('call.save')}
          </Button>
        </div>
      </Form>
    </section>
  );
}
