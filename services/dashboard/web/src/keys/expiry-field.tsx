const CHOICES = [7, 30, 90, 365] as const

/** When a key ends by itself. */
export function ExpiryField(props: {
  days: number | undefined
  onChange: (days: number | undefined) => void
}) {
  return (
    <label class="field">
      <span>Expires</span>
      <select
        data-testid="key-expiry"
        value={props.days ?? ''}
        onChange={event => props.onChange(Number(event.currentTarget.value) || undefined)}
      >
        <option value="">never</option>
        {CHOICES.map(days => (
          <option key={days} value={days}>
            in {days} days
          </option>
        ))}
      </select>
    </label>
  )
}
