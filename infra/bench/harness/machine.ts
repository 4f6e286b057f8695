import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

/** What the figures were measured on, and how busy it was. */
export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly memoryMb: number
  readonly kernel: string
  readonly node: string
  readonly load: number
}

export function machine(): Machine {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryMb: Math.round(totalmem() / 1024 ** 2),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    load: loadavg()[0]!,
  }
}

/** CPU time that all cores were busy since the machine's start, in milliseconds (`/proc/stat`: hundredths of a second). */
export async function busyMs(): Promise<number> {
  const [all = ''] = (await readFile('/proc/stat', 'utf8')).split('\n')
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = all.split(/\s+/).slice(1).map(Number)
  return (user + nice + system + irq + softirq) * 10
}
