import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { addWorktree, run, type Worktree } from '../worktree/worktree.ts';
import { apply, changedProduct, reset } from './task.ts';
import { TASKS } from './tasks.ts';

const MINUTES = 60_000;
let tree: Worktree;
beforeAll(() => {
  tree = addWorktree('HEAD');
}, 10 * MINUTES);
beforeEach(() => reset(tree.root));
afterAll(() => tree?.remove());

test.each(TASKS.map((task) => [task.name, task.files, task] as const))(
  'a newcomer adds %s in at most %d product files, and the house tests pass',
  (_, files, task) => {
    const { root } = tree;
    const shell = (command: string): string => run('bash', ['-ec', command], root);
    apply(root, task);
    shell('npm run --silent build');
    for (const command of task.commands) shell(command);
    const changed = changedProduct(root);
    expect(changed.length, changed.join('\n')).toBeLessThanOrEqual(files);
    shell(`npx prettier --check --log-level warn ${changed.join(' ')} && npx eslint ${changed.join(' ')}`);
    shell('npm run --silent typecheck');
    shell('npm run --silent unused');
    shell('cd e2e && npx vitest run --project house');
  },
  60 * MINUTES,
);
