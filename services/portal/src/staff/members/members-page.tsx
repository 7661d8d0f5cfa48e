import { useState } from 'react';
import { Form } from 'react-aria-components';
import type { Fault } from '../../common/api.ts';
import { Button, Field, Heading, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { Confirmation, type Entered } from './confirmation.tsx';
import { DecideForm } from './decide-form.tsx';
import { Notices } from './notices.tsx';
import { type Found, find } from './requests.ts';
import { SearchForm } from './search-form.tsx';
import { Seeing } from './seeing.tsx';
import { Said, Seen } from './what-is-known.tsx';

/** As FHIR has ids of resources. */
const ID = /^[A-Za-z0-9.-]{1,64}$/;

/** One call after the other. What is known about a member is in memory alone, and never in the address. */
export function MembersPage() {
  const { t } = useSpeech();
  const [id, setId] = useState('');
  const [script, setScript] = useState('');
  const [found, setFound] = useState<Found>();
  const [entered, setEntered] = useState<Entered>();
  const [wrong, setWrong] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault>();

  async function show(given: string): Promise<void> {
    const member = given.trim();
    setFault(undefined);
    setWrong(!ID.test(member));
    if (!ID.test(member)) return;
    setBusy(true);
    const asked = await find(member);
    setBusy(false);
    if (asked.fault === undefined) setFound(asked.data);
    else setFault(asked.fault);
  }
  function next(): void {
    setId('');
    setFound(undefined);
    setEntered(undefined);
  }

  if (found === undefined)
    return (
      <>
        <Heading>{t('members')}</Heading>
        <section className="sheet">
          <Form
            onSubmit={(event) => {
              event.preventDefault();
              void show(id);
            }}
          >
            <Field label={t('call.id')} help={t('call.id.help')} value={id} onChange={setId} isRequired />
            {wrong && <Notice kind="bad">{t('call.id.wrong')}</Notice>}
            {fault !== undefined && <FaultNotice fault={fault} retry={() => void show(id)} />}
            <Button type="submit" look="main" isDisabled={busy}>
              {t('call.find')}
            </Button>
          </Form>
        </section>
        <SearchForm
          choose={(member) => {
            setId(member);
            void show(member);
          }}
          busy={busy}
        />
      </>
    );
  const { apps, others = [] } = found.seeing;
  const isUnknown = !found.decided && apps.length + others.length === 0 && found.releases.disclosures.length === 0;
  return (
    <>
      {entered === undefined ? (
        <>
          <Heading>
            {t('call.member')} <bdi>{found.member}</bdi>
          </Heading>
          {isUnknown && <Notice kind="note">{t('call.nothing')}</Notice>}
          <Said {...found.denials} />
          <Seeing {...found.seeing} />
          <DecideForm found={found} script={script} setScript={setScript} entered={setEntered} />
          <Notices {...found.notices} />
          <Seen member={found.member} first={found.releases} />
        </>
      ) : (
        <Confirmation {...entered} />
      )}
      <div className="buttons">
        {entered !== undefined && (
          <Button look="main" onPress={() => print()}>
            {t('say.print')}
          </Button>
        )}
        <Button onPress={next}>{t('call.other')}</Button>
      </div>
    </>
  );
}
