import 'reflect-metadata';
import { vi } from 'vitest';

/** A condition may take its time on a machine that does much else; `expect.poll` is told so in the configuration. */
const { waitFor } = vi;
vi.waitFor = (condition, options = {}) =>
  waitFor(condition, { timeout: 20_000, ...(typeof options === 'number' ? { timeout: options } : options) });
