import { Outbound } from '../../outbound/index.js';
import type { ConnectField, ProviderDescription } from '../description.js';
import { presets } from './presets.js';
import { failureDomain, readTarget, samePlace } from './target.js';
import { s3Traits } from './traits.js';

const fields: readonly ConnectField[] = [
  {
    name: 'endpoint',
    label: 'Address',
    kind: 'url',
    required: false,
    secret: false,
    help: 'Where the store answers, such as “https://s3.eu-central-1.amazonaws.com”. May stay empty where the kind of store says it.',
  },
  {
    name: 'region',
    label: 'Region',
    kind: 'text',
    required: false,
    secret: false,
    help: 'As the store spells it, such as “eu-central-1”. Stores of your own usually have none: leave it empty.',
  },
  {
    name: 'bucket',
    label: 'Bucket',
    kind: 'text',
    required: true,
    secret: false,
    help: 'A bucket that is there already. Tessera makes a folder of its own in it and touches nothing else.',
  },
  {
    name: 'accessKeyId',
    label: 'Access key',
    kind: 'text',
    required: true,
    secret: false,
    help: 'Best a key made for Tessera alone, allowed to read, write, list and delete in this bucket and nothing else.',
  },
  {
    name: 'secretAccessKey',
    label: 'Secret key',
    kind: 'password',
    required: true,
    secret: true,
    help: 'The store shows it once, together with the access key.',
  },
  {
    name: 'prefix',
    label: 'Folder in the bucket',
    kind: 'text',
    required: false,
    secret: false,
    help: 'Where in the bucket Tessera’s folder goes. Empty: at the top.',
  },
  {
    name: 'preset',
    label: 'Kind of store',
    kind: 'text',
    required: false,
    secret: false,
    help: `One of: ${presets.map(({ id }) => id).join(', ')}. Empty: told by the address.`,
  },
];

export const s3: ProviderDescription = {
  id: 's3',
  title: 'S3 bucket',
  summary: 'A bucket at Amazon, Backblaze, Cloudflare or any other store that speaks S3, your own included.',
  connect: 'form',
  fields,
  help:
    'Use a private bucket that does not keep old versions; where it does, the key has to be allowed to list and delete ' +
    'them as well. Rules that delete or archive objects by themselves must not apply to it, nor object lock. ' +
    'S3 does not tell how much room is left.',
  links: [
    {
      title: 'Amazon: access keys',
      url: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html',
    },
    { title: 'Backblaze: application keys', url: 'https://www.backblaze.com/docs/cloud-storage-application-keys' },
    { title: 'Cloudflare: R2 tokens', url: 'https://developers.cloudflare.com/r2/api/tokens/' },
  ],
  adminsOnly: false,
  traits: s3Traits,
  limits: { concurrency: 16, requestsPerSecond: null },
  // The SDK is large: whoever connects no bucket never loads it.
  open: async ({ settings, folder, outbound: rules = { allowHosts: [] }, gate }) => {
    const outbound = new Outbound(rules);
    const target = readTarget(settings, (address) => outbound.readAddress(address));
    const { S3Store } = await import('./s3-store.js');
    return new S3Store({ target, folder, agents: outbound.agents, gate, release: () => outbound.close() });
  },
  identityOf: (settings) => samePlace(readTarget(settings, (address) => new URL(address))),
  domainOf: async (settings) => failureDomain(readTarget(settings, (address) => new URL(address))),
};
