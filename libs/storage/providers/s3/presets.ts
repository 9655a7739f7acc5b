/** What is special about a vendor's or a program's S3, as data: nothing else here asks which store it speaks to. */
export interface Preset {
  readonly id: string;
  readonly title: string;
  /** Its address, `{region}` in it where that is part of the name; without it somebody has to type one. */
  readonly endpoint?: string;
  /** The vendor's hosts: all of them fail together, whatever the region, for one access key. */
  readonly hosts?: RegExp;
  /** What requests are signed for unless somebody says otherwise. */
  readonly region?: string;
  /** Whether the bucket stands in the path of the address rather than in its host name. */
  readonly pathStyle: boolean;
  /** The hash that the store computes and confirms: `md5` as ETag, `sha256` where it answers an upload with one. */
  readonly checksum: 'md5' | 'sha256';
  /** The header that makes a put create only. It is tried before it is trusted; null where it is known not to do. */
  readonly createOnly: CreateOnlyHeader | null;
  /** Keeps the old versions of every object, whatever the settings of the bucket. */
  readonly versioned?: true;
}

export type CreateOnlyHeader = readonly [name: string, value: string];

const ifNoneMatch: CreateOnlyHeader = ['if-none-match', '*'];

const vendor = { pathStyle: false, checksum: 'md5', createOnly: ifNoneMatch } as const;
const selfHosted = { pathStyle: true, checksum: 'md5', createOnly: ifNoneMatch } as const;

export const presets: readonly Preset[] = [
  {
    ...vendor,
    id: 'aws',
    title: 'Amazon S3',
    endpoint: 'https://s3.{region}.amazonaws.com',
    hosts: /\.amazonaws\.com(\.cn)?$/,
    // With KMS encryption, its ETag is no hash of the content.
    checksum: 'sha256',
  },
  {
    ...vendor,
    id: 'backblaze-b2',
    title: 'Backblaze B2',
    endpoint: 'https://s3.{region}.backblazeb2.com',
    hosts: /\.backblazeb2\.com$/,
    versioned: true,
  },
  {
    ...selfHosted,
    id: 'cloudflare-r2',
    title: 'Cloudflare R2',
    hosts: /\.r2\.cloudflarestorage\.com$/,
    region: 'auto',
  },
  {
    ...vendor,
    id: 'wasabi',
    title: 'Wasabi',
    endpoint: 'https://s3.{region}.wasabisys.com',
    hosts: /\.wasabisys\.com$/,
    region: 'us-east-1',
  },
  {
    ...vendor,
    id: 'digitalocean',
    title: 'DigitalOcean Spaces',
    endpoint: 'https://{region}.digitaloceanspaces.com',
    hosts: /\.digitaloceanspaces\.com$/,
  },
  {
    ...vendor,
    id: 'linode',
    title: 'Linode (Akamai)',
    endpoint: 'https://{region}.linodeobjects.com',
    hosts: /\.linodeobjects\.com$/,
  },
  {
    ...vendor,
    id: 'ibm',
    title: 'IBM Cloud Object Storage',
    endpoint: 'https://s3.{region}.cloud-object-storage.appdomain.cloud',
    hosts: /\.cloud-object-storage\.appdomain\.cloud$/,
    pathStyle: true,
  },
  {
    ...vendor,
    id: 'oracle',
    title: 'Oracle Cloud',
    hosts: /\.compat\.objectstorage\.[a-z0-9-]+\.oraclecloud\.com$/,
    pathStyle: true,
  },
  {
    ...vendor,
    id: 'ovhcloud',
    title: 'OVHcloud',
    endpoint: 'https://s3.{region}.io.cloud.ovh.net',
    hosts: /\.io\.cloud\.ovh\.(net|us)$/,
  },
  {
    ...vendor,
    id: 'scaleway',
    title: 'Scaleway',
    endpoint: 'https://s3.{region}.scw.cloud',
    hosts: /\.scw\.cloud$/,
  },
  {
    ...vendor,
    id: 'hetzner',
    title: 'Hetzner',
    endpoint: 'https://{region}.your-objectstorage.com',
    hosts: /\.your-objectstorage\.com$/,
  },
  {
    ...vendor,
    id: 'storj',
    title: 'Storj',
    endpoint: 'https://gateway.storjshare.io',
    hosts: /\.storjshare\.io$/,
    region: 'us-east-1',
  },
  {
    ...vendor,
    id: 'google',
    title: 'Google Cloud Storage (interoperability)',
    endpoint: 'https://storage.googleapis.com',
    hosts: /^storage\.googleapis\.com$/,
    region: 'auto',
    pathStyle: true,
    createOnly: ['x-goog-if-generation-match', '0'],
  },
  {
    ...vendor,
    id: 'alibaba',
    title: 'Alibaba Cloud OSS',
    endpoint: 'https://s3.oss-{region}.aliyuncs.com',
    hosts: /\.aliyuncs\.com$/,
    createOnly: ['x-oss-forbid-overwrite', 'true'],
  },
  { ...selfHosted, id: 'minio', title: 'MinIO' },
  { ...selfHosted, id: 'ceph', title: 'Ceph' },
  // Its nodes do not agree on who was first.
  { ...selfHosted, id: 'garage', title: 'Garage', region: 'garage', createOnly: null },
  { ...selfHosted, id: 'seaweedfs', title: 'SeaweedFS' },
  { ...selfHosted, id: 'swift', title: 'OpenStack Swift', createOnly: null },
  { ...selfHosted, id: 'generic', title: 'Any other' },
];

const generic = presets.at(-1)!;

export function findPreset(id: string): Preset | undefined {
  return presets.find((preset) => preset.id === id);
}

/** The preset of a vendor whose address somebody typed without naming the vendor. */
export function presetOfHost(host: string): Preset {
  return presets.find(({ hosts }) => hosts?.test(host)) ?? generic;
}
