import { page, type Page } from './page.js';

/**
 * What is shown comes from answers of our own API and is set as text, never as markup. The session is the cookie that
 * signing in sets; unsafe requests carry our origin by themselves.
 */
const SCRIPT = `
const byId = (id) => document.getElementById(id);
const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};
const say = (text) => { byId('status').textContent = text; };
const size = (bytes) => {
  if (bytes === null || bytes === undefined) return '?';
  const step = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  return (bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1) + ' ' + ['B', 'KiB', 'MiB', 'GiB', 'TiB'][step];
};

async function ask(path, { method = 'GET', body, raw } = {}) {
  const headers = { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }) };
  const answer = await fetch(path, { method, headers, body: raw ?? (body && JSON.stringify(body)) });
  const text = await answer.text();
  const value = text === '' ? null : JSON.parse(text);
  if (answer.ok) return { status: answer.status, value };
  throw Object.assign(new Error(value?.detail ?? value?.title ?? 'The gateway did not do it.'), { status: answer.status, problem: value });
}

async function doing(text, work) {
  say(text);
  try {
    const done = await work();
    say(done ?? '');
  } catch (error) {
    if (error.status === 401 || error.problem?.type === 'sign-in-again') show(false);
    const advice = error.problem?.advice ? ' ' + error.problem.advice : '';
    const fields = (error.problem?.errors ?? []).map((each) => ' ' + each.message).join('');
    say(error.message + fields + advice);
  }
}

function show(signedIn) {
  byId('sign-in').hidden = signedIn;
  byId('inside').hidden = !signedIn;
}

async function refresh() {
  const [kinds, connections, tree, durability] = await Promise.all([
    ask('/api/cloud/providers'), ask('/api/cloud/connections'), ask('/api/tree/?limit=50'), ask('/api/durability'),
  ]);
  show(true);
  byId('durability').replaceChildren(...durabilityOf(durability.value));
  byId('connections').replaceChildren(...connections.value.items.map(connectionRow));
  byId('kinds').replaceChildren(...kinds.value.items.filter((kind) => !kind.adminsOnly).map(kindEntry));
  byId('files').replaceChildren(...tree.value.items.map(fileRow));
}

function durabilityOf({ readable, weakened, words, away, atRisk, places, doing }) {
  const line = (text, className = '') => make('p', { textContent: text, className });
  const lines = [line(words, !readable ? 'failing' : weakened > 0 ? 'degraded' : '')];
  if (away) lines.push(line(away.words, 'degraded'));
  for (const place of places) lines.push(line('“' + place.label + '”: ' + place.words));
  for (const work of doing) lines.push(line(work.words + ' (' + work.running + ' under way, ' + work.waiting + ' waiting)'));
  if (atRisk.length > 0) {
    const entry = (file) => make('li', { textContent: (file.inTrash ? 'In the trash: ' : '') + file.path + ': ' + file.words });
    lines.push(make('details', {}, make('summary', { textContent: 'At risk: ' + atRisk.length + (atRisk.length < 100 ? '' : ' or more') + ' file(s)' }), make('ul', {}, ...atRisk.map(entry))));
  }
  return lines;
}

const button = (text, work, during = 'One moment …') =>
  make('button', { type: 'button', textContent: text, onclick: () => doing(during, work) });

function connectionRow(connection) {
  const path = '/api/cloud/connections/' + connection.id;
  const change = (body) => async () => { await ask(path, { method: 'PATCH', body }); await refresh(); };
  const actions = make('td');
  if (!connection.house) {
    if (connection.status === 'needs-reconnect') actions.append(button('Connect again', () => consent(connection.provider, { reconnect: connection.id })));
    actions.append(button(connection.enabled ? 'Pause' : 'Use again', change({ enabled: !connection.enabled })));
    actions.append(button('Rename', async () => {
      const label = prompt('The new name', connection.label);
      if (label) await change({ label })();
    }));
    actions.append(connection.drainingSince
      ? button('Leave the rest there', async () => { await ask(path + '/drain', { method: 'DELETE' }); await refresh(); })
      : button('Move files off', () => moveOff(connection)));
    actions.append(button('Disconnect', () => disconnect(connection)));
  }
  return make('tr', {},
    make('td', {}, make('b', { textContent: connection.label }), make('br'), make('small', { textContent: connection.provider + (connection.house ? ', of the house' : '') })),
    make('td', { className: connection.status, textContent: connection.status + (connection.drainingSince ? ', being emptied' : '') }),
    make('td', { textContent: size(connection.space.free) + ' free of ' + size(connection.space.total) }),
    make('td', {}, make('small', { textContent: connection.status === 'healthy' ? '' : connection.lastError ?? '' })),
    actions);
}

/** Goes on without this page, too; asked for again, it shows how far it is. */
async function moveOff(connection) {
  const { value } = await ask('/api/cloud/connections/' + connection.id + '/drain', { method: 'POST' });
  await refresh();
  for (;;) {
    const { state, progress } = (await ask('/api/jobs/' + value.job.id)).value;
    const text = progress.done + ' of ' + (progress.total ?? '?') + ' pieces moved off “' + connection.label + '”. ' + (progress.note ?? '');
    if (state !== 'waiting' && state !== 'running') { await refresh(); return text; }
    say(text);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function disconnect(connection) {
  if (!confirm('Disconnect “' + connection.label + '”? Its credentials are forgotten at once.')) return 'Nothing was changed.';
  const path = '/api/cloud/connections/' + connection.id;
  try {
    await ask(path, { method: 'DELETE' });
  } catch (error) {
    if (error.status !== 409 || !confirm(error.message + ' Disconnect all the same?')) throw error;
    await ask(path + '?force=true', { method: 'DELETE' });
  }
  await refresh();
  return 'Disconnected.';
}

async function consent(provider, query = {}) {
  const { value } = await ask('/api/cloud/oauth/initiate/' + provider + '?' + new URLSearchParams(query));
  location.assign(value.url);
}

/** The provider's own page hands out the login; meanwhile this one asks whether it is there. */
async function webLogin(provider, body) {
  const { value } = await ask('/api/cloud/login/' + provider, { method: 'POST', body });
  window.open(value.page, '_blank', 'noopener');
  say('Sign in on the page that has opened. This one waits for it.');
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const answer = await ask('/api/cloud/login/' + provider + '/' + value.id, { method: 'POST' });
    if (answer.status === 201) return;
  }
}

function kindEntry(kind) {
  const label = make('input', { name: 'label', required: true, maxLength: 50, value: kind.title });
  const form = make('form', {}, make('label', {}, 'Name', make('br'), label));
  const fields = kind.signIn === 'oauth' ? [] : kind.fields;
  for (const field of fields) {
    const input = make('input', {
      name: field.name, required: field.required, autocomplete: 'off',
      type: field.kind === 'secret' ? 'password' : 'text',
    });
    form.append(make('label', {}, field.label, make('br'), input, make('small', { textContent: field.help ?? '' })));
  }
  const typed = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
  form.append(make('button', { textContent: kind.signIn === 'oauth' ? 'Go to its sign-in page' : 'Test and connect' }));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    doing('Writing, reading back, comparing, deleting …', async () => {
      if (kind.signIn === 'oauth') return consent(kind.provider, typed());
      await ask('/api/cloud/connections/' + kind.provider, { method: 'POST', body: typed() });
      await refresh();
      return 'Connected.';
    });
  });
  if (kind.webLogin) form.append(button('Sign in over there instead (Nextcloud)', async () => {
    const { label: name, url } = typed();
    await webLogin(kind.provider, { label: name, url });
    await refresh();
    return 'Connected.';
  }));
  return make('details', {}, make('summary', { textContent: kind.title }), make('p', { textContent: kind.help }), form);
}

function fileRow(file) {
  const path = file.path.split('/').map(encodeURIComponent).join('/');
  const name = file.type === 'file' ? make('a', { href: '/api/content/' + path, textContent: file.name }) : file.name + '/';
  const where = file.type === 'file' ? button('Where is it?', async () => {
    const [{ value: placement }, { value: connections }] = await Promise.all([ask('/api/placement/' + path), ask('/api/cloud/connections')]);
    const labels = new Map(connections.items.map(({ id, label }) => [id, label]));
    const held = new Set(placement.chunks.flatMap((chunk) => chunk.shards.map((shard) => labels.get(shard.connection) ?? 'elsewhere')));
    return placement.words + ' ' + placement.chunks.length + ' sealed chunk(s) on: ' + [...held].join(', ');
  }) : '';
  return make('tr', {}, make('td', {}, name), make('td', { textContent: file.type === 'file' ? size(file.size) : '' }), make('td', {}, where));
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  doing('Signing in …', async () => {
    await ask('/api/auth/login', { method: 'POST', body: Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== '')) });
    event.target.reset();
    await refresh();
  });
});
byId('sign-out').addEventListener('click', () => doing('', async () => { await ask('/api/auth/logout', { method: 'POST' }); show(false); }));
byId('refresh').addEventListener('click', () => doing('', refresh));
byId('store').addEventListener('change', (event) => doing('Sealing and storing …', async () => {
  for (const file of event.target.files) await ask('/api/content/' + encodeURIComponent(file.name), { method: 'PUT', raw: file });
  event.target.value = '';
  await refresh();
  return 'Stored.';
}));
const words = new URLSearchParams(location.search);
history.replaceState(null, '', location.pathname);
doing('', async () => {
  await refresh().catch((error) => { if (error.status !== 401) throw error; show(false); });
  if (words.has('connected')) return 'Connected.';
  if (words.has('problem')) return words.get('problem') === 'oauth-denied' ? 'The consent was refused: nothing was connected.' : 'That did not work (' + words.get('problem') + '). Please try again.';
});
`;

export const cloudsPage: Page = page(
  'Tessera: your clouds',
  `<h1>Your clouds</h1>
<p id="status" role="status"></p>
<form id="sign-in" hidden><label>E-mail address<br><input name="email" type="email" required autocomplete="username"></label>
<label>Password<br><input name="password" type="password" required autocomplete="current-password"></label>
<button>Sign in</button></form>
<div id="inside" hidden>
<table><thead><tr><th>Connection</th><th>State</th><th>Room</th><th></th><th></th></tr></thead><tbody id="connections"></tbody></table>
<h2>How safe your files are</h2><div id="durability"></div>
<p><button type="button" id="refresh">Look again</button> <button type="button" id="sign-out">Sign out</button></p>
<h2>Connect another one</h2><div id="kinds"></div>
<h2>Files</h2><p><label>Store files <input type="file" id="store" multiple></label></p>
<table><tbody id="files"></tbody></table></div>`,
  SCRIPT,
);
