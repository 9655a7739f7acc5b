/** What two spellings of one address have in common: blanks around it, composition and case do not count. */
export function emailKey(email: string): string {
  return email.trim().normalize('NFC').toLowerCase().normalize('NFC');
}
