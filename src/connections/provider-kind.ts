import type { ProviderKind } from '#contracts';
import type { ProviderDescription } from '#storage';
import type { Vendors } from './vendors.js';

/** A kind of storage as people choose among them. */
export function providerKind(provider: ProviderDescription, vendors: Vendors): ProviderKind {
  const { traits, oauth } = provider;
  return {
    provider: provider.id,
    title: provider.title,
    help: `${provider.summary} ${provider.help}`,
    signIn: provider.connect === 'form' ? 'form' : 'oauth',
    webLogin: provider.webLogin !== undefined,
    adminsOnly: provider.adminsOnly,
    ...(oauth && {
      consents: oauth.consents.map(({ id, title }) => ({ id, title })),
      configured: vendors.configured(provider.id),
    }),
    fields: provider.fields.map(({ name, label, help, required, secret, kind }) => ({
      name,
      label,
      help,
      required,
      kind: secret ? 'secret' : kind === 'url' ? 'url' : 'text',
    })),
    capabilities: {
      largestBlob: traits.largestBlob,
      checksum: traits.checksum,
      createOnly: traits.createOnly,
      spaceKnown: traits.spaceKnown,
      ranges: traits.ranges,
    },
  };
}
