/**
 * Everything that goes wrong on purpose. A fault says what happened in words fit for the person
 * who asked (no secret, no path of this machine, no stack), and whether trying again can help.
 * Rooms and libraries extend it; one table at the HTTP edge turns each class into a problem.
 */
export abstract class Fault extends Error {
  readonly retriable: boolean = false;
  /** When it is worth another try, where that is known. */
  readonly retryAfterSeconds: number | undefined = undefined;

  override get name(): string {
    return this.constructor.name;
  }
}
