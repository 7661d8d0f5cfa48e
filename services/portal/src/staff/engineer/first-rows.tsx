import { useState } from 'react';
import { Button } from '../../common/parts.tsx';

/** Rows of a report that are shown at once. The server bounds a report, and no browser lays out a thousand rows fast. */
const FIRST = 100;

/** The first rows of a report, and a button that shows all. @param all text of the button, by number of rows */
export function useFirst<T>(rows: readonly T[], all: (count: number) => string) {
  const [isAll, setAll] = useState(false);
  if (isAll || rows.length <= FIRST) return { shown: rows, more: null };
  const more = <Button onPress={() => setAll(true)}>{all(rows.length)}</Button>;
  return { shown: rows.slice(0, FIRST), more };
}
