try {
  const theme = localStorage.getItem('fluxgate-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is forbidden here: the system's theme stands.
}
