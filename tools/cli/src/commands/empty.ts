import type { Server } from '../client/server.ts';

/** Why a provider sees no member. Each row ends with the command of the payer's engineer that changes it. */
const CAUSES = [
  '- The payer has attributed no member to the NPI or TIN of the app: `pa attribute`, `pa import roster`.',
  '- No attributed member has coverage now: `pa enroll`, `pa import coverage`.',
  '- The attributed members opted out: `pa opt-in`, if they opt in again.',
  "- The provider is not in the payer's network: `pa network`, `pa import network`.",
];
const WHO =
  'The payer learns which of them it is for one member with `pa explain --client CLIENT --member MEMBER`, and what ' +
  'waits for correction with `pa dead-letters list`.';

export const NO_GROUPS: readonly string[] = ['This app has no Group, because it may see no member:', ...CAUSES, WHO];

interface Asked {
  readonly group: string;
  readonly since?: string | undefined;
  readonly types?: string | undefined;
}

/** Sentences about an export without resources. `members` is the size of the Group, if the server gave it. */
export function emptyLines({ group, since, types }: Asked, members: number | undefined): string[] {
  if (members === undefined || members === 0)
    return [
      (since === undefined ? 'The export is empty: ' : `Nothing changed since ${since}, and `) +
        `Group ${group} has no member that this app may see now. Possible causes:`,
      ...CAUSES,
      WHO,
    ];
  const size = members === 1 ? 'one member' : `${members} members`;
  if (since !== undefined) return [`Nothing changed since ${since}: Group ${group} has ${size}.`];
  return [
    `The export is empty, although Group ${group} has ${size}: ` +
      (types === undefined
        ? 'the payer has published no resource of them yet (`pa publish`).'
        : `no resource of the types ${types} is published. Leave out --type to export all types.`),
  ];
}

/** The number of members, or undefined if the server does not give it. */
export async function sizeOf(server: Server, token: string, group: string): Promise<number | undefined> {
  try {
    const { quantity, member } = await server.json<{ quantity?: number; member?: readonly unknown[] }>(
      `/fhir/Group/${encodeURIComponent(group)}`,
      { token },
    );
    return quantity ?? member?.length;
  } catch {
    // The size makes the explanation more exact. It is no reason to fail after the export succeeded.
    return undefined;
  }
}
