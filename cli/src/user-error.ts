/** Exit codes, as `--help` tells them. `no`: nothing was found, or the log (or file) does not hold what it promises. */
export const EXIT = Object.freeze({ done: 0, no: 1, usage: 2, unreachable: 3, interrupted: 130 })
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Something that a person at the terminal can put right: one line says what. */
export class UserError extends Error {
  readonly code = 'FLUXGATE_FORENSICS'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UserError'
    this.exitCode = exitCode
  }
}
