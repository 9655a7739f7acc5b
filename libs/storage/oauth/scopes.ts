/**
 * Those of the wanted scopes that were not granted. Vendors spell a scope in several ways: with or without the address
 * of the service that it belongs to, and in any case of letters.
 */
export function missingScopes(wanted: readonly string[], granted: readonly string[]): string[] {
  const spellings = new Set(granted.flatMap((scope) => [scope.toLowerCase(), lastPart(scope)]));
  return wanted.filter((scope) => !spellings.has(scope.toLowerCase()) && !spellings.has(lastPart(scope)));
}

function lastPart(scope: string): string {
  return scope.toLowerCase().replace(/^https?:\/\/.*\//, '');
}
