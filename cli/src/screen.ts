/** Where a command shows what it finds. */
export interface Screen {
  /** Resolves when there is room for more. */
  line(text: string): Promise<void>
  /** Beside what is found, for a person. */
  notice(text: string): void
}
