export type ToolErrorCode =
  | 'FLUXGATE_LOG_AWAY'
  | 'FLUXGATE_READ_MODEL_AWAY'
  | 'FLUXGATE_BAD_CURSOR'
  | 'FLUXGATE_BAD_RANGE'
  | 'FLUXGATE_TOO_MUCH'

/** What a tool depends on did not answer, or an argument does not fit the rest. The message is written for the model that asked. */
export class ToolError extends Error {
  readonly code: ToolErrorCode

  constructor(code: ToolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ToolError'
    this.code = code
  }
}
