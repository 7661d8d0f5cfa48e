import { useEffect, useState } from 'react';
import type { Asked, Fault } from '../common/api.ts';

/** ms between two looks. */
const LOOK_MS = 1000;

/**
 * Looks at something again and again until it is over. A server that does not answer for a while ends nothing, and a
 * refusal does.
 */
export function usePolled<T>(look: () => Promise<Asked<T>>, isOver: (found: T) => boolean) {
  const [found, setFound] = useState<T>();
  const [fault, setFault] = useState<Fault>();
  const [turn, setTurn] = useState(0);
  const keep = (asked: Asked<T>): void => {
    setFault(asked.fault);
    if (asked.fault === undefined) setFound(asked.data);
  };
  useEffect(() => {
    let isShown = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = async (): Promise<void> => {
      const asked = await look();
      if (!isShown) return;
      keep(asked);
      const isRefused = asked.fault !== undefined && asked.fault.status >= 400 && asked.fault.status < 500;
      if (!isRefused && (asked.data === undefined || !isOver(asked.data)))
        timer = setTimeout(() => void next(), LOOK_MS);
    };
    void next();
    return () => {
      isShown = false;
      clearTimeout(timer);
    };
  }, [turn]);
  return {
    found,
    fault,
    /** Takes the answer of an action, and goes on looking. */
    take: (asked: Asked<T>): void => {
      keep(asked);
      setTurn((now) => now + 1);
    },
  };
}
