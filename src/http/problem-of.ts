import { HttpException } from '@nestjs/common';
import { Fault, problems, type ProblemType } from '#contracts';
import { problemOfFault } from './fault-problems.js';

export interface Answerable {
  readonly type: ProblemType;
  readonly status: number;
  readonly detail?: string;
  readonly retryAfterSeconds?: number;
  readonly members: Readonly<Record<string, unknown>>;
  /** A defect of ours: its stack belongs in the log, and nothing of it in the answer. */
  readonly defect: boolean;
}

/** What the framework says by a status alone. */
const BY_STATUS: Readonly<Record<number, ProblemType>> = {
  400: 'bad-request',
  404: 'not-found',
  405: 'method-not-allowed',
  408: 'request-timeout',
  413: 'too-large',
  414: 'address-too-long',
  417: 'expectation-failed',
};
/** Where a fault that a retry may help does not say when. */
const RETRY_AFTER_SECONDS = 5;

export function problemOf(error: unknown): Answerable {
  if (error instanceof Fault) return ofFault(error);
  const status = statusOf(error);
  const type = status === undefined ? undefined : BY_STATUS[status];
  return type === undefined ? defect() : { ...plain(type), members: {}, defect: false };
}

function ofFault(fault: Fault): Answerable {
  const mapped = problemOfFault(fault);
  if (mapped === null) return defect();
  const { type, members } = mapped;
  const waits = problems[type].status === 503 || problems[type].status === 429;
  const retryAfterSeconds = fault.retryAfterSeconds ?? (waits ? RETRY_AFTER_SECONDS : undefined);
  return { ...plain(type), detail: fault.message, retryAfterSeconds, members, defect: false };
}

function defect(): Answerable {
  return { ...plain('internal'), members: {}, defect: true };
}

function plain(type: ProblemType): { type: ProblemType; status: number } {
  return { type, status: problems[type].status };
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' ? status : undefined;
}
