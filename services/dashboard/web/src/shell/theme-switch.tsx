import { chooseTheme, type Theme, theme } from '../charts/index.ts'
import { useStore } from '../data/index.ts'
import { Icon, type IconName } from '../layout/index.ts'

const THEMES: readonly { readonly value: Theme; readonly icon: IconName; readonly name: string }[] = [
  { value: 'system', icon: 'system', name: 'System' },
  { value: 'light', icon: 'sun', name: 'Light' },
  { value: 'dark', icon: 'moon', name: 'Dark' },
]

export function ThemeSwitch() {
  const chosen = useStore(theme, it => it)
  return (
    <fieldset class="theme-switch">
      <legend class="sr">Theme</legend>
      {THEMES.map(({ value, icon, name }) => (
        <button
          key={value}
          type="button"
          class="bare"
          aria-pressed={value === chosen}
          aria-label={name}
          title={name}
          onClick={() => chooseTheme(value)}
        >
          <Icon name={icon} size={16} />
        </button>
      ))}
    </fieldset>
  )
}
