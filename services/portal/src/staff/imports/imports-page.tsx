import { useState } from 'react';
import { ImportsList } from './imports-list.tsx';
import { NewImport } from './new-import.tsx';
import { OneImport } from './one-import.tsx';
import type { About } from './requests.ts';

/** A file that this page has sent: in memory alone, for the case that its columns must be named. */
export interface SentFile {
  readonly run: string;
  readonly file: File;
  readonly about: About;
}
/** What the page shows. It is in no address, because the browser keeps addresses. */
export type Shown =
  | { readonly at: 'list' }
  | { readonly at: 'new'; readonly about?: Partial<About>; readonly file?: File; readonly columns?: readonly string[] }
  | { readonly at: 'run'; readonly run: string; readonly sent?: SentFile };

/** What do our files change, and is it in force? (PEOPLE.md) */
export function ImportsPage() {
  const [shown, show] = useState<Shown>({ at: 'list' });
  switch (shown.at) {
    case 'list':
      return <ImportsList show={show} />;
    case 'new':
      return <NewImport {...shown} show={show} />;
    case 'run':
      return (
        <OneImport key={shown.run} id={shown.run} {...(shown.sent !== undefined && { sent: shown.sent })} show={show} />
      );
  }
}
