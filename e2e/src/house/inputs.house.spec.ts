import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { createProjectGraphAsync } from 'nx/src/devkit-exports.js';
import { HashPlanInspector } from 'nx/src/hasher/hash-plan-inspector.js';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/**
 * Nx restores a result when the declared inputs of a target have not changed. A path that a project reads and does not
 * declare makes Nx report tests as passed that did not run, so these tests look for such paths in the sources.
 */
const ROOT = join(import.meta.dirname, '../../..');
const git = (...args: string[]): string[] =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
    .split('\n')
    .filter((line) => line !== '');
const tracked = git('ls-files');
process.env['NX_DAEMON'] = 'false';
const graph = await createProjectGraphAsync({ exitOnError: true });
const inspector = new HashPlanInspector(graph, ROOT);
await inspector.init();
/** The files that Nx hashes for a task, as `nx show target inputs` lists them (in a process for each target). */
const inputsOf = (project: string, target = 'test'): Set<string> =>
  new Set(inspector.inspectTaskInputs({ project, target })[`${project}:${target}`]!.files);

const projects = tracked
  .filter((file) => /^(?:libs\/|services\/|tools\/)?[^/]+\/package\.json$/.test(file))
  .map((file) => dirname(file));
const TOP = [...new Set(tracked.filter((file) => file.includes('/')).map((file) => file.split('/')[0]!))].filter(
  (name) => !name.startsWith('.'),
);
/** Texts in the form of a path that are not read: the file, and the paths that it only names. */
const NAMED_ONLY: Readonly<Record<string, readonly string[]>> = {
  // Keys of the lock file, which is an input of every project, and of a file that the test makes.
  'tools/image/src/lock.ts': ['tools/cli', 'services/portal'],
  // It names specs, and a test of e2e reads them.
  'libs/domain/src/pdex/evidence/rules.ts': ['services/auth/src/operations', 'services/resources/src'],
  // It writes pictures there.
  'services/portal/e2e/bench.ts': ['docs/pictures'],
  'tools/image/src/lock.unit.spec.ts': [
    'e2e',
    'tools/cli',
    'tools/image',
    'tools/synthetic',
    'tools/testing',
    'services/admin',
    'services/auth',
    'services/standalone',
  ],
};

/** Paths of the workspace, outside of `project`, that string literals of `file` name. */
function pathsIn(file: string, project: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const found = new Set<string>();
  const look = (text: string): void => {
    if (text === '' || /\s/.test(text)) return;
    const named = text.startsWith('../') ? relative(ROOT, resolve(ROOT, dirname(file), text)) : text.replace(/\/$/, '');
    if (named === '' || named.startsWith('..') || named === project || named.startsWith(`${project}/`)) return;
    if (!text.startsWith('../') && !TOP.includes(named.split('/')[0]!)) return;
    // A single word such as 'docs' is a path only where the file goes up to the root of the workspace.
    if (!named.includes('/') && !source.text.includes("'../../..'") && !source.text.includes("'../..'")) return;
    if (existsSync(join(ROOT, named)) && !(NAMED_ONLY[file] ?? []).includes(named)) found.add(named);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isStringLiteralLike(node)) look(node.text);
    // The fixed beginning of a template is the name of a folder.
    else if (ts.isTemplateExpression(node)) look(node.head.text.slice(0, node.head.text.lastIndexOf('/') + 1));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...found];
}

const isProgram = (file: string): boolean => file.endsWith('.program.spec.ts');
/**
 * What a project reads outside of its folder: path → the file that names it. A spec of the suite `programs` is named
 * only if no other file reads the path.
 */
function readsOf(project: string): Map<string, string> {
  const reads = new Map<string, string>();
  // The files that `tools/maintenance` names lie in the worktrees that it makes.
  const elsewhere = /\/house\/|^tools\/maintenance\//;
  for (const file of tracked.filter(
    (one) =>
      one.startsWith(`${project}/`) && one.endsWith('.ts') && !elsewhere.test(one) && existsSync(join(ROOT, one)),
  )) {
    for (const path of pathsIn(file, project)) if (!reads.has(path) || !isProgram(file)) reads.set(path, file);
  }
  return reads;
}

const reading = projects.map((project) => ({ project, reads: readsOf(project) })).filter(({ reads }) => reads.size > 0);

describe('the inputs that Nx hashes', () => {
  test('the scan finds the paths that are known to be read', () => {
    const found = new Map(reading.map(({ project, reads }) => [project, [...reads.keys()]]));
    expect(found.get('libs/service')).toEqual(expect.arrayContaining(['docs/metrics.json', 'docs/metrics.md']));
    expect(found.get('e2e')).toEqual(
      expect.arrayContaining(['charts/provider-access', 'docs/configuration.json', 'tools/cli/bin/pa.mjs']),
    );
  });

  test.each(reading)(
    '$project: every path of the workspace that its sources read is an input of its tests',
    ({ project, reads }) => {
      const nxName = project.split('/').at(-1)!;
      const inputs = inputsOf(nxName);
      // The suite `programs` opens every page of the documentation, and the other suites need few of them.
      const programs = [...reads.values()].some(isProgram) ? inputsOf(nxName, 'test-programs') : inputs;
      const missing = [...reads].flatMap(([path, by]) => {
        const wanted = statSync(join(ROOT, path)).isDirectory()
          ? tracked.filter((file) => file.startsWith(`${path}/`))
          : [path];
        // Specs, tests and pages of another project do not decide results in this one.
        const undeclared = wanted.filter(
          (file) =>
            !(isProgram(by) ? programs : inputs).has(file) &&
            !/\.spec\.ts$|\/test\/|^(?:libs|services|tools|e2e)\/.*\.md$|\/dist\//.test(file),
        );
        if (undeclared.length === 0) return [];
        const more = undeclared.length > 3 ? ` and ${undeclared.length - 3} more` : '';
        return [`${by} reads ${path}: ${undeclared.slice(0, 3).join(', ')}${more}`];
      });
      expect(missing, `add them to nx.namedInputs.elsewhere in ${project}/package.json`).toEqual([]);
    },
  );

  test('every suite of every project uses these inputs', () => {
    const { targetDefaults } = JSON.parse(readFileSync(join(ROOT, 'nx.json'), 'utf8')) as {
      targetDefaults: Record<string, { inputs?: string[] }>;
    };
    for (const project of projects) {
      const { scripts, nx: own } = JSON.parse(readFileSync(join(ROOT, project, 'package.json'), 'utf8')) as {
        scripts: Record<string, string>;
        nx: { targets?: object };
      };
      expect(own.targets, `${project} overrides no target`).toBeUndefined();
      for (const target of Object.keys(scripts).filter((script) => script.startsWith('test'))) {
        expect(targetDefaults[target]?.inputs, `${project}:${target}`).toEqual(
          target === 'test-house'
            ? ['everything']
            : ['default', '^production', 'machine', 'elsewhere', ...(target === 'test-programs' ? ['pages'] : [])],
        );
      }
    }
  });

  test('no target is continuous: Nx ends such a run with 0, also if the service could not start', () => {
    const { targetDefaults } = JSON.parse(readFileSync(join(ROOT, 'nx.json'), 'utf8')) as {
      targetDefaults: Record<string, { continuous?: boolean }>;
    };
    expect(Object.entries(targetDefaults).filter(([, target]) => target.continuous === true)).toEqual([]);
  });

  test('the end-to-end tests depend on every service, which they start without importing it', () => {
    const inputs = inputsOf('e2e');
    const sources = tracked.filter(
      (file) => /^(?:services|libs)\/[^/]+\/src\/.*\.ts$/.test(file) && !file.endsWith('.spec.ts'),
    );
    expect(sources.length).toBeGreaterThan(300);
    expect(sources.filter((file) => !inputs.has(file))).toEqual([]);
  });
});
