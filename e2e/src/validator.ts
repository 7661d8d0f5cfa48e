import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BALP_PROFILES } from './balp.ts';
import { foreignFolder } from './foreign-data.ts';

const shared = foreignFolder() && dirname(dirname(foreignFolder()!));
const program = shared && join(shared, 'tools/validator/validate.sh');
/** Whether HL7's validator and the packages of the guides are in `shared` of a folder above the checkout. */
export const HAS_VALIDATOR: boolean = program !== undefined && existsSync(program);

/** Packages of `shared/data/ig`, from the one whose definitions lose to the one whose definitions win. */
const PACKAGES = ['us_core_311.tgz', 'us_core_610.tgz', 'carin-bb-2.2.0-sushi.tgz', 'pdex-2.2.0.tgz'];
/** Profiles that served resources declare and that the tables of intake do not have. */
const MORE_PACKAGES = ['us_core_700.tgz', 'hrex-1.0.0.tgz', 'atr-2.1.0.tgz'];

/** The profiles of BALP as a package of HL7's form. */
function balpPackage(folder: string): string {
  mkdirSync(join(folder, 'package'));
  for (const [n, profile] of BALP_PROFILES.entries())
    writeFileSync(join(folder, `package/StructureDefinition-balp-${n}.json`), JSON.stringify(profile));
  const archive = join(folder, 'balp.tgz');
  execFileSync('tar', ['-czf', archive, '-C', folder, 'package']);
  return archive;
}

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
 * @param profiles `all`: also those of BALP, HRex and ATR. Otherwise the ones that intake has tables of.
 */
export function errorsOf(resources: readonly object[], profiles: 'all' | 'tables' = 'tables'): Issue[][] {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-validator-'));
  try {
    const file = join(work, 'resources.ndjson');
    writeFileSync(file, resources.map((resource) => `${JSON.stringify(resource)}\n`).join(''));
    const names = profiles === 'all' ? [...MORE_PACKAGES, ...PACKAGES] : PACKAGES;
    const archives = names.map((name) => join(shared!, 'data/ig', name));
    const igs = [...(profiles === 'all' ? [balpPackage(work)] : []), ...archives].join(' ');
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
