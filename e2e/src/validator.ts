import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { foreignFolder } from './foreign-data.ts';

const shared = foreignFolder() && dirname(dirname(foreignFolder()!));
const program = shared && join(shared, 'tools/validator/validate.sh');
/** Whether HL7's validator and the packages of the guides are in `shared` of a folder above the checkout. */
export const HAS_VALIDATOR: boolean = program !== undefined && existsSync(program);

/** Packages of `shared/data/ig`, from the one whose definitions lose to the one whose definitions win. */
const PACKAGES = ['us_core_311.tgz', 'us_core_610.tgz', 'carin-bb-2.2.0-sushi.tgz', 'pdex-2.2.0.tgz'];

export interface Issue {
  readonly sev: string;
  /** The validator's name of the kind of error; `<profile>#<key>` for an invariant. */
  readonly id?: string;
  readonly at: string;
  readonly msg: string;
}

/**
 * The errors of each resource by HL7's validator, in the order of the resources. It checks R4 and the profiles that a
 * resource declares. Missing code systems are no errors.
 */
export function errorsOf(resources: readonly object[]): Issue[][] {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-validator-'));
  try {
    const file = join(work, 'resources.ndjson');
    writeFileSync(file, resources.map((resource) => `${JSON.stringify(resource)}\n`).join(''));
    const igs = PACKAGES.map((name) => join(shared!, 'data/ig', name)).join(' ');
    const { stdout, stderr } = spawnSync(program!, [file], {
      encoding: 'utf8',
      maxBuffer: 1024 * 1024 * 1024,
      env: { ...process.env, IGS: igs },
    });
    // The last line counts what was validated: without it, nothing was.
    if (!stderr.includes(`${resources.length} resources, `)) throw new Error(`the validator: ${stderr.slice(-2000)}`);
    const found: Issue[][] = resources.map(() => []);
    for (const text of stdout.split('\n').filter((each) => each !== '')) {
      const { line, issues } = JSON.parse(text) as { line: number; issues: Issue[] };
      found[line - 1] = issues.filter(({ sev }) => sev === 'error' || sev === 'fatal');
    }
    return found;
  } finally {
    rmSync(work, { recursive: true });
  }
}
