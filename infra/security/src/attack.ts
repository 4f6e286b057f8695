import type { ApiName, Target } from './target.ts'

/**
 * What came of one input. `refused`: an error told by the server, or the connection ended; `harmless`: answered, and
 * nothing came of it that should not; `wrong`: no end within the limit, a 500, or an effect that must not be.
 */
export interface Outcome {
  readonly kind: 'refused' | 'harmless' | 'wrong'
  readonly reported: string
}

/** One input of a family. */
export interface Attack {
  readonly name: string
  readonly api: ApiName
  run(target: Target): Promise<Outcome>
}

export interface Family {
  readonly name: string
  /** What the inputs are, for the table. */
  readonly inputs: string
  readonly attacks: readonly Attack[]
  /** Attacks that may run beside each other; 1 where an attack looks at what reached the models. */
  readonly parallel: number
}

export interface Row {
  readonly family: string
  readonly inputs: string
  readonly tried: number
  readonly refused: number
  readonly harmless: number
  /** Each with what went wrong. */
  readonly wrong: readonly string[]
}

/** Runs a family, and asks after it whether the system is well. */
export async function runFamily(target: Target, family: Family): Promise<Row> {
  const count = { refused: 0, harmless: 0 }
  const wrong: string[] = []
  const left = [...family.attacks]
  const worker = async () => {
    for (let attack = left.shift(); attack; attack = left.shift()) {
      const { kind, reported } = await attack.run(target)
      if (kind === 'wrong') wrong.push(`${attack.api}, ${attack.name}: ${reported}`)
      else count[kind]++
    }
  }
  await Promise.all(Array.from({ length: family.parallel }, worker))
  const fault = await target.fault()
  if (fault !== undefined) wrong.push(`afterwards: ${fault}`)
  return { family: family.name, inputs: family.inputs, tried: family.attacks.length, ...count, wrong }
}

/** The table of SECURITY.md. */
export function tableOf(rows: readonly Row[]): string {
  const sum = (pick: (row: Row) => number) => rows.reduce((all, row) => all + pick(row), 0)
  const line = (cells: ReadonlyArray<string | number>) => `| ${cells.join(' | ')} |`
  return [
    line(['family', 'inputs', 'tried', 'refused', 'served as harmless', 'hung, crashed or wrong']),
    '|---|---|---|---|---|---|',
    ...rows.map(row =>
      line([row.family, row.inputs, row.tried, row.refused, row.harmless, row.wrong.length]),
    ),
    line([
      'all',
      '',
      sum(row => row.tried),
      sum(row => row.refused),
      sum(row => row.harmless),
      sum(row => row.wrong.length),
    ]),
  ].join('\n')
}
