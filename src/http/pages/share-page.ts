import { page, type Page } from './page.js';

/**
 * Reads the token from the fragment, which no browser sends, and calls what the API has for people with a link. Names are put
 * in as text, never as markup; a file is saved by its browser, never shown in this page.
 * What is shown of a picture or a document is the gateway's own preview.
 */
const SCRIPT = `
const token = new URLSearchParams('t=' + location.hash.slice(1)).get('t') ?? '';
const form = document.querySelector('form');
const list = document.querySelector('ul');
const title = document.querySelector('h1');
const status = document.querySelector('[role=status]');
let visit;
const call = async (path, body) => {
  const answer = await fetch('/api/shared/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const value = await answer.json();
  if (!answer.ok) throw value;
  return value;
};
const say = (problem) => { status.textContent = problem.detail ?? problem.title ?? 'The gateway did not answer. Try again.'; };
const button = (text, action) => {
  const made = document.createElement('button');
  made.textContent = text;
  made.type = 'button';
  made.addEventListener('click', () => action().catch(say));
  return made;
};
const save = async (path) => location.assign((await call('downloads', { visit, path })).url);
const row = (...parts) => { const item = document.createElement('li'); item.append(...parts); list.append(item); return item; };
const pictures = async (entries) => {
  for (const { path, place } of entries) {
    const answer = await fetch('/api/shared/previews', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ visit, path }) });
    if (answer.ok === false || place.isConnected === false) continue;
    const picture = new Image();
    picture.alt = '';
    picture.src = URL.createObjectURL(await answer.blob());
    place.append(picture);
  }
};
const pictured = (name) => /[.](jpe?g|png|gif|webp|tiff?|avif|pdf)$/i.test(name);
const show = async (path, cursor) => {
  const shown = await call('entries', { visit, path, cursor });
  if (cursor === undefined) list.replaceChildren();
  title.textContent = shown.entry.name || 'Files';
  status.textContent = '';
  if (cursor === undefined && path !== '') row(button('Back', () => show(path.split('/').slice(0, -1).join('/'))));
  const places = [];
  const look = (entry, place) => { if (entry.type === 'file' && pictured(entry.name)) places.push({ path: entry.path, place }); };
  if (cursor === undefined) look(shown.entry, row(button(shown.entry.type === 'file' ? 'Save ' + shown.entry.size + ' bytes' : 'Save all as a zip', () => save(path))));
  for (const entry of shown.items) look(entry, row(button(entry.type === 'file' ? 'Save' : 'Open', () => (entry.type === 'file' ? save : show)(entry.path)), ' ' + entry.name, ' '));
  if (shown.nextCursor) row(button('More', () => show(path, shown.nextCursor)));
  pictures(places).catch(() => {});
};
const open = async (password) => {
  ({ visit } = await call('visits', { token, ...(password && { password }) }));
  form.hidden = true;
  await show('');
};
const begin = (password) => open(password).catch((problem) => {
  form.hidden = problem.type !== 'link-password';
  if (form.hidden || password) say(problem);
});
form.addEventListener('submit', (event) => { event.preventDefault(); begin(new FormData(form).get('password')); });
begin();
`;

export const sharePage: Page = page(
  'Tessera: shared with you',
  `<h1>Shared with you</h1>
<form hidden><label>Password<br><input name="password" type="password" required autocomplete="off"></label><button>Open</button></form>
<ul></ul><p role="status"></p>`,
  SCRIPT,
);
