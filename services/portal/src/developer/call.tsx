import { useState } from 'react';
import type { Asked, Fault } from '../common/api.ts';
import { Button, Choice, Field, Heading } from '../common/parts.tsx';
import { FaultNotice } from './fault.tsx';
import { bearer, type OwnApp } from './own-app.ts';
import { Code } from './parts.tsx';
import { type Program, programOf, PROGRAMS } from './programs.ts';
import { useSpeech } from './texts.ts';
import { asApp } from './with-token.tsx';

/** Requests that a developer begins with, below the FHIR base. */
const PATHS = ['metadata', 'Group', 'Patient?_count=5', 'Observation?_summary=count', 'bulk'] as const;
const HEADERS = { Accept: 'application/fhir+json' } as const;
/** Characters of an answer that are shown. */
const LONGEST = 20_000;
/** The path as a URL has it. Escapes stay as they are, and no text can end the quotes of a program. */
const encoded = (path: string): string =>
  encodeURI(path.trim().replace(/^\/+/, '').toWellFormed())
    .replaceAll(/%25(?=[0-9a-f]{2})/gi, '%')
    .replaceAll("'", '%27');

interface Answer {
  readonly status: number;
  readonly text: string;
}
const pretty = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

/** One request in four languages, and what the platform answers to it now. */
export function Call({ app }: { readonly app: OwnApp }) {
  const { t } = useSpeech();
  const [path, setPath] = useState<string>('Group');
  const [program, setProgram] = useState<Program>('curl');
  const [answer, setAnswer] = useState<Answer>();
  const [fault, setFault] = useState<Fault>();
  const url = `${location.origin}/fhir/${encoded(path)}`;

  async function send(): Promise<void> {
    const asked = await asApp(app, async (token): Promise<Asked<Answer>> => {
      try {
        const found = await fetch(url, { headers: { ...HEADERS, ...bearer(token) } });
        return { data: { status: found.status, text: await found.text() } };
      } catch {
        return { fault: { status: 0, message: '' } };
      }
    });
    setFault(asked.fault);
    setAnswer(asked.fault === undefined ? asked.data : undefined);
  }

  return (
    <>
      <Heading>{t('call.title')}</Heading>
      <p>{t('call.text')}</p>
      <section className="sheet">
        <Choice
          label={t('call.begin')}
          value={PATHS.find((one) => one === path) ?? ''}
          onChange={(value) => setPath(value)}
          options={[...PATHS.map((one) => [one, one] as const), ['', t('call.own')] as const]}
        />
        <Field label={t('call.path')} help={t('call.path.help')} value={path} onChange={setPath} isRequired />
        <div className="buttons" role="group" aria-label={t('call.language')}>
          {PROGRAMS.map((one) => (
            <Button key={one} aria-pressed={one === program} onPress={() => setProgram(one)}>
              {t(`call.${one}`)}
            </Button>
          ))}
        </div>
        <Code label={t('call.program')} text={programOf[program]({ url, headers: HEADERS })} />
        <Button look="main" isDisabled={app.key === undefined} onPress={() => void send()}>
          {t('call.send')}
        </Button>
        {app.key === undefined && <p>{t('no-key')}</p>}
      </section>
      {fault !== undefined && <FaultNotice fault={fault} />}
      {answer !== undefined && (
        <section className="sheet" aria-labelledby="answer">
          <h2 id="answer">{t('call.answer', { status: answer.status })}</h2>
          <Code label={t('call.answer', { status: answer.status })} text={pretty(answer.text).slice(0, LONGEST)} />
          {answer.text.length > LONGEST && <p className="soft">{t('call.longer')}</p>}
        </section>
      )}
    </>
  );
}
