import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url))
const LIMIT_MS = 60_000
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2

export interface Offender {
  readonly offence: string
  readonly detail: string
  readonly places: readonly { readonly stream: string; readonly sequence: number }[]
}

/** What `npm run forensics -- verify` answered. */
export interface Verified {
  readonly exitCode: number
  readonly holds: boolean
  readonly inFlight: number
  /** Settlements that the log holds and the tables do not hold yet. */
  readonly notCompared: number
  readonly offenders: readonly Offender[]
}

/** Runs the real command in a process of its own, over the whole log and the tables. */
export async function runVerify(natsUrl: string, databaseUrl: string): Promise<Verified> {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'verify', '--json']
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, NATS_URL: natsUrl, DATABASE_URL: databaseUrl }
  const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>(
    done => {
      execFile(
        process.execPath,
        args,
        { env, timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES },
        (error, out, err) =>
          done({
            code: error ? (typeof error.code === 'number' ? error.code : -1) : 0,
            stdout: out,
            stderr: err,
          }),
      )
    },
  )
  const lines = stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
  const verdict = lines.find(({ kind }) => kind === 'verdict')
  if (!verdict) throw new Error(`verify ended with ${code}: ${stderr}`)
  return {
    exitCode: code,
    holds: verdict.holds,
    inFlight: verdict.whole.inFlight,
    notCompared: verdict.projected?.notCompared ?? 0,
    offenders: lines.filter(({ kind }) => kind === 'offender'),
  }
}
