import type { Application, User } from './accounts.js';

const meanings: Readonly<Record<string, string>> = {
  'Files.ReadWrite.AppFolder': 'Have full access to the application’s folder',
  'Files.ReadWrite': 'Have full access to your files',
  'Files.Read': 'Read your files',
  'User.Read': 'Sign you in and read your profile',
  offline_access: 'Maintain access to data you have given it access to',
  openid: 'Sign you in',
  profile: 'View your basic profile',
  email: 'View your email address',
};

/** What a person sees: whose account, what for, Allow and Deny. */
export function consentPage(
  app: Application,
  users: readonly User[],
  scopes: readonly string[],
  query: string,
): string {
  const accounts = users.map(
    ({ email, name }, index) =>
      `<label><input type="radio" name="user" value="${escaped(email)}"${index === 0 ? ' checked' : ''}> ` +
      `${escaped(name)} &lt;${escaped(email)}&gt;</label><br>`,
  );
  const wishes = scopes.map(
    (scope) => `<li>${escaped(meanings[scope] ?? scope)} <small>(${escaped(scope)})</small></li>`,
  );
  return page(
    `${app.name} asks for permission`,
    `<p><strong>${escaped(app.name)}</strong> would like to:</p><ul>${wishes.join('')}</ul>` +
      `<form method="post"><input type="hidden" name="query" value="${escaped(query)}">` +
      `<fieldset><legend>Pick an account</legend>${accounts.join('')}</fieldset>` +
      '<p><button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button></p></form>',
  );
}

export function errorPage(words: string): string {
  return page('Sorry, but we’re having trouble signing you in', `<p>${escaped(words)}</p>`);
}

function page(title: string, body: string): string {
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${escaped(title)}</title><style>body{font:16px/1.5 sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}` +
    `button{font:inherit;padding:.4rem 1.2rem}</style><p><small>A stand-in for Microsoft. Nothing here is real.</small></p>` +
    `<h1>${escaped(title)}</h1>${body}</html>`
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
