import type { TotalsView } from '../../../src/forensics/answers.ts'
import { setting } from '../format/index.ts'

/** admitted = completed + failed + interrupted + in flight, and what was settled. */
export function Equation({ sums }: { sums: TotalsView }) {
  const { admitted, completed, failed, interrupted, inFlight, refused, settled, totalTokens } = sums
  const { promptTokens, completionTokens } = sums
  const parts = [
    { sign: '', name: 'admitted', value: admitted },
    { sign: '=', name: 'completed', value: completed },
    { sign: '+', name: 'failed', value: failed },
    { sign: '+', name: 'interrupted', value: interrupted },
    { sign: '+', name: 'in flight', value: inFlight },
  ]
  return (
    <div class="equation" data-testid="equation">
      <p class="equation-sum">
        {parts.map(({ sign, name, value }) => (
          <span key={name} class="equation-part">
            {sign !== '' && <span class="equation-sign">{sign}</span>}
            <span class="equation-figure">
              <span class="equation-value num">{setting(value)}</span>
              <span class="unit">{name}</span>
            </span>
          </span>
        ))}
      </p>
      <p class="muted num">
        {setting(refused)} refused · {setting(settled)} settled with {setting(totalTokens)} tokens (
        {setting(promptTokens)} prompt + {setting(completionTokens)} completion)
      </p>
    </div>
  )
}
