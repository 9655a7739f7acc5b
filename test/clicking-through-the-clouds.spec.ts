import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GoogleDouble, startGoogle } from './doubles/google/index.js';
import { type MicrosoftDouble, startMicrosoftDouble } from './doubles/microsoft/index.js';
import { openPage } from './support/browser.js';
import { FIRST_ACCOUNT, startGateway, type TestGateway } from './support/gateway.js';

let google: GoogleDouble;
let microsoft: MicrosoftDouble;
let gateway: TestGateway;

beforeAll(async () => {
  [google, microsoft] = [await startGoogle(), await startMicrosoftDouble()];
  gateway = await startGateway({
    environment: {
      TESSERA_GOOGLE_ORIGIN: google.origin,
      GOOGLE_CLIENT_ID: google.clientId,
      GOOGLE_CLIENT_SECRET: google.clientSecret,
      TESSERA_MICROSOFT_ORIGIN: microsoft.origin,
      MICROSOFT_CLIENT_ID: microsoft.clientId,
      MICROSOFT_CLIENT_SECRET: microsoft.clientSecret,
    },
  });
});
afterAll(async () => {
  await gateway?.stop();
  await google?.stop();
  await microsoft?.stop();
});

describe('A person with a browser', () => {
  it('connects Google Drive and OneDrive, stores a file, and connects again when the consent was withdrawn', async () => {
    await using opened = await openPage();
    const { page, faults } = opened;
    await page.goto(`${gateway.url}/clouds`);
    await page.fill('input[name=email]', FIRST_ACCOUNT.email);
    await page.fill('input[name=password]', FIRST_ACCOUNT.password);
    await page.click('text=Sign in >> visible=true');
    await page.waitForSelector('#connections tr');

    for (const kind of ['Google Drive', 'OneDrive']) {
      await page.click(`summary:has-text("${kind}")`);
      await page.click(`details:has(summary:has-text("${kind}")) >> text=Go to its sign-in page`);
      await page.click('button:has-text("Allow")');
      await page.waitForSelector(`#connections tr:has-text("${kind}") >> text=healthy`);
    }

    const file = { name: 'hello.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') };
    await page.setInputFiles('#store', [file]);
    await page.click('#files >> text=Where is it?');
    await page.waitForSelector('#status:has-text("1 sealed chunk(s) on:")');
    await page.waitForSelector(
      '#durability:has-text("There is one copy: if a place is lost, what lies there is lost.")',
    );

    google.withdraw();
    await page.reload();
    await expect
      .poll(
        async () => {
          await page.click('text=Look again');
          return page.locator('#connections tr:has-text("Google Drive") td.needs-reconnect').count();
        },
        { timeout: 20_000 },
      )
      .toBe(1);
    await page.click('text=Connect again');
    await page.click('button:has-text("Allow")');
    await page.waitForSelector('#connections tr:has-text("Google Drive") >> text=healthy');

    await page.click('#connections tr:has-text("Google Drive") >> text=Move files off');
    await page.waitForSelector('#status:has-text("it can be removed")');
    await page.click('#connections tr:has-text("Google Drive") >> text=Leave the rest there');
    await page.waitForSelector('#connections tr:has-text("Google Drive") >> text=Move files off');
    expect(faults).toEqual([]);
  }, 180_000);

  it('is told what happened when the consent was refused', async () => {
    await using opened = await openPage();
    const { page, faults } = opened;
    await page.goto(`${gateway.url}/clouds`);
    await page.fill('input[name=email]', FIRST_ACCOUNT.email);
    await page.fill('input[name=password]', FIRST_ACCOUNT.password);
    await page.click('text=Sign in >> visible=true');
    await page.waitForSelector('#connections tr');
    await page.click('summary:has-text("OneDrive")');
    await page.click('details:has(summary:has-text("OneDrive")) >> text=Go to its sign-in page');
    await page.click('button:has-text("Deny")');
    await page.waitForSelector('text=/refused|denied/i');
    expect(faults).toEqual([]);
  }, 120_000);
});
