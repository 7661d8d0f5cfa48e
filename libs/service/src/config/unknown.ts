import { businessEnv } from './business.ts';
import { deploymentEnv } from './deployment.ts';
import { filesEnv } from './files.ts';
import { kafkaEnv, topicsEnv } from './kafka.ts';
import { listenEnv } from './listen.ts';
import { mongoEnv } from './mongo.ts';
import type { Environment } from './read-config.ts';
import { secretsEnv } from './secrets.ts';
import { telemetryEnv } from './telemetry.ts';

/** Every variable that any process of the platform takes from here: settings are often shared by all of them. */
const SHARED_VARIABLES: readonly string[] = [
  kafkaEnv,
  topicsEnv,
  mongoEnv,
  filesEnv,
  listenEnv,
  telemetryEnv,
  secretsEnv,
  businessEnv,
  deploymentEnv,
].flatMap((shape) => Object.keys(shape));

/** Variables that Kubernetes sets in every pod for services that happen to be called kafka, mongodb or export. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

/** Letters that must be put in, left out, replaced or exchanged with their neighbour to get from one to the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** At most so many letters are a slip; in a name's first word (MONGO for MONGODB) too. */
const SLIP = 2;

const letters = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');

function nearest(name: string, known: readonly string[]): string | undefined {
  if (known.includes(`${name}_FILE`)) return `${name}_FILE`;
  const sameLetters = known.find((candidate) => letters(candidate) === letters(name));
  if (sameLetters !== undefined) return sameLetters;
  // `FACTS_BOUND` for `FACTS_BOUND_MS`. One word alone may begin a name of any program.
  if (/^[A-Z0-9]+_[A-Z0-9_]*[A-Z0-9]$/.test(name)) {
    const longer = known.filter((candidate) => candidate.startsWith(name));
    if (longer.length === 1) return longer[0];
  }
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > SLIP) continue;
    const distance = editDistance(name, candidate);
    if (distance <= SLIP && distance < (best?.distance ?? Infinity)) best = { name: candidate, distance };
  }
  return best?.name;
}

/**
 * Variables that are set and unknown but look like a known one: a sentence each. `own` are the variables of the
 * process. Short names (`HOST`, `PORT`, `FILES`) are left alone: too much is like them. A variable of another program
 * may look like one of ours, so the sentence says how to keep it.
 */
export function misspelled(env: Environment, own: readonly string[]): string[] {
  const known = [...new Set([...SHARED_VARIABLES, ...own])].filter((name) => name.length > 6);
  const all = new Set([...SHARED_VARIABLES, ...own]);
  const faults: string[] = [];
  for (const name of Object.keys(env).sort()) {
    if (name.length < 6 || env[name] === undefined || env[name] === '' || all.has(name) || SERVICE_LINK.test(name))
      continue;
    const meant = nearest(name, known);
    if (meant !== undefined)
      faults.push(
        `${name}: is not known here; did you mean ${meant}? (If it is for another program, set it to nothing.)`,
      );
  }
  return faults;
}
