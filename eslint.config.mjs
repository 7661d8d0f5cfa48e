import eslint from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { createProjectGraphAsync } from 'nx/src/devkit-exports.js';
import tseslint from 'typescript-eslint';

// The rule of the import table reads the graph of projects from a file, and checks nothing while there is no such file.
process.env.NX_DAEMON = 'false';
await createProjectGraphAsync({ exitOnError: true });

const only = (...names) => names.map((name) => `layer:${name}`);
const PURE = only('contract', 'pure');
/** With the files of a payer, for the commands and for the service behind the page. */
const FILES = [...PURE, ...only('files')];
const SERVICE = [...FILES, ...only('platform')];
const TOOL = [...FILES, ...only('tool')];
/**
 * Who may import whom (docs/adr/0001-import-table.md). Tests and scripts of libraries may also import tools.
 * ESLint reports a breach; e2e/src/house/conventions.house.spec.ts proves that it does.
 */
const allowed = {
  contract: PURE,
  pure: PURE,
  files: PURE,
  platform: [...PURE, ...only('platform')],
  service: SERVICE,
  runner: [...SERVICE, ...only('service', 'sandbox')],
  // What proves the product from the inside. The package exports nothing.
  proof: [...SERVICE, ...only('service', 'runner', 'tool')],
  // The synthetic payer and the reviewer of a sandbox (ADR 0038).
  sandbox: TOOL,
  tool: TOOL,
  e2e: TOOL,
};
export const importTable = Object.entries(allowed).map(([name, onlyDependOnLibsWithTags]) => ({
  sourceTag: `layer:${name}`,
  onlyDependOnLibsWithTags,
}));
/**
 * Tests may use tools. Tests of a runner may also use the other runner, because the standalone starts the services.
 */
const withTools = importTable.map((row) => {
  const more = row.sourceTag === 'layer:runner' ? ['layer:tool', 'layer:runner'] : ['layer:tool'];
  return { ...row, onlyDependOnLibsWithTags: [...new Set([...row.onlyDependOnLibsWithTags, ...more])] };
});

const boundaries = (depConstraints) => ({
  '@nx/enforce-module-boundaries': [
    'error',
    {
      enforceBuildableLibDependency: false,
      banTransitiveDependencies: false,
      allowCircularSelfDependency: true,
      allow: [],
      depConstraints,
    },
  ],
});

/** Engines are known in one folder each. */
const ENGINES = { 'node:sqlite': 'embedded', kafkajs: 'kafka', mongodb: 'mongo' };
const engineBan = (allowed) => ({
  'no-restricted-imports': [
    'error',
    {
      paths: Object.entries(ENGINES)
        .filter(([, folder]) => folder !== allowed)
        .map(([name, folder]) => ({ name, message: `${name} is imported in ${folder}/ folders only.` })),
    },
  ],
});

/**
 * A test that waits for a time instead of a condition fails on a slow machine. A test that looks for a short text in a
 * random one fails by chance. e2e/src/house/conventions.house.spec.ts proves each row.
 */
const SHORT = 'ObjectExpression > Property[key.name="timeout"][value.value<60000]';
const SLEEP = 'CallExpression[callee.name="setTimeout"]';
/** A text of two characters at most; in a pattern, as one of its alternatives. */
const FEW = '[\\w-]{1,2}';
const CHANCE =
  'A text this short occurs by chance in random text, e.g. in a sealed link: name more of it, as in \'"m1"\' or ' +
  "'Patient/m1'. For a list, write expect.not.arrayContaining.";
const absent = (matcher) => `CallExpression[callee.object.property.name="not"][callee.property.name="${matcher}"] >`;
const INSTEAD =
  'wait for a condition with eventually() of @provider-access/testing or expect.poll, or move a fake clock.';
/** Nest needs parameters of a constructor; Node runs all other classes as they are written (docs/writing.md). */
const NEST = 'ClassDeclaration[decorators.length>0]';
const PLAIN = ':matches(ClassDeclaration, ClassExpression)[decorators.length=0]';
const classes = [
  {
    selector: `${PLAIN} > ClassBody > :not([kind="constructor"])[accessibility="private"]`,
    message: 'A class without a decorator hides a member as #name.',
  },
  {
    selector: `${PLAIN} > ClassBody > [kind="constructor"] TSParameterProperty`,
    message: 'A class without a decorator declares its fields: Node does not know parameter properties.',
  },
  {
    selector: `${NEST} > ClassBody > * > PrivateIdentifier.key`,
    message: 'A class of Nest hides a member as private, beside the parameters of its constructor.',
  },
  {
    selector:
      `${NEST} > ClassBody > [kind="constructor"] > FunctionExpression > BlockStatement:not(:has(Super)) > ` +
      'ExpressionStatement > AssignmentExpression[left.object.type="ThisExpression"][right.type="Identifier"]',
    message: 'Make it a parameter property: constructor(@Inject(X) private readonly x: X) {}',
  },
];
const tests = {
  'no-restricted-syntax': [
    'error',
    { selector: `${absent('toContain')} Literal[value=/^${FEW}$/]`, message: CHANCE },
    {
      selector: `${absent('toMatch')} Literal[regex.pattern=/(^|\\|)(${FEW}|[\\w-]\\x5b[^|]+\\x5d)(\\x5cb)?(\\||$)/]`,
      message: CHANCE,
    },
    {
      selector: 'CallExpression[callee.object.name="vi"][callee.property.name=/^wait(For|Until)$/]',
      message: `vi.waitFor and vi.waitUntil give up after one second: ${INSTEAD}`,
    },
    {
      selector: `CallExpression[callee.object.name="expect"][callee.property.name="poll"] > ${SHORT}`,
      message: 'Leave out the timeout: the default of 60 s holds on a busy machine.',
    },
    {
      selector: `CallExpression[callee.name="eventually"] > ${SHORT}`,
      message: 'Leave out the timeout: the default of 60 s holds on a busy machine.',
    },
    ...['', 'BlockStatement > ExpressionStatement > '].map((block) => ({
      selector: `NewExpression[callee.name="Promise"] > :function > ${block}${SLEEP}`,
      message: `A sleep is right on one machine only: ${INSTEAD}`,
    })),
    {
      selector:
        'ImportDeclaration[source.value=/^(node:)?timers\\u002fpromises$/] > ' +
        'ImportSpecifier[imported.name="setTimeout"]',
      message: `A sleep is right on one machine only: ${INSTEAD}`,
    },
    {
      selector: 'CallExpression[callee.object.name="vi"][callee.property.name=/^((do)?(un)?[mM]ock|resetModules)$/]',
      message:
        'Specs share a process: a module that was loaded before keeps what it imported, and later specs get the ' +
        'double. Give the double to the subject, or spy on an object with vi.spyOn().',
    },
    ...classes,
  ],
};

/**
 * A metric takes words of its table only. A cast would let any text in, and the metric would count it as `other`.
 * e2e/src/house/conventions.house.spec.ts proves each row.
 */
const WORDS = '/^(LabelsOf|AuditAction|ActionOnData|RefusalReason|DenialReason)$/';
const METER = '[callee.property.name=/^(count|record|set|move|read|zero)$/][arguments.0.value=/^(pa|http_server)_/]';
const CAST = ':matches(TSAsExpression, TSTypeAssertion)';
const casts = [
  `${CAST} > TSTypeReference[typeName.name=${WORDS}]`,
  `CallExpression${METER} ${CAST}:not([typeAnnotation.typeName.name="const"])`,
].map((selector) => ({
  selector,
  message: 'A cast lets any text into a metric. Give the value its type where it comes from, or ask valueIn().',
}));

/**
 * SQLite prepares such a statement again for each execution: its plan depends on the value.
 * e2e/src/house/conventions.house.spec.ts proves each row.
 */
const limits = ['TemplateElement[value.raw=/LIMIT [?]/]', 'Literal[value=/LIMIT [?]/]'].map((selector) => ({
  selector,
  message: 'Write LIMIT of libs/engines/src/log/embedded/limit.ts.',
}));
/** Of a query. A write in one text may have plain values. A value behind an operator may begin its part of a text. */
const EQUAL = '/((^|[^<>!=])==?|\\b(IS|NOT)|^) [+]?[?]([^\\w.:?]|$)|[?] =|[+][?]/i';
const WRITE = '/\\b(DELETE FROM|UPDATE|SET)\\b/';
const values = [
  `TemplateLiteral:not(:has(> TemplateElement[value.raw=${WRITE}])) > TemplateElement[value.raw=${EQUAL}]`,
  `Literal[value=${EQUAL}]:not([value=${WRITE}])`,
].map((selector) => ({ selector, message: 'Write VALUE of libs/engines/src/log/embedded/limit.ts.' }));

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      'services/portal/generated/**',
      '**/node_modules/**',
      '**/.nx/**',
      '**/test-report.json',
      'libs/fhir/src/definitions/**',
    ],
  },
  eslint.configs.recommended,
  tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    plugins: { '@nx': nx },
    rules: {
      ...boundaries(importTable),
      ...engineBan(undefined),
      'no-restricted-syntax': ['error', ...casts, ...classes, ...limits],
      'max-lines': ['error', { max: 400 }],
      'max-depth': ['error', 4],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      'no-duplicate-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  // The rule does not see what only the decorator of a parameter uses.
  { files: ['**/*.controller.ts'], rules: { 'no-useless-assignment': 'off' } },
  {
    files: ['**/embedded/**/*.ts'],
    rules: {
      ...engineBan('embedded'),
      'no-restricted-syntax': ['error', ...casts, ...classes, ...limits, ...values],
    },
  },
  { files: ['libs/engines/src/log/embedded/limit.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['**/kafka/**/*.ts'], rules: engineBan('kafka') },
  { files: ['**/mongo/**/*.ts'], rules: engineBan('mongo') },
  // It asks each engine with a client of it.
  { files: ['tools/testing/src/servers.long.spec.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: [
      '**/*.spec.ts',
      '**/contract/**/*.ts',
      '**/test/**/*.ts',
      'services/portal/e2e/**/*.ts',
      'libs/*/scripts/**/*.ts',
    ],
    rules: boundaries(withTools),
  },
  {
    files: ['**/*.spec.ts', '**/contract/**/*.ts', '**/test/**/*.ts'],
    ignores: ['tools/testing/src/eventually.unit.spec.ts'],
    rules: tests,
  },
  {
    files: [
      'tools/{cli,cluster,definitions,maintenance,proofs}/**',
      '**/*.long.spec.ts',
      '**/bench/**',
      '**/scripts/**',
      'services/portal/e2e/**/*.ts',
      'services/standalone/**/*.ts',
      'e2e/**/*.ts',
    ],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        URLSearchParams: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        performance: 'readonly',
        fetch: 'readonly',
      },
    },
  },
);
