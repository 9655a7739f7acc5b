/** What the start has to say to whoever set the gateway up. */
export type Welcome =
  | { readonly kind: 'in-use' }
  | { readonly kind: 'created'; readonly email: string }
  | { readonly kind: 'link'; readonly url: string; readonly token: string };

/** For the terminal alone: the link in it is a secret until it was used. */
export function welcomeText(welcome: Welcome, publicUrl: string): string {
  if (welcome.kind === 'in-use') return `Sign in at ${publicUrl} with your account.`;
  if (welcome.kind === 'created') return `Sign in at ${publicUrl} as ${welcome.email} with TESSERA_ADMIN_PASSWORD.`;
  const body = `{"token":"${welcome.token}","email":"you@example.org","password":"choose a good one"}`;
  return `Nobody has an account here yet. This link makes the first one, and works once:

  ${welcome.url}

Or without a browser:

  curl ${publicUrl}/api/auth/setup -H 'Content-Type: application/json' \\
    -d '${body}'
`;
}
