import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

/** The law of imports (docs/ARCHITECTURE.md): each tag may depend on these and on nothing else. */
const LAW = {
  'lib:protocol': [],
  'lib:book': ['lib:protocol'],
  'lib:market': ['lib:protocol', 'lib:book'],
  'lib:log': ['lib:protocol'],
  'lib:ops': ['lib:protocol'],
  'app:ingest': ['lib:protocol', 'lib:book', 'lib:log', 'lib:ops'],
  'app:engine': ['lib:protocol', 'lib:market', 'lib:log', 'lib:ops'],
  'app:gateway': ['lib:protocol', 'lib:book', 'lib:log', 'lib:ops'],
  'app:journal': ['lib:protocol', 'lib:book', 'lib:log', 'lib:ops'],
  'tool:start': [],
  'tool:history': ['lib:protocol'],
  'tool:bench': ['lib:protocol', 'lib:book', 'lib:market', 'lib:log', 'tool:start'],
  'tool:simulate': ['lib:protocol', 'lib:book', 'lib:market', 'lib:log', 'app:engine'],
  // Depends on little, so that every other lib's tests can use it without a cycle.
  'lib:testing': ['lib:protocol', 'lib:book', 'tool:start'],
  'app:e2e': ['lib:protocol', 'lib:book', 'lib:market', 'lib:log', 'lib:testing'],
};

const LIBS = Object.keys(LAW).filter((tag) => tag.startsWith('lib:'));

const boundaries = (law) => [
  'error',
  {
    allow: [],
    enforceBuildableLibDependency: false,
    depConstraints: Object.entries(law).map(([sourceTag, onlyDependOnLibsWithTags]) => ({
      sourceTag,
      onlyDependOnLibsWithTags,
    })),
  },
];

export default [
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '.depthcast/**'] },
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: { '@nx': nx },
    rules: { '@nx/enforce-module-boundaries': boundaries(LAW) },
  },
  {
    // Tests may use every library.
    files: ['**/*.spec.ts'],
    rules: {
      '@nx/enforce-module-boundaries': boundaries(
        Object.fromEntries(Object.keys(LAW).map((tag) => [tag, [...LIBS, 'tool:start']])),
      ),
    },
  },
  {
    // The core is a function of its inputs: no clock, no chance, no I/O.
    files: ['libs/protocol/src/**/*.ts', 'libs/book/src/**/*.ts', 'libs/market/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'performance', 'setTimeout', 'setInterval', 'fetch'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time arrives as an input.' },
        { object: 'Math', property: 'random', message: 'Chance arrives as an input.' },
        { object: 'crypto', property: 'randomUUID', message: 'Ids arrive as inputs.' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time arrives as an input.' },
      ],
      'no-restricted-imports': ['error', { patterns: ['node:*'] }],
    },
  },
];
