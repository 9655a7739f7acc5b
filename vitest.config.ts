import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import manifest from './package.json' with { type: 'json' };

/** The libraries' subpath imports, read from their sources; a resolve condition does not reach the global setup. */
const libraries = Object.entries(manifest.imports).map(([name, { source }]) => ({
  find: new RegExp(`^${name}$`),
  replacement: fileURLToPath(new URL(source, import.meta.url)),
}));

export default defineConfig({
  resolve: { alias: libraries },
  test: {
    include: ['{src,libs,migrations,scripts,test,docker}/**/*.spec.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    maxWorkers: 3,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A condition may take its time on a machine that does much else.
    expect: { poll: { timeout: 20_000 } },
    allowOnly: false,
  },
});
