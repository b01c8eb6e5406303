/** Codes of docs/ERRORS.md that this tool may end with; its exit code for them is 2. */
export type StartErrorCode = 'CONFIG_INVALID' | 'PORT_IN_USE' | 'REDIS_NOT_FOUND' | 'STATE_IN_USE';

export const EXIT_CONFIG = 2;

/** An error whose message is all that the user needs. This tool imports no library that would have to be built. */
export class StartError extends Error {
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
  }
}
