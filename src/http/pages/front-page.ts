import { escaped, page, type Page } from './page.js';

/** What somebody sees who opens the gateway's address, as long as there is no web console. */
export function frontPage(publicUrl: string): Page {
  const lines = [
    `TOKEN=$(curl -s ${publicUrl}/api/auth/login -H 'Content-Type: application/json' -d '{"email": "YOU@EXAMPLE.ORG", "password": "YOUR PASSWORD"}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')`,
    `curl -T photo.jpg -H "Authorization: Bearer $TOKEN" ${publicUrl}/api/content/photo.jpg`,
    `curl -o again.jpg -H "Authorization: Bearer $TOKEN" ${publicUrl}/api/content/photo.jpg`,
  ];
  return page(
    'Tessera',
    `<h1>Tessera</h1>
<p><em>All your clouds. None the wiser.</em></p>
<p>This is a gateway to the storage that you already have. What you store here is cut into chunks, and each is sealed under a key of
its own before it goes to where it is kept, so that no provider can read a byte.</p>
<p><a href="/clouds">Your clouds</a>: connect them, and see how they are. There is no full web console yet. Signing in, storing a file and getting it back from a shell:</p>
<pre>${escaped(lines.join('\n'))}</pre>
<p>Every call there is: <a href="/api/docs">the API</a>. No account yet? Who runs this gateway makes you one; the very first start
prints a link that makes the first.</p>`,
  );
}
