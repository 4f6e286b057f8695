/** A metrics page of one worker, in Prometheus' text format. */
export interface WorkerPage {
  readonly worker: string
  readonly text: string
}

/**
 * One page of several: every series has the label `worker`, so that none hides another and sums are Prometheus' own.
 * Series of one name stand together under one `HELP` and `TYPE`, as the format asks (prometheus.io, "Exposition formats").
 */
export function mergeMetrics(pages: readonly WorkerPage[]): string {
  const families = new Map<string, { head: string[]; series: string[] }>()
  for (const { worker, text } of pages) {
    let family: { head: string[]; series: string[] } | undefined
    for (const line of text.split('\n')) {
      const [, kind, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? []
      if (name !== undefined) {
        family = families.get(name) ?? { head: [], series: [] }
        families.set(name, family)
        if (!family.head.some(known => known.startsWith(`# ${kind} `))) family.head.push(line)
      } else if (line !== '' && !line.startsWith('#')) family?.series.push(labelled(line, worker))
    }
  }
  return [...families.values()]
    .flatMap(({ head, series }) => [...head, ...series])
    .join('\n')
    .concat('\n')
}

/** `name{a="b"} 1` → `name{worker="w",a="b"} 1`; a name has no braces, and is followed by labels or a space. */
function labelled(series: string, worker: string): string {
  const end = /[{ ]/.exec(series)?.index ?? series.length
  const label = `worker="${worker}"`
  const rest = series.slice(end)
  return rest.startsWith('{')
    ? `${series.slice(0, end)}{${label},${rest.slice(1)}`
    : `${series.slice(0, end)}{${label}}${rest}`
}
