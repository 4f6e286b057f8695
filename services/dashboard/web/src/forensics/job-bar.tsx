import { count, percent } from '../format/index.ts'
import { ErrorMessage } from '../layout/index.ts'
import type { Job } from './job.ts'

/** How far the reading is, a way out of it, and what became of it. Its room is kept, so that nothing jumps. */
export function JobBar({ job, retry }: { job: Job<unknown>; retry: () => void }) {
  const { running, error, wasCancelled, cancel } = job
  const share = running && running.of > 0 ? running.read / running.of : null
  const done = percent(share)
  return (
    <>
      <div class="job" data-testid="job" data-running={running !== undefined}>
        {running && (
          <>
            <progress
              aria-label="Reading the log"
              max={1}
              {...(share === null ? {} : { value: Math.min(1, share) })}
            />
            <span class="num muted">
              {share === null
                ? 'Reading the log…'
                : `${done.value} % · ${count(running.read)} of ${count(running.of)} positions`}
            </span>
            <button type="button" class="small" data-testid="job-cancel" onClick={cancel}>
              Cancel
            </button>
          </>
        )}
        {!running && wasCancelled && (
          <>
            <span class="muted">Cancelled. Earlier results are shown.</span>
            <button type="button" class="small" onClick={retry}>
              Run again
            </button>
          </>
        )}
        <span class="sr" role="status">
          {running ? 'Reading the log' : wasCancelled ? 'Cancelled' : job.value ? 'Done' : ''}
        </span>
      </div>
      {error && <ErrorMessage error={error} retry={retry} />}
    </>
  )
}
