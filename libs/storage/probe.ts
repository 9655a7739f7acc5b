import { randomBytes } from 'node:crypto';
import { Fault } from '#contracts';
import { type Clock, systemClock } from './clock.js';
import {
  AccessRefused,
  AddressRefused,
  BlobMissing,
  BlobTruncated,
  ConnectionAway,
  ConnectionFull,
  SentElsewhere,
  Throttled,
} from './errors.js';
import type { BlobName, StorageProvider } from './provider.js';

export type ProbeStep = 'prepare' | 'write' | 'read' | 'compare' | 'delete' | 'tidy';

export interface ProbeResult {
  readonly ok: boolean;
  /** The steps that were tried, the failed one last. */
  readonly steps: readonly { readonly step: ProbeStep; readonly ms: number }[];
  readonly failedStep?: ProbeStep;
  /** What went wrong, and what the person who connects can do about it. */
  readonly reason?: string;
  readonly advice?: string;
  /** For the log. */
  readonly cause?: unknown;
}

export interface ProbeOptions {
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** More than a provider would keep inside an index, less than anybody waits for. */
const probeLength = 64 * 1024;

class ReadBackDiffers extends Fault {
  constructor() {
    super('What was read back is not what had been written.');
  }
}

class StillThere extends Fault {
  constructor() {
    super('What had been deleted is still there.');
  }
}

/**
 * Tries a connection the way it will be used: writes a blob, reads it back, compares, deletes it.
 * A place without our folder gets one for the time of the trial, and is left as it was.
 */
export async function probe(
  provider: StorageProvider,
  { clock = systemClock, signal }: ProbeOptions = {},
): Promise<ProbeResult> {
  const steps: { step: ProbeStep; ms: number }[] = [];
  const timed = async <Result>(step: ProbeStep, work: () => Promise<Result>): Promise<Result> => {
    const began = clock.now();
    try {
      return await work();
    } finally {
      steps.push({ step, ms: clock.now() - began });
    }
  };
  let name: BlobName | undefined;
  let guest = false;
  try {
    guest = await timed('prepare', () => prepare(provider, signal));
    name = await provider.nameBlob({ signal });
    await tryBlob(provider, name, timed, signal);
    if (guest) await timed('tidy', () => provider.removeFolder({ signal }));
    return { ok: true, steps };
  } catch (error) {
    const failedStep = steps.at(-1)?.step ?? 'prepare';
    await leave(provider, name, guest);
    signal?.throwIfAborted();
    return { ok: false, steps, failedStep, ...explain(error), cause: error };
  }
}

async function prepare(provider: StorageProvider, signal?: AbortSignal): Promise<boolean> {
  if (await provider.readMarker({ signal })) return false;
  await provider.writeMarker(randomBytes(64), { signal });
  return true;
}

async function tryBlob(
  provider: StorageProvider,
  name: BlobName,
  timed: <Result>(step: ProbeStep, work: () => Promise<Result>) => Promise<Result>,
  signal?: AbortSignal,
): Promise<void> {
  const written = randomBytes(probeLength);
  await timed('write', () => provider.put(name, { length: probeLength, pieces: () => [written] }, { signal }));
  const read: Buffer[] = [];
  await timed('read', async () => {
    for await (const piece of provider.get(name, { offset: 0, length: probeLength }, { signal })) read.push(piece);
  });
  await timed('compare', async () => {
    if (!Buffer.concat(read).equals(written)) throw new ReadBackDiffers();
  });
  await timed('delete', async () => {
    await provider.delete(name, { signal });
    if (await provider.stat(name, { signal })) throw new StillThere();
  });
}

/** What a failed trial may have left goes as far as the place allows it. */
async function leave(provider: StorageProvider, name: BlobName | undefined, guest: boolean): Promise<void> {
  try {
    if (name) await provider.delete(name);
    if (guest) await provider.removeFolder();
  } catch {
    // The trial has failed already, and for a better reason.
  }
}

function explain(error: unknown): { reason: string; advice: string } {
  if (!(error instanceof Fault)) {
    return { reason: 'Something unexpected happened.', advice: 'Try again. The log of the gateway says more.' };
  }
  return { reason: error.message, advice: adviceFor(error) };
}

function adviceFor(error: Fault): string {
  if (error instanceof ConnectionFull) return 'Make room there, or connect another place.';
  if (error instanceof Throttled) return 'Wait a few minutes and try again.';
  if (error instanceof AddressRefused || error instanceof SentElsewhere)
    return 'Check the address, or ask the operator.';
  if (error instanceof AccessRefused) return 'Allow the gateway to read, write and delete there, then try again.';
  if (error instanceof ConnectionAway)
    return 'Check the address or path, and that the place is switched on and reachable.';
  if (error instanceof ReadBackDiffers || error instanceof BlobMissing || error instanceof BlobTruncated) {
    return 'This place does not give back what it is given. Do not keep anything there.';
  }
  if (error instanceof StillThere) return 'Allow the gateway to delete there, then try again.';
  return 'Check what you have typed and try again.';
}
