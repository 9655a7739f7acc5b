import { AccessRefused, type AccessTokens } from '#storage';

/** The access token that a vendor has just given, for the few requests before it is kept. */
export function freshTokens(token: string): AccessTokens {
  return {
    current: async () => token,
    renew: async () => {
      throw new AccessRefused('The vendor does not accept the access that it has just given.');
    },
  };
}
