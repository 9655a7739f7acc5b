import type { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SteadyLook } from './steady-look.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const log = { warn: () => {} } as unknown as Logger;

/** A look that hangs until it is told to go on. */
function hanging() {
  const answers: (() => void)[] = [];
  const look = () => new Promise<void>((resolve) => answers.push(resolve));
  return { answers, steady: new SteadyLook({ everyMs: 1000, log, what: 'Something', look }) };
}

describe('who looks again and again', () => {
  it('leaves out what it comes too late for, and does not make up for it', async () => {
    const { answers, steady } = hanging();
    steady.begin();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(answers).toHaveLength(1);
    answers[0]!();
    await vi.advanceTimersByTimeAsync(999);
    expect(answers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(answers).toHaveLength(2);
    answers[1]!();
    await steady.end();
  });

  it('ends when the look that is under way has', async () => {
    const { answers, steady } = hanging();
    steady.begin();
    await vi.advanceTimersByTimeAsync(10_000);
    let ended = false;
    const ending = steady.end().then(() => (ended = true));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ended).toBe(false);
    answers[0]!();
    await ending;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(answers).toHaveLength(1);
  });

  it('waits for one that it was asked for, too', async () => {
    const { answers, steady } = hanging();
    void steady.once();
    await vi.advanceTimersByTimeAsync(0);
    let ended = false;
    const ending = steady.end().then(() => (ended = true));
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).toBe(false);
    answers[0]!();
    await ending;
  });

  it('goes on after one that failed', async () => {
    let looks = 0;
    const look = async (): Promise<void> => {
      looks += 1;
      throw new Error('away');
    };
    const steady = new SteadyLook({ everyMs: 1000, log, what: 'Something', look });
    steady.begin();
    await vi.advanceTimersByTimeAsync(3000);
    expect(looks).toBe(3);
    await steady.end();
  });
});
