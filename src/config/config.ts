import type { Secret } from './secret.js';

export interface OAuthApplication {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** What the operator says of a company whose clouds people connect by their consent. */
export interface Vendor {
  /** Null where the operator has registered none. */
  readonly application: OAuthApplication | null;
  /** Stands in for all of the vendor's hosts; null for the real ones. */
  readonly origin: string | null;
  /** The names of the variables that make the application, for people who miss it. */
  readonly variables: readonly string[];
}

/** The environment as the gateway sees it: read once, checked whole, frozen. The class is the token by which Nest injects it. */
export abstract class Config {
  abstract readonly port: number;
  abstract readonly host: string;
  /** Absolute, like every path here. */
  abstract readonly dataFolder: string;
  /** An origin without a trailing slash. */
  abstract readonly publicUrl: string;
  abstract readonly firstAccount: { readonly email: string; readonly password: Secret } | null;
  /** Null means the embedded one. */
  abstract readonly databaseUrl: Secret | null;
  abstract readonly databaseConnections: number;
  abstract readonly databaseWaitSeconds: number;
  abstract readonly redisUrl: Secret | null;
  abstract readonly rootKeyFile: string;
  /** By the name that the variables begin with, in small letters: `google` for GOOGLE_CLIENT_ID. */
  abstract readonly vendors: Readonly<Record<string, Vendor>>;
  abstract readonly allowHosts: readonly string[];
  /** A number of hops, or addresses and ranges: what Express calls «trust proxy». */
  abstract readonly trustProxy: number | readonly string[];
  abstract readonly maxConnections: number;
  abstract readonly stallSeconds: number;
  abstract readonly stopSeconds: number;
  /** For how long an upload over several requests may stand still. */
  abstract readonly uploadHours: number;
  abstract readonly chunkBytes: number;
  abstract readonly byteBudget: number;
  /** 0 is never. */
  abstract readonly trashDays: number;
  /** How long a connection that does not answer is waited for; 0: for ever. */
  abstract readonly giveUpDays: number;
  /** 0 is all of them. */
  abstract readonly versionsKept: number;
  /** 0 is for ever. */
  abstract readonly versionDays: number;
  abstract readonly changeDays: number;
  abstract readonly backups: {
    readonly folder: string;
    /** In UTC; null is never by itself. */
    readonly hour: number | null;
    readonly days: number;
  };
  /** 0 is never by itself. */
  abstract readonly scrubHours: number;
  abstract readonly proveDays: number;
  /** 0 is no previews. */
  abstract readonly previewDecoders: number;
  /** Where workers ask a gateway to open connections; null where upkeep runs inside the gateway. */
  abstract readonly workerSocket: string | null;
  /** Whether this process is such a worker: then it has no root key, and wants none. */
  abstract readonly isWorker: boolean;
  /** Who is told of connections in trouble, and what the messages are signed with. */
  abstract readonly alerts: { readonly url: Secret; readonly secret: Secret } | null;
  abstract readonly metricsToken: Secret | null;
  abstract readonly logLevel: 'error' | 'warn' | 'log' | 'debug' | 'verbose';
}
