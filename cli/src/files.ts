/** Files that a command is told of. Faults are troubles of the person who named them. */
export interface Files {
  /** @throws UserError */
  text(path: string): Promise<string>
  /** Line by line, without line ends; `-` is standard input. @throws UserError */
  lines(path: string): AsyncGenerator<string>
  /** A new file, readable by its owner alone; one that is there is not overwritten. @throws UserError */
  create(path: string): Promise<NewFile>
}

export interface NewFile extends AsyncDisposable {
  /** Resolves when there is room for more. */
  write(lines: readonly string[]): Promise<void>
}
