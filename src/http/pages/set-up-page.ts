import { page, type Page } from './page.js';

/** Reads the token from the fragment, takes it out of the address, and sends it once in a body: it lands in no log. */
const SCRIPT = `
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
history.replaceState(null, '', location.pathname);
const form = document.querySelector('form');
const status = document.querySelector('[role=status]');
if (token === '') status.textContent = 'This page needs the whole link that was printed or sent to you.';
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { email, password } = Object.fromEntries(new FormData(form));
  const body = JSON.stringify(email === '' ? { token, password } : { token, email, password });
  try {
    const answer = await fetch('/api/auth/setup', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    const { detail, title, email: address } = await answer.json();
    status.textContent = answer.ok ? 'Done. You can sign in now as ' + address + '.' : (detail ?? title);
    form.hidden = answer.ok;
  } catch {
    status.textContent = 'The gateway did not answer. Try again.';
  }
});
`;

export const setUpPage: Page = page(
  'Tessera: set up',
  `<h1>Welcome to Tessera</h1>
<p>Choose the password of your account. Whoever sets up a new gateway also gives the e-mail address of its first account here.</p>
<form><label>E-mail address (first account only)<br><input name="email" type="email" autocomplete="username"></label>
<label>Password<br><input name="password" type="password" required minlength="8" autocomplete="new-password"></label>
<button>Set up</button></form><p role="status"></p>`,
  SCRIPT,
);
