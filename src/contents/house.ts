/** Whose blobs are that belong to no account and to no content: backups of the gateway itself. No account has this id. */
export const HOUSE = '00000000-0000-0000-0000-000000000000';
