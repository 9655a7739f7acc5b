import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSite, run, type Site } from './client-program.js';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site?.stop());

/** With how many cases each has. */
const SUITES: [name: string, cases: number][] = [
  ['basic', 16],
  ['copymove', 13],
  ['props', 30],
  ['locks', 41],
  ['http', 4],
];

describe('litmus, the public suite for WebDAV servers', () => {
  it.each(SUITES)('passes «%s», all %i of it', async (suite, cases) => {
    const env = { TESTS: suite };
    const { output } = await run('litmus', ['-k', site.dav, site.email, site.password], { env, cwd: site.folder });
    expect(output).toContain(`summary for \`${suite}': of ${cases} tests run: ${cases} passed, 0 failed. 100.0%`);
    expect(output).not.toMatch(/skipped|WARNING/);
  });
});
