import { escaped, page, type Page } from './page.js';

/** What somebody sees whose browser was sent here, when it went wrong. The address may hold what came from elsewhere: it goes. */
export function problemPage(title: string, detail: string | undefined): Page {
  return page(
    `Tessera: ${title}`,
    `<h1>${escaped(title)}</h1><p>${escaped(detail ?? '')}</p><p><a href="/clouds">To your clouds</a></p>`,
    `history.replaceState(null, '', location.pathname);`,
  );
}
