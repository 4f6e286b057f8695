import { createStore } from '../data/index.ts'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'fluxgate-theme'

export const theme = createStore<Theme>(current())

function current(): Theme {
  const chosen = document.documentElement.dataset.theme
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

/** RetainedRange for the next visit; `public/theme.js` puts it on before the page is drawn. */
export function chooseTheme(next: Theme): void {
  if (next === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = next
  try {
    if (next === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, next)
  } catch {
    // Storage is forbidden here: the choice lasts as long as the page.
  }
  theme.set(next)
}
