import { describe, expect, it } from 'vitest';
import { UsualTimes } from './usual-times.js';

describe('the usual time of a connection', () => {
  it('is not known before anything was read', () => {
    expect(new UsualTimes().of('one')).toBeNull();
  });

  it('is the median and the 95th percentile of its last hundred reads', () => {
    const times = new UsualTimes();
    for (let ms = 1; ms <= 100; ms += 1) times.note('one', ms);
    expect(times.of('one')).toEqual({ medianMs: 50, p95Ms: 95 });
    for (let nth = 0; nth < 100; nth += 1) times.note('one', 7);
    expect(times.of('one')).toEqual({ medianMs: 7, p95Ms: 7 });
  });

  it('is its own', () => {
    const times = new UsualTimes();
    times.note('slow', 900);
    times.note('quick', 3);
    expect([times.of('slow')?.medianMs, times.of('quick')?.medianMs]).toEqual([900, 3]);
  });

  it('leaves a connection that was late behind the others for a quarter of a minute', () => {
    const times = new UsualTimes();
    times.noteLate('one', 1000);
    expect([times.isLate('one', 15_999), times.isLate('one', 16_000), times.isLate('two', 1001)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
