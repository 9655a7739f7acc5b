import { escaped } from './answering.js';
import { driveFile, type GoogleUser } from './ways.js';

const words: Readonly<Record<string, string>> = {
  [driveFile]: 'See, edit, create and delete only the specific Google Drive files that you use with this app',
  'https://www.googleapis.com/auth/drive.appdata': 'See, create and delete its own configuration data in Drive',
  'https://www.googleapis.com/auth/drive': 'See, edit, create and delete all of your Google Drive files',
};

const style =
  'body{font:16px/1.5 sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}label{display:block;margin:.4rem 0}' +
  'fieldset{border:1px solid #ccc;border-radius:.5rem;margin:1rem 0}button{font:inherit;padding:.5rem 1.5rem;margin-right:1rem}' +
  '.note{background:#fff3cd;padding:.5rem 1rem;border-radius:.5rem}';

function page(title: string, content: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${style}</style></head><body>${content}</body></html>`;
}

export interface Question {
  readonly id: string;
  readonly users: readonly GoogleUser[];
  readonly scopes: readonly string[];
  readonly hint: string | null;
}

/** A page that a person can use in a browser: who they are, what they allow, and whether they do. */
export function consentPage({ id, users, scopes, hint }: Question): string {
  const hinted = Math.max(
    0,
    users.findIndex(({ email }) => email === hint),
  );
  const people = users.map(
    ({ email, name }, index) =>
      `<label><input type="radio" name="user" value="${escaped(email)}"${index === hinted ? ' checked' : ''}> ${escaped(name)} (${escaped(email)})</label>`,
  );
  const boxes = scopes.map(
    (scope) =>
      `<label><input type="checkbox" name="scope" value="${escaped(scope)}" checked> ${escaped(words[scope] ?? scope)}</label>`,
  );
  return page(
    'Stand-in for Google: consent',
    `<p class="note">This is not Google. It is a stand-in on this machine, for trying things out.</p>
<h1>The app wants to use a Google account</h1>
<form method="post" action="/o/oauth2/v2/auth/decision">
<input type="hidden" name="question" value="${escaped(id)}">
<fieldset><legend>Account</legend>${people.join('')}</fieldset>
<fieldset><legend>The app may</legend>${boxes.join('')}</fieldset>
<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Cancel</button>
</form>`,
  );
}

export function refusalPage(status: number, reason: string, description: string): string {
  return page(
    `Error ${status}: ${reason}`,
    `<h1>Access blocked</h1><p>${escaped(description)}</p><p>Error ${status}: ${escaped(reason)}</p>`,
  );
}
