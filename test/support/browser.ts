import { type Browser, chromium, type Page } from 'playwright-core';

const PROGRAM = '/usr/bin/chromium';
/** Nothing is fetched but what the test fetches. */
const QUIET = ['no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking'];

export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /** What no page of ours may do: throw, or ask for what its own policy forbids. */
  readonly faults: readonly string[];
}

/** A page of a real browser. */
export async function openPage(): Promise<WatchedPage> {
  const browser: Browser = await chromium.launch({
    executablePath: PROGRAM,
    args: [...QUIET, 'disable-component-update', 'disable-sync'].map((flag) => `--${flag}`),
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && /policy|refused to/i.test(message.text())) faults.push(message.text());
  });
  return { page, faults, [Symbol.asyncDispose]: () => browser.close() };
}
