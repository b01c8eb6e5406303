/** One configuration for every project: each runs it with its own --rootDir. */
export default {
  testEnvironment: 'node',
  // Tests read the libraries' sources, so no build is needed before a unit test. Jest itself adds `import` or `require`:
  // said here, `import` would win for CommonJS too.
  testEnvironmentOptions: { customExportConditions: ['@depthcast/source', 'node', 'default'] },
  roots: ['<rootDir>/src'],
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  testTimeout: 30_000,
};
