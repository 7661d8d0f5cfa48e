import { useState } from 'react';
import type { Session } from '../../common/api.ts';
import { Causes } from './causes.tsx';
import { OneCause } from './one-cause.tsx';
import { OneLetter } from './one-letter.tsx';
import { OneRun } from './one-run.tsx';
import type { Cause, Letter } from './requests.ts';

/** What the page shows. It is in no address, because the browser keeps addresses. */
export type Shown =
  | { readonly at: 'causes' }
  | { readonly at: 'cause'; readonly cause: Cause }
  | { readonly at: 'letter'; readonly cause: Cause; readonly letter: Letter }
  | { readonly at: 'run'; readonly run: string };

/** What is dead, and how do I correct it? (PEOPLE.md) */
export function LettersPage({ session }: { readonly session: Session }) {
  const [shown, show] = useState<Shown>({ at: 'causes' });
  switch (shown.at) {
    case 'causes':
      return <Causes show={show} />;
    case 'cause':
      return <OneCause cause={shown.cause} show={show} />;
    case 'letter':
      return <OneLetter key={shown.letter.id} {...shown} session={session} show={show} />;
    case 'run':
      return <OneRun id={shown.run} show={show} />;
  }
}
